"""Ownership: one writer a place, whatever each node has heard so far."""

from collections.abc import Iterable, Mapping, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import (
    GRANTS_MAX,
    STEP,
    Deed,
    Grant,
    GrantId,
    decode_deed_untrusted,
)
from swarmnet.ipam.ownership import Holding, Ownership, Root
from swarmnet.ipam.spans import Span, Spans
from swarmnet.wire import pack

REALM = b"realm"
WHOLE = Span(0, 255)


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(16, "big"))


def deed(
    granter: int,
    number: int,
    *grants: tuple[int, int, int],
    parent: tuple[int, int] | None = None,
    version: int | None = None,
) -> Deed:
    """Return a deed of (first, last, grantee)s, numbered from `number`."""
    given_ = tuple(
        Grant(number + place, Span(first, last), node(grantee))
        for place, (first, last, grantee) in enumerate(grants)
    )
    held = None if parent is None else (node(parent[0]), parent[1])
    return Deed(REALM, node(granter), (1, version or number), held, number, given_)


def owned(ownership: Ownership) -> list[tuple[int, int, int]]:
    return [
        (one.span.first, one.span.last, int.from_bytes(one.owner, "big"))
        for one in ownership.holdings()
    ]


def ownership_of(*deeds: Deed, heir: int | None = None) -> Ownership:
    ownership = Ownership(Root(WHOLE, node(1)))
    if heir is not None:
        ownership.note_wills({node(1): (node(heir),)})
    for one in deeds:
        ownership.put(one)
    return ownership


def test_all_is_the_roots_until_it_grants() -> None:
    assert owned(ownership_of()) == [(0, 255, 1)]
    granted = ownership_of(deed(1, 10, (16, 31, 2), (32, 47, 3)))
    assert owned(granted) == [(0, 15, 1), (16, 31, 2), (32, 47, 3), (48, 255, 1)]
    assert granted.holding_at(20) == Holding(Span(16, 31), node(2), (node(1), 10))
    assert granted.owner_of(40) == node(3)
    assert granted.owner_of(256) is None
    assert list(granted.owned_by(node(1))) == [Span(0, 15), Span(48, 255)]


def test_nobody_grants_what_he_does_not_hold() -> None:
    thief = deed(3, 1, (16, 31, 3))
    claimed = deed(3, 2, (16, 31, 3), parent=(1, 10))
    beyond = deed(2, 3, (0, 255, 3), parent=(1, 10))
    ownership = ownership_of(deed(1, 10, (16, 31, 2)), thief, claimed)
    assert owned(ownership) == [(0, 15, 1), (16, 31, 2), (32, 255, 1)]
    ownership.put(beyond)
    assert owned(ownership) == [(0, 15, 1), (16, 31, 3), (32, 255, 1)]


def test_what_comes_before_its_parent_waits_for_it() -> None:
    late = deed(2, 3, (16, 23, 3), parent=(1, 10))
    ownership = ownership_of(late)
    assert owned(ownership) == [(0, 255, 1)]
    ownership.put(deed(1, 10, (16, 31, 2)))
    assert owned(ownership) == [(0, 15, 1), (16, 23, 3), (24, 31, 2), (32, 255, 1)]


def test_what_is_given_back_can_be_given_again() -> None:
    first = deed(1, 10, (16, 31, 2))
    back = deed(2, 3, (24, 31, 1), parent=(1, 10))
    again = deed(1, 20, (24, 31, 4), parent=(2, 3))
    ownership = ownership_of(first, back, again)
    assert owned(ownership) == [(0, 15, 1), (16, 23, 2), (24, 31, 4), (32, 255, 1)]


def test_of_two_grants_of_the_same_the_later_holds() -> None:
    """As a clone makes them; and all who see both agree."""
    one, other = deed(1, 10, (0, 31, 2)), deed(1, 20, (16, 47, 3))
    wanted = [(0, 15, 2), (16, 47, 3), (48, 255, 1)]
    assert owned(ownership_of(one, other)) == wanted
    assert owned(ownership_of(other, one)) == wanted


