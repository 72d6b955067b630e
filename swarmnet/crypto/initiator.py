"""Handshakes that we begin: with a peer whose key is known, or with an address.

Noise IK for peers: the first packet may carry a parcel, so that a probe of a peer that
was never spoken to costs no round trip more. Each attempt has an ephemeral key of its
own, since one key must never seal two payloads. Noise XX where only an address is
known, by stream alone: there both sides introduce themselves by their certificates.
"""

from collections import deque
from dataclasses import replace
from typing import Final

from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.channel import PENDING_MAX, Channel, Due, Parcel, Pending
from swarmnet.crypto.cookies import SECRET_LIFE_S, open_cookie
from swarmnet.crypto.handover import (
    HANDOVER_OVERHEAD_BYTES,
    Handover,
    unpack_handover_untrusted,
)
from swarmnet.crypto.packets import (
    INITIATION_OVERHEAD_BYTES,
    Kind,
    encode_answer,
    encode_first,
    mac,
)
from swarmnet.crypto.session import Session, session_of
from swarmnet.crypto.switchboard import (
    IK,
    XX,
    Disowned,
    Meeting,
    Owner,
    Switchboard,
)
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId

_DOUBLINGS_MAX: Final = 5
_QUIET_S: Final = 5.0
"""After so long the tries of before make nobody wait any more."""
INTRODUCES_FROM: Final = 2
"""Who was not answered twice introduces himself: he may be a stranger there."""
_COOKIE_PACE_S: Final = 1.0
"""A cookie makes us begin again at once, but not more often: an observer who knows the
peer's key can make up any number of them."""
_NO_MAC: Final = bytes(16)
_STREAM_ROOM: Final = 1024
_MEETING_S: Final = 1.0
_MEETING_TRIES: Final = 3


