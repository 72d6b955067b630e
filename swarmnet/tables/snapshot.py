"""Snapshots: a newcomer takes what a scope holds, page by page, from several donors.

The space of elements is cut into as many parts as there are donors, and each donor is
asked for his part. A page is bounded in bytes and says how far it reaches, so the next
is asked for from there; a donor that is silent is given up, and another goes on where
he stopped. What came is used at once, page by page. A donor that leaves things out is
found by the digests that are compared at the end.

Whoever is still taking a scope himself says so, by a page without rows that does not
end its part; asked again, he gives what he has. So a newcomer finds those who have all,
and newcomers among themselves share what there is.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from swarmnet.ids import CLUSTER, U64_MAX, NodeId, Scope
from swarmnet.tables.allowance import Allowance
from swarmnet.tables.codec import encode_message
from swarmnet.tables.core import Core, Due
from swarmnet.tables.messages import Page, Rows, WantPage
from swarmnet.tables.orders import Orders
from swarmnet.tables.outputs import Completed, Send
from swarmnet.tables.pages import ITEM_OVERHEAD_BYTES
from swarmnet.tables.row import ATTACHMENT, NODE
from swarmnet.tables.rules import Presence
from swarmnet.tables.shelf import Shelf

AGREED_MIN: Final = 3
"""So many others, if as many live, must have been seen to hold what we hold."""
_PAGES_MAX: Final = 1024
"""Of one donor: whoever sends more sends crumbs. Another goes on from there."""
_DONOR_S: Final = 5.0
"""So long one donor is relied upon without a break; the next may be faster."""
_ROUNDS_MAX: Final = 8
"""All candidates are tried so often, ever more slowly; then digests must do."""
_TRIES_MAX: Final = 24
"""Other donors turned to, however many candidates there are."""
_PUT_OFFS_MAX: Final = 4
"""After so many that are still taking the scope themselves, take what they have."""
_GIVEN_BYTES_S: Final = 8 << 20
"""What one peer may take, in pages, each second, and at once after a quiet time."""
_ASKING_BYTES: Final = 1024
"""What being asked costs besides, so that many small questions are not free."""
_FIRST_SHARE: Final = 8
"""A donor's first page is so much smaller: it is there sooner, and of use at once."""
_WAITS: Final = 20
"""How often, in the time that a page may take, a network looks for its members."""


@dataclass(slots=True)
class _Part:
    """What is still to come of one part of the space, and from whom.

    `asked` is when it was last asked for, `since` when this donor's turn began.
    """

    first: int
    last: int
    donor: NodeId
    asked: float
    since: float
    pages: int = 0


@dataclass(slots=True)
class _Taking:
    """A snapshot that is being taken of one scope.

    Where `parts` are none, members are waited for that the cluster's rows may name,
    since `waiting`. Of `candidates` those who failed come last. `peers` were put off by
    us since.
    """

    candidates: list[NodeId]
    waiting: float = 0.0
    parts: list[_Part] = field(default_factory=list)
    tried: int = 0
    put_offs: int = 0
    peers: dict[NodeId, None] = field(default_factory=dict)


