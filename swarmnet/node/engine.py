"""One node: its control plane over channels that only members can open.

Theory of operation. A packet from the underlay goes to the channels; what they hand up
is an authenticated peer's, and goes to the control plane (`plane`), or here if it is
about certificates. What the control plane wants sent is sealed for its peer. Both have
timers; the node has the earlier of the two. What may wait is bounded where it waits.

Methods are of the same four kinds as those of `plane.Plane`, under the same names.
Two differ: `receive_datagram` and `receive_stream` take raw packets, of which the
channels find out who sent them. `SendDatagram` and `SendStream` name no peer, for the
packet itself does.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from swarmnet.crypto.channels import Channels
from swarmnet.crypto.identity import RandomBytes
from swarmnet.crypto.switchboard import Disowned, Received, Transmit
from swarmnet.ids import Address, NodeId
from swarmnet.node import calls, exchange, renewing
from swarmnet.node.about import encode_about
from swarmnet.node.acquaintances import Acquaintances
from swarmnet.node.authors import Authors
from swarmnet.node.calls import Calls
from swarmnet.node.certification import Certification
from swarmnet.node.credentials import Credentials
from swarmnet.node.envelope import SWIM
from swarmnet.node.exchange import CertificateExchange
from swarmnet.node.node_commands import NodeCommands
from swarmnet.node.outputs import Output, Removed, Restored
from swarmnet.node.plane import KINDS, Plane
from swarmnet.node.posting import Posting
from swarmnet.node.replayable import is_replayable
from swarmnet.node.settings import NodeSettings
from swarmnet.node.waking import Waking
from swarmnet.node.warming import Warming
from swarmnet.swim.codec import encode_frame
from swarmnet.swim.core import Route
from swarmnet.swim.outputs import (
    MemberChanged,
    SendDatagram,
    SendStream,
    SignerUnknown,
    State,
)
from swarmnet.swim.roster import Roster


class Node(NodeCommands):
    """The composed engine; `random_bytes` makes keys, `random` everything else.

    `outputs` is what `poll_output` takes from, for whoever takes all that is there.
    `stirs` is how often more has happened than probes that found all as it was.
    """

    __slots__ = (
        "_acquaintances",
        "_me",
        "_waking",
        "_wall_offset_s",
        "_warming",
        "outputs",
        "stirs",
    )

    def __init__(
        self,
        credentials: Credentials,
        address: Address,
        settings: NodeSettings,
        random: Random,
        *,
        random_bytes: RandomBytes,
        boot_epoch: int = 1,
        view: Roster | None = None,
    ) -> None:
        identity, directory = credentials.identity, credentials.directory
        self._me = identity.node
        self._acquaintances = known = Acquaintances.of(credentials)
        ours = (identity.exchange, directory.trust.cluster, known)
        self._channels = Channels(*ours, random_bytes, settings.channels)
        self._authors = authors = Authors(identity, directory, known)
        self._plane = Plane(
            Route(identity.node, address),
            replace(settings, about=encode_about(credentials.chain)),
            random,
            authors.seams(),
            boot_epoch=boot_epoch,
            view=view,
            rows=credentials.rows,
            before=credentials.before,
        )
        self._posting = posting = Posting(self._channels, self._plane.address_of)
        self._exchange = CertificateExchange(known, posting.post, self._note_learned)
        self._calls = Calls(self._me, boot_epoch, posting.post, self._reach)
        self._certification = Certification(
            *(self._me, directory, known, self._plane),
            post=posting.post,
            reach=self._reach,
        )
        self.outputs, self._counters = deque[Output](), Counter[str]()
        self._wall_offset_s: float | None = None
        self._warming = Warming(self._me, self._channels, self._plane)
        self._waking, self.stirs = self._planned(), 0

    def _planned(self) -> Waking:
        plane, channels, calls = self._plane, self._channels, self._calls
        return Waking(
            (plane.swim.timers, plane.tables.timers, channels.timers, calls.timers),
            (
                *(plane.chores_at, self._warming.poll_timeout),
                self._certification.poll_timeout,
            ),
        )

    # Commands, beside those of `NodeCommands`

    def start(self, now: float) -> None:
        """Begin to probe, and tell those we know that we are back."""
        self._warming.start(now)
        self._plane.start(now)
        self._certification.start(now)
        self._settle(now)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Join through any one of `addresses`, tried in turn until `Joined`."""
        self._plane.join(now, addresses)
        self._settle(now)

    def leave(self, now: float) -> None:
        """Leave gracefully; `Departed` says when the process may exit."""
        self._warming.stop()
        self._plane.leave(now)
        self._certification.stop()
        self._settle(now)

    def note_wall(self, now: float, wall: float) -> None:
        """Take the calendar's time: it decides whose certificate has expired."""
        self._wall_offset_s = wall - now
        self._acquaintances.wall = wall
        self._certification.start(now)
        self._waking.note_moved()

    def cut(self, node: NodeId) -> None:
        """End all sessions with a node at once: it was revoked."""
        key = self._acquaintances.exchange_ever(node)
        if key is not None:
            self._channels.cut(key)
        self._calls.note_gone(node)

    # Inputs

    def receive_datagram(self, now: float, source: Address, data: bytes) -> None:
        """Take a datagram, from anybody."""
        self._note_time(now)
        self._channels.receive_datagram(now, source, data)
        self._settle(now, stirs=False)

    def receive_datagrams(
        self, now: float, batch: Iterable[tuple[Address, bytes]]
    ) -> None:
        """Take all that has come at once: what follows the rows is done once."""
        self._note_time(now)
        self._plane.hold()
        for source, data in batch:
            self._channels.receive_datagram(now, source, data)
        self._settle(now, stirs=False)
        if self._plane.release(now):
            self._settle(now, stirs=False)

    def receive_stream(self, now: float, source: Address, data: bytes) -> bool:
        """Take one packet of a stream; return whether it was made by a member."""
        self._note_time(now)
        is_members = self._channels.receive_stream(now, source, data)
        self._settle(now)
        return is_members

    def stream_failed(self, now: float, address: Address) -> None:
        """A stream could not be opened, or broke: nothing sent on it counts."""
        self._plane.stream_failed(now, None, address)

    def note_late(self, now: float, seconds: float) -> None:
        """The driver ran that much later than it was asked to."""
        self._plane.note_late(now, seconds)
        self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self._note_time(now)
        self._warming.handle_timeout(now)
        self._plane.handle_timeout(now)
        self._channels.handle_timeout(now)
        self._calls.handle_timeout(now)
        self._waking.note_moved()
        self._settle(now, stirs=self._certification.handle_timeout(now))

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        return self.outputs.popleft() if self.outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._waking.next()

    def _note_time(self, now: float) -> None:
        if self._wall_offset_s is None:
            self._wall_offset_s = self._acquaintances.wall - now
        self._acquaintances.wall = now + self._wall_offset_s

    def _settle(self, now: float, *, stirs: bool = True) -> None:
        """Carry values between the rooms until none is left; as in the plane."""
        channels, plane, known = self._channels, self._plane, self._acquaintances
        plane.is_stirred = plane.is_stirred or stirs
        packets, wanted = channels.outputs, plane.outputs
        told, renewed = self._certification.outputs
        moved = True
        while moved:
            moved = False
            while packets:
                given = packets.popleft()
                if isinstance(given, Received):
                    moved = True
                    self._take(now, given)
                else:
                    self._hand_on(given)
            if plane.has_frames:
                plane.settle_frames(now)
            if self._calls.outputs or told or renewed:
                self._collect()
            while wanted:
                moved = True
                self._carry(now, wanted.popleft())
            if plane.is_stirred:
                plane.is_stirred = False
                self._waking.note_moved()
                self.stirs += 1
                moved = self._certification.follow(now) or moved
            while known.learned:
                moved = True
                self._plane.roles_changed(now, known.learned.popitem()[0])
            if not moved and channels.replying:
                # An answer to a handshake waits for what it may carry, until here.
                moved = channels.flush(now)

    def _collect(self) -> None:
        """Give out what is wanted of those above: before rows that speak of it."""
        if self._calls.outputs:
            self.outputs.extend(self._calls.outputs)
            self._calls.outputs.clear()
        while (told := self._certification.poll_output()) is not None:
            self.outputs.append(told)

    def _follow_removal(self, now: float, told: Removed | Restored) -> None:
        """Believe a node no more, or again, and those who are members by its word."""
        if isinstance(told, Restored):
            self._authors.restore(told.node)
        elif told.node != self._me:
            self._authors.revoke(told.node, told.issued)
            self.cut(told.node)
        for node in self._authors.issued_to(told.node):
            self._plane.roles_changed(now, node)

    def _hand_on(self, given: Transmit | Disowned) -> None:
        """Give out what the channels want; nothing follows from it here."""
        if not isinstance(given, Transmit):
            self.outputs.append(given)
        elif given.streamed:
            self.outputs.append(SendStream(None, given.address, given.data))
        else:
            self.outputs.append(SendDatagram(None, given.address, given.data))

    def _take(self, now: float, received: Received) -> None:
        """Hand a peer's bytes to the room that they are for."""
        peer, data, kind = received.peer, received.data, received.data[:1]
        home = self._posting.note_received(peer, received.source, data)
        if received.early and not (kind == SWIM and is_replayable(data[1:])):
            # It may be a replay, or by somebody who has stolen our own key.
            self._counters["early_refused"] += 1
            return
        if kind == SWIM and not received.streamed:
            # Where its packets come from just now is the channels' business.
            self._plane.take_frame(now, peer, home, data[1:])
        elif kind in KINDS:
            if received.streamed:
                self._plane.receive_stream(now, peer, received.source, data)
            else:
                self._plane.receive_datagram(now, peer, home, data)
        elif kind in exchange.KINDS:
            self._exchange.receive(now, peer, home, data)
        elif kind in renewing.KINDS and received.streamed:
            self._certification.receive(now, peer, data)
        elif kind in calls.KINDS:
            self._calls.receive(now, peer, data, streamed=received.streamed)
        else:
            self._counters["envelopes_unknown"] += 1

    def _carry(self, now: float, output: Output) -> None:
        """Seal what the control plane wants sent; pass on what it says."""
        match output:
            # The fields of what is made of every packet are read by name: a pattern
            # looks each up anew.
            case SendDatagram():
                assert output.peer is not None, "a datagram has an addressee"
                self._posting.send(
                    now,
                    output.peer,
                    output.address,
                    output.data,
                    streamed=False,
                    asks=output.asks,
                )
            case SendStream(None, address, frame):
                self._posting.meet(now, address, frame)
            case SendStream(peer, address, frame) if peer is not None:
                self._posting.send(now, peer, address, frame, streamed=True)
            case SignerUnknown():
                self._exchange.note_unknown(now, output)
            case Removed() | Restored():
                self._follow_removal(now, output)
                self.outputs.append(output)
            case MemberChanged(member, _, State.DEAD | State.LEFT):
                self._calls.note_gone(member)
                self.outputs.append(output)
            case _:
                self.outputs.append(output)

    def _reach(self, peer: NodeId) -> Address | None:
        """Return where to write to a peer that lives and may talk, or None."""
        is_heard = self.states().get(peer) in (State.ALIVE, State.SUSPECT)
        may_talk = self._acquaintances.exchange_of(peer) is not None
        return self._plane.address_of(peer) if is_heard and may_talk else None

    def _note_learned(self, now: float, claims: Sequence[SignerUnknown]) -> None:
        for claim in claims:
            frame = SWIM + encode_frame((claim.item,))
            self._plane.receive_datagram(now, claim.sender, claim.source, frame)