class Initiator:
    """Begins handshakes and takes their answers."""

    __slots__ = ("_board",)

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    # With a peer

    def press(self, now: float, channel: Channel) -> None:
        """Begin a handshake, or see that one is begun when it is time.

        If nothing says where the peer is but a first packet of its own, which may be a
        replay, what waits does so until the peer confirms that.
        """
        board, settings = self._board, self._board.settings
        due, waiting = (Due.RETRY, channel.key), channel.waiting
        if not self._knows_where(now, channel):
            board.count("placeless")
            if waiting:
                late = waiting[0].since + settings.waiting_s
                board.timers.set_earlier(due, max(late, now + settings.retry_s))
            return
        if now >= channel.next_at:
            self.begin(now, channel)
        if channel.waiting:
            board.timers.set_earlier(due, max(now, channel.next_at))

    def begin(self, now: float, channel: Channel) -> None:
        """Send an initiation, with the first parcel that may travel in it."""
        board = self._board
        if now - channel.began > _QUIET_S:
            channel.tries = min(channel.tries, INTRODUCES_FROM)
        self._forget_old(now, channel)
        parcel, stream = self._choose(channel)
        streamed = stream is not None
        chain = self._chain(channel, streamed=streamed, parcel=parcel)
        data = b"" if parcel is None else parcel.data
        local = board.free_index()
        handshake = board.handshake(IK, local, initiator=True, remote=channel.key)
        message = handshake.write_message(Handover(data, chain).pack())
        board.by_index[local] = channel
        packet = encode_first(Kind.INITIATION, local, message)
        cookie = self._cookie(now, channel)
        packet, mac1 = _with_macs(packet, board.label_of(channel.key), cookie)
        pending = Pending(handshake, local, mac1, now, parcel)
        channel.pending.append(pending)
        backoff = 2 ** min(_DOUBLINGS_MAX, channel.tries)
        channel.tries += 1
        channel.began = now
        channel.next_at = now + board.settings.retry_s * backoff
        board.count("initiations")
        board.spread(now, channel, packet, stream)

    def retry(self, now: float, channel: Channel) -> None:
        """Begin again, if anything still waits."""
        waiting = channel.waiting
        oldest = self._board.settings.waiting_s
        while waiting and now - waiting[0].since >= oldest:
            waiting.popleft()
            self._board.count("waited_too_long")
        if waiting:
            self.press(now, channel)

    def finish(
        self, now: float, owner: Owner | None, data: bytes, local: int
    ) -> tuple[Channel, Session, Handover] | None:
        """Take a RESPONSE's Noise message; return what it came to, or None.

        Raises:
            BadPacket: it is not the answer, and the handshake goes on waiting for that;
                or it is the peer's and no good, and the handshake is over.
        """
        if not isinstance(owner, Channel):
            return None
        pending = next((one for one in owner.pending if one.local == local), None)
        if pending is None or now - pending.began >= self._board.settings.pending_s:
            return None
        payload = pending.handshake.read_message(data)
        owner.pending.remove(pending)
        del self._board.by_index[local]
        handover = unpack_handover_untrusted(payload)
        if handover.disowned:
            self._note_disowned(owner)
            return None
        remote = index_of_untrusted(handover)
        session = session_of(pending.handshake, local, remote, now, initiated=True)
        if pending.parcel is not None and not pending.parcel.data:
            # It was begun for its own sake: let the peer use it as well.
            handover = replace(handover, more=True)
        return owner, session, handover

    def _note_disowned(self, channel: Channel) -> None:
        self._board.count("disowned_by_peers")
        if not channel.disowned:
            channel.disowned = True
            self._board.outputs.append(Disowned(channel.node))

    def take_cookie(
        self, now: float, owner: Owner | None, local: int, sealed: tuple[bytes, bytes]
    ) -> None:
        """Take a cookie, and begin again with it, as a rule at once."""
        if not isinstance(owner, Channel):
            return
        pending = next((one for one in owner.pending if one.local == local), None)
        if pending is None:
            return
        label = self._board.label_of(owner.key)
        cookie = open_cookie(label, *sealed, pending.mac1)
        if cookie is None or cookie == self._cookie(now, owner):
            self._board.count("cookies_refused")
            return
        if now - owner.cookie_at >= _COOKIE_PACE_S:
            owner.next_at = now
        owner.cookie, owner.cookie_at = cookie, now
        parcel, pending.parcel, pending.mac1 = pending.parcel, None, b""
        if parcel is not None:
            if owner.waiting is None:
                owner.waiting = deque()
            owner.waiting.appendleft(parcel)
        self.press(now, owner)

    def _knows_where(self, now: float, channel: Channel) -> bool:
        wanted = channel.waiting or (channel.last,)
        return channel.places.is_known(now) or any(map(_stream_of, wanted))

    def _choose(self, channel: Channel) -> tuple[Parcel | None, Address | None]:
        """Return what an initiation carries, and on which stream it goes if on any.

        What must not be seen twice waits for the session, but says how to go.
        """
        waiting = channel.waiting
        if not waiting:
            return None, _stream_of(channel.last)
        first = waiting[0]
        for parcel in waiting:
            fits = len(parcel.data) <= self._room(channel, streamed=parcel.streamed)
            if parcel.replayable and fits:
                waiting.remove(parcel)
                return parcel, _stream_of(parcel)
        return None, _stream_of(first)

    def _room(self, channel: Channel, *, streamed: bool) -> float:
        if streamed:
            return _STREAM_ROOM
        limit = self._board.limit_of(channel)
        return limit - INITIATION_OVERHEAD_BYTES - HANDOVER_OVERHEAD_BYTES

    def _chain(
        self, channel: Channel, *, streamed: bool, parcel: Parcel | None
    ) -> bytes:
        """Return our certificates if the peer may lack them and there is room."""
        chain = self._board.peers.chain
        used = 0 if parcel is None else len(parcel.data)
        fits = 2 + len(chain) + used <= self._room(channel, streamed=streamed)
        return chain if fits and channel.tries >= INTRODUCES_FROM else b""

    def _cookie(self, now: float, channel: Channel) -> bytes:
        return channel.cookie if now - channel.cookie_at < SECRET_LIFE_S else b""

    def _forget_old(self, now: float, channel: Channel) -> None:
        """Make room for one more attempt; what is too old gets no answer any more."""
        board = self._board
        pending = channel.pending
        while pending and (
            len(pending) >= PENDING_MAX
            or now - pending[0].began >= board.settings.pending_s
        ):
            del board.by_index[pending.pop(0).local]

    # With an address

    def meet(self, now: float, parcel: Parcel) -> None:
        """Send a parcel to whoever is at its address, once we know who that is."""
        meeting = self._board.meetings.get(parcel.address)
        if meeting is None:
            meeting = Meeting(
                parcel.address, self._open(now, parcel.address, b""), deque()
            )
            self._enlist(now, meeting)
        if len(meeting.waiting) < self._board.settings.waiting_max:
            meeting.waiting.append(parcel)
        else:
            self._board.count("waiting_dropped")

    def close(
        self, now: float, owner: Owner | None, data: bytes, local: int
    ) -> tuple[Channel, Session, Meeting] | None:
        """Take an ANSWER's Noise message, and close the meeting; None if it is no use.

        Raises:
            BadPacket: it is not the answer, and the meeting goes on waiting for that;
                or it is no good, and the meeting waits to open once more.
        """
        board = self._board
        if not isinstance(owner, Meeting):
            return None
        handshake = owner.pending.handshake
        payload = handshake.read_message(data)
        # Who answered may be anybody. If it was nobody we know, the timer opens again.
        del board.by_index[local]
        handover = unpack_handover_untrusted(payload)
        remote = index_of_untrusted(handover)
        key = handshake.remote_static
        node = known(board, key, handover.chain)
        if key is None or node is None:
            return None
        self._give_up(owner)
        message = handshake.write_message(Handover(chain=board.peers.chain).pack())
        packet = encode_answer(Kind.CLOSING, remote, message)
        board.transmit(owner.address, packet, streamed=True)
        session = session_of(handshake, local, remote, now, initiated=True)
        return board.channel(now, key, node), session, owner

    def take_opening_cookie(
        self, now: float, owner: Owner | None, sealed: tuple[bytes, bytes]
    ) -> None:
        """Open once more, with the cookie that was asked for."""
        if not isinstance(owner, Meeting):
            return
        board = self._board
        cookie = open_cookie(board.open_label, *sealed, owner.pending.mac1)
        if cookie is None or owner.asked == owner.tries:
            board.count("cookies_refused")
            return
        self._give_up(owner)
        owner.cookie, owner.asked = cookie, owner.tries
        owner.pending = self._open(now, owner.address, cookie)
        self._enlist(now, owner)

    def meet_again(self, now: float, address: Address) -> None:
        """Open again where nobody answered, a few times."""
        meeting = self._board.meetings.get(address)
        if meeting is None:
            return
        self._give_up(meeting)
        if meeting.tries < _MEETING_TRIES:
            meeting.tries += 1
            meeting.pending = self._open(now, address, meeting.cookie)
            self._enlist(now, meeting)

    def _open(self, now: float, address: Address, cookie: bytes) -> Pending:
        board = self._board
        local = board.free_index()
        handshake = board.handshake(XX, local, initiator=True)
        packet = encode_first(Kind.OPENING, local, handshake.write_message(b""))
        packet, mac1 = _with_macs(packet, board.open_label, cookie)
        board.count("openings")
        board.transmit(address, packet, streamed=True)
        return Pending(handshake, local, mac1, now)

    def _enlist(self, now: float, meeting: Meeting) -> None:
        address = meeting.address
        self._board.by_index[meeting.pending.local] = meeting
        self._board.meetings[address] = meeting
        self._board.timers.set((Due.MEETING, address), now + _MEETING_S)

    def _give_up(self, meeting: Meeting) -> None:
        self._board.by_index.pop(meeting.pending.local, None)
        self._board.meetings.pop(meeting.address, None)
        self._board.timers.cancel((Due.MEETING, meeting.address))


