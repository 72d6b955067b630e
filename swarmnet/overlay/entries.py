"""Where the frames of other hosts' endpoints go, kept up endpoint by endpoint.

For each of them: a neighbour for every address, on the VXLAN device of the address's
subnet, and one FDB entry for its MAC, on the device of its first address. Where a
network has several devices the bridge is told which of them leads to a MAC.

What a book holds depends on what endpoints and attachments there are, never on the
order in which they came. Of two that claim one MAC that counts whose address it is made
from, for addresses are proved and MACs are not; else that of the lesser id, until it
goes. Nobody has the bridge's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Final

from swarmnet.cnm.endpoint import IP, Endpoint, mac_of
from swarmnet.cnm.network import Attachment, Network
from swarmnet.kernel.state import Entries
from swarmnet.overlay.naming import device_of

ALL_HOSTS: Final = "multicast"
"""The option of a network whose broadcasts go to all of its nodes."""


class Sort(IntEnum):
    """What a key of the book is about."""

    FDB = 0
    NEIGHBOUR = 1
    STATION = 2


Key = tuple[Sort, int, bytes]
"""What it is about, the index of the device, the MAC or IP."""


def bridge_mac(network: Network) -> bytes:
    """Return the MAC of a network's bridge, on every host the same.

    Without one of its own a bridge takes that of a port, and changes it later.
    """
    gateways = [one.gateway for one in network.subnets if one.gateway]
    return mac_of(gateways or [network.subnets[0].prefix.network_address])


class EntryBook:
    """The entries of one network's VXLAN devices, as one host should have them.

    `changed` gathers keys that came to say something else, for whoever clears it.
    """

    __slots__ = (
        "_attachments",
        "_bridge_mac",
        "_endpoints",
        "_holders",
        "_me",
        "_network",
        "_of_node",
        "_waiting",
        "changed",
        "values",
    )

    def __init__(self, network: Network, me: Attachment) -> None:
        self._network = network
        self._bridge_mac = bridge_mac(network)
        self._me = me
        self._attachments: dict[str, Attachment] = {me.node: me}
        self._endpoints: dict[str, Endpoint] = {}
        self._of_node: dict[str, dict[str, None]] = {}
        self._holders: dict[Key, str] = {}
        self._waiting: dict[Key, dict[str, bytes]] = {}
        self.values: dict[tuple[Sort, int], dict[bytes, bytes]] = {
            (sort, index): {} for sort in Sort for index in range(len(network.subnets))
        }
        self.changed: dict[Key, None] = {}

    # What comes in

    def attach(self, attachment: Attachment) -> None:
        """Take note of where a node is; its endpoints move along.

        Of this host nobody knows better than it does itself.
        """
        node = attachment.node
        known = self._attachments.get(node)
        if known == attachment or node == self._me.node:
            return
        moving = []
        if known is None or known.vtep != attachment.vtep:
            moving = [self._endpoints[one] for one in self._of_node.get(node, ())]
        for endpoint in moving:
            self._withdraw(endpoint)
        self._attachments[node] = attachment
        for endpoint in moving:
            self._claim(endpoint)

    def detach(self, node: str) -> None:
        """Forget where a node is: nothing leads to its endpoints."""
        if node not in self._attachments or node == self._me.node:
            return
        for one in self._of_node.get(node, ()):
            self._withdraw(self._endpoints[one])
        del self._attachments[node]

    def put(self, endpoint: Endpoint) -> None:
        """Take note of another host's endpoint, in place of what was known of it."""
        if endpoint.node == self._me.node:
            self.drop(endpoint.id)
            return
        known = self._endpoints.get(endpoint.id)
        if known == endpoint:
            return
        if known is not None:
            self.drop(endpoint.id)
        self._endpoints[endpoint.id] = endpoint
        self._of_node.setdefault(endpoint.node, {})[endpoint.id] = None
        self._claim(endpoint)

    def drop(self, endpoint: str) -> None:
        """Forget an endpoint."""
        known = self._endpoints.get(endpoint)
        if known is None:
            return
        self._withdraw(known)
        del self._endpoints[endpoint]
        of_node = self._of_node[known.node]
        del of_node[endpoint]
        if not of_node:
            del self._of_node[known.node]

    # What comes out

    def value(self, key: Key) -> bytes | None:
        """Return what a key says: a VTEP, a MAC, a device's index; None: nothing."""
        return self.values[key[:2]].get(key[2])

    def knows(self, sort: Sort, about: bytes) -> bool:
        """Return whether any device has an entry about a MAC or IP."""
        return any(
            about in held for (one, _), held in self.values.items() if one is sort
        )

    def entries(self, index: int) -> Entries:
        """Return the entries of one device. Its mappings live on in this book."""
        return Entries(
            fdb=self.values[Sort.FDB, index],
            neighbours=self.values[Sort.NEIGHBOUR, index],
            # Each node gets one copy, under the first VNI.
            flood=self.flood() if index == 0 else (),
        )

    def stations(self) -> dict[bytes, str]:
        """Return which device leads to each MAC, if there are several."""
        return {
            mac: device_of(index)
            for index in range(len(self._network.subnets))
            for mac in self.values[Sort.STATION, index]
        }

    def flood(self) -> tuple[bytes, ...]:
        """Return the VTEPs that get what is sent to all; none without the option."""
        if self._network.options.get(ALL_HOSTS, "").lower() not in ("true", "1"):
            return ()
        return tuple(sorted(dict.fromkeys(self._others())))

    def vteps(self) -> tuple[bytes, ...]:
        """Return whom frames of this network may come from: all nodes but this one."""
        return tuple(sorted(dict.fromkeys(self._others())))

    def attachments(self) -> Mapping[str, Attachment]:
        """Return who takes part, this node among them; not to be changed."""
        return self._attachments

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield the endpoints that are known, of other hosts."""
        yield from self._endpoints.values()

    def _others(self) -> Iterator[bytes]:
        for one in self._attachments.values():
            if self._is_reached(one.vtep):
                yield one.vtep.packed

    def _is_reached(self, vtep: IP) -> bool:
        """Return whether a VTEP is another host's, on our kind of underlay."""
        return vtep != self._me.vtep and vtep.version == self._me.vtep.version

    # Claims

    def _claims(self, endpoint: Endpoint) -> Iterator[tuple[Key, bytes]]:
        attachment = self._attachments.get(endpoint.node)
        if attachment is None or not self._is_reached(attachment.vtep):
            return
        first: int | None = None
        for address in endpoint.addresses:
            index = self._network.subnet_of(address)
            if index is None:
                continue
            first = index if first is None else first
            yield (Sort.NEIGHBOUR, index, address.packed), endpoint.mac
        if first is None:
            return
        if endpoint.mac == self._bridge_mac:
            return
        yield (Sort.FDB, first, endpoint.mac), attachment.vtep.packed
        if len(self._network.subnets) > 1:
            yield (Sort.STATION, first, endpoint.mac), b""

    def _claim(self, endpoint: Endpoint) -> None:
        for key, value in self._claims(endpoint):
            holder = self._holders.get(key)
            if holder is None or holder == endpoint.id:
                self._hold(key, endpoint.id, value)
                continue
            waiting = self._waiting.setdefault(key, {})
            if self._rank(key, endpoint.id) < self._rank(key, holder):
                waiting[holder] = self.values[key[:2]][key[2]]
                self._hold(key, endpoint.id, value)
            else:
                waiting[endpoint.id] = value

    def _rank(self, key: Key, endpoint: str) -> tuple[bool, str]:
        """Return whose claim goes before another's, the least first."""
        claimant = self._endpoints[endpoint]
        is_about_mac = key[0] is not Sort.NEIGHBOUR
        is_given = is_about_mac and claimant.mac != mac_of(claimant.addresses)
        return is_given, endpoint

    def _hold(self, key: Key, endpoint: str, value: bytes) -> None:
        self._holders[key] = endpoint
        self.values[key[:2]][key[2]] = value
        self.changed[key] = None

    def _withdraw(self, endpoint: Endpoint) -> None:
        for key, _ in self._claims(endpoint):
            waiting = self._waiting.get(key)
            if self._holders.get(key) != endpoint.id:
                if waiting is not None:
                    waiting.pop(endpoint.id, None)
            elif waiting:
                following = min(waiting, key=lambda one: self._rank(key, one))
                self._hold(key, following, waiting.pop(following))
            else:
                del self._holders[key]
                del self.values[key[:2]][key[2]]
                self.changed[key] = None
            if waiting is not None and not waiting:
                del self._waiting[key]


def book_of(
    network: Network,
    me: Attachment,
    attachments: Iterable[Attachment],
    endpoints: Iterable[Endpoint],
) -> EntryBook:
    """Return the book that all of these make."""
    book = EntryBook(network, me)
    for attachment in attachments:
        book.attach(attachment)
    for endpoint in endpoints:
        book.put(endpoint)
    return book
