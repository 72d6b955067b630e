"""The membership engine of one node: the rules, in order.

Theory of operation. What comes in is a frame of messages, a deadline, or a command.
Every claim, however it came, passes `admit`; what is news is held, told to the caller
and passed on along the rings. Probes turn silence into accusations, accusations start a
suspicion, and a suspicion ends in a refutation by its subject or in death, which each
node concludes for itself. Digests on every ping find what got lost.

Methods are of four kinds. Inputs: `receive_datagram`, `receive_stream`,
`stream_failed`, `handle_timeout`, `note_late`. Commands: `start`, `join`, `leave`,
`publish`, `relay`, `update`, `attach`, `detach`. Polls: `poll_output`, to be drained
after every input and command, and `poll_timeout`, whose answer may then have changed.
Views are those of `Reading`.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, NodeId, Scope
from swarmnet.swim.agenda import Agenda
from swarmnet.swim.awareness import Awareness
from swarmnet.swim.budget import Budget
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import decode_frame_untrusted
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Core, Route, Seams
from swarmnet.swim.courtesy import cost_of
from swarmnet.swim.helping import Helping
from swarmnet.swim.intake import Intake
from swarmnet.swim.joining import Joining, Leaving
from swarmnet.swim.messages import (
    Ack,
    ClaimNews,
    Compare,
    Have,
    Heartbeat,
    Join,
    Message,
    Nack,
    PayloadNews,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import Output, Payload, Rode, State
from swarmnet.swim.payloads import Payloads
from swarmnet.swim.reading import Reading
from swarmnet.swim.relay import Rank, Relay
from swarmnet.swim.repair import Repair
from swarmnet.swim.roster import Roster
from swarmnet.swim.roundtrips import RoundTrips
from swarmnet.swim.scopes import Scopes
from swarmnet.swim.selfhood import Selfhood

_LATE_S: Final = 0.1
"""A driver that is later than this might have missed an answer."""


class Swim(Reading):
    """One node's membership.

    `view` is what this node knows already: None for nobody, or a roster that `save`
    returned. `boot_epoch` must exceed that of every earlier life whose state was kept.
    """

    __slots__ = (
        "_agenda",
        "_intake",
        "_payloads",
        "_prober",
        "_repair",
        "selfhood",
    )

    def __init__(
        self,
        me: Route,
        config: SwimConfig,
        random: Random,
        seams: Seams,
        *,
        boot_epoch: int = 1,
        view: Roster | None = None,
    ) -> None:
        assert me.node is not None, "a node has an id"
        if view is None:
            view = Roster(me.node, config.cluster_key, config.rings, seams.serial)
        self._core = core = Core(
            me=me.node,
            config=config,
            random=random,
            seams=seams,
            roster=view.copy(me.node, seams.serial),
            budget=Budget(config.rate_bytes_s, config.burst_bytes),
            awareness=Awareness(config.health_max),
            round_trips=RoundTrips(random, config.probe_timeout_s),
        )
        self.selfhood = own = Selfhood(core, me.address, boot_epoch)
        self._relay = Relay(core)
        self._scopes = Scopes(core.roster)
        self._payloads = Payloads(core, self._relay, self._scopes)
        self._repair = Repair(core)
        self._intake = Intake(core, own, self._relay, self._repair, self._scopes)
        self._prober = self._intake.prober
        self._agenda = Agenda(
            intake=self._intake,
            helping=Helping(core, self._prober.pinger),
            payloads=self._payloads,
            repair=self._repair,
            joining=Joining(core, self._repair),
            leaving=Leaving(core),
            selfhood=own,
        )

    # Commands

    def start(self, now: float) -> None:
        """Begin to probe, and tell those we know that we are back."""
        self._intake.periods.start(now)
        self._intake.start(now)
        if self.selfhood.is_news:
            self._intake.announce(now)
            self._flush(now)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Join through any one of `addresses`, tried in turn until `Joined`."""
        self._agenda.joining.join(now, addresses, self.selfhood.claim)

    def leave(self, now: float) -> None:
        """Leave gracefully; `Departed` says when the process may exit."""
        if self.selfhood.claim.state is State.LEFT:
            return
        self._intake.stop()
        self._agenda.joining.stop()
        left = self.selfhood.raise_incarnation(State.LEFT)
        self._agenda.leaving.leave(now, left)

    def update(
        self, now: float, address: Address | None = None, meta: bytes | None = None
    ) -> None:
        """Change our address or metadata; None leaves it as it is.

        Raises:
            Refused: the metadata is too long; nothing has changed.
        """
        bound = self._core.config.meta_bytes_max
        if meta is not None and len(meta) > bound:
            raise Refused(f"metadata of {len(meta)} bytes: want at most {bound}")
        if self.selfhood.claim.state is State.ALIVE:
            self.selfhood.raise_incarnation(State.ALIVE, address, meta)
            self._intake.announce(now)
            self._flush(now)

    def note_removal(self, now: float, node: NodeId, *, stands: bool) -> None:
        """A member was removed, so has left whatever it claims; or it was not."""
        self._intake.note_removal(now, node, stands=stands)

    def on_probation(self, node: NodeId) -> bool:
        """Return whether a member is kept dead here although it claims to be alive."""
        return self._intake.is_on_probation(node)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own to every member of its scope.

        Raises:
            Refused: it is too large, or its scope unknown; nothing was sent.
        """
        self._payloads.publish(now, payload)
        self._flush(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a delivered payload, now that its owner has found it good."""
        self._payloads.relay(now, payload)
        self._flush(now)

    def attach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` into a network's scope."""
        self._scopes.attach(scope, members)

    def detach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` out of a network's scope; without ourselves, forget it."""
        gone = tuple(members)
        self._scopes.detach(scope, gone)
        if self._core.me in gone:
            self._scopes.forget(scope)

    def limit_datagrams(self, peer: NodeId, limit: int) -> None:
        """Send `peer` no datagram above `limit` bytes.

        Raises:
            Refused: `limit` is out of range.
        """
        self._core.limit_datagrams(peer, limit)

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
        """A stream broke: who waits for an answer has a timer, so it is counted."""
        del now, peer, address
        self._core.count("streams_failed")

    def note_late(self, now: float, seconds: float) -> None:
        """The driver ran that much later than it was asked to."""
        if seconds >= _LATE_S:
            self._intake.note_late(now, seconds)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        while (reason := self._core.timers.pop_due(now)) is not None:
            self._agenda.handle(now, reason)
        self._payloads.wants.flush(now)
        self._flush(now)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        outputs = self._core.outputs
        return outputs.popleft() if outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._core.timers.next()

    # How a frame is taken

    def _receive(
        self, now: float, route: Route, data: bytes, *, streamed: bool
    ) -> None:
        if route.node == self._core.me:
            # Our own echo, or a clone: what it claims reaches us through the others.
            self._core.count("own_frames")
            return
        try:
            frame = decode_frame_untrusted(data)
        except BadPacket:
            self._core.count("bad_packets")
            return
        if frame.unknown:
            self._core.count("unknown_messages", frame.unknown)
        news: list[Claim] = []
        assert route.node is not None, "a frame has a sender"
        self._intake.periods.watch.note_heard(now)
        self._prober.note_heard(route.node)
        courtesy = self._core.courtesy
        for message in frame.messages:
            if not courtesy.allows(now, route.node, cost_of(message)):
                self._core.count("answers_refused")
                continue
            try:
                self._take(now, route, message, news, streamed=streamed)
            except BadPacket:
                self._core.count("bad_packets")
        if news:
            for claim in news:
                if claim.subject in self._core.roster.rings.neighbours():
                    self._payloads.note_neighbour(now, claim.subject)
            # What one repair brought in bulk goes on by digests: they cost what
            # differs, and most neighbours are being repaired at the same time.
            if not streamed or len(news) <= self._core.config.sync_relay_max:
                for claim in news:
                    self._intake.spread(now, claim, Rank.CLAIM, route.node)
            self._repair.note_news(now)
        if self._relay.is_waiting:
            self._flush(now)

    def _take(
        self,
        now: float,
        route: Route,
        message: Message,
        news: list[Claim],
        *,
        streamed: bool,
    ) -> None:
        assert route.node is not None, "a frame has a sender"
        match message:
            case ClaimNews(claim):
                if self._intake.receive(now, route, claim):
                    news.append(claim)
            case Ping():
                self._prober.pinger.receive(
                    now, route, message.sequence, streamed=streamed
                )
                self._compare(now, route, message)
            case Heartbeat():
                self._intake.periods.receive_heartbeat(now, route.node)
                self._compare(now, route, message)
            case Ack():
                self._take_ack(now, route.node, message, streamed=streamed)
            case Nack():
                self._prober.receive_nack(route.node, message)
            case PingRequest():
                self._agenda.helping.receive_request(now, route.node, message)
            case PayloadNews():
                self._payloads.receive(now, route.node, message)
            case Have():
                self._payloads.receive_have(now, route, message)
            case Want(payload_ids):
                self._payloads.receive_want(now, route, payload_ids)
            case Ranges() | Join() | Welcome() if not streamed:
                # They are large, or call for what is: not by a channel on which a
                # few bytes from a stranger could be answered by many.
                self._core.count("stream_only")
            case _:
                self._take_repair(now, route, message)

    def _compare(self, now: float, route: Route, shown: Ping | Heartbeat) -> None:
        """See what the sender holds, by its digests of members and of the rest."""
        assert route.node is not None, "a frame has a sender"
        self._repair.receive_digest(now, route, shown.digest)
        if shown.rider:
            self._core.outputs.append(Rode(route.node, shown.rider))

    def _take_ack(
        self, now: float, sender: NodeId, ack: Ack, *, streamed: bool
    ) -> None:
        agenda, sequence = self._agenda, ack.sequence
        is_ours = not agenda.leaving.receive_ack(sequence, sender)
        if is_ours and not agenda.helping.receive_ack(now, sender, sequence):
            self._prober.receive_ack(now, sender, ack, streamed=streamed)

    def _take_repair(self, now: float, route: Route, message: Message) -> None:
        assert route.node is not None, "a frame has a sender"
        match message:
            case Compare(digest):
                self._repair.receive_digest(now, route, digest)
            case SketchOffer():
                self._repair.receive_sketch(now, route, message)
            case WantClaims(elements):
                self._repair.receive_want(now, route, elements)
            case Ranges():
                self._repair.receive_ranges(now, route, message)
            case Join():
                self._agenda.joining.receive_join(now, route, self.selfhood.claim)
            case Welcome():
                self._agenda.joining.receive_welcome(now, route.node, message)
            case _:
                raise AssertionError(f"no rule for {message}")

    def _flush(self, now: float) -> None:
        self._relay.flush(now)