class Snapshots:
    """Takes snapshots of scopes, and gives pages of them to others."""

    __slots__ = ("_core", "_given", "_orders", "_taking")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._taking: dict[Scope, _Taking] = {}
        self._given = Allowance(_GIVEN_BYTES_S, _GIVEN_BYTES_S)
        self._orders = Orders()

    # Taking

    def is_complete(self, scope: Scope) -> bool:
        """Return whether nothing of a scope is being waited for."""
        return scope not in self._taking

    def is_informed(self, scope: Scope, agreed: Collection[NodeId]) -> bool:
        """Return whether we held all of a scope at one time, if `agreed` held as much.

        They are to be all that live, or a few. They may have begun as late as we did,
        so of each who takes part, dead or not, something must be known.
        """
        if not self.is_complete(scope):
            return False
        rules, shelf = self._core.rules, self._core.shelves[scope]
        standing = (n for n in rules.standing() if n != self._core.me)
        others = [n for n in standing if rules.is_attached(n, scope)]
        if any(n not in agreed and not shelf.rows_of(n) for n in others):
            return False
        live = [n for n in others if rules.presence_of(n) is Presence.LIVE]
        return len(agreed) >= min(AGREED_MIN, len(live))

    def begin(self, now: float, scope: Scope, donors: Iterable[NodeId]) -> None:
        """Take a scope's rows from `donors`, as many as may serve at once.

        The others are turned to if one fails. Where there is none, nothing is to come;
        but a network's are looked for as long as the cluster's rows are still to come.
        """
        candidates = [node for node in donors if node != self._core.me]
        if candidates:
            self._begin(now, scope, candidates)
        elif scope in self._taking:
            pass
        elif scope != CLUSTER and CLUSTER in self._taking:
            self._taking[scope] = _Taking([], now)
            self._look_again(now, scope)
        else:
            self._core.outputs.append(Completed(scope))

    def _begin(self, now: float, scope: Scope, candidates: list[NodeId]) -> None:
        ways = min(self._core.config.donors, len(candidates))
        taking = _Taking(candidates)
        self._taking[scope] = taking
        cuts = [(U64_MAX + 1) * way // ways for way in range(ways + 1)]
        for donor, first, end in zip(candidates, cuts, cuts[1:], strict=False):
            part = _Part(first, end - 1, donor, now, now)
            taking.parts.append(part)
            self._introduce(scope, donor)
            self._ask(now, scope, part)
        self._set_timer(now, scope, taking)

    def stop(self, scope: Scope) -> None:
        """Wait for nothing of a scope any more."""
        self._taking.pop(scope, None)
        self._core.timers.cancel((Due.PAGE, scope))

    def forget(self, scope: Scope) -> None:
        """Have no more to do with a network."""
        self.stop(scope)
        self._orders.forget(scope)

    def expects(self, peer: NodeId, page: Page) -> bool:
        """Return whether a page was asked for, and of that peer."""
        part = self._part(peer, page)
        if part is None:
            self._core.count("pages_unasked")
        return part is not None

    def _part(self, peer: NodeId, page: Page) -> _Part | None:
        taking = self._taking.get(page.scope)
        for part in () if taking is None else taking.parts:
            if (part.donor, part.first) == (peer, page.first):
                return part if page.last <= part.last else None
        return None

    def note_page(self, now: float, peer: NodeId, page: Page) -> None:
        """Note how far a page that was expected reaches, and ask for the next."""
        taking, part = self._taking[page.scope], self._part(peer, page)
        assert part is not None, "the page was asked for"
        part.pages += 1
        self._core.count("pages")
        if page.last == part.last:
            taking.parts.remove(part)
        elif not page.items:
            self._take_put_off(now, page.scope, taking, part)
        else:
            part.first = page.last + 1
            self._go_on(now, page.scope, taking, part)
        self._check(now, page.scope, taking)

    def _take_put_off(
        self, now: float, scope: Scope, taking: _Taking, part: _Part
    ) -> None:
        """Turn to another, for this donor is a newcomer himself; or insist."""
        self._core.count("pages_put_off")
        taking.put_offs += 1
        if taking.put_offs <= _PUT_OFFS_MAX:
            self._turn(now, scope, taking, part)
        else:
            taking.tried += 1
            self._ask(now, scope, part)

    def _go_on(self, now: float, scope: Scope, taking: _Taking, part: _Part) -> None:
        """Ask for the next page, unless somebody else should have a turn."""
        if part.pages >= _PAGES_MAX or now >= part.since + _DONOR_S:
            self._turn(now, scope, taking, part)
        else:
            self._ask(now, scope, part)

    def _turn(self, now: float, scope: Scope, taking: _Taking, part: _Part) -> None:
        """Let another donor go on with a part; whoever had it comes last from now."""
        taking.tried += 1
        rules = self._core.rules
        live = rules.live() if scope == CLUSTER else ()
        known = dict.fromkeys((*taking.candidates, *donors_of(self._core, scope, live)))
        # Who is gone is asked no more; and if nobody is left, nothing is to come.
        able = [node for node in known if not rules.is_gone(node, scope)]
        taking.candidates = [node for node in able if node != part.donor]
        if part.donor in able:
            taking.candidates.append(part.donor)
        if taking.candidates:
            part.donor = taking.candidates[0]
            part.pages, part.since = 0, now
            self._introduce(scope, part.donor)
            self._ask(now, scope, part)

    def _check(self, now: float, scope: Scope, taking: _Taking) -> None:
        """Say so if nothing more is to come, or not in any time worth waiting."""
        most = min(_ROUNDS_MAX * len(taking.candidates), _TRIES_MAX)
        if taking.parts and taking.tried <= most:
            self._set_timer(now, scope, taking)
            return
        self.stop(scope)
        self._core.outputs.append(Completed(scope))
        # Whatever is missing, digests find.
        after = now + self._core.config.compare_delay_s
        self._core.timers.set_earlier((Due.NEWS, scope), after)

    def handle_timeout(self, now: float, scope: Scope) -> None:
        """Turn to other donors where one has been silent for too long."""
        taking = self._taking.get(scope)
        if taking is None:
            return
        if not taking.parts:
            self._look_again(now, scope)
            return
        timeout_s = self._patience(taking)
        for part in taking.parts:
            if now >= part.asked + timeout_s:
                self._core.count("donors_silent")
                self._turn(now, scope, taking, part)
        self._check(now, scope, taking)

    def _look_again(self, now: float, scope: Scope) -> None:
        """Begin with a network whose members are known by now, or wait for them."""
        taking, timeout_s = self._taking[scope], self._core.config.page_timeout_s
        donors = donors_of(self._core, scope, ())
        if CLUSTER in self._taking:
            taking.waiting = now
        if donors:
            self._begin(now, scope, donors)
        elif now < taking.waiting + timeout_s:
            self._core.timers.set((Due.PAGE, scope), now + timeout_s / _WAITS)
        else:
            self._check(now, scope, taking)

    def _patience(self, taking: _Taking) -> float:
        """Return how long to wait for a page: longer with each round of candidates."""
        rounds = taking.tried // max(1, len(taking.candidates))
        return self._core.config.page_timeout_s * (1 + rounds)

    def _introduce(self, scope: Scope, donor: NodeId) -> None:
        """Show a donor that we take part: this may be faster than the news of it."""
        shelf, me = self._core.shelves[CLUSTER], self._core.me
        names = ((NODE, bytes(me)), (ATTACHMENT, bytes(scope)))
        rows = (shelf.get(me, name) for name in names)
        items = tuple(row.item for row in rows if row is not None)
        if items:
            data = encode_message(Rows(CLUSTER, items))
            self._core.outputs.append(Send(donor, data, streamed=True))

    def _ask(self, now: float, scope: Scope, part: _Part) -> None:
        part.asked = now
        page_bytes = self._core.config.page_bytes
        room = page_bytes if part.pages else page_bytes // _FIRST_SHARE
        data = encode_message(WantPage(scope, part.first, part.last, room))
        self._core.outputs.append(Send(part.donor, data, streamed=True))

    def _set_timer(self, now: float, scope: Scope, taking: _Taking) -> None:
        oldest = min(part.asked for part in taking.parts)
        due = max(now, oldest + self._patience(taking))
        self._core.timers.set((Due.PAGE, scope), due)

    # Giving

    def receive_want(self, now: float, peer: NodeId, want: WantPage) -> None:
        """Give a page, if the peer takes part and we have what there is ourselves."""
        core = self._core
        shelf = core.shelves.get(want.scope)
        if shelf is None or not core.rules.is_attached(peer, want.scope):
            core.count("scope_refused")
        elif not self._given.allows(now, peer):
            core.count("refused_busy")
        elif want.first < want.last and self._puts_off(want.scope, peer):
            self._send(now, peer, Page(want.scope, want.first, want.first, ()))
        else:
            self._send(now, peer, self._page(now, shelf, want))

    def _puts_off(self, scope: Scope, peer: NodeId) -> bool:
        """Return whether we are taking the scope, and have not told that peer yet."""
        taking = self._taking.get(scope)
        if taking is None or peer in taking.peers:
            return False
        taking.peers[peer] = None
        return True

    def _page(self, now: float, shelf: Shelf, want: WantPage) -> Page:
        elements = shelf.elements()
        ordered, _ = self._orders.of(now, shelf)
        items: list[bytes] = []
        left = min(want.room, self._core.config.page_bytes)
        last = want.last
        for place in range(bisect_left(ordered, want.first), len(ordered)):
            element = ordered[place]
            if element > want.last:
                break
            row = elements.get(element)
            if row is None:
                continue
            left -= len(row.item) + ITEM_OVERHEAD_BYTES
            if left < 0 and items:
                last = element - 1
                break
            items.append(row.item)
        return Page(shelf.scope, want.first, last, tuple(items))

    def _send(self, now: float, peer: NodeId, page: Page) -> None:
        data = encode_message(page)
        self._given.spend(now, peer, _ASKING_BYTES + len(data))
        self._core.outputs.append(Send(peer, data, streamed=True))


def donors_of(core: Core, scope: Scope, live: Iterable[NodeId]) -> list[NodeId]:
    """Return who may give a scope's rows: neighbours first, then the others."""
    if scope == CLUSTER:
        able = dict.fromkeys(live)
    else:
        able = {
            node: None
            for node in core.rules.attached.get(scope, ())
            if core.rules.presence_of(node) is Presence.LIVE
        }
    able.pop(core.me, None)
    first = [node for node in core.seams.neighbours(scope) if node in able]
    rest = [node for node in able if node not in first]
    core.random.shuffle(rest)
    return first + rest