def known(board: Switchboard, key: bytes | None, chain: bytes) -> NodeId | None:
    """Return who holds a key, after hearing how he introduces himself, if at all."""
    if key is None:
        return None
    if key == board.keys.public:
        # Somebody sends us back what we have sent; or we have called ourselves.
        board.count("reflections")
        return None
    node = board.peers.node_of(key)
    verdict = None
    if node is None and chain:
        verdict = board.peers.introduce(chain)
        node = board.peers.node_of(key)
    if node is None:
        # Whoever shows a good certificate that is not his is a stranger as well.
        if verdict in (None, Verdict.GOOD):
            board.count("strangers")
        else:
            board.count(f"strangers_{verdict.name.lower()}")
    return node


def _stream_of(parcel: Parcel | None) -> Address | None:
    """Return where a parcel's stream goes to; None if it goes by datagram."""
    return parcel.address if parcel is not None and parcel.streamed else None


def index_of_untrusted(handover: Handover) -> int:
    """Return the answerer's index of the session that a second message ends in.

    Raises:
        BadPacket: he gives none.
    """
    if handover.index is None:
        raise BadPacket("an answer without an index")
    return handover.index


def _with_macs(packet: bytes, label: bytes, cookie: bytes) -> tuple[bytes, bytes]:
    """Return a first packet with both macs, and the first of them."""
    mac1 = mac(label, packet)
    packet += mac1
    return packet + (mac(cookie, packet) if cookie else _NO_MAC), mac1
