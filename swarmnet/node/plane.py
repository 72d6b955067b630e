"""The control plane of one node: membership and tables, among authenticated peers.

Theory of operation. Membership says who lives, and carries rows to all nodes of their
scope; the tables say what the rows mean, and who is in which scope. What either wants
sent to a peer goes into an envelope, whose first byte names the room. The channels
below have shown who each sender is; `engine.Node` puts them underneath.

Methods are of the same four kinds as those of `swim.engine.Swim`, under the same names,
with the commands of `tables.engine.Tables` beside them.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final, TypeVar

from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.ipam.lives import Continuation
from swarmnet.node.addressing import Addressing
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.envelope import ADDRESSES, SWIM, TABLES, wrap_swim
from swarmnet.node.leaving import Leaving
from swarmnet.node.membership import Membership
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.node.overlaying import Overlaying
from swarmnet.node.plane_views import PlaneViews
from swarmnet.node.rider import Riders
from swarmnet.node.seams import PlaneSeams, known_of, swim_seams, tables_seams
from swarmnet.node.settings import NodeSettings
from swarmnet.node.spreading import ROW, Spreading
from swarmnet.node.verifying import Verifying
from swarmnet.swim.core import Route
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import (
    Deliver,
    IdentityConflict,
    Joined,
    MemberChanged,
    Payload,
    Rode,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.swim.outputs import Output as SwimOutput
from swarmnet.swim.roster import Roster
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import (
    Outbid,
    Recovered,
    RemovalChanged,
    ScopeChanged,
    Send,
    Spread,
    Verify,
)
from swarmnet.tables.outputs import Output as TablesOutput
from swarmnet.tables.rules import Presence
from swarmnet.tables.stored import StoredRows

Result = TypeVar("Result")
_PRESENCE: Final = {
    State.ALIVE: Presence.LIVE,
    State.SUSPECT: Presence.LIVE,
    State.DEAD: Presence.DEAD,
    State.LEFT: Presence.LEFT,
}


class Plane(PlaneViews):
    """Membership and tables of one node.

    `rows` are those that were stored: none for a new key, None if they are lost.
    `before` is what the process before this one knew, if this goes on from that.
    """

    __slots__ = (
        "_leaving",
        "_me",
        "_membership",
        "_outputs",
        "_settings",
        "_spreading",
        "_verifying",
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
        before: Continuation | None = None,
    ) -> None:
        assert me.node is not None, "a node has an id"
        self._me = me.node
        self.swim = swim = Swim(
            me,
            settings.swim,
            random,
            swim_seams(seams, lambda to: self._riders.rider_for(to)),  # noqa: PLW0108
            boot_epoch=boot_epoch,
            view=view,
        )
        draws, seams_of = Random(random.getrandbits(64)), tables_seams(swim, seams)
        stored = None if rows is None else known_of(rows, seams)
        given = (me.node, settings.tables, draws, seams_of)
        self.tables = Tables(*given, epoch=boot_epoch, stored=stored)
        self._settings, self._counters = settings, Counter[str]()
        self._verifying = Verifying(seams.signer, seams.check, seams.introduce)
        self._outputs: deque[Output] = deque()
        self._riders = Riders(self.tables)
        self._membership = Membership(me.node, swim, self.tables)
        self._spreading = Spreading(me.node, swim, self.tables)
        self._leaving = Leaving(self.tables)
        is_first = boot_epoch == 1 and rows is not None
        parts, seat = (me.node, self.tables), settings.seat
        given_too = (*parts, Random(draws.getrandbits(64)), seat)
        self.addressing = Addressing(*given_too, is_first=is_first, before=before)
        self._overlaying = Overlaying(self.addressing, *parts, seat)

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
            self.addressing.leave(now)
            self._say(lambda: self.tables.leave(now))
        self._leaving.begin(now, waits=self.addressing.has_left)
        self._settle(now)
        self._leave_if_due(now)

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
        if payload.key[:1] == ROW:
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

    def allocate(self, now: float, verb: Callable[[Addressing], Result]) -> Result:
        """Let `verb` command addresses, and do what follows; return its result.

        Raises:
            Refused: as the verb does; then nothing has changed.
        """
        result = verb(self.addressing)
        self._settle(now)
        return result

    def program(self, now: float, verb: Callable[[Dataplane], Result]) -> Result:
        """Let `verb` tell the data plane something, or answer it; return its result.

        Only for a node with a seat.
        """
        assert self._overlaying.plane is not None, "the node has a seat"
        result = verb(self._overlaying.plane)
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
        self.addressing.note_late(now, seconds)
        self._settle(now)

    def verified(self, now: float, number: int, verdicts: Sequence[bool]) -> None:
        """Take the answer to a `VerifySignatures`."""
        self.tables.verified(now, number, self._verifying.merge(now, number, verdicts))
        self._settle(now)

    def roles_changed(self, now: float, node: NodeId) -> None:
        """A node's certificate says something else than before."""
        self.tables.note_roles(now, node)
        self._membership.follow(now, node)
        self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self.swim.handle_timeout(now)
        self.tables.handle_timeout(now)
        self.addressing.handle_timeout(now)
        self._overlaying.handle_timeout(now)
        self._settle(now)
        self._leave_if_due(now)

    def recertify(self, now: float, about: bytes) -> None:
        """Say in our own row what it says of us from now on, unless we leave."""
        self._settings = replace(self._settings, about=about)
        if self._settings.introduces and not self._leaving.is_begun:
            self.say(now, lambda tables: tables.introduce(now, about))

    def say(self, now: float, verb: Callable[[Tables], object]) -> None:
        """Write rows of ours, unless we were removed: then nobody listens."""
        self._say(lambda: verb(self.tables))
        self._settle(now)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        rooms = (self.swim, self.tables, self.addressing, self._leaving)
        due = (room.poll_timeout() for room in (*rooms, self._overlaying))
        return min((one for one in due if one is not None), default=None)

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
        elif kind == ADDRESSES:
            self.addressing.receive(now, route.node, body)
        else:
            self._counters["envelopes_unknown"] += 1
        self._settle(now)

    def _leave_if_due(self, now: float) -> None:
        if self._leaving.is_due(now):
            self.swim.leave(now)
            self._settle(now)

    def _settle(self, now: float) -> None:
        """Carry values between the two rooms until nothing is left to carry."""
        swim, tables = self.swim, self.tables
        swim.selfhood.is_yielding = tables.is_fenced
        moved = True
        while moved:
            moved = False
            while (said := swim.poll_output()) is not None:
                moved = True
                self._carry_swim(now, said)
            while (wanted := tables.poll_output()) is not None:
                moved = True
                self._carry_tables(now, wanted)
            if not moved:
                outputs = self.addressing.carry(now, self.address_of)
                moved = bool(outputs)
                self._outputs.extend(outputs)
                self._outputs.extend(self._overlaying.carry(now))
            while self._membership.is_due and not moved:
                # Last, so that the removed one hears of it too.
                moved = True
                removed = self._membership.follow_next(now)
                if removed is not None:
                    self._outputs.append(removed)

    def _carry_swim(self, now: float, output: SwimOutput) -> None:
        match output:
            case SendDatagram(peer, address, frame):
                self._outputs.append(SendDatagram(peer, address, wrap_swim(frame)))
            case SendStream(peer, address, frame):
                self._outputs.append(SendStream(peer, address, wrap_swim(frame)))
            case Deliver(payload, sender) if payload.key[:1] == ROW:
                self._spreading.note_delivered(payload)
                self.tables.receive_row(now, sender, payload.data)
            case Rode(sender, rider):
                self._riders.take(now, sender, rider)
            case MemberChanged(member, _, current):
                self.tables.note_presence(now, member, _PRESENCE[current])
                self.addressing.note_presence(now, member, _PRESENCE[current])
                self._outputs.append(output)
            case IdentityConflict(_, address):
                # Rows settle which of two lives goes on.
                self._say(lambda: self.tables.announce(now))
                self.addressing.note_conflict(now, address)
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
                if not self._spreading.spread(now, row):
                    self._counters["rows_unspread"] += 1
            case Recovered(row):
                self.addressing.note_recovered(now, row)
                self._outputs.append(output)
            case Outbid():
                self.addressing.note_conflict(now)
                self._outputs.append(output)
            case Verify():
                self._verify(now, output)
            case RemovalChanged(node):
                self._membership.note_doubt(node)
                self._overlaying.note_removal()
            case ScopeChanged(scope, joined, gone):
                if joined:
                    self.swim.attach(scope, joined)
                if gone:
                    self.swim.detach(scope, gone)
            case _:
                self._outputs.append(output)

    def _verify(self, now: float, wanted: Verify) -> None:
        claims = self._verifying.prepare(now, wanted)
        if claims is None:
            verdicts = self._verifying.verify_here(now, wanted.number)
            self.tables.verified(now, wanted.number, verdicts)
        else:
            self._outputs.append(VerifySignatures(wanted.number, claims))

    def _say(self, verb: Callable[[], object]) -> None:
        """Write our own row, unless we were removed: then nobody listens."""
        try:
            verb()
        except Refused:
            self._counters["own_row_refused"] += 1
