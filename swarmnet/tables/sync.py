"""Synchronisation: finding, and sending, the rows that a loss kept from somebody.

Two nodes agree about a scope when their digests do. Where these differ, the one that
sees it offers the first cells of its sketch; the other subtracts its own, and mostly
that tells both what to send. Where they are too few, he answers with as many of his own
as should do; where that is of no use, they go through their sets range by range, on a
stream. The cost is that of the difference.

Rows go to nodes of their scope alone: whoever is not known to be attached gets nothing.
What a peer makes us do and send is bounded, each message and per second, so that one
who asks without end costs a share, and keeps nobody else from being repaired.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.sketch import (
    LIMIT_BYTES_MIN,
    MESSAGE_BYTES_MAX,
    Cell,
    answer_ranges,
    decode,
    decode_cells_untrusted,
    encode_cells,
    open_ranges,
)
from swarmnet.tables.allowance import Allowance
from swarmnet.tables.cells import OFFERED_MAX, cells_after, cells_before
from swarmnet.tables.codec import encode_message
from swarmnet.tables.core import Core, Due
from swarmnet.tables.messages import Compare, Message, Offer, Ranges, Rows, Want
from swarmnet.tables.orders import Orders
from swarmnet.tables.outputs import Send
from swarmnet.tables.pages import ITEM_OVERHEAD_BYTES, cut_pages
from swarmnet.tables.row import Row
from swarmnet.tables.rules import Presence
from swarmnet.tables.shelf import Shelf

_CELL_BYTES_MIN: Final = 13
_CELL_BYTES_MAX: Final = 17
_RANGES_KEY_BYTES: Final = 16
_WANT_MAX: Final = 4096
"""Elements asked for at once; the next digest finds the rest."""
_ELEMENT_BYTES: Final = 8
_MESSAGE_OVERHEAD_BYTES: Final = 48
_NEAR_SHARE: Final = 0.5

_GIVEN_BYTES_S: Final = 4 << 20
"""What one peer may be given, in rows, each second, and at once after a quiet time."""
_PAGES_AT_ONCE: Final = 16
"""In answer to one message; the next digest finds the rest."""

# Work is counted in rows that are sorted and hashed, some 0.3 us each.
_WORK_S: Final = 250_000
"""What one peer may make us do each second, some 75 ms of it; and four times as much
at once after a quiet time."""
_WORK_OF_CELL: Final = 32
"""Reading, subtracting and peeling it."""
_WORK_OF_STEP: Final = 256
_WORK_SORTED: Final = 4
"""A row that is sorted already takes so much less."""
_WORK_OF_WALK: Final = 16
"""A row's place in the cells beyond those kept takes some 5 us."""
_WALKED_S: Final = 40_000
"""Rows walked for all peers together: a fifth of the time; the rest use ranges."""


_OFFERED_PEERS: Final = 256


