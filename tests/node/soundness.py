"""What must hold of addresses after every input, whatever has happened to whom.

A host that is down goes on using what it used, for its containers live on; one that
has left, or was removed, uses nothing that counts.
"""

from dataclasses import dataclass, field

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.ipam.spans import Spans
from swarmnet.node.addressing import Addressing

Spot = tuple[Scope, int, int]
"""A network, the index of a subnet, and an address."""


@dataclass(slots=True)
class Uses:
    """What one process uses, as it sees it itself."""

    node: NodeId
    revision: int = -1
    usable: dict[bytes, Spans] = field(default_factory=dict)
    addresses: dict[Spot, bytes] = field(default_factory=dict)


class Soundness:
    """Looks at each process after its inputs; by the number of its host."""

    def __init__(self) -> None:
        self._uses: dict[int, Uses] = {}
        self.looks = 0

    def began(self, number: int, node: NodeId) -> None:
        """A process has started in the place of one that was there."""
        self._uses[number] = Uses(node)

    def note_out(self, node: NodeId) -> None:
        """A node has left, or was removed."""
        for number in [n for n, uses in self._uses.items() if uses.node == node]:
            del self._uses[number]

    def check(self, number: int, addressing: Addressing) -> None:
        """Demand that nothing is used twice, and that everything is owned once."""
        uses = self._uses.get(number)
        if uses is None or uses.revision == addressing.revision:
            return
        self.looks += 1
        uses.revision = addressing.revision
        for realm in addressing.networks.usable():
            check_whole(addressing, realm)
        usable, shown = dict(addressing.networks.usable()), shown_by(addressing)
        addresses = {s: key for s, (node, key) in shown.items() if node == uses.node}
        for other, theirs in self._uses.items():
            if theirs.node != uses.node:
                check_apart((number, usable, addresses), (other, theirs))
        uses.usable, uses.addresses = usable, addresses


def check_apart(
    one: tuple[int, dict[bytes, Spans], dict[Spot, bytes]], other: tuple[int, Uses]
) -> None:
    """Two hosts may use no number both, and no address."""
    number, usable, addresses = one
    theirs = other[1]
    for realm, spans in usable.items():
        both = spans & theirs.usable.get(realm, Spans())
        assert not both, f"{realm.hex()}: {both} is {number}'s and {other[0]}'s"
    twice = addresses.keys() & theirs.addresses.keys()
    assert not twice, f"{twice} at {number} and {other[0]}"


def check_whole(addressing: Addressing, realm: bytes) -> None:
    """Each number of a realm has one owner."""
    held = addressing.realms.get(realm)
    if held is None:
        return
    whole = held.ownership.root.span
    at = whole.first
    for holding in held.ownership.holdings():
        assert holding.span.first == at, f"{realm.hex()}: {at} is not owned once"
        at = holding.span.last + 1
    assert at == whole.last + 1, f"{realm.hex()}: {at} is nobody's"


def shown_by(addressing: Addressing) -> dict[Spot, tuple[NodeId, bytes]]:
    """Return whose effective endpoint has which address, as one host sees it."""
    found: dict[Spot, tuple[NodeId, bytes]] = {}
    for known in addressing.networks.all():
        for one in addressing.endpoints.all(known.id):
            for index, address in one.facts.addresses if one.is_effective else ():
                spot = (known.id, index, int(address))
                assert spot not in found, f"{address} is shown twice"
                found[spot] = (one.owner, one.id)
    return found


def told_by(addressing: Addressing) -> object:
    """Return all that hosts should agree about, once they have heard of each other."""
    realms = addressing.realms.items()
    return (
        {name: one.ownership.holdings() for name, one in realms if name != CLUSTER},
        addressing.networks.names(),
        addressing.networks.warnings(),
    )
