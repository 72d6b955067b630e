"""Encrypted channels of one node to all its peers, over datagrams and streams.

Theory of operation. A channel belongs to a peer's key; it has sessions, which come and
go. `send` seals under the current session. Without one it begins a Noise IK handshake,
whose first packet carries the parcel if that may be seen twice; what may not waits for
the answer. Whoever is known by an address alone is met by Noise XX, over a stream. A
packet of a session that is unknown here (we have restarted) is answered by a small
hint, upon which the peer begins anew.

After `receive_datagram` and `receive_stream` the caller takes what `poll_output` hands
up, sends what that calls for, and then calls `flush`: a handshake's answer waits until
then, so that an ack can travel in it.

Bytes from the network raise nothing: what is no good is one counted drop. Before a peer
is authenticated it costs one hash at most (`responder`), and nothing is kept of it.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from swarmnet.crypto.carrier import Carrier
from swarmnet.crypto.channel import Channel, Due, Parcel
from swarmnet.crypto.cookies import RandomBytes
from swarmnet.crypto.initiator import Initiator
from swarmnet.crypto.packets import (
    HEADS,
    TRANSPORT_HEAD,
    Kind,
    decode_answer_untrusted,
    decode_cookie_untrusted,
    decode_hint_untrusted,
    decode_transport_head_untrusted,
    encode_hint,
)
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.responder import Responder
from swarmnet.crypto.session import Session
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import (
    CHECK_INTERVAL_S,
    Output,
    Peers,
    Received,
    Switchboard,
)
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, NodeId

_OPEN_AGAIN_S: Final = 0.9
"""A handshake that was begun so lately may still be answered."""


class Handler(Protocol):
    """Takes packets of one kind; raises BadPacket, with nothing changed."""

    def __call__(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None: ...


class Channels:
    """The channels of one node. `cluster` is the cluster id, bound into every one."""

    __slots__ = (
        "_board",
        "_carrier",
        "_handlers",
        "_initiator",
        "_kept_s",
        "_responder",
        "carry",
        "life_s",
        "outputs",
        "replying",
        "timers",
    )

    def __init__(
        self,
        keys: KeyPair,
        cluster: bytes,
        peers: Peers,
        random_bytes: RandomBytes,
        settings: ChannelSettings | None = None,
    ) -> None:
        settings = ChannelSettings() if settings is None else settings
        self._board = board = Switchboard(
            keys=keys,
            cluster=cluster,
            settings=settings,
            peers=peers,
            random_bytes=random_bytes,
        )
        self.outputs, self.timers = board.outputs, board.timers
        """What `poll_output` and `poll_timeout` look at, for who looks often."""
        self.replying = board.replying
        """To whom `flush` has something to send."""
        self._initiator = Initiator(board)
        self._carrier = Carrier(board, self._initiator)
        self.carry = self._carrier.send
        """Sends a parcel through what `channel` has just returned."""
        self._kept_s = settings.life_s + settings.grace_s
        self.life_s = settings.life_s
        """How old a session may be that is sent under."""
        self._responder = Responder(board, self._carrier)
        self._handlers: Mapping[bytes, Handler] = {
            HEADS[Kind.INITIATION]: self._responder.receive_initiation,
            HEADS[Kind.RESPONSE]: self._receive_response,
            HEADS[Kind.OPENING]: self._responder.receive_opening,
            HEADS[Kind.ANSWER]: self._receive_answer,
            HEADS[Kind.CLOSING]: self._responder.receive_closing,
            HEADS[Kind.COOKIE]: self._receive_cookie,
            HEADS[Kind.TRANSPORT]: self._receive_transport,
            HEADS[Kind.HINT]: self._receive_hint,
        }

    # Commands

    def send(self, now: float, peer: NodeId, parcel: Parcel) -> None:
        """Send a parcel to a peer, now or as soon as there is a session.

        A peer that may not talk (revoked, expired, unknown) is counted and passed over.
        """
        channel = self.channel(now, peer)
        if channel is not None:
            self._carrier.send(now, channel, parcel)

    def channel(self, now: float, peer: NodeId) -> Channel | None:
        """Return the channel to a peer, made if need be, or None if it may not talk."""
        board = self._board
        key = board.peers.exchange_of(peer)
        if key is None:
            board.count("keyless")
            return None
        return board.channels.get(key) or board.channel(now, key, peer)

    def send_to_address(self, now: float, parcel: Parcel) -> None:
        """Send a streamed parcel to whoever is at its address."""
        assert parcel.streamed, "strangers are met on streams alone"
        self._initiator.meet(now, parcel)

    def open(self, now: float, peer: NodeId, address: Address) -> None:
        """Begin a session with a peer if there is none, before there is need of it."""
        board = self._board
        key = board.peers.exchange_of(peer)
        if key is None:
            board.count("keyless")
            return
        channel = board.channel(now, key, peer)
        begun = now - channel.began < _OPEN_AGAIN_S
        if channel.usable(now, board.settings.life_s) is None and not begun:
            parcel = Parcel(b"", address, streamed=False, replayable=True, since=now)
            self._carrier.send(now, channel, parcel)

    def cut(self, peer_key: bytes) -> None:
        """Forget all sessions with the holder of a key, at once: it was revoked."""
        self._board.drop_channel(peer_key)

    def flush(self, now: float) -> bool:
        """Send what is still to be answered of the last input; return if there was."""
        replying = self._board.replying
        answered = bool(replying)
        while replying:
            self._responder.answer(now, replying.pop())
        return answered

    def limit_datagrams(self, peer: NodeId, limit: int) -> None:
        """Send `peer` no datagram above `limit` bytes.

        Raises:
            Refused: `limit` is below 512 or above 65,507.
        """
        if not 512 <= limit <= 65_507:
            raise Refused(f"datagram limit {limit}: want 512 to 65507 bytes")
        self._board.limits[peer] = limit

    # Inputs

    def receive_datagram(self, now: float, source: Address, data: bytes) -> None:
        """Take a datagram."""
        self._receive(now, source, data, streamed=False)

    def receive_stream(self, now: float, source: Address, data: bytes) -> bool:
        """Take one packet of a stream (`framing` cuts a stream into them).

        Returns whether a peer has made it: then longer ones may come.
        """
        heard = self._board.heard
        self._receive(now, source, data, streamed=True)
        return self._board.heard > heard

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        board = self._board
        while (reason := board.timers.pop_due(now)) is not None:
            due, about = reason
            if isinstance(about, Address):
                self._initiator.meet_again(now, about)
                continue
            if due is Due.SWEEP:
                board.sweep(now)
                continue
            channel = board.channels.get(about)
            if channel is None:
                continue
            if due is Due.GRACE:
                self._carrier.end_grace(now, channel)
            else:
                assert due is Due.RETRY, due
                self._initiator.retry(now, channel)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        outputs = self._board.outputs
        return outputs.popleft() if outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._board.timers.next()

    # Views

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        return dict(self._board.counters)

    def is_open(self, now: float, peer: NodeId) -> bool:
        """Return whether there is a session to send to `peer` under."""
        key = self._board.peers.exchange_of(peer)
        channel = None if key is None else self._board.channels.get(key)
        life_s = self._board.settings.life_s
        return channel is not None and channel.usable(now, life_s) is not None

    def knows(self, head: bytes) -> bool:
        """Return whether a packet that begins so names a session that lives here."""
        is_transport = head[:4] == TRANSPORT_HEAD
        index = int.from_bytes(head[4:8], "big")
        return is_transport and index in self._board.sessions

    def disowned_by(self) -> list[NodeId]:
        """Return the peers that have last said that they take us for removed."""
        channels = self._board.channels.values()
        return [channel.node for channel in channels if channel.disowned]

    def count_sessions(self) -> tuple[int, int, int]:
        """Return how many channels, sessions and half-open handshakes are held."""
        board = self._board
        half_open = len(board.half_open) + len(board.unconfirmed)
        return len(board.channels), len(board.sessions), half_open

    # How a packet is taken

    def _receive(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        handle = self._handlers.get(data[:4])
        if handle is None:
            self._board.count("foreign")
            return
        try:
            handle(now, source, data, streamed=streamed)
        except BadPacket:
            self._board.count("bad_packets")

    def _receive_transport(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        board = self._board
        receiver, counter = decode_transport_head_untrusted(data)
        owner = board.sessions.get(receiver)
        if owner is None:
            self._hint(now, source, (receiver, counter), streamed=streamed)
            return
        channel, session = owner
        is_checked = now - channel.checked < CHECK_INTERVAL_S
        if not is_checked and not board.may_talk(now, channel):
            return
        if now - session.began >= self._kept_s:
            self._expire(channel, session)
            self._hint(now, source, (receiver, counter), streamed=streamed)
            return
        opens = session.open_streamed if streamed else session.datagrams.open
        plaintext = opens(data)
        if plaintext is None:
            board.count("unopened")
            if not streamed:
                self._carrier.hear_again(now, channel, session, source, data)
            return
        board.heard += 1
        self._carrier.heard(now, channel, session)
        received = Received(channel.node, source, plaintext, streamed, early=False)
        is_first = receiver in board.unconfirmed
        if is_first:
            self._carrier.adopt(now, channel, session)
        if session is not channel.current:
            self._carrier.settle(now, channel, session, received)
        elif not streamed and counter == session.datagrams.newest:
            # A stream's other end says nothing of where datagrams are received.
            channel.places.note_path(now, source, len(data))
        if is_first:
            self._carrier.flush(now, channel)
        if plaintext:
            board.outputs.append(received)

    def _expire(self, channel: Channel, session: Session) -> None:
        """Listen no more to a session under which something came when it was over.

        The peer's clock may have stood still, or its sessions live longer.
        """
        self._board.count("expired")
        channel.forget(session)
        self._board.release(session)

    def _hint(
        self,
        now: float,
        source: Address,
        unknown: tuple[int, int],
        *,
        streamed: bool,
    ) -> None:
        """Tell who uses a session that is unknown here, but not too many."""
        self._board.count("unknown_sessions")
        if self._board.hints.take(now):
            packet = encode_hint(*unknown)
            self._board.transmit(source, packet, streamed=streamed)

    def _receive_response(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        board = self._board
        local, message = decode_answer_untrusted(Kind.RESPONSE, data)
        done = self._initiator.finish(now, board.by_index.get(local), message, local)
        if done is None:
            board.count("late_answers")
            return
        channel, session, handover = done
        if not board.may_talk(now, channel):
            return
        channel.used = now
        channel.silence.note_heard(now)
        board.enlist(channel, session)
        self._carrier.adopt(now, channel, session)
        if not streamed:
            channel.places.note_path(now, source, len(data))
        self._carrier.recover(now, channel, new=handover.new)
        self._carrier.flush(now, channel)
        if handover.more and not session.sent:
            self._carrier.confirm(now, channel, source, streamed=streamed)
        received = Received(channel.node, source, handover.data, streamed, early=False)
        self._carrier.deliver(received)

    def _receive_answer(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        del source
        board = self._board
        if not streamed:
            board.count("stream_only")
            return
        local, message = decode_answer_untrusted(Kind.ANSWER, data)
        done = self._initiator.close(now, board.by_index.get(local), message, local)
        if done is None:
            board.count("late_answers")
            return
        channel, session, meeting = done
        channel.silence.note_heard(now)
        board.enlist(channel, session)
        self._carrier.adopt(now, channel, session)
        self._carrier.flush(now, channel)
        for parcel in meeting.waiting:
            self._carrier.send(now, channel, parcel)

    def _receive_cookie(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        del source, streamed
        local, nonce, sealed = decode_cookie_untrusted(data)
        owner = self._board.by_index.get(local)
        if isinstance(owner, Channel):
            self._initiator.take_cookie(now, owner, local, (nonce, sealed))
        else:
            self._initiator.take_opening_cookie(now, owner, (nonce, sealed))

    def _receive_hint(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        del source, streamed
        remote, counter = decode_hint_untrusted(data)
        self._carrier.take_hint(now, remote, counter)