class Sync:
    """What one node does about digests that differ."""

    __slots__ = (
        "_begun",
        "_core",
        "_given",
        "_offered",
        "_orders",
        "_turn",
        "_walked",
        "_work",
        "agreed",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self.agreed: dict[Scope, dict[NodeId, None]] = {}
        """Who was seen to hold the very same rows of a scope as we did then."""
        self._begun: dict[Scope, tuple[float, dict[NodeId, None]]] = {}
        self._turn: dict[Scope, int] = {}
        self._offered: dict[tuple[Scope, NodeId], float] = {}
        self._orders = Orders()
        self._given = Allowance(_GIVEN_BYTES_S, _GIVEN_BYTES_S)
        self._work = Allowance(_WORK_S, 4 * _WORK_S)
        self._walked = Allowance(_WALKED_S, 2 * _WALKED_S)

    # Digests

    def note_news(self, now: float, scope: Scope) -> None:
        """Something is new: compare digests with a neighbour in a moment."""
        if scope == CLUSTER:
            self._core.convergence.note_news(now)
        timers = self._core.timers
        if timers.deadline((Due.NEWS, scope)) is None:
            timers.set((Due.NEWS, scope), now + self._core.config.compare_delay_s)

    def schedule(self, now: float, scope: Scope) -> None:
        """Compare a network's digest from time to time; the cluster's rides on probes.

        Half of a node's probes may never reach a network of three among a thousand.
        """
        interval_s = self._core.config.compare_interval_s
        wait_s = interval_s * (0.5 + self._core.random.random())
        self._core.timers.set((Due.COMPARE, scope), now + wait_s)

    def handle_news(self, now: float, scope: Scope) -> None:
        """Compare with the next two neighbours in turn."""
        around, rules = self._core.seams.neighbours(scope), self._core.rules
        neighbours = [node for node in around if rules.is_attached(node, scope)]
        if not neighbours or scope not in self._core.shelves:
            return
        if self._core.seams.tokens(now) < 0:
            wait_s = self._core.config.compare_interval_s
            self._core.timers.set((Due.NEWS, scope), now + wait_s)
            return
        turn = self._turn.get(scope, 0)
        self._turn[scope] = turn + 2
        for place in range(turn, turn + min(2, len(neighbours))):
            self._compare(now, neighbours[place % len(neighbours)], scope)

    def handle_compare(self, now: float, scope: Scope) -> None:
        """Compare with some node of a network: a near one, or any across the rings."""
        if scope not in self._core.shelves:
            return
        self.schedule(now, scope)
        rules = self._core.rules
        others = [
            node
            for node in rules.attached.get(scope, ())
            if node != self._me and rules.presence_of(node) is Presence.LIVE
        ]
        if others and self._core.seams.tokens(now) >= 0:
            self._compare(now, self._choose(others), scope)

    def compare(self, now: float, peer: NodeId, scope: Scope) -> None:
        """Tell a peer our digest, if he takes part in the scope."""
        if scope in self._core.shelves and self._core.rules.is_attached(peer, scope):
            self._compare(now, peer, scope)

    def receive_digest(
        self, now: float, peer: NodeId, scope: Scope, digest: tuple[bytes, int]
    ) -> None:
        """Begin a repair with a peer if its digest, and number of rows, is not ours."""
        shelf = self._shelf(peer, scope)
        if shelf is None:
            return
        if digest[0] == shelf.digest:
            self._note_equal(now, peer, scope)
            return
        self._core.count("digests_differ")
        begins = self._may_begin(now, peer, scope)
        if begins and self._affords(now, peer, _WORK_OF_STEP):
            self._offer(now, peer, shelf, cells_before(digest[1], shelf.size))

    def _note_equal(self, now: float, peer: NodeId, scope: Scope) -> None:
        self.agreed.setdefault(scope, {})[peer] = None
        if scope == CLUSTER and self._core.convergence.since is not None:
            rules = self._core.rules
            live = (n for n in rules.standing() if n != self._me)
            live = (n for n in live if rules.presence_of(n) is Presence.LIVE)
            self._core.convergence.note_equal(now, peer, live)

    def _compare(self, now: float, peer: NodeId, scope: Scope) -> None:
        shelf = self._core.shelves[scope]
        self._send(now, peer, Compare(scope, shelf.digest, shelf.size))

    def _choose(self, others: Sequence[NodeId]) -> NodeId:
        """Return any of `others`, half of the time the nearest of three."""
        random, distance = self._core.random, self._core.seams.distance
        if random.random() >= _NEAR_SHARE:
            return random.choice(others)
        some = [random.choice(others) for _ in range(3)]
        away = [(float("inf") if (s := distance(n)) is None else s) for n in some]
        return some[away.index(min(away))]

    def forget(self, scope: Scope) -> None:
        """Have no more to do with a network."""
        self._begun.pop(scope, None)
        self.agreed.pop(scope, None)
        self._turn.pop(scope, None)
        self._orders.forget(scope)
        for due in (Due.NEWS, Due.COMPARE):
            self._core.timers.cancel((due, scope))

    # Differences

    def receive_offer(self, now: float, peer: NodeId, offer: Offer) -> None:
        """Explain a difference by a sketch, or go on by more cells or by ranges.

        Raises:
            BadPacket: the cells are malformed, or more than anybody offers.
        """
        shelf = self._shelf(peer, offer.scope)
        work = _WORK_OF_CELL * (1 + len(offer.cells) // _CELL_BYTES_MIN)
        if shelf is None or not self._affords(now, peer, work):
            return
        theirs = decode_cells_untrusted(offer.cells)
        if len(theirs) > OFFERED_MAX:
            raise BadPacket(f"{len(theirs)} cells, want up to {OFFERED_MAX}")
        if len(theirs) < shelf.sketch.prefix_cells and self._crossed(now, peer, shelf):
            return
        ours = self._cells(now, peer, shelf, len(theirs))
        difference = None if ours is None else decode(theirs, ours)
        if difference is not None:
            self._core.count("sketches_decoded")
            elements = shelf.elements()
            missing = [elements[n] for n in difference.local_only if n in elements]
            self._settle(now, peer, shelf.scope, missing, difference.remote_only)
            return
        self._core.count("sketches_short")
        if ours and len(ours) < shelf.sketch.prefix_cells:
            # They were few in the hope that they would do. Ours are more than these.
            kept = shelf.sketch.prefix_cells
            self._offer(now, peer, shelf, max(kept, cells_after(theirs, ours)))
        else:
            self.open_ranges(now, peer, shelf)

    def _crossed(self, now: float, peer: NodeId, shelf: Shelf) -> bool:
        """Return whether a peer's first offer need not be answered.

        If both sides saw each other's digests at once, both offer: one is enough.
        """
        at = self._offered.get((shelf.scope, peer), float("-inf"))
        crossed = now < at + self._core.config.repair_interval_s and self._me < peer
        if crossed:
            self._core.count("offers_crossed")
        return crossed

    def receive_want(self, now: float, peer: NodeId, want: Want) -> None:
        """Send the rows that a peer asks for."""
        shelf = self._shelf(peer, want.scope)
        work = _WORK_OF_STEP + len(want.elements)
        if shelf is None or not self._affords(now, peer, work):
            return
        elements = shelf.elements()
        chosen = dict.fromkeys(want.elements)
        rows = [elements[number] for number in chosen if number in elements]
        self._settle(now, peer, shelf.scope, rows, ())

    def receive_ranges(self, now: float, peer: NodeId, message: Ranges) -> None:
        """Take a step of the range-based reconciliation.

        Raises:
            BadPacket: the ranges are malformed.
        """
        shelf = self._shelf(peer, message.scope)
        work = _WORK_OF_STEP + len(message.ranges)
        if shelf is None or not self._affords(now, peer, work):
            return
        if not self._given.allows(now, peer):
            self._core.count("refused_busy")
            return
        elements, ordered = shelf.elements(), self._ordered(now, peer, shelf)
        answer = answer_ranges(ordered, message.ranges, self._ranges_limit())
        if answer.reply is not None:
            self._stream(peer, Ranges(shelf.scope, answer.reply))
        have = [elements[number] for number in answer.have if number in elements]
        need = [number for number in answer.need if number not in elements]
        self._settle(now, peer, shelf.scope, have, need)

    def open_ranges(self, now: float, peer: NodeId, shelf: Shelf) -> None:
        """Compare everything with a peer, range by range."""
        if not self._affords(now, peer, _WORK_OF_STEP):
            return
        self._core.count("ranges_opened")
        key = self._core.random.randbytes(_RANGES_KEY_BYTES)
        ordered = self._ordered(now, peer, shelf)
        ranges = open_ranges(ordered, key, self._ranges_limit())
        self._stream(peer, Ranges(shelf.scope, ranges))

    def give(self, now: float, peer: NodeId, scope: Scope, rows: Iterable[Row]) -> None:
        """Send rows to a peer, by as few messages as hold them, and no more than that.

        What is left out is found by a later comparison.
        """
        if not self._given.allows(now, peer):
            self._core.count("refused_busy")
            return
        limit = self._core.config.datagram_bytes - _MESSAGE_OVERHEAD_BYTES
        items = [row.item for row in rows]
        size = sum(len(item) + ITEM_OVERHEAD_BYTES for item in items)
        if size > limit:
            limit = self._core.config.page_bytes
        pages = cut_pages(items, limit)
        for page in pages[:_PAGES_AT_ONCE]:
            self._core.count("rows_repaired", len(page))
            self._send(now, peer, Rows(scope, tuple(page)))
        self._given.spend(now, peer, min(size, _PAGES_AT_ONCE * limit))

    @property
    def _me(self) -> NodeId:
        return self._core.me

    def _shelf(self, peer: NodeId, scope: Scope) -> Shelf | None:
        """Return a scope's rows if the peer may have them."""
        core = self._core
        shelf = core.shelves.get(scope)
        is_open = scope == CLUSTER or core.rules.is_attached(peer, scope)
        if shelf is None or not is_open:
            core.count("scope_refused")
            return None
        return shelf

    def _affords(self, now: float, peer: NodeId, work: int) -> bool:
        """Return whether we may do as much for a peer, and count it."""
        affords = self._core.seams.tokens(now) >= 0 and self._work.allows(now, peer)
        if affords:
            self._work.spend(now, peer, work)
        else:
            self._core.count("refused_busy")
        return affords

    def _cells(
        self, now: float, peer: NodeId, shelf: Shelf, count: int
    ) -> tuple[Cell, ...] | None:
        """Return our first cells; None where that would take too much time."""
        elements: Iterable[int] = ()
        if count > shelf.sketch.prefix_cells:
            me = self._core.me
            if not self._walked.allows(now, me) or shelf.size > _WALKED_S:
                self._core.count("walks_refused")
                return None
            self._walked.spend(now, me, shelf.size)
            self._work.spend(now, peer, _WORK_OF_WALK * shelf.size)
            elements = shelf.elements()
        return shelf.sketch.cells(0, count, elements)

    def _ordered(self, now: float, peer: NodeId, shelf: Shelf) -> Sequence[int]:
        """Return our elements, ascending, at the expense of a peer."""
        ordered, is_new = self._orders.of(now, shelf)
        work = len(ordered) if is_new else len(ordered) // _WORK_SORTED
        self._work.spend(now, peer, work)
        return ordered

    def _ranges_limit(self) -> int:
        limit = self._core.config.page_bytes - _MESSAGE_OVERHEAD_BYTES
        return max(LIMIT_BYTES_MIN, min(limit, MESSAGE_BYTES_MAX))

    def _may_begin(self, now: float, peer: NodeId, scope: Scope) -> bool:
        """Bound the repairs begun, and let no single peer use them all up."""
        config = self._core.config
        since, peers = self._begun.get(scope, (float("-inf"), {}))
        if now >= since + config.repair_interval_s:
            peers = {}
            self._begun[scope] = (now, peers)
        if peer in peers or len(peers) >= config.repairs_max:
            return False
        peers[peer] = None
        return True

    def _offer(self, now: float, peer: NodeId, shelf: Shelf, count: int) -> None:
        most = min(OFFERED_MAX, self._core.config.page_bytes // _CELL_BYTES_MAX)
        fits = count <= most
        cells = self._cells(now, peer, shelf, count) if fits else None
        if cells is None:
            self.open_ranges(now, peer, shelf)
            return
        self._core.count("sketches_offered")
        self._offered[shelf.scope, peer] = now
        if len(self._offered) > _OFFERED_PEERS:
            del self._offered[next(iter(self._offered))]
        self._send(now, peer, Offer(shelf.scope, encode_cells(cells)))

    def _settle(
        self,
        now: float,
        peer: NodeId,
        scope: Scope,
        rows: Sequence[Row],
        wanted: Sequence[int],
    ) -> None:
        """Send what a peer lacks, and ask for what we lack."""
        if wanted:
            most = min(_WANT_MAX, self._core.config.page_bytes // _ELEMENT_BYTES)
            self._send(now, peer, Want(scope, tuple(wanted[:most])))
        if rows:
            self.give(now, peer, scope, rows)

    def _send(self, now: float, peer: NodeId, message: Message) -> None:
        data = encode_message(message)
        streamed = len(data) > self._core.config.datagram_bytes
        if not streamed:
            self._core.seams.charge(now, len(data))
        self._core.outputs.append(Send(peer, data, streamed))

    def _stream(self, peer: NodeId, message: Message) -> None:
        self._core.outputs.append(Send(peer, encode_message(message), streamed=True))
