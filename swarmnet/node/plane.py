"""The control plane of one node: membership and tables, among authenticated peers.

Theory of operation. Membership says who lives, and carries rows to their scope; the
tables say what they mean, and who is in which scope. What either wants sent to a peer
goes into an envelope, whose first byte names the room. The channels below have shown
who each sender is; `engine.Node` puts them underneath.

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
from swarmnet.node.envelope import ADDRESSES, SWIM, TABLES
from swarmnet.node.followers import Followers
from swarmnet.node.leaving import Leaving
from swarmnet.node.membership import PRESENCE, Membership
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.node.plane_commands import PlaneCommands
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
from swarmnet.tables.stored import StoredRows
from swarmnet.timers import earliest

Result = TypeVar("Result")
KINDS: Final = (SWIM, TABLES, ADDRESSES)
"""The envelopes that are for a plane."""
_CALM: Final = (SendStream, Rode)
"""What membership says while all is well; what rides is the tables' to judge."""


class Plane(PlaneCommands):
    """Membership and tables of one node.

    `rows` are those that were stored: none for a new key, None if they are lost.
    `before` is what the process before this one knew, if this goes on from that.

    `outputs` is what `poll_output` takes from, for whoever takes all that is there.
    `has_frames` is whether frames were taken and not settled yet, `is_stirred` whether
    more has happened than probes that found all as it was.
    """

    __slots__ = (
        "_leaving",
        "_me",
        "_membership",
        "_settings",
        "_spreading",
        "_verifying",
        "has_frames",
        "is_stirred",
        "outputs",
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
        self._members = swim.members()
        self._settings, self._counters = settings, Counter[str]()
        self._verifying = Verifying(seams.signer, seams.check, seams.introduce)
        self.outputs: deque[Output] = deque()
        self._riders = Riders(self.tables)
        self._membership = Membership(me.node, swim, self.tables)
        self._spreading = Spreading(me.node, swim, self.tables)
        self._leaving = Leaving(self.tables)
        is_first = boot_epoch == 1 and rows is not None
        parts, seat = (me.node, self.tables), settings.seat
        given_too = (*parts, Random(draws.getrandbits(64)), seat)
        self.addressing = Addressing(*given_too, is_first=is_first, before=before)
        self._followers = Followers(self.addressing, *parts, seat)
        self.has_frames, self.is_stirred = False, True

    # Commands, beside those of `PlaneCommands`

    def start(self, now: float) -> None:
        """Begin to probe, and say who we are to those we know."""
        for node, state in self.swim.states().items():
            self.tables.note_presence(now, node, PRESENCE[state])
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

    # Inputs

    def hold(self) -> None:
        """Let those that follow the rows wait for `release`: more is about to come."""
        self._followers.is_held = True

    def release(self, now: float) -> bool:
        """Let them follow all that has come since `hold`; return if there was any."""
        followers = self._followers
        followers.is_held = False
        if not followers.is_behind:
            return False
        self._settle(now)
        return True

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a datagram. The channel below has authenticated `sender`."""
        if data[:1] == SWIM:
            self.take_frame(now, sender, source, data[1:])
            self.settle_frames(now)
        else:
            self._receive(now, Route(sender, source), data, streamed=False)

    def take_frame(
        self, now: float, sender: NodeId, source: Address, frame: bytes
    ) -> None:
        """Take a datagram's frame of membership; `settle_frames` is to follow.

        Many come at once, and what they call for is as a rule the same for all.
        """
        self.has_frames = True
        self.swim.receive_datagram(now, sender, source, frame)

    def settle_frames(self, now: float) -> None:
        """Do what the frames call for that were taken since it was last done."""
        self._settle(now, stirs=False)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take one frame of a stream."""
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
        self._settle(now, stirs=self._followers.handle_timeout(now))
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
        return self.outputs.popleft() if self.outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        rooms = (self.swim, self.tables, self._followers, self._leaving)
        return earliest(*[room.poll_timeout() for room in rooms])

    def chores_at(self) -> float | None:
        """Return the same of what nothing but commands, time and what stirs moves."""
        return earliest(self._followers.poll_timeout(), self._leaving.poll_timeout())

    # How it hangs together

    def _receive(
        self, now: float, route: Route, data: bytes, *, streamed: bool
    ) -> None:
        assert route.node is not None, "a frame has a sender"
        if self.has_frames:
            self.settle_frames(now)
        kind, body = data[:1], data[1:]
        if kind == SWIM:
            self.swim.receive_stream(now, route.node, route.address, body)
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

    def _settle(self, now: float, *, stirs: bool = True) -> None:
        """Carry values between the two rooms until nothing is left to carry.

        Those that follow the rows are asked if something stirs (`followers`).
        """
        self.has_frames = False
        self.swim.selfhood.is_yielding = self.tables.is_fenced
        stirs = stirs or self._followers.is_waiting
        said, wanted = self.swim.outputs, self.tables.outputs
        moved = True
        while moved:
            moved = False
            while said:
                moved = True
                output = said.popleft()
                if isinstance(output, SendDatagram):
                    self.outputs.append(output)
                    continue
                stirs = stirs or not isinstance(output, _CALM)
                self._carry_swim(now, output)
            while wanted:
                moved = stirs = True
                self._carry_tables(now, wanted.popleft())
            if stirs and not moved:
                moved, outputs = self._followers.carry(now, self.address_of)
                self.outputs.extend(outputs)
            while not moved and self._membership.is_due:
                # Last, so that the removed one hears of it too.
                moved = True
                removed = self._membership.follow_next(now)
                if removed is not None:
                    self.outputs.append(removed)
        if stirs:
            self.is_stirred = True
            self._followers.rest()

    def _carry_swim(self, now: float, output: SwimOutput) -> None:
        match output:
            case Deliver(payload, sender) if payload.key[:1] == ROW:
                self._spreading.note_delivered(payload)
                self.tables.receive_row(now, sender, payload.data)
            case Rode():
                self._riders.take(now, output.sender, output.rider)
            case MemberChanged(member, _, current):
                self.tables.note_presence(now, member, PRESENCE[current])
                self.addressing.note_presence(now, member, PRESENCE[current])
                self.outputs.append(output)
            case IdentityConflict(_, address):
                # Rows settle which of two lives goes on.
                self._say(lambda: self.tables.announce(now))
                self.addressing.note_conflict(now, address)
                self.outputs.append(output)
            case Joined(through):
                live = (n for n, s in self.states().items() if s is State.ALIVE)
                self.tables.join(now, (through, *live))
                self.outputs.append(output)
            case _:
                self.outputs.append(output)

    def _carry_tables(self, now: float, output: TablesOutput) -> None:
        match output:
            case Send(peer, data, streamed):
                address = self.address_of(peer)
                if address is not None:
                    kind = SendStream if streamed else SendDatagram
                    self.outputs.append(kind(peer, address, TABLES + data))
            case Spread(row):
                if not self._spreading.spread(now, row):
                    self._counters["rows_unspread"] += 1
            case Recovered(row):
                self.addressing.note_recovered(now, row)
                self.outputs.append(output)
            case Outbid():
                self.addressing.note_conflict(now)
                self.outputs.append(output)
            case Verify(number):
                claims = self._verifying.prepare(now, output)
                if claims is not None:
                    self.outputs.append(VerifySignatures(number, claims))
                    return
                verdicts = self._verifying.verify_here(now, number)
                self.tables.verified(now, number, verdicts)
            case RemovalChanged(node):
                self._membership.note_doubt(node)
                self._followers.overlaying.note_removal()
            case ScopeChanged(scope, joined, gone):
                if joined:
                    self.swim.attach(scope, joined)
                if gone:
                    self.swim.detach(scope, gone)
            case _:
                self.outputs.append(output)

    def _say(self, verb: Callable[[], object]) -> None:
        """Write our own row, unless we were removed: then nobody listens."""
        try:
            verb()
        except Refused:
            self._counters["own_row_refused"] += 1
