"""One node: membership over channels that only members can open.

Theory of operation. A packet from the underlay goes to the channels; what they hand up
is an authenticated peer's, and goes to the room that its first byte names. What the
membership engine wants sent is sealed for its peer. Both have their timers; the node
has the earlier of the two. What a node may wait for is bounded where it waits.

Methods are of the same four kinds as those of `swim.engine.Swim`, under the same names.
Two differ: `receive_datagram` and `receive_stream` take raw packets, of which the
channels find out who sent them. `SendDatagram` and `SendStream` name no peer, for the
packet itself does.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.channels import Channels
from swarmnet.crypto.identity import RandomBytes
from swarmnet.crypto.proofs import Proofs
from swarmnet.crypto.switchboard import Received, Transmit
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId, Scope
from swarmnet.node.acquaintances import Acquaintances, named_untrusted
from swarmnet.node.credentials import Credentials, NodeSettings
from swarmnet.node.envelope import (
    CERTIFICATES,
    CERTIFICATES_WANTED,
    SWIM,
    decode_certificates_untrusted,
    decode_wanted_untrusted,
    encode_certificates,
    encode_wanted,
    wrap_swim,
)
from swarmnet.node.introductions import Introductions
from swarmnet.node.replayable import is_replayable
from swarmnet.swim.codec import encode_frame
from swarmnet.swim.core import Route, Seams
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import (
    Output,
    Payload,
    SendDatagram,
    SendStream,
    SignerUnknown,
    State,
)
from swarmnet.swim.roster import Roster

_WARM_INTERVAL_S: Final = 1.0
"""How often sessions with ring neighbours are seen to: news goes to them first, and
must not wait for a handshake, nor cost one."""


class Node:
    """The composed engine; `random_bytes` makes keys, `random` everything else."""

    __slots__ = (
        "_acquaintances",
        "_channels",
        "_counters",
        "_introductions",
        "_me",
        "_outputs",
        "_swim",
        "_wall_offset_s",
        "_warm_at",
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
        self._acquaintances = known = Acquaintances(
            directory, Proofs(identity, directory), credentials.chain, credentials.wall
        )
        self._channels = Channels(
            identity.exchange,
            directory.trust.cluster,
            known,
            random_bytes,
            settings.channels,
        )
        self._swim = Swim(
            Route(identity.node, address),
            settings.swim,
            random,
            Seams(known.sign, known.verify, known.serial),
            boot_epoch=boot_epoch,
            view=view,
        )
        self._introductions = Introductions()
        self._outputs: deque[Output] = deque()
        self._counters: dict[str, int] = {}
        self._wall_offset_s: float | None = None
        self._warm_at = float("inf")

    # Commands

    def start(self, now: float) -> None:
        """Begin to probe, and tell those we know that we are back."""
        phase = int.from_bytes(self._me[:2], "big") / 0x1_0000
        self._warm_at = now + phase * _WARM_INTERVAL_S
        self._swim.start(now)
        self._settle(now)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Join through any one of `addresses`, tried in turn until `Joined`."""
        self._swim.join(now, addresses)
        self._settle(now)

    def leave(self, now: float) -> None:
        """Leave gracefully; `Departed` says when the process may exit."""
        self._warm_at = float("inf")
        self._swim.leave(now)
        self._settle(now)

    def update(
        self, now: float, address: Address | None = None, meta: bytes | None = None
    ) -> None:
        """Change our address or metadata; None leaves it as it is.

        Raises:
            Refused: the metadata is too long; nothing has changed.
        """
        self._swim.update(now, address, meta)
        self._settle(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own to every member of its scope.

        Raises:
            Refused: it is too large, or its scope unknown; nothing was sent.
        """
        self._swim.publish(now, payload)
        self._settle(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a delivered payload, now that its owner has found it good."""
        self._swim.relay(now, payload)
        self._settle(now)

    def attach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` into a network's scope."""
        self._swim.attach(scope, members)

    def detach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` out of a network's scope."""
        self._swim.detach(scope, members)

    def note_wall(self, now: float, wall: float) -> None:
        """Take the calendar's time: it decides whose certificate has expired."""
        self._wall_offset_s = wall - now
        self._acquaintances.wall = wall

    def cut(self, node: NodeId) -> None:
        """End all sessions with a node at once: it was revoked."""
        key = self._acquaintances.exchange_ever(node)
        if key is not None:
            self._channels.cut(key)

    # Inputs

    def receive_datagram(self, now: float, source: Address, data: bytes) -> None:
        """Take a datagram, from anybody."""
        self._note_time(now)
        self._channels.receive_datagram(now, source, data)
        self._settle(now)

    def receive_stream(self, now: float, source: Address, data: bytes) -> None:
        """Take one packet of a stream, from anybody."""
        self._note_time(now)
        self._channels.receive_stream(now, source, data)
        self._settle(now)

    def stream_failed(self, now: float, address: Address) -> None:
        """A stream could not be opened, or broke: nothing sent on it counts."""
        self._swim.stream_failed(now, None, address)

    def note_late(self, now: float, seconds: float) -> None:
        """The driver ran that much later than it was asked to."""
        self._swim.note_late(now, seconds)
        self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self._note_time(now)
        if now >= self._warm_at:
            self._warm_at = now + _WARM_INTERVAL_S
            self._warm(now)
        self._swim.handle_timeout(now)
        self._channels.handle_timeout(now)
        self._settle(now)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        deadlines = (
            self._swim.poll_timeout(),
            self._channels.poll_timeout(),
            None if self._warm_at == float("inf") else self._warm_at,
        )
        return min((one for one in deadlines if one is not None), default=None)

    # Views

    @property
    def swim(self) -> Swim:
        """The membership engine, to be looked at and not driven."""
        return self._swim

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member's state."""
        return self._swim.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return a member's (boot epoch, incarnation), or None for a stranger."""
        return self._swim.incarnation(member)

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        channels = {
            f"channel_{name}": count
            for name, count in self._channels.counters().items()
        }
        return {**self._swim.counters(), **channels, **self._counters}

    def save(self) -> Roster:
        """Return what a later life of this node may start from."""
        return self._swim.save()

    # How it hangs together

    def _note_time(self, now: float) -> None:
        if self._wall_offset_s is None:
            self._wall_offset_s = self._acquaintances.wall - now
        self._acquaintances.wall = now + self._wall_offset_s

    def _settle(self, now: float) -> None:
        """Carry values between the rooms until nothing is left to carry."""
        channels, swim = self._channels, self._swim
        moved = True
        while moved:
            moved = False
            while (given := channels.poll_output()) is not None:
                moved = True
                if isinstance(given, Transmit):
                    self._transmit(given)
                else:
                    self._take(now, given)
            while (wanted := swim.poll_output()) is not None:
                moved = True
                self._carry(now, wanted)
            if not moved:
                # An answer to a handshake waits for what it may carry, until here.
                moved = channels.flush(now)

    def _transmit(self, packet: Transmit) -> None:
        kind = SendStream if packet.streamed else SendDatagram
        self._outputs.append(kind(None, packet.address, packet.data))

    def _take(self, now: float, received: Received) -> None:
        """Hand a peer's bytes to the room that they are for."""
        kind, body = received.data[:1], received.data[1:]
        if kind == SWIM:
            if received.streamed:
                self._swim.receive_stream(now, received.peer, received.source, body)
            else:
                # Where its packets come from just now is the channels' business.
                home = self._home(received.peer, received.source)
                self._swim.receive_datagram(now, received.peer, home, body)
            return
        try:
            if kind == CERTIFICATES_WANTED and not received.early:
                self._hand_over(now, received, decode_wanted_untrusted(body))
            elif kind == CERTIFICATES:
                chains = decode_certificates_untrusted(body)
                self._learn(now, received.peer, chains)
            else:
                self._count("envelopes_unknown")
        except BadPacket:
            self._count("bad_envelopes")

    def _carry(self, now: float, output: Output) -> None:
        """Seal what membership wants sent; pass on what it says."""
        match output:
            case SendDatagram(peer, address, frame):
                assert peer is not None, "a datagram has an addressee"
                self._send(now, peer, address, frame, streamed=False)
            case SendStream(None, address, frame):
                parcel = Parcel(
                    wrap_swim(frame),
                    address,
                    streamed=True,
                    replayable=False,
                    since=now,
                )
                self._channels.send_to_address(now, parcel)
            case SendStream(peer, address, frame) if peer is not None:
                self._send(now, peer, address, frame, streamed=True)
            case SignerUnknown():
                self._introductions.park(now, output)
                self._ask(now)
            case _:
                self._outputs.append(output)

    def _send(
        self,
        now: float,
        peer: NodeId,
        address: Address,
        frame: bytes,
        *,
        streamed: bool,
    ) -> None:
        replayable = not self._channels.is_open(now, peer) and is_replayable(frame)
        parcel = Parcel(
            wrap_swim(frame),
            address,
            streamed=streamed,
            replayable=replayable,
            since=now,
        )
        self._channels.send(now, peer, parcel)

    def _warm(self, now: float) -> None:
        """Open channels to the ring neighbours, where there are none."""
        for node in self._swim.neighbours():
            member = self._swim.member(node)
            if member is not None and member.claim.address is not None:
                self._channels.open(now, node, member.claim.address)

    def _home(self, peer: NodeId, source: Address) -> Address:
        """Return where a member says that it is; of a stranger, where it was heard."""
        member = self._swim.member(peer)
        claimed = None if member is None else member.claim.address
        return source if claimed is None else claimed

    # Certificates

    def _ask(self, now: float) -> None:
        for peer, address, authors in self._introductions.questions():
            self._post(now, peer, address, encode_wanted(authors), streamed=False)

    def _post(
        self, now: float, peer: NodeId, to: Address, data: bytes, *, streamed: bool
    ) -> None:
        """Send what must not be seen twice."""
        parcel = Parcel(data, to, streamed=streamed, replayable=False, since=now)
        self._channels.send(now, peer, parcel)

    def _hand_over(
        self, now: float, received: Received, wanted: Sequence[NodeId]
    ) -> None:
        """Give a peer the certificates that he asks for, as far as he may have them."""
        granted = self._introductions.may_give(now, received.peer, len(wanted))
        if granted < len(wanted):
            self._count("certificates_refused")
        chains = (self._acquaintances.chain_of(node) for node in wanted[:granted])
        found = [chain for chain in chains if chain is not None]
        if found:
            home = self._home(received.peer, received.source)
            data, streamed = encode_certificates(found), len(found) > 1
            self._post(now, received.peer, home, data, streamed=streamed)

    def _learn(self, now: float, peer: NodeId, chains: Sequence[bytes]) -> None:
        """Take certificates that we wait for, and the claims that wait for them."""
        for chain in chains:
            if not self._introductions.awaits(now, peer, named_untrusted(chain)):
                self._count("certificates_unread")
                continue
            node = self._acquaintances.learn(chain)
            if node is None:
                self._count("certificates_bad")
                self._introductions.note_false(now, peer)
                continue
            for claim in self._introductions.release(node):
                frame = encode_frame((claim.item,))
                self._swim.receive_datagram(now, claim.sender, claim.source, frame)

    def _count(self, name: str) -> None:
        self._counters[name] = self._counters.get(name, 0) + 1
