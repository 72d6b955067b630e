"""A network, its subnets, and who takes part in it, as a driver sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from swarmnet.cnm.endpoint import IP, Endpoint

Prefix = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a network. `vni` is 0 where the driver needs none."""

    prefix: Prefix
    gateway: IP | None = None
    vni: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """A network. `id` is in hexadecimal; `options` are checked by its driver."""

    id: str
    name: str
    subnets: tuple[Subnet, ...]
    driver: str = "overlay"
    is_internal: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def subnet_of(self, address: IP) -> int | None:
        """Return the index of the subnet that holds an address, or None."""
        for index, subnet in enumerate(self.subnets):
            if address.version == subnet.prefix.version and address in subnet.prefix:
                return index
        return None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A node that takes part in a network: where its frames come from and go to.

    `vtep` is its data-path address; `mtu` that of its underlay, None if unknown.
    """

    node: str
    vtep: IP
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkView:
    """All that is known of a network: it, who takes part, and every endpoint.

    Attachments of dead nodes are among them; endpoints are those that are effective.
    """

    network: Network
    attachments: Sequence[Attachment] = ()
    endpoints: Sequence[Endpoint] = ()
