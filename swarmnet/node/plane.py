"""The control plane of one node: membership and tables, among authenticated peers.

Theory of operation. Membership says who lives, and carries rows to all nodes of their
scope; the tables say what the rows mean, and who is in which scope. What either wants
sent to a peer goes into an envelope, whose first byte names the room. The channels
below have shown who each sender is; `engine.Node` puts them underneath.

Methods are of the same four kinds as those of `swim.engine.Swim`, under the same names,
with the commands of `tables.engine.Tables` beside them.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar

from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import SWIM, TABLES, wrap_swim
from swarmnet.node.outputs import Output, Removed, Restored, VerifySignatures
from swarmnet.node.rider import Riders
from swarmnet.node.seams import PlaneSeams, known_of, tables_seams
from swarmnet.node.settings import NodeSettings
from swarmnet.node.verifying import Verifying
from swarmnet.swim import core as swim_core
from swarmnet.swim.core import Route
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import (
    Deliver,
    Joined,
    MemberChanged,
    Payload,
    PayloadClass,
    Rode,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.swim.outputs import Output as SwimOutput
from swarmnet.swim.roster import Roster
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import Output as TablesOutput
from swarmnet.tables.outputs import (
    RemovalChanged,
    ScopeChanged,
    Send,
    Spread,
    Verify,
)
from swarmnet.tables.row import Row
from swarmnet.tables.rules import Presence
from swarmnet.tables.stored import StoredRows

Result = TypeVar("Result")
_PRESENCE: Final = {
    State.ALIVE: Presence.LIVE,
    State.SUSPECT: Presence.LIVE,
    State.DEAD: Presence.DEAD,
    State.LEFT: Presence.LEFT,
}
_ROW: Final = b"\0"
"""The first byte of the key of a payload that is a row; no other payload has it."""
_DELIVERED_MAX: Final = 4096


class Plane:
    """Membership and tables of one node.

    `rows` are those that were stored: none for a new key, None if they are lost.
    """

    __slots__ = (
        "_counters",
        "_delivered",
        "_doubtful",
        "_me",
        "_outputs",
        "_removed",
        "_riders",
        "_settings",
        "_verifying",
        "swim",
        "tables",
    )

    def __init__(
        self,
        me: Route,
        settings: NodeSettings,
        random: Random,
        seams: PlaneSeams,
        *,
        boot_epoch: int = 1,
        view: Roster | None = None,
        rows: StoredRows | None = None,
    ) -> None:
        assert me.node is not None, "a node has an id"
        self._me = me.node
        self.swim = swim = Swim(
            me,
            settings.swim,
            random,
            swim_core.Seams(seams.sign, seams.verify, seams.serial, self._rider),
            boot_epoch=boot_epoch,
            view=view,
        )
        self.tables = Tables(
            me.node,
            settings.tables,
            Random(random.getrandbits(64)),
            tables_seams(swim, seams),
            epoch=boot_epoch,
            stored=None if rows is None else known_of(rows, seams),
        )
        self._removed: dict[NodeId, int] = {}
        self._doubtful: dict[NodeId, None] = {}
        self._settings = settings
        self._verifying = Verifying(seams.signer, seams.check, seams.introduce)
        self._outputs: deque[Output] = deque()
        self._counters: dict[str, int] = {}
        self._delivered: dict[bytes, Payload] = {}
        self._riders = Riders(self.tables)

    # Commands of membership

    def start(self, now: float) -> None:
        """Begin to probe, and say who we are to those we know."""
        for node, state in self.swim.states().items():
            self.tables.note_presence(now, node, _PRESENCE[state])
        self.tables.start(now)
        self.swim.start(now)
        if self._settings.introduces:
            self._say(lambda: self.tables.introduce(now, self._settings.about))
            for peer in self.swim.neighbours()[:2]:
                self.tables.compare(now, peer)
        self._settle(now)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Join through any one of `addresses`, tried in turn until `Joined`."""
        self.swim.join(now, addresses)
        self._settle(now)

    def leave(self, now: float) -> None:
        """Leave gracefully; `Departed` says when the process may exit."""
        if self._settings.introduces:
            self._say(lambda: self.tables.leave(now))
        self._settle(now)
        self.swim.leave(now)
        self._settle(now)

    def update(
        self, now: float, address: Address | None = None, meta: bytes | None = None
    ) -> None:
        """Change our address or metadata; None leaves it as it is.

        Raises:
            Refused: the metadata is too long; nothing has changed.
        """
        self.swim.update(now, address, meta)
        self._settle(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own, which is no row, to every member of its scope.

        Raises:
            Refused: it is too large, its key a row's, or its scope unknown.
        """
        if payload.key[:1] == _ROW:
            raise Refused(f"payload key {payload.key.hex()}: want no zero byte first")
        self.swim.publish(now, payload)
        self._settle(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a delivered payload, now that its owner has found it good."""
        self.swim.relay(now, payload)
        self._settle(now)

    def command(self, now: float, verb: Callable[[Tables], Result]) -> Result:
        """Let `verb` write to the tables, and do what follows; return its result.

        Raises:
            Refused: as the verb does; then nothing was written.
        """
        result = verb(self.tables)
        self._settle(now)
        return result

    # Inputs

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a datagram. The channel below has authenticated `sender`."""
        self._receive(now, Route(sender, source), data, streamed=False)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take one whole frame of a stream."""
        self._receive(now, Route(sender, source), data, streamed=True)

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        """A stream could not be opened, or broke: nothing sent on it counts."""
        self.swim.stream_failed(now, peer, address)

    def note_late(self, now: float, seconds: float) -> None:
        """The driver ran that much later than it was asked to."""
        self.swim.note_late(now, seconds)
        self._settle(now)

    def verified(self, now: float, number: int, verdicts: Sequence[bool]) -> None:
        """Take the answer to a `VerifySignatures`."""
        self.tables.verified(now, number, self._verifying.merge(now, number, verdicts))
        self._settle(now)

    def roles_changed(self, now: float, node: NodeId) -> None:
        """A node's certificate says something else than before."""
        self.tables.note_roles(now, node)
        self._follow_membership(now, node)
        self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self.swim.handle_timeout(now)
        self.tables.handle_timeout(now)
        self._settle(now)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        due = (self.swim.poll_timeout(), self.tables.poll_timeout())
        return min((one for one in due if one is not None), default=None)

    # Views

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member's state."""
        return self.swim.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return a member's (boot epoch, incarnation), or None for a stranger."""
        return self.swim.incarnation(member)

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        tables = {f"table_{k}": v for k, v in self.tables.counters().items()}
        counters = {"bad_riders": self._riders.bad, **self._counters}
        return {**self.swim.counters(), **tables, **counters}

    def address_of(self, node: NodeId) -> Address | None:
        """Return where a member says that it is, or None for a stranger."""
        member = self.swim.member(node)
        return None if member is None else member.claim.address

    # How it hangs together

    def _receive(
        self, now: float, route: Route, data: bytes, *, streamed: bool
    ) -> None:
        assert route.node is not None, "a frame has a sender"
        kind, body = data[:1], data[1:]
        if kind == SWIM and streamed:
            self.swim.receive_stream(now, route.node, route.address, body)
        elif kind == SWIM:
            self.swim.receive_datagram(now, route.node, route.address, body)
        elif kind == TABLES:
            self.tables.receive(now, route.node, body, streamed=streamed)
        else:
            self._count("envelopes_unknown")
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Carry values between the two rooms until nothing is left to carry."""
        swim, tables = self.swim, self.tables
        moved = True
        while moved:
            moved = False
            while (said := swim.poll_output()) is not None:
                moved = True
                self._carry_swim(now, said)
            while (wanted := tables.poll_output()) is not None:
                moved = True
                self._carry_tables(now, wanted)
            while self._doubtful and not moved:
                # Last, so that the removed one hears of it too.
                moved = True
                self._follow_removal(now, self._doubtful.popitem()[0])

    def _follow_membership(self, now: float, node: NodeId) -> None:
        """Let membership count out whoever is a member no more, and nobody else."""
        if node != self._me:
            rules = self.tables.rules
            is_out = rules.is_revoked(node) or not rules.stands(node)
            self.swim.note_removal(now, node, stands=is_out)

    def _follow_removal(self, now: float, node: NodeId) -> None:
        """Let membership and those above know of a node that counts or counts not."""
        issued = self.tables.rules.revocations.issued_by(node)
        if issued == self._removed.get(node):
            return
        self._follow_membership(now, node)
        if issued is None:
            del self._removed[node]
            self._outputs.append(Restored(node))
        else:
            self._removed[node] = issued
            self._outputs.append(Removed(node, issued))

    def _carry_swim(self, now: float, output: SwimOutput) -> None:
        match output:
            case SendDatagram(peer, address, frame):
                self._outputs.append(SendDatagram(peer, address, wrap_swim(frame)))
            case SendStream(peer, address, frame):
                self._outputs.append(SendStream(peer, address, wrap_swim(frame)))
            case Deliver(payload, sender) if payload.key[:1] == _ROW:
                self._delivered[payload.data] = payload
                if len(self._delivered) > _DELIVERED_MAX:
                    del self._delivered[next(iter(self._delivered))]
                self.tables.receive_row(now, sender, payload.data)
            case Rode(sender, rider):
                self._riders.take(now, sender, rider)
            case MemberChanged(member, _, current):
                self.tables.note_presence(now, member, _PRESENCE[current])
                self._outputs.append(output)
            case Joined(through):
                live = (n for n, s in self.states().items() if s is State.ALIVE)
                self.tables.join(now, (through, *live))
                self._outputs.append(output)
            case _:
                self._outputs.append(output)

    def _carry_tables(self, now: float, output: TablesOutput) -> None:
        match output:
            case Send(peer, data, streamed):
                address = self.address_of(peer)
                if address is not None:
                    kind = SendStream if streamed else SendDatagram
                    self._outputs.append(kind(peer, address, TABLES + data))
            case Spread(row):
                self._spread(now, row)
            case Verify():
                self._verify(now, output)
            case RemovalChanged(node):
                self._doubtful[node] = None
            case ScopeChanged(scope, joined, gone):
                if joined:
                    self.swim.attach(scope, joined)
                if gone:
                    self.swim.detach(scope, gone)
            case _:
                self._outputs.append(output)

    def _spread(self, now: float, row: Row) -> None:
        payload = self._delivered.pop(row.item, None)
        if payload is None or payload.scope != row.scope:
            payload = _payload_of(row)
        if not self.tables.rules.is_attached(self._me, row.scope):
            # We have left, and are in no network by our own word; digests find it.
            self._count("rows_unspread")
        elif row.owner == self._me:
            self.swim.publish(now, payload)
        else:
            self.swim.relay(now, payload)

    def _verify(self, now: float, wanted: Verify) -> None:
        claims = self._verifying.prepare(now, wanted)
        if claims is None:
            verdicts = self._verifying.verify_here(now, wanted.number)
            self.tables.verified(now, wanted.number, verdicts)
        else:
            self._outputs.append(VerifySignatures(wanted.number, claims))

    def _say(self, verb: Callable[[], Row]) -> None:
        """Write our own row, unless we were removed: then nobody listens."""
        try:
            verb()
        except Refused:
            self._count("own_row_refused")

    def _rider(self, target: NodeId) -> bytes:
        return self._riders.rider_for(target)

    def _count(self, name: str) -> None:
        self._counters[name] = self._counters.get(name, 0) + 1


def _payload_of(row: Row) -> Payload:
    about = b"%b/%b/%b" % (row.owner, row.table.encode(), row.key)
    key = _ROW + blake2b(about, digest_size=16).digest()
    return Payload(key, row.scope, PayloadClass.NORMAL, row.item)
