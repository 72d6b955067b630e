"""Looks for addresses of our networks on links where no row puts them.

What somebody adds to a link of ours is removed within a moment, and counted as drift;
here are those on other links, such as a sandbox's `lo`, that would take what comes for
the address, or speak in its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.network import Prefix
from swarmnet.doctor.sandboxes import ByHand
from swarmnet.errors import BadPacket, Refused
from swarmnet.kernel.address_codec import decode_address_untrusted, dump_addresses
from swarmnet.kernel.link_codec import decode_link_untrusted, dump_links
from swarmnet.kernel.links import Link, is_ours
from swarmnet.kernel.netlink import RTM_NEWADDR, RTM_NEWLINK
from swarmnet.kernel.state import HOST, Unreadable
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.life import Life
from swarmnet.runtime.reading import bodies
from swarmnet.runtime.spaces import open_space
from swarmnet.runtime.views import Views


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look, and for what: as it was known when this was made.

    `boxes` are sandboxes with the paths of their namespaces; `holders` say who has
    which address of a network by a row.
    """

    kernel: Kernel
    boxes: Mapping[str, str]
    networks: Sequence[tuple[str, Prefix]]
    holders: Mapping[tuple[str, IP], str]

    def run(self) -> list[ByHand]:
        """Look into the host and all its sandboxes. Blocks."""
        found = list(self._look(HOST, "the host", ""))
        for sandbox, netns in self.boxes.items():
            found += self._look(box_of(sandbox), f"sandbox {sandbox}", netns)
        return found

    def _look(self, key: str, where: str, netns: str) -> Iterator[ByHand]:
        try:
            addresses = _addresses(self.kernel.open(key))
        except (OSError, Refused, Unreadable, BadPacket):
            # It is gone, which others tell.
            return
        for link, ip, length in addresses:
            for network, subnet in self.networks:
                if ip in subnet and not is_ours(link):
                    holder = self.holders.get((network, ip), "")
                    place = (link.name, where, network, netns, holder)
                    yield ByHand(str(ip), length, *place)


def search_of(life: Life) -> Search:
    """Return what is to be searched for on a node's host."""
    networks = life.node.addressing.networks
    names, views = networks.names(), Views(life)
    inside = [one for one in networks.standing() if views.is_attached(one.id)]
    holders = {
        (names[known.id], ip): f"sandbox {one.facts.sandbox} on"
        f" {life.name_of(one.owner)}"
        for known in inside
        for one in life.node.addressing.endpoints.all(known.id)
        if one.is_effective
        for _, ip in one.facts.addresses
    }
    return Search(
        life.kernel,
        {one.name: life.netns_of(one.name) for one in life.sandboxes.all()},
        [(names[one.id], prefix) for one in inside for prefix in one.prefixes],
        holders,
    )


def _addresses(fd: int) -> list[tuple[Link, IP, int]]:
    """Return the addresses of a namespace, whose descriptor is closed."""
    space = open_space(fd)
    try:
        links = {}
        for body in bodies(space, dump_links(), RTM_NEWLINK):
            link = decode_link_untrusted(body)
            if link is not None:
                links[link.index] = link.link
        found = []
        for body in bodies(space, dump_addresses(), RTM_NEWADDR):
            address = decode_address_untrusted(body)
            if address is not None and address.index in links:
                ip = ip_address(address.ip)
                found.append((links[address.index], ip, address.length))
        return found
    finally:
        space.close()