def test_what_a_removed_node_held_falls_to_whom_it_had_it_from() -> None:
    ownership = ownership_of(
        deed(1, 10, (16, 47, 2)),
        deed(2, 3, (24, 31, 3), parent=(1, 10)),
        deed(3, 4, (28, 31, 4), parent=(2, 3)),
    )
    ownership.note_fallen([node(2)])
    assert owned(ownership) == [
        *((0, 15, 1), (16, 23, 1), (24, 27, 3), (28, 31, 4), (32, 47, 1)),
        (48, 255, 1),
    ]
    # Its granter grants on what fell to it, and its own grants come first.
    ownership.put(deed(1, 20, (16, 31, 5), parent=(1, 10)))
    assert owned(ownership)[1:4] == [(16, 23, 5), (24, 27, 3), (28, 31, 4)]
    ownership.note_fallen([node(2), node(3)])
    assert owned(ownership)[1:4] == [(16, 23, 5), (24, 27, 1), (28, 31, 4)]
    ownership.note_fallen([])
    assert owned(ownership)[1:3] == [(16, 23, 2), (24, 27, 3)]


def test_the_root_falls_to_its_heir_or_to_nobody() -> None:
    granted = deed(1, 10, (16, 31, 2))
    ownership = ownership_of(granted, heir=2)
    ownership.note_fallen([node(1)])
    assert owned(ownership) == [(0, 15, 2), (16, 31, 2), (32, 255, 2)]
    ownership.put(deed(2, 5, (0, 7, 3)))
    assert owned(ownership)[0] == (0, 7, 3)
    without = ownership_of(granted)
    without.note_fallen([node(1)])
    assert owned(without) == [(0, 15, 1), (16, 31, 2), (32, 255, 1)]


def heir_of(fallen: Iterable[int], wills: Mapping[int, Sequence[int]]) -> int:
    """Return who has what never left the root, which was node 1's."""
    ownership = ownership_of()
    ownership.note_wills({node(n): tuple(map(node, w)) for n, w in wills.items()})
    ownership.note_fallen(map(node, fallen))
    assert ownership.root_holders[0] == node(1)
    assert ownership.root_holders[-1] == ownership.root_holder
    return int.from_bytes(ownership.root_holder, "big")


@pytest.mark.parametrize(
    ("fallen", "wills", "heir"),
    [
        ((), {1: [2]}, 1),
        ((1,), {1: [2, 3]}, 2),
        ((1, 2), {1: [2, 3]}, 3),
        # Of an heir's own heirs only when all before them have fallen.
        ((1, 2), {1: [2, 3], 2: [4]}, 3),
        ((1, 2, 3), {1: [2, 3], 2: [4]}, 4),
        ((1, 2, 3), {1: [2, 3], 3: [5]}, 5),
        ((1, 2, 3), {1: [2, 3], 2: [4], 3: [5]}, 4),
        ((1, 2, 3, 4), {1: [2, 3], 2: [4], 3: [5]}, 5),
        # Chains of any length.
        ((1, 2, 3, 4), {1: [2], 2: [3], 3: [4], 4: [5]}, 5),
        # Those who name each other, or themselves, or one who fell before.
        ((1, 2), {1: [2], 2: [1, 3]}, 3),
        ((1, 2), {1: [1, 2], 2: [2, 4]}, 4),
        # Where all have fallen the last of them has it, and gives nothing.
        ((1, 2), {1: [2], 2: [1]}, 2),
        ((1,), {}, 1),
        ((1,), {2: [3]}, 1),
        # The will of one who did not inherit says nothing.
        ((1, 5), {1: [2], 5: [6]}, 2),
    ],
)
def test_the_root_goes_by_will_from_heir_to_heir(
    fallen: Sequence[int], wills: Mapping[int, Sequence[int]], heir: int
) -> None:
    assert heir_of(fallen, wills) == heir
    assert heir_of(reversed(fallen), wills) == heir


