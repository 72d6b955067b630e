"""Carrying what is to be sent: under a session, or until there is one.

Nothing is sent to keep a session alive, and a new one is begun only when something is
to be sent: by the age or the use of the one that there is, or because there is none.
"""

from collections import deque
from dataclasses import replace
from typing import Final

from swarmnet.crypto.channel import (
    COPY_LAST,
    FORMER_MAX,
    Channel,
    Due,
    Parcel,
)
from swarmnet.crypto.framing import PEER_BYTES_MAX
from swarmnet.crypto.initiator import INTRODUCES_FROM, Initiator
from swarmnet.crypto.packets import TRANSPORT_OVERHEAD_BYTES
from swarmnet.crypto.session import Session
from swarmnet.crypto.switchboard import Received, Switchboard
from swarmnet.ids import Address

_RESPONDER_AGE: Final = 1.15
_JITTER: Final = 0.1
_YOUNG: Final = 0.8
"""No session has to be renewed in this share of the time: jitter takes less off."""
_REMEMBERED_S: Final = 1.0
_SETTLE_PACE_S: Final = 1.0
_HINTED_LAST: Final = 1024
"""A hint about one of so many packets is believed; others are old, or made up."""
_HINT_PACE_S: Final = 1.0


class Carrier:
    """Sends parcels, hands up what was opened, and keeps the sessions fresh.

    Where a peer's home is, is learnt from parcels for it and from nothing else.
    """

    __slots__ = ("_board", "_initiator")

    def __init__(self, board: Switchboard, initiator: Initiator) -> None:
        self._board = board
        self._initiator = initiator

    def send(self, now: float, channel: Channel, parcel: Parcel) -> None:
        """Send a parcel now if that is possible, else as soon as there is a session."""
        channel.used = now
        if parcel.claimed and not parcel.streamed:
            channel.places.name_home(now, parcel.address)
        if channel.reply is not None:
            self._answer_with(channel, parcel)
            return
        settings = self._board.settings
        session = channel.usable(now, settings.life_s)
        if session is None:
            self._wait(channel, parcel)
            self._initiator.press(now, channel)
            return
        self._transmit(now, channel, session, parcel)
        if parcel.asks and channel.silence.note_sent(now, settings.unanswered_s):
            self._doubt(now, channel)
        elif self._is_old(now, session):
            self._initiator.press(now, channel)

    def flush(self, now: float, channel: Channel) -> None:
        """Send what waited, now that there is a session."""
        session = channel.usable(now, self._board.settings.life_s)
        waiting, channel.waiting = channel.waiting, None
        if session is None or not waiting:
            channel.waiting = waiting
            return
        self._board.timers.cancel((Due.RETRY, channel.key))
        for parcel in waiting:
            if now - parcel.since < self._board.settings.waiting_s:
                self._transmit(now, channel, session, parcel)
            else:
                self._board.count("waited_too_long")

    def confirm(
        self, now: float, channel: Channel, source: Address, *, streamed: bool
    ) -> None:
        """Show the peer under which session we send, by an empty packet.

        It goes to where the packet came from that calls for it, which is no shorter,
        and to wherever else the peer may be.
        """
        session = channel.current
        if session is None:
            return
        packet = session.seal(b"", streamed=streamed)
        elsewhere = [] if streamed else channel.places.where(now, len(packet))
        for place in dict.fromkeys((source, *elsewhere)):
            self._board.transmit(place, packet, streamed=streamed)
        # Of what was sent before, nothing is lost should this one be.
        channel.last_under = 0

    def deliver(self, received: Received) -> None:
        """Hand up what a peer has sent; an empty packet was only to be seen."""
        if received.data:
            self._board.outputs.append(received)

    def adopt(self, now: float, channel: Channel, session: Session) -> None:
        """Let a session hold whose keys the peer has shown to have."""
        board = self._board
        board.unconfirmed.pop(session.local, None)
        board.by_remote.setdefault(session.remote, []).append(session)
        self._retire(now, channel, channel.adopt(session))
        board.drop_pending(channel)
        channel.tries = 0
        channel.next_at = float("-inf")

    def settle(
        self, now: float, channel: Channel, session: Session, received: Received
    ) -> None:
        """Take note that a peer sends under a session that is not our current one.

        Who leads says under which to go on; the other follows him. Both say it by an
        empty packet, but only one who leads answers an empty one: so it comes to rest.
        An empty packet may be late, and then he has gone on since.
        """
        if not channel.leads and not received.data:
            if channel.is_superseded(session):
                return
            held, channel.current = channel.current, session
            channel.former = [one for one in channel.former if one[1] is not session]
            self._retire(now, channel, held)
        elif now - channel.settled >= _SETTLE_PACE_S:
            channel.settled = now
            streamed = received.streamed
            self.confirm(now, channel, received.source, streamed=streamed)

    def end_grace(self, now: float, channel: Channel) -> None:
        """Listen no longer to former sessions whose time is over."""
        while channel.former and channel.former[0][0] <= now:
            self._board.release(channel.former.pop(0)[1])
        if channel.former:
            due = (Due.GRACE, channel.key)
            self._board.timers.set(due, channel.former[0][0])

    def heard(self, now: float, channel: Channel, session: Session) -> None:
        """Take note that something authentic came under a session."""
        channel.used = now
        channel.silence.note_heard(now)
        if not session.heard_at:
            session.heard_at = self._board.made

    def hear_again(
        self,
        now: float,
        channel: Channel,
        session: Session,
        source: Address,
        data: bytes,
    ) -> None:
        """Take what did not open: it may be what a faster copy has overtaken."""
        is_elsewhere = session is channel.current and source != channel.path
        if is_elsewhere and session.is_copy(data, COPY_LAST):
            channel.places.note_copy(now, source, len(data))
            self._board.count("copies")

    def _retire(self, now: float, channel: Channel, session: Session | None) -> None:
        if session is None:
            return
        if len(channel.former) >= FORMER_MAX:
            self._board.release(channel.former.pop(0)[1])
        until = now + self._board.settings.grace_s
        channel.former.append((until, session))
        self._board.timers.set((Due.GRACE, channel.key), channel.former[0][0])

    def _answer_with(self, channel: Channel, parcel: Parcel) -> None:
        """Let a parcel travel in the answer to the peer's initiation, if it may."""
        reply = channel.reply
        assert reply is not None, "there is something to answer"
        fits = not reply.data and len(parcel.data) <= reply.room
        if fits and parcel.streamed is reply.streamed:
            reply.data = parcel.data
            return
        reply.more = True
        self._wait(channel, parcel)

    def _wait(self, channel: Channel, parcel: Parcel) -> None:
        if channel.waiting is None:
            channel.waiting = deque()
        channel.waiting.append(parcel)
        if len(channel.waiting) > self._board.settings.waiting_max:
            channel.waiting.popleft()
            self._board.count("waiting_dropped")

    def _transmit(
        self, now: float, channel: Channel, session: Session, parcel: Parcel
    ) -> None:
        board, data, streamed = self._board, parcel.data, parcel.streamed
        usual = board.settings.datagram_bytes
        most = PEER_BYTES_MAX if streamed else board.limits.get(channel.node, usual)
        if len(data) + TRANSPORT_OVERHEAD_BYTES > most:
            board.count("too_large")
            return
        # What is large is not kept: who sends it by stream learns that that broke.
        large = len(data) > usual
        channel.last = replace(parcel, data=b"") if large else parcel
        channel.last_under = session.serial
        if streamed:
            packet = session.seal(data, streamed=True)
            board.spread(now, channel, packet, parcel.address)
        else:
            board.spread(now, channel, session.datagrams.seal(data), None)

    def _doubt(self, now: float, channel: Channel) -> None:
        """See whether a peer still has our session, by beginning another.

        Nothing is sent again: he may have had it. If he has lost our certificates as
        well as the session, he needs them the next time.
        """
        self._board.count("doubts")
        channel.tries = max(channel.tries, INTRODUCES_FROM - 1)
        # Silence has a pace of its own, and so have hints.
        channel.next_at = now
        self._initiator.press(now, channel)

    def _is_old(self, now: float, session: Session) -> bool:
        settings = self._board.settings
        age_s = now - session.began
        if age_s < _YOUNG * settings.rekey_age_s:
            return session.sent >= settings.rekey_packets
        # The jitter is the session's own, so that all sessions of one hour's start do
        # not end in one second.
        share = session.local / 0x1_0000_0000
        most_s = settings.rekey_age_s * (1 - _JITTER * share)
        if not session.is_initiator:
            most_s *= _RESPONDER_AGE
        return age_s >= most_s or session.sent >= settings.rekey_packets

    def take_hint(self, now: float, remote: int, counter: int) -> None:
        """Begin anew with a peer that says it has no session `remote`.

        Whoever saw a packet of that session can say so. So it costs a handshake each
        second at most, and what was sent last is sent again only if it does no harm
        twice; otherwise the peer itself must say that it is new (`recover`).
        """
        board = self._board
        meant = [
            (channel, session)
            for session in board.by_remote.get(remote, ())
            if (channel := board.sessions[session.local][0]).current is session
            and session.sent_lately(counter, _HINTED_LAST)
            and now - channel.hinted >= _HINT_PACE_S
        ]
        board.count("hints_taken" if meant else "hints_refused")
        for channel, session in meant:
            channel.hinted = now
            # Who has lost his sessions may have lost our certificates as well.
            channel.tries = max(channel.tries, INTRODUCES_FROM)
            if channel.last_under == session.serial:
                self._lose(now, channel)
            channel.next_at = now
            self._initiator.press(now, channel)

    def recover(self, now: float, channel: Channel, *, new: bool) -> None:
        """Send again what was lost, if the peer has said that it is new."""
        lost, channel.lost = channel.lost, None
        if new:
            channel.silence.forgive()
        session = channel.usable(now, self._board.settings.life_s)
        if lost is None or session is None or not new:
            return
        if now - lost.since < self._board.settings.waiting_s:
            self._transmit(now, channel, session, lost)

    def _lose(self, now: float, channel: Channel) -> None:
        last = channel.last
        if last is None or now - last.since >= _REMEMBERED_S:
            return
        if last.replayable:
            self._wait(channel, last)
        else:
            channel.lost = last
