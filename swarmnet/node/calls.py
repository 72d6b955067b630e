"""Calls between members: one asks another what only that one can answer.

    [CALL]   [number, body]    by stream, never early: it may have consequences
    [REPLY]  [number, body]    the same, to whoever called

What is asked is the business of those above. A call is answered within `WAIT_S` or it
is not; nothing is repeated. What one member can make another work is bounded: so many
calls a second, and so many that are open at once. What is beyond that, late, or not
asked for, is dropped and counted.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import CALL, REPLY
from swarmnet.node.posting import Post
from swarmnet.tables.allowance import Allowance
from swarmnet.timers import Timers
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

KINDS: Final = (CALL, REPLY)
BODY_BYTES_MAX: Final = 32_768
WAIT_S: Final = 3.0
OWN_OPEN_MAX: Final = 256
"""Calls of our own that may wait for a reply."""
PEERS_OPEN_MAX: Final = 16
"""Calls of one peer that may wait for a reply of ours."""
ALL_OPEN_MAX: Final = 512
"""The same of all peers together."""
CALLS_PER_S: Final = 20.0
CALLS_AT_ONCE: Final = 40.0
_NUMBER_BYTES: Final = 7


@dataclass(frozen=True, slots=True)
class Called:
    """A member asks us something: to be answered by `reply`, under its number."""

    peer: NodeId
    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Replied:
    """Our call has ended; `body` is None if there is no answer, nor will be."""

    number: int
    body: bytes | None


Told = Called | Replied
_Open = tuple[NodeId | None, int]
"""Whose call, None for ours, and under which number."""


class Calls:
    """The calls of one node, and those to it.

    `reach` is where a peer is to be written to that lives and may talk. Numbers begin
    elsewhere in each life, so that no reply to an earlier one is taken.
    """

    __slots__ = (
        "_allowance",
        "_called",
        "_me",
        "_number",
        "_open",
        "_post",
        "_reach",
        "counters",
        "outputs",
        "timers",
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        post: Post,
        reach: Callable[[NodeId], Address | None],
    ) -> None:
        drawn = blake2b(me + b"%d" % epoch, digest_size=_NUMBER_BYTES).digest()
        self._me = me
        self._number = int.from_bytes(drawn, "big")
        self._post = post
        self._reach = reach
        self._called: dict[int, NodeId] = {}
        self._open: dict[NodeId, dict[int, None]] = {}
        self._allowance = Allowance(CALLS_PER_S, CALLS_AT_ONCE)
        self.timers: Timers[_Open] = Timers()
        self.outputs: deque[Told] = deque()
        self.counters: Counter[str] = Counter()

    def call(self, now: float, peer: NodeId, body: bytes) -> int:
        """Ask a member; return the number under which `Replied` comes, in any case.

        Raises:
            Refused: `body` is too long, the peer is ourselves, or too many wait.
        """
        _check_body(body)
        if peer == self._me:
            raise Refused(f"call to {peer.hex()}: that is this node: ask it here")
        if len(self._called) >= OWN_OPEN_MAX:
            raise Refused(
                f"{len(self._called)} calls wait for a reply, want {OWN_OPEN_MAX} at "
                f"most: wait up to {WAIT_S:g} s"
            )
        self._number += 1
        number, address = self._number, self._reach(peer)
        if address is None:
            self.outputs.append(Replied(number, None))
            return number
        self._called[number] = peer
        self.timers.set((None, number), now + WAIT_S)
        self._post(now, peer, address, CALL + pack((number, body)), streamed=True)
        return number

    def reply(self, now: float, peer: NodeId, number: int, body: bytes) -> None:
        """Answer a call; nothing happens if that is over.

        Raises:
            Refused: `body` is too long; the call is still open.
        """
        _check_body(body)
        if not self._close(peer, number):
            self.counters["replies_late"] += 1
            return
        address = self._reach(peer)
        if address is not None:
            self._post(now, peer, address, REPLY + pack((number, body)), streamed=True)

    def receive(
        self, now: float, peer: NodeId, envelope: bytes, *, streamed: bool
    ) -> None:
        """Take an envelope of one of the `KINDS`."""
        try:
            fields = array(unpack_array_untrusted(envelope[1:]), 2)
            number, body = natural(fields[0]), blob(fields[1], BODY_BYTES_MAX)
        except BadPacket:
            self.counters["bad_envelopes"] += 1
            return
        if not streamed:
            self.counters["calls_stream_only"] += 1
        elif envelope[:1] == REPLY:
            self._take_reply(peer, number, body)
        else:
            self._take_call(now, Called(peer, number, body))

    def note_gone(self, peer: NodeId) -> None:
        """A peer is dead, has left or may not talk: it answers nothing any more."""
        for number in [n for n, one in self._called.items() if one == peer]:
            self._end(number, None)
        for number in list(self._open.get(peer, ())):
            self._close(peer, number)

    def handle_timeout(self, now: float) -> None:
        """Give up what was not answered in time."""
        while (due := self.timers.pop_due(now)) is not None:
            peer, number = due
            if peer is None:
                self._end(number, None)
            else:
                self.counters["calls_unanswered"] += 1
                self._close(peer, number)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self.timers.next()

    def _take_call(self, now: float, called: Called) -> None:
        peer, number = called.peer, called.number
        open_ = self._open.get(peer, {})
        count = sum(map(len, self._open.values()))
        is_full = len(open_) >= PEERS_OPEN_MAX or count >= ALL_OPEN_MAX
        if number in open_ or is_full or not self._allowance.allows(now, peer):
            self.counters["calls_refused"] += 1
            return
        self._allowance.spend(now, peer, 1.0)
        self._open.setdefault(peer, {})[number] = None
        self.timers.set((peer, number), now + WAIT_S)
        self.outputs.append(called)

    def _take_reply(self, peer: NodeId, number: int, body: bytes) -> None:
        if self._called.get(number) != peer:
            self.counters["replies_unasked"] += 1
            return
        self._end(number, body)

    def _end(self, number: int, body: bytes | None) -> None:
        del self._called[number]
        self.timers.cancel((None, number))
        self.outputs.append(Replied(number, body))

    def _close(self, peer: NodeId, number: int) -> bool:
        """Forget a call of a peer's; return whether it was open."""
        open_ = self._open.get(peer, {})
        if number not in open_:
            return False
        del open_[number]
        if not open_:
            del self._open[peer]
        self.timers.cancel((peer, number))
        return True


def _check_body(body: bytes) -> None:
    if len(body) > BODY_BYTES_MAX:
        raise Refused(
            f"body of {len(body)} bytes: want {BODY_BYTES_MAX} at most: ask for less"
        )
