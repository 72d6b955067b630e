"""Handshakes that others begin: checked cheaply, then answered, then confirmed.

Order of the checks, each dearer than the one before: the length; mac1, which takes one
hash and shows that the sender knows whom he writes to; the gate, which may ask for a
cookie; the key exchange; whether the key belongs to a member. Between mac1 and the gate
it is asked whether an observer has sent again what a member sent once. Nothing is kept
of what fails any of these.
"""

from typing import Final

from swarmnet.crypto.carrier import Carrier
from swarmnet.crypto.channel import UNCONFIRMED_MAX, Channel, Due, Reply
from swarmnet.crypto.handover import (
    HANDOVER_OVERHEAD_BYTES,
    INDEX_BYTES,
    Handover,
    unpack_handover_untrusted,
)
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.initiator import known
from swarmnet.crypto.limits import Admission
from swarmnet.crypto.packets import (
    RESPONSE_OVERHEAD_BYTES,
    First,
    Kind,
    decode_answer_untrusted,
    decode_first_untrusted,
    encode_answer,
    has_mac1,
)
from swarmnet.crypto.session import Session, session_of
from swarmnet.crypto.switchboard import (
    IK,
    SWEEP,
    SWEEP_INTERVAL_S,
    XX,
    HalfOpen,
    Received,
    Switchboard,
)
from swarmnet.ids import Address

_EPHEMERAL_BYTES: Final = 32
_SEEN_MAX: Final = 4096
_UNCONFIRMED_RETRIES: Final = 4.0
_ANSWER_OVERHEAD_BYTES: Final = (
    RESPONSE_OVERHEAD_BYTES + HANDOVER_OVERHEAD_BYTES + INDEX_BYTES
)