def test_what_an_heir_granted_of_the_root_before_it_fell_stands() -> None:
    ownership = ownership_of(deed(1, 10, (0, 15, 4)), deed(2, 20, (16, 31, 5)))
    ownership.note_wills({node(1): (node(2), node(3))})
    # It holds nothing yet, so that it says nothing.
    assert owned(ownership) == [(0, 15, 4), (16, 255, 1)]
    ownership.note_fallen([node(1)])
    assert owned(ownership) == [(0, 15, 4), (16, 31, 5), (32, 255, 2)]
    ownership.note_fallen([node(1), node(2)])
    assert owned(ownership) == [(0, 15, 4), (16, 31, 5), (32, 255, 3)]
    assert ownership.holding_at(40) == Holding(
        Span(32, 255), node(3), None, (node(1), node(2))
    )
    # What it had by a grant of its own falls to whoever has the root now.
    ownership.note_fallen([node(1), node(2), node(4)])
    assert owned(ownership) == [(0, 15, 3), (16, 31, 5), (32, 255, 3)]


def test_of_what_two_heirs_granted_the_word_of_the_first_holds() -> None:
    ownership = ownership_of(deed(3, 30, (0, 31, 5)), deed(2, 20, (16, 47, 4)))
    ownership.note_wills({node(1): (node(2), node(3))})
    ownership.note_fallen([node(1), node(2)])
    assert owned(ownership) == [(0, 15, 5), (16, 47, 4), (48, 255, 3)]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    wills=st.dictionaries(
        st.integers(1, 6), st.lists(st.integers(1, 6), max_size=3), max_size=6
    ),
    fallen=st.sets(st.integers(1, 6)),
    more=st.integers(1, 6),
)
def test_the_fall_of_one_who_does_not_have_the_root_moves_it_nowhere(
    wills: dict[int, list[int]], fallen: set[int], more: int
) -> None:
    before = heir_of(fallen, wills)
    after = heir_of({*fallen, more}, wills)
    assert before in (after, more)
    assert before not in fallen or after in {*fallen, more}


def test_a_deed_reads_as_it_was_written() -> None:
    told = deed(1, 1 << 61, *((n, n, 2) for n in range(GRANTS_MAX)), parent=(9, 7))
    value = told.encode()
    assert decode_deed_untrusted(node(1), told.version, value) == told
    assert len(value) < 850


