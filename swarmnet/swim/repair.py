"""Repair: finding, and sending, the claims that a loss kept from somebody.

Two nodes agree when their digests do: 16 bytes, on every ping and shortly after news.
Where they differ, the one that sees it offers the first cells of its sketch; the other
subtracts its own, and mostly that tells both what to send. Where it does not, they go
through their sets range by range on a stream. The cost is that of the difference.

    A                                   B
    Ping or Compare (digest) ---------> differs
    decodes <------------- SketchOffer (cells)
    claims that B lacks, WantClaims --> takes, gives
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.sketch import (
    answer_ranges,
    cells_for,
    decode,
    decode_cells_untrusted,
    encode_cells,
    open_ranges,
)
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.messages import (
    Compare,
    Digest,
    Ranges,
    SketchOffer,
    WantClaims,
)
from swarmnet.swim.outputs import State

_DIGEST: Final = (Due.DIGEST, None)
_CELLS_MAX: Final = 256
"""Where more cells are wanted, ranges cost less time."""
_BEGUN_MAX: Final = 2
"""Repairs begun per interval: one may be with a member that is slow, or lies."""
_RANGES_KEY_BYTES: Final = 16
_WANT_MAX: Final = 1024
"""Elements asked for at once: 8 KiB; the next digest finds the rest."""
_ITEM_OVERHEAD_BYTES: Final = 8


class Repair:
    """What one node does about digests that differ."""

    __slots__ = ("_begun", "_core", "_next_neighbour", "_since")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._since = float("-inf")
        self._begun: dict[NodeId, None] = {}
        self._next_neighbour = 0

    def note_news(self, now: float) -> None:
        """Something was learned: compare digests with neighbours in a moment."""
        if self._core.timers.deadline(_DIGEST) is None:
            self._core.timers.set(_DIGEST, now + self._core.config.repair_delay_s)

    def handle_digest(self, now: float) -> None:
        """Send the digest to the next two neighbours in turn."""
        core = self._core
        neighbours = tuple(core.roster.rings.neighbours())
        if core.budget.tokens(now) < 0:
            core.timers.set(_DIGEST, core.budget.ready_at(now, 1) + 1e-3)
            return
        compare = encode_message(Compare(core.roster.digest()))
        for _ in range(min(2, len(neighbours))):
            self._next_neighbour += 1
            route = core.route(neighbours[self._next_neighbour % len(neighbours)])
            if route is not None:
                core.send(now, route, (compare,))

    def receive_digest(self, now: float, route: Route, digest: Digest) -> None:
        """Begin a repair with a member whose digest differs from ours."""
        core = self._core
        ours = core.roster.digest()
        if digest.sum128 == ours.sum128 and digest.count == ours.count:
            return
        core.count("digests_differ")
        if core.budget.tokens(now) < 0:
            core.count("refused_busy")
        elif self._may_begin(now, route.node):
            self._offer(now, route, abs(digest.count - ours.count))

    def receive_sketch(self, now: float, route: Route, offer: SketchOffer) -> None:
        """Explain a difference by a sketch, or go on by ranges.

        Raises:
            BadPacket: the cells are malformed.
        """
        core = self._core
        if core.budget.tokens(now) < 0:
            core.count("refused_busy")
            return
        theirs = decode_cells_untrusted(offer.cells)
        elements = dict(core.roster.elements())
        ours = core.roster.sketch.cells(0, len(theirs), elements)
        difference = decode(theirs, ours)
        if difference is None:
            core.count("sketches_short")
            self._open(now, route, sorted(elements))
            return
        core.count("sketches_decoded")
        missing = [elements[n] for n in difference.local_only if n in elements]
        self._settle(now, route, missing, difference.remote_only)

    def receive_want(self, now: float, route: Route, wanted: Sequence[int]) -> None:
        """Send the claims that a member asks for."""
        if self._core.budget.tokens(now) < 0:
            self._core.count("refused_busy")
            return
        chosen = dict.fromkeys(wanted)
        claims = [
            claim for number, claim in self._core.roster.elements() if number in chosen
        ]
        self._settle(now, route, claims, ())

    def receive_ranges(self, now: float, route: Route, message: Ranges) -> None:
        """Take a step of the range-based reconciliation.

        Raises:
            BadPacket: the ranges are malformed.
        """
        core = self._core
        if core.budget.tokens(now) < 0:
            core.count("refused_busy")
            return
        elements = dict(core.roster.elements())
        limit = core.config.stream_bytes - _ITEM_OVERHEAD_BYTES
        answer = answer_ranges(sorted(elements), message.ranges, limit)
        if answer.reply is not None:
            items = (encode_message(Ranges(answer.reply)),)
            core.send_stream(now, route, items)
        self._settle(now, route, [elements[n] for n in answer.have], answer.need)

    def open(self, now: float, route: Route) -> None:
        """Compare everything with a member, range by range."""
        elements = [number for number, _ in self._core.roster.elements()]
        self._open(now, route, sorted(elements))

    def page(self, now: float, exclude: NodeId) -> list[bytes]:
        """Return some members' claims, at random, for one who knows nobody yet.

        A page is 1 KiB at least and a stream frame at most, by what the budget holds:
        it must name enough members to ask on; they will tell the rest.
        """
        core = self._core
        room = min(float(core.config.stream_bytes), core.budget.tokens(now) / 64)
        room = max(1024.0, room)
        found: list[bytes] = []
        for node in core.roster.sample(core.random, core.roster.live_count, exclude):
            member = core.roster.get(node)
            assert member is not None, "a sampled member is known"
            room -= len(member.claim.item)
            if room < 0:
                break
            found.append(member.claim.item)
        return found

    def _may_begin(self, now: float, node: NodeId | None) -> bool:
        """Bound the repairs begun, and let no single member use them all up."""
        if now >= self._since + self._core.config.repair_interval_s:
            self._since = now
            self._begun.clear()
        if node is None or node in self._begun or len(self._begun) >= _BEGUN_MAX:
            return False
        self._begun[node] = None
        return True

    def _offer(self, now: float, route: Route, size_difference: int) -> None:
        core = self._core
        count = cells_for(size_difference)
        if count > _CELLS_MAX:
            self.open(now, route)
            return
        sketch = core.roster.sketch
        beyond = count > sketch.prefix_cells
        elements = [n for n, _ in core.roster.elements()] if beyond else ()
        offer = SketchOffer(encode_cells(sketch.cells(0, count, elements)))
        core.count("sketches_offered")
        core.send_anyhow(now, route, (encode_message(offer),))

    def _open(self, now: float, route: Route, elements: list[int]) -> None:
        core = self._core
        if core.budget.tokens(now) < 0:
            core.count("refused_busy")
            return
        core.count("ranges_opened")
        key = core.random.randbytes(_RANGES_KEY_BYTES)
        limit = core.config.stream_bytes - _ITEM_OVERHEAD_BYTES
        message = Ranges(open_ranges(elements, key, limit))
        core.send_stream(now, route, (encode_message(message),))

    def _settle(
        self, now: float, route: Route, claims: Sequence[Claim], wanted: Sequence[int]
    ) -> None:
        """Send what a member lacks, and ask for what we lack."""
        if self._core.budget.tokens(now) < 0:
            self._core.count("refused_busy")
            return
        # Own claims first: an accusation of a version not yet heard of is refused.
        ordered = sorted(claims, key=lambda claim: claim.state is State.SUSPECT)
        items = [claim.item for claim in ordered]
        if wanted:
            items.append(encode_message(WantClaims(tuple(wanted[:_WANT_MAX]))))
        if not items:
            return
        self._core.count("claims_repaired", len(claims))
        self._core.send_anyhow(now, route, items)
