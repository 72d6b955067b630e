"""Application payloads: carried, kept for a while, and repaired.

A payload is delivered up once and goes no further until `relay` says that its owner has
found it good. Then it is sent whole to the neighbours on the rings of its scope and
kept for those who miss it. Two small messages find them (Plumtree's IHAVE and GRAFT,
Leitao et al., SRDS 2007): HAVE names payloads by 64-bit ids, WANT asks for them.

A neighbour is *heard* once it has sent the payload or its id, and *told* once it has
been sent one of them. Shortly after the payload, everyone heard is told; then everyone
not heard is reminded, at doubling intervals, until heard. Without loss that costs one
id per node and payload, and silence afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, SCOPE_BYTES_MAX, NodeId, Scope
from swarmnet.swim.codec import (
    FRAME_OVERHEAD_BYTES,
    PAYLOAD_KEY_BYTES_MAX,
    payload_news,
)
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.messages import Have, PayloadNews
from swarmnet.swim.outputs import Deliver, Payload
from swarmnet.swim.relay import Rank, Relay
from swarmnet.swim.scopes import Scopes
from swarmnet.swim.wants import Wants

_TELL_BACK_S: Final = 0.025
_REMIND_S: Final = 0.05
_REMINDERS_MAX: Final = 9
"""The last falls 2^8 times the first delay after the payload: 13 s."""
_AGAIN_S: Final = 0.01
"""A copy asked for twice within this was asked for by a repeated or forged WANT."""


def payload_id(item: bytes) -> int:
    """Return the 64-bit id of a payload message: a hash of its bytes."""
    return int.from_bytes(blake2b(item, digest_size=8).digest(), "big")


@dataclass(slots=True)
class Kept:
    """A payload that is held for others; `rounds` counts its reminders so far.

    `given` is when a copy was last sent to a member that asked for it.
    """

    payload: Payload
    item: bytes
    since: float
    rounds: int = 0
    heard: dict[NodeId, None] = field(default_factory=dict)
    told: dict[NodeId, None] = field(default_factory=dict)
    given: dict[NodeId, float] = field(default_factory=dict)


def _about(payload: Payload) -> bytes:
    return b"payload%d:" % len(payload.scope) + payload.scope + payload.key


class Payloads:
    """What one node holds of the payloads that pass through it."""

    __slots__ = (
        "_core",
        "_heard_from",
        "_kept",
        "_key_ids",
        "_relay",
        "_scopes",
        "wants",
    )

    def __init__(self, core: Core, relay: Relay, scopes: Scopes) -> None:
        self._core = core
        self._relay = relay
        self._scopes = scopes
        # In order of arrival, so the first is the oldest.
        self._kept: dict[int, Kept] = {}
        self._key_ids: dict[tuple[Scope, bytes], int] = {}
        # Delivered, and not (or not yet) found good: who sent it, in order of arrival.
        self._heard_from: dict[int, dict[NodeId, None]] = {}
        self.wants = Wants(core, self._heard_from.__contains__)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own.

        Raises:
            Refused: key, scope or data is too long, or the scope unknown.
        """
        self._check(payload)
        rank = Rank(Rank.OWN_URGENT + payload.payload_class)
        self._keep(now, payload_news(payload), rank)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a payload that was delivered; nothing happens if it is no news."""
        news = payload_news(payload)
        rank = Rank(Rank.URGENT + payload.payload_class)
        if payload_id(news.item) not in self._kept:
            self._keep(now, news, rank)

    def receive(self, now: float, sender: NodeId, news: PayloadNews) -> None:
        """Take a payload; the first copy is delivered."""
        number = payload_id(news.item)
        kept = self._kept.get(number)
        if kept is not None:
            self._note_heard(kept, sender)
            return
        senders = self._heard_from.get(number)
        if senders is not None:
            senders[sender] = None
            return
        if self._scopes.rings(news.payload.scope) is None:
            self._core.count("payloads_out_of_scope")
            return
        self._note_seen(number)[sender] = None
        self.wants.forget(number)
        self._core.outputs.append(Deliver(news.payload, sender))

    def receive_have(self, now: float, route: Route, have: Have) -> None:
        """Take the ids of payloads that a member has."""
        assert route.node is not None, "a HAVE has a sender"
        for number in have.payload_ids:
            kept = self._kept.get(number)
            if kept is not None:
                self._note_heard(kept, route.node)
                if have.reminds:
                    self._relay.lane(route.node).put_id(number, reminds=False)
            elif number in self._heard_from:
                self._heard_from[number][route.node] = None
            else:
                self.wants.note(now, route, number)

    def receive_want(self, now: float, route: Route, numbers: Iterable[int]) -> None:
        """Send the payloads that a member of their scope asks for."""
        assert route.node is not None, "a WANT has a sender"
        for number in dict.fromkeys(numbers):
            kept = self._kept.get(number)
            if kept is None or not self._may_have(route.node, kept.payload.scope):
                continue
            if self._core.budget.tokens(now) < 0:
                self._core.count("refused_busy")
                return
            if now >= kept.given.get(route.node, float("-inf")) + _AGAIN_S:
                kept.given[route.node] = now
                kept.told[route.node] = None
                self._core.send_anyhow(now, route, (kept.item,))

    def note_neighbour(self, now: float, node: NodeId) -> None:
        """A member came to stand next to us: remind it of what it may have missed."""
        for number, kept in self._kept.items():
            if kept.rounds and node not in kept.heard:
                self._core.timers.set_earlier((Due.PAYLOAD, number), now + _REMIND_S)

    def handle_reminder(self, now: float, number: int) -> None:
        """Tell neighbours of a payload that is some time old."""
        kept = self._kept.get(number)
        core = self._core
        if kept is None or now - kept.since > core.config.payload_life_s:
            return
        rings = self._scopes.rings(kept.payload.scope)
        unheard = False
        for neighbour in rings.neighbours() if rings is not None else ():
            heard = neighbour in kept.heard
            unheard |= not heard
            reminds = kept.rounds > 0
            if not heard if reminds else heard and neighbour not in kept.told:
                self._relay.lane(neighbour).put_id(number, reminds=reminds)
                kept.told[neighbour] = None
        kept.rounds += 1
        if kept.rounds == 1 or (unheard and kept.rounds <= _REMINDERS_MAX):
            wait_s = core.patience(now, _REMIND_S) * 2.0 ** (kept.rounds - 1)
            later = max(kept.since + wait_s, now + _REMIND_S)
            core.timers.set((Due.PAYLOAD, number), later)

    def _keep(self, now: float, news: PayloadNews, rank: Rank) -> None:
        payload = news.payload
        number = payload_id(news.item)
        self._make_room(now)
        about = (payload.scope, payload.key)
        superseded = self._key_ids.pop(about, None)
        if superseded is not None:
            self._kept.pop(superseded, None)
        kept = Kept(payload, news.item, now)
        kept.heard.update(self._note_seen(number))
        self._kept[number] = kept
        self._key_ids[about] = number
        self._spread(now, kept, number, rank)
        wait_s = self._core.patience(now, _TELL_BACK_S)
        self._core.timers.set((Due.PAYLOAD, number), now + wait_s)

    def _spread(self, now: float, kept: Kept, number: int, rank: Rank) -> None:
        rings = self._scopes.rings(kept.payload.scope)
        if rings is None:
            return
        about = _about(kept.payload)
        last_ring = self._core.last_whole_ring(now)
        for neighbour, ring in rings.neighbours().items():
            # The last ring is left to the reminders while the node saves.
            if neighbour not in kept.heard and ring <= last_ring:
                self._relay.put(neighbour, rank, about, kept.item)
                kept.told[neighbour] = None

    def _note_seen(self, number: int) -> dict[NodeId, None]:
        """Return who is known to have sent a payload, the oldest payloads forgotten."""
        senders = self._heard_from.setdefault(number, {})
        if len(self._heard_from) > 2 * self._core.config.payloads_max:
            del self._heard_from[next(iter(self._heard_from))]
        return senders

    def _note_heard(self, kept: Kept, node: NodeId) -> None:
        """A member has the payload: what waits to tell it so need not be sent."""
        if node not in kept.heard:
            kept.heard[node] = None
            self._relay.retract(node, _about(kept.payload), kept.item)

    def _make_room(self, now: float) -> None:
        config = self._core.config
        while self._kept:
            number, oldest = next(iter(self._kept.items()))
            young = now - oldest.since < config.payload_life_s
            if young and len(self._kept) < config.payloads_max:
                return
            del self._kept[number]
            about = (oldest.payload.scope, oldest.payload.key)
            if self._key_ids.get(about) == number:
                del self._key_ids[about]

    def _may_have(self, node: NodeId, scope: Scope) -> bool:
        rings = self._scopes.rings(scope)
        return rings is not None and (scope == CLUSTER or node in rings)

    def _check(self, payload: Payload) -> None:
        room = self._core.config.datagram_bytes - self._core.config.channel_bytes
        size = len(payload_news(payload).item)
        if not 1 <= len(payload.key) <= PAYLOAD_KEY_BYTES_MAX:
            raise Refused(
                f"payload key of {len(payload.key)} bytes:"
                f" want 1 to {PAYLOAD_KEY_BYTES_MAX}"
            )
        if len(payload.scope) > SCOPE_BYTES_MAX:
            raise Refused(
                f"scope of {len(payload.scope)} bytes: want at most {SCOPE_BYTES_MAX}"
            )
        if size > room - FRAME_OVERHEAD_BYTES:
            over = size - room + FRAME_OVERHEAD_BYTES
            raise Refused(
                f"payload of {len(payload.data)} bytes: want"
                f" {len(payload.data) - over} at most beside this key and scope"
            )
        if self._scopes.rings(payload.scope) is None:
            raise Refused(f"scope {payload.scope.hex()}: attach to it first")