@pytest.mark.parametrize(
    "value",
    [
        b"",
        pack((REALM, None, STEP)),
        pack((b"", None, STEP, ())),
        pack((REALM, 5, STEP, ())),
        pack((REALM, None, -STEP, ())),
        pack((REALM, None, STEP, ((0, 5, 4, bytes(16)),))),
        pack((REALM, None, STEP, ((0, 5, 5, bytes(15)),))),
        pack((REALM, None, STEP, ((GRANTS_MAX, 5, 5, bytes(16)),))),
        pack((REALM, None, STEP, ((0, 1, 1, bytes(16)), (0, 2, 2, bytes(16))))),
        pack((REALM, (bytes(16),), STEP, ())),
        pack((REALM, None, 1 << 63, ())),
        # Else the grants of two deeds could have one number.
        *(pack((REALM, None, n, ())) for n in (1, STEP - 1, STEP + 1, 3 * STEP // 2)),
    ],
)
def test_what_is_no_deed_is_refused(value: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_deed_untrusted(node(1), (1, 1), value)


@pytest.mark.parametrize("number", [0, STEP, 5 * STEP])
def test_the_good_that_the_bad_are_made_from_is_good(number: int) -> None:
    value = pack((REALM, (bytes(16), 5), number, ((0, 5, 5, bytes(16)),)))
    told = decode_deed_untrusted(node(1), (1, 1), value)
    assert (told.number, told.grants) == (number, (Grant(number, Span(5, 5), node(0)),))


def stated(number: int, parent: int | None, *grants: tuple[int, int, int]) -> Deed:
    """Return a deed of node 1's to itself: (number, first, last)s."""
    given_ = tuple(Grant(n, Span(first, last), node(1)) for n, first, last in grants)
    held = None if parent is None else (node(1), parent)
    return Deed(REALM, node(1), (1, number), held, number, given_)


@pytest.mark.parametrize(
    "deeds",
    [
        # A grant out of itself, and two out of each other, that are nowhere.
        [stated(32, 32, (32, 0, 99))],
        [stated(32, 64, (32, 0, 99)), stated(64, 32, (64, 0, 99))],
        # The same once one of them is said a second time, out of the root.
        [stated(0, None, (5, 0, 99)), stated(1, 5, (5, 0, 99))],
        [stated(0, None, (5, 0, 99)), stated(1, 5, (5, 10, 20), (6, 30, 40))],
        [
            stated(0, None, (5, 0, 99)),
            stated(1, 5, (6, 0, 99)),
            stated(2, 6, (5, 0, 9)),
        ],
    ],
)
def test_a_grant_that_is_its_own_parent_makes_no_endless_tree(
    deeds: list[Deed],
) -> None:
    first, second = ownership_of(*deeds), ownership_of(*reversed(deeds))
    assert first.holdings() == second.holdings()
    spans = [one.span for one in first.holdings()]
    assert sum(span.size for span in spans) == WHOLE.size
    assert Spans(spans) == Spans([WHOLE])
    assert {one.owner for one in first.holdings()} == {node(1)}
    for holding in first.holdings():
        assert first.giver_of(holding) is None


class Cluster:
    """Nodes that grant what they own, each by what it has heard; deeds go anywhere."""

    def __init__(self, random: Random, count: int) -> None:
        self.random = random
        self.views = {
            number: Ownership(Root(WHOLE, node(1))) for number in range(1, count + 1)
        }
        self.deeds: list[Deed] = []
        self.numbers = 0

    def grant(self) -> None:
        """Let somebody give somebody else, or whom he had it from, a part of his."""
        giver = self.random.choice(list(self.views))
        view = self.views[giver]
        mine = [one for one in view.holdings() if one.owner == node(giver)]
        if not mine:
            return
        holding = self.random.choice(mine)
        first = self.random.randint(holding.span.first, holding.span.last)
        last = self.random.randint(first, holding.span.last)
        taker = self.random.choice(list(self.views))
        self.numbers += GRANTS_MAX
        parent: GrantId | None = holding.grant
        given_ = (Grant(self.numbers, Span(first, last), node(taker)),)
        version = (1, self.numbers)
        told = Deed(REALM, node(giver), version, parent, self.numbers, given_)
        self.deeds.append(told)
        view.put(told)

    def hear(self) -> None:
        """Let somebody hear of a deed, in any order."""
        if self.deeds:
            told = self.random.choice(self.deeds)
            self.views[self.random.choice(list(self.views))].put(told)

    def check(self) -> None:
        """Nothing is owned twice, by those who think that they own it."""
        seen = Spans()
        for number, view in self.views.items():
            mine = view.owned_by(node(number))
            assert not (mine & seen), (number, mine, seen)
            seen |= mine
            everything = [one.span for one in view.holdings()]
            assert sum(one.size for one in everything) == WHOLE.size

    def settle(self) -> None:
        """Let all hear of all."""
        for view in self.views.values():
            for told in self.random.sample(self.deeds, len(self.deeds)):
                view.put(told)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), count=st.integers(1, 5))
def test_nothing_is_owned_twice_and_nothing_is_lost(seed: int, count: int) -> None:
    random = Random(seed)
    cluster = Cluster(random, count)
    for _ in range(40):
        random.choice((cluster.grant, cluster.hear, cluster.hear))()
        cluster.check()
    cluster.settle()
    cluster.check()
    views = [view.holdings() for view in cluster.views.values()]
    assert all(one == views[0] for one in views)
    owners = [view.owned_by(node(n)).size for n, view in cluster.views.items()]
    assert sum(owners) == WHOLE.size
