"""Whether a kernel holds an endpoint's interface in its sandbox, as is believed."""

from collections.abc import Collection

from swarmnet.cnm.endpoint import IP
from swarmnet.kernel.state import Host
from swarmnet.overlay.naming import box_of, endpoint_of


def interface_of(held: Host, sandbox: str, endpoint: str) -> str | None:
    """Return the name of an endpoint's interface, or None if there is none."""
    space = held.namespaces.get(box_of(sandbox))
    for name, link in () if space is None else space.links.items():
        if endpoint_of(link.alias) == endpoint:
            return name
    return None


def is_addressed(
    held: Host, sandbox: str, interface: str, addresses: Collection[IP]
) -> bool:
    """Return whether an interface is up, and has all of these addresses."""
    space = held.namespaces[box_of(sandbox)]
    there = {one.ip for one in space.addresses if one.link == interface}
    is_up = space.links[interface].is_up
    return is_up and all(address.packed in there for address in addresses)