class Responder:
    """Takes first packets, and those that close a meeting."""

    __slots__ = ("_board", "_carrier", "_seen", "_seen_before")

    def __init__(self, board: Switchboard, carrier: Carrier) -> None:
        self._board = board
        self._carrier = carrier
        # The ephemeral keys of members' initiations, in two generations.
        self._seen: dict[bytes, None] = {}
        self._seen_before: dict[bytes, None] = {}

    def receive_initiation(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        """Take an INITIATION; its answer goes out at the flush.

        Raises:
            BadPacket: it is forged or malformed; nothing has changed.
        """
        board = self._board
        if not has_mac1(board.own_label, data):
            board.count("mac1_wrong")
            return
        first = decode_first_untrusted(Kind.INITIATION, data)
        ephemeral = first.message[:_EPHEMERAL_BYTES]
        if ephemeral in self._seen or ephemeral in self._seen_before:
            board.count("replays")
            return
        if not self._is_worth_it(now, source, first, streamed=streamed):
            return
        handshake = board.handshake(IK, first.sender, initiator=False)
        handover = unpack_handover_untrusted(handshake.read_message(first.message))
        key = handshake.remote_static
        node = known(board, key, handover.chain)
        if key is None or node is None:
            if key is not None and board.peers.is_removed(key):
                self._disown(handshake, first.sender, source, streamed=streamed)
            return
        self._note_seen(ephemeral)
        channel = board.channel(now, key, node)
        if channel.reply is not None:
            self.answer(now, channel)
        most = len(data)
        if not streamed:
            most = min(most, int(board.limit_of(channel)))
        room = most - _ANSWER_OVERHEAD_BYTES
        channel.reply = Reply(handshake, first.sender, source, streamed, room)
        board.replying.append(channel)
        board.count("initiations_received")
        board.heard += 1
        received = Received(node, source, handover.data, streamed, early=True)
        self._carrier.deliver(received)

    def _disown(
        self,
        handshake: HandshakeState,
        remote: int,
        source: Address,
        *,
        streamed: bool,
    ) -> None:
        """Tell a node why there will be no session: it was removed.

        It may have been down, and nobody else tells it. The answer is shorter than any
        initiation, and nothing is kept: whoever sends an old one again gains nothing.
        """
        message = handshake.write_message(Handover(disowned=True).pack())
        packet = encode_answer(Kind.RESPONSE, remote, message)
        self._board.count("disowned")
        self._board.transmit(source, packet, streamed=streamed)

    def answer(self, now: float, channel: Channel) -> None:
        """Send the answer to a peer's initiation; its session is unconfirmed."""
        board = self._board
        reply, channel.reply = channel.reply, None
        if reply is None:
            return
        local = board.free_index()
        # Whom we send to under another session must show us this one, or he may forget
        # that other before we use it again.
        more = reply.more or channel.current is not None
        handover = Handover(reply.data, more=more, index=local, new=not channel.met)
        message = reply.handshake.write_message(handover.pack())
        packet = encode_answer(Kind.RESPONSE, reply.remote, message)
        session = session_of(reply.handshake, local, reply.remote, now, initiated=False)
        self._keep_unconfirmed(channel, session)
        board.transmit(reply.source, packet, streamed=reply.streamed)
        home = channel.places.home
        if home is not None and home != reply.source and not reply.streamed:
            # A faster copy of the initiation may have come from an address not his.
            board.transmit(home, packet, streamed=False)
        if reply.more:
            # Should the peer's confirmation get lost.
            retry = (Due.RETRY, channel.key)
            wait_s = _UNCONFIRMED_RETRIES * board.settings.retry_s
            board.timers.set_earlier(retry, now + wait_s)

    def receive_opening(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        """Take an OPENING, and answer it by who we are.

        Raises:
            BadPacket: it is malformed; nothing has changed.
        """
        board = self._board
        if not streamed:
            # The answer is longer, and a datagram's source may be made up.
            board.count("stream_only")
            return
        if not has_mac1(board.open_label, data):
            board.count("mac1_wrong")
            return
        first = decode_first_untrusted(Kind.OPENING, data)
        if not self._is_worth_it(now, source, first, streamed=streamed):
            return
        handshake = board.handshake(XX, first.sender, initiator=False)
        handshake.read_message(first.message)
        local = board.free_index()
        handover = Handover(chain=board.peers.chain, index=local)
        message = handshake.write_message(handover.pack())
        self._keep_half_open(HalfOpen(handshake, local, first.sender, now))
        packet = encode_answer(Kind.ANSWER, first.sender, message)
        board.transmit(source, packet, streamed=True)

    def receive_closing(
        self, now: float, source: Address, data: bytes, *, streamed: bool
    ) -> None:
        """Take a CLOSING: now both sides know each other.

        Raises:
            BadPacket: it is forged, and the true one can still come; or it is the
                stranger's own and malformed, and the handshake is over.
        """
        del source
        board = self._board
        if not streamed:
            board.count("stream_only")
            return
        local, message = decode_answer_untrusted(Kind.CLOSING, data)
        held = board.by_index.get(local)
        if not isinstance(held, HalfOpen):
            board.count("late_answers")
            return
        payload = held.handshake.read_message(message)
        del board.by_index[local], board.half_open[local]
        handover = unpack_handover_untrusted(payload)
        key = held.handshake.remote_static
        node = known(board, key, handover.chain)
        if key is None or node is None:
            return
        board.heard += 1
        channel = board.channel(now, key, node)
        session = session_of(held.handshake, local, held.remote, now, initiated=False)
        board.enlist(channel, session)
        self._carrier.adopt(now, channel, session)
        channel.silence.note_heard(now)
        self._carrier.flush(now, channel)

    def _is_worth_it(
        self, now: float, source: Address, first: First, *, streamed: bool
    ) -> bool:
        """Return whether a first packet deserves a key exchange; ask for a cookie."""
        board = self._board
        loaded = board.gate.is_loaded(now)
        has_cookie = loaded and board.jar.is_shown(now, first, source)
        admission = board.gate.admit(now, source, has_cookie=has_cookie)
        if admission is Admission.ANSWER:
            return True
        if admission is Admission.ASK_COOKIE:
            board.count("cookies_sent")
            is_opening = first.kind is Kind.OPENING
            label = board.open_label if is_opening else board.own_label
            cookie = board.jar.bake(now, first, source, label)
            board.transmit(source, cookie, streamed=streamed)
        else:
            board.count("handshakes_refused")
        return False

    def _note_seen(self, ephemeral: bytes) -> None:
        """Remember a member's initiation; strangers cannot push it out again."""
        if len(self._seen) >= _SEEN_MAX:
            self._seen_before = self._seen
            self._seen = {}
        self._seen[ephemeral] = None

    def _keep_unconfirmed(self, channel: Channel, session: Session) -> None:
        board = self._board
        if len(channel.unconfirmed) >= UNCONFIRMED_MAX:
            board.release(channel.unconfirmed.pop(0))
        if len(board.unconfirmed) >= board.settings.half_open_max:
            oldest = next(iter(board.unconfirmed))
            owner, old = board.sessions[oldest]
            owner.unconfirmed.remove(old)
            board.release(old)
            board.count("unconfirmed_dropped")
        channel.unconfirmed.append(session)
        board.unconfirmed[session.local] = channel
        board.enlist(channel, session)

    def _keep_half_open(self, held: HalfOpen) -> None:
        board = self._board
        if len(board.half_open) >= board.settings.half_open_max:
            oldest = next(iter(board.half_open))
            del board.half_open[oldest], board.by_index[oldest]
            board.count("half_open_dropped")
        board.half_open[held.local] = held
        board.by_index[held.local] = held
        board.timers.set_earlier(SWEEP, held.began + SWEEP_INTERVAL_S)
