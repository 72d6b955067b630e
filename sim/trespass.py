"""Does anything that an outsider sends change anything? Looked at packet by packet.

What he made up, bent, or sends once more must leave a node as it was: its view, its
payloads, whom it writes to under which session, and where to. It may be answered, where
it says that it comes from, by no more bytes than it has. A hint or a cookie, which
carry no proof, may at most begin a handshake.

A copy of what a member truly sent to this node, of which the node has taken none in its
present life, is *late*: the network could have brought it as well, and it counts as the
member's. But if it begins a handshake it still moves no session and no address, and
delivers nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from sim.endpoint import Endpoint, place_of
from sim.profiles.channeled import ChanneledNode
from sim.profiles.contract import Engine
from swarmnet.crypto.packets import MAC_BYTES, Kind, kind_of
from swarmnet.ids import Address, NodeId
from swarmnet.swim.messages import Digest
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

OUTSIDER: Final = NodeId(b"an outsider".ljust(16))
"""In place of a node's id, for whoever has none."""

_FIRST: Final = frozenset({Kind.INITIATION, Kind.OPENING})
_UNPROVED: Final = frozenset({Kind.HINT, Kind.COOKIE})
"""What may be answered, and what may be an answer, before anybody is known."""
_MEETING: Final = _UNPROVED | {Kind.ANSWER}
_NOTHING: Final[frozenset[Kind]] = frozenset()
_Paths = Mapping[NodeId, tuple[int, Address | None]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A packet of an outsider's that a node is about to open, and how the node was."""

    source: Address
    kind: Kind | None
    size: int
    streamed: bool
    late: bool
    paths: _Paths
    digest: Digest


class Trespass:
    """The guard against outsiders; `counts` are of what they sent and came to."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self.counts: Counter[str] = Counter()
        self._genuine: set[bytes] = set()
        self._had: dict[int, set[bytes]] = {}
        self._entry: _Entry | None = None
        self._opening: tuple[bytes, Kind | None, tuple[int, int]] | None = None
        self._answered = 0
        cluster.underlay.taps.append(self._tap)
        cluster.checkers.guards.append(self)

    # What the checkers tell.

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started: it has had nothing yet."""
        assert isinstance(engine, ChanneledNode)
        self._had[host.index] = set()
        engine.watch = partial(self._arrived, host, engine)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """A member changed at an observer."""
        entry = self._entry
        if entry is not None and not entry.late:
            member = self._cluster.index_of(event.member)
            self._break(host, f"member {member} became {event.current.name.lower()}")

    def delivered(self, host: "Host") -> None:
        """A payload came up at a node."""
        entry = self._entry
        if entry is not None and (not entry.late or entry.kind is Kind.INITIATION):
            self._break(host, "a payload was delivered")

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """A node sent something."""
        entry = self._entry
        if entry is None:
            return
        kind = kind_of(output.data)
        if kind is Kind.INITIATION and entry.kind in _UNPROVED:
            self.counts["prompted"] += 1
            return
        if output.address == entry.source:
            self._answered += len(output.data)
            self.counts["answers"] += 1
            allowed = _MEETING if entry.streamed else _UNPROVED
        else:
            self.counts["prompted"] += 1
            allowed = _NOTHING
        if kind not in allowed and not entry.late:
            name = "packet" if kind is None else kind.name
            self._break(host, f"{name} sent to {output.address}")

    def after_input(self, host: "Host", engine: Engine) -> None:
        """All that a packet brought has been done: compare."""
        assert isinstance(engine, ChanneledNode)
        if self._opening is not None:
            essence, kind, before = self._opening
            self._opening = None
            if _is_taken(kind, before, engine.losses()):
                self._had[host.index].add(essence)
        entry = self._entry
        if entry is not None:
            self._compare(host, engine, entry)
            self._entry = None

    def _compare(self, host: "Host", engine: ChanneledNode, entry: _Entry) -> None:
        self.counts["answered_bytes"] += self._answered
        if self._answered > entry.size and not (entry.streamed or entry.late):
            self._break(host, f"{entry.size} bytes answered by {self._answered}")
        if not entry.late and engine.digest() != entry.digest:
            self._break(host, "what is held has changed")
        moved = _moved(entry.paths, engine.paths())
        if moved and (not entry.late or entry.kind is Kind.INITIATION):
            self._break(host, f"session or path to {len(moved)} peers has moved")
        elif any(self._is_outside(address) for address in moved.values()):
            self.counts["diverted"] += 1

    # What the wire tells.

    def _tap(self, source: Endpoint, output: SendDatagram | SendStream) -> None:
        """Note what members send.

        Not where to: an address may have been led astray, and only the packet itself
        says whom it is for.
        """
        if source.node != OUTSIDER:
            streamed = isinstance(output, SendStream)
            self._genuine.add(_essence(output.data, streamed=streamed))

    def _arrived(
        self,
        host: "Host",
        engine: ChanneledNode,
        sender: NodeId,
        source: Address,
        packet: tuple[bytes, bool],
    ) -> None:
        data, streamed = packet
        essence = _essence(data, streamed=streamed)
        self._opening = (essence, kind_of(data), engine.losses())
        if sender == OUTSIDER:
            had = essence in self._had[host.index]
            late = not had and essence in self._genuine and engine.is_for_us(data)
            self.counts["late"] += late
            self.counts["arrived"] += 1
            self.counts["arrived_bytes"] += len(data)
            self._answered = 0
            self._entry = _Entry(
                source=source,
                kind=kind_of(data),
                size=len(data),
                streamed=streamed,
                late=late,
                paths=engine.paths(),
                digest=engine.digest(),
            )

    def _is_outside(self, address: Address | None) -> bool:
        if address is None:
            return False
        there = self._cluster.underlay.places.get(place_of(address))
        return there is None or there.node == OUTSIDER

    def _break(self, host: "Host", what: str) -> None:
        entry = self._entry
        self.counts["breaches"] += 1
        kind = None if entry is None or entry.kind is None else entry.kind.name
        self._cluster.checkers.violate(
            "unauthenticated", host.index, f"by an outsider's {kind}: {what}"
        )


def _is_taken(
    kind: Kind | None, before: tuple[int, int], after: tuple[int, int]
) -> bool:
    """Return whether a packet had its effect, so that a copy can have none.

    The numbers are `channeled.ChanneledNode.losses`. A handshake of one whose
    certificate is unknown as yet has none, nor has what overtakes its session.
    """
    if kind is Kind.INITIATION:
        return after[0] > before[0]
    return kind is not Kind.TRANSPORT or after[1] == before[1]


def _moved(before: _Paths, after: _Paths) -> dict[NodeId, Address | None]:
    """Return the peers that are written to otherwise than before, and where to."""
    return {
        peer: held[1]
        for peer, held in after.items()
        if held != before.get(peer, (0, None))
    }


def _essence(data: bytes, *, streamed: bool) -> bytes:
    """Return what makes two packets one: mac2 says nothing, streams have own keys."""
    kind = kind_of(data)
    if kind in _FIRST:
        data = data[:-MAC_BYTES]
    is_bound = kind is Kind.TRANSPORT and streamed
    return blake2b(data, digest_size=8, person=bytes((is_bound,))).digest()
