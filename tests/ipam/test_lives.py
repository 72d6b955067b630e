"""What a life may use of what lives before it were given, and when it may."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import ANY_LIFE, Deed, Grant
from swarmnet.ipam.estate import Estate
from swarmnet.ipam.lives import KEPT_MAX, Continuation, Lives, kept_of
from swarmnet.ipam.ownership import Holding, Ownership, Root
from swarmnet.ipam.spans import Span, Spans

ME, GIVER = NodeId(bytes(15) + b"\2"), NodeId(bytes(15) + b"\1")
EARLIER, CURRENT, OTHER = 11, 12, 13


GIVEN = Span(16, 31)


def held(life: int, *fallen: NodeId, span: Span = GIVEN) -> Holding:
    return Holding(span, ME, (GIVER, 1), fallen, life=life, given=GIVEN)


BY_NOBODY, BY_US, BY_EARLIER = held(ANY_LIFE), held(CURRENT), held(EARLIER)
FALLEN = held(CURRENT, GIVER)
ALL = (BY_NOBODY, BY_US, BY_EARLIER, FALLEN)


def later() -> Lives:
    """Return a life that others were before, and that knows of every removal."""
    lives = Lives(CURRENT, is_first=False)
    lives.is_trusting = True
    return lives


def used(lives: Lives) -> list[bool]:
    return [lives.may_use(one) for one in ALL]


def test_the_first_life_of_a_key_may_use_everything() -> None:
    lives = Lives(CURRENT, is_first=True)
    assert (lives.is_sure, lives.is_met) == (True, True)
    assert used(lives) == [True] * 4


def test_another_life_may_use_only_what_it_has_asked_for_until_it_is_sure() -> None:
    lives = later()
    assert (lives.is_sure, lives.is_met) == (False, False)
    assert used(lives) == [False, True, False, False]
    lives.note_sure([EARLIER, ANY_LIFE])
    assert (lives.is_sure, lives.is_met) == (True, True)
    assert used(lives) == [True] * 4


def test_who_is_sure_does_not_use_what_a_life_asks_for_that_comes_later() -> None:
    lives = Lives(CURRENT, is_first=False)
    lives.note_sure([EARLIER])
    assert not lives.may_use(held(OTHER))
    assert not lives.may_keep(held(OTHER))
    assert lives.may_use(BY_EARLIER)


def test_who_doubts_is_another_life_that_runs_on_what_it_made() -> None:
    lives = Lives(CURRENT, is_first=True)
    lives.note_doubt(OTHER)
    assert (lives.is_sure, lives.is_met) == (False, False)
    assert used(lives) == [False] * 4
    assert lives.may_use(held(OTHER))
    assert [lives.is_ours(one) for one in (CURRENT, OTHER, 9)] == [True, True, False]


def test_who_is_not_known_uses_nothing_not_even_what_it_has_asked_for() -> None:
    lives = Lives(CURRENT, is_first=False, is_known=False)
    lives.is_trusting = True
    assert used(lives) == [False] * 4
    lives.is_known = True
    assert used(lives) == [False, True, False, False]
    newcomer = Lives(CURRENT, is_first=True, is_known=False)
    assert not newcomer.is_sure


def test_who_may_have_forgotten_a_removal_uses_nothing_that_it_is_granted() -> None:
    """Who grants it something may be removed, and what he has be another's."""
    lives = Lives(CURRENT, is_first=False)
    assert not lives.is_trusting
    assert used(lives) == [False] * 4
    # What it made itself nobody granted.
    assert lives.may_use(replace(BY_US, given=None))
    lives.note_sure([CURRENT])
    assert [lives.is_trusting, lives.may_use(BY_US)] == [True, True]


def test_who_goes_on_is_one_life_with_those_before_and_as_sure() -> None:
    first = Lives(EARLIER, is_first=True)
    second = Lives(CURRENT, is_first=False, before=first.continuation())
    both = (EARLIER, CURRENT)
    assert second.continuation() == Continuation(both, is_sure=True, made=both)
    assert used(second) == [True] * 4
    second.note_doubt(77)
    third = Lives(OTHER, is_first=False, before=second.continuation())
    assert (third.is_sure, third.is_met) == (False, False)
    assert used(third) == [False] * 4
    assert third.may_use(held(77))
    assert [third.is_ours(one) for one in (EARLIER, CURRENT, 77, OTHER, 9)] == [
        *(True, True, True, True, False)
    ]


def test_many_processes_are_one_life_but_not_without_end() -> None:
    lives = Lives(1, is_first=True)
    for number in range(2, 200):
        lives = Lives(number, is_first=False, before=lives.continuation())
    assert lives.is_ours(199)
    assert lives.is_ours(150)
    assert not lives.is_ours(1)
    assert len(lives.continuation().lives) < 100


@pytest.mark.parametrize(
    ("holding", "kept"),
    [
        (BY_NOBODY, Span(16, 19)),
        (held(ANY_LIFE, span=Span(18, 31)), Span(18, 19)),
        (held(ANY_LIFE, span=Span(16, 18)), Span(16, 18)),
        (held(ANY_LIFE, span=Span(20, 31)), None),
        (FALLEN, None),
        (replace(BY_NOBODY, given=None), None),
        (Holding(Span(5, 5), ME, (GIVER, 1), given=Span(5, 5)), Span(5, 5)),
        (Holding(Span(5, 7), ME, (GIVER, 1), given=Span(5, 7)), Span(5, 5)),
        (Holding(Span(5, 15), ME, (GIVER, 1), given=Span(5, 15)), Span(5, 6)),
        (Holding(Span(0, 255), ME, (GIVER, 1), given=Span(0, 255)), Span(0, 63)),
        (Holding(Span(0, 999), ME, (GIVER, 1), given=Span(0, 999)), Span(0, 63)),
    ],
)
def test_the_lowest_quarter_of_what_was_granted_is_kept_and_one_at_least(
    holding: Holding, kept: Span | None
) -> None:
    assert kept_of(holding) == kept


@given(st.integers(0, 1000), st.integers(1, 1000), st.data())
def test_what_is_kept_of_a_grant_does_not_depend_on_what_is_left_of_it(
    first: int, size: int, data: st.DataObject
) -> None:
    given_ = Span(first, first + size - 1)
    whole = kept_of(Holding(given_, ME, (GIVER, 1), given=given_))
    assert whole is not None
    assert whole.first == first
    assert whole.size == min(max(size // 4, 1), KEPT_MAX)
    low = data.draw(st.integers(given_.first, given_.last))
    high = data.draw(st.integers(low, given_.last))
    part = kept_of(Holding(Span(low, high), ME, (GIVER, 1), given=given_))
    both = Spans([Span(low, high)]) & Spans([whole])
    assert (Spans() if part is None else Spans([part])) == both


# With an estate

GRANTED = {ANY_LIFE: Span(16, 31), CURRENT: Span(32, 47), EARLIER: Span(48, 63)}


def estate(lives: Lives) -> tuple[Estate, Ownership]:
    """Return ours: a grant that nobody asked for, and one for each of two lives."""
    ownership = Ownership(Root(Span(0, 255), GIVER))
    grants = tuple(
        Grant(place, span, ME, life)
        for place, (life, span) in enumerate(GRANTED.items())
    )
    ownership.put(Deed(b"realm", GIVER, (1, 1), None, 0, grants))
    return Estate(ME, b"realm", ownership, Random(1), lives=lives), ownership


def test_in_doubt_only_what_was_asked_for_is_used_and_given_but_the_kept() -> None:
    ours, _ = estate(later())
    assert ours.usable() == Spans([Span(32, 47)])
    assert ours.kept() == Spans([Span(32, 35)])
    assert ours.grantable() == Spans([Span(36, 47)])
    assert ours.held_back() == Spans([Span(16, 31), Span(48, 63)])
    assert ours.waits_for(ME) == 32
    assert ours.waits_for(GIVER) == 0


def test_once_all_who_live_have_shown_what_nobody_asked_for_and_is_kept_is_used() -> (
    None
):
    lives = later()
    ours, _ = estate(lives)
    lives.is_met = True
    assert ours.usable() == Spans([Span(16, 19), Span(32, 47)])
    assert ours.kept() == Spans([Span(16, 19), Span(32, 35)])
    # It is used, and never given: whoever is dead may have had the rest of it.
    assert ours.grantable() == Spans([Span(36, 47)])


def test_who_is_sure_uses_all_and_gives_the_upper_three_quarters() -> None:
    lives = Lives(CURRENT, is_first=False)
    ours, _ = estate(lives)
    lives.note_sure(ours.lives())
    assert ours.usable() == Spans([Span(16, 63)])
    assert ours.kept() == Spans([Span(16, 19), Span(32, 35), Span(48, 51)])
    assert ours.grantable() == ours.usable() - ours.kept()
    assert ours.held_back() == Spans()
    assert ours.waits_for(ME) == 0


def test_what_an_earlier_life_gave_out_stands_where_nobody_can_have_it() -> None:
    lives = later()
    ours, _ = estate(lives)
    spots = (5, 16, 19, 20, 31, 32, 47, 48, 63, 300)
    stands = [number for number in spots if ours.stands(number)]
    assert stands == [16, 19, 32, 47]
    lives.note_sure(ours.lives())
    assert [number for number in spots if ours.stands(number)] == [*spots[1:9]]


def test_nothing_is_granted_of_what_may_not_be_used() -> None:
    ours, ownership = estate(later())
    (proposal,) = ours.grant([(Span(20, 42), GIVER)])
    assert [grant.span for grant in proposal.grants] == [Span(36, 42)]
    ownership.put(proposal.signed((1, 1)))
    assert ours.usable() == Spans([Span(32, 35), Span(43, 47)])
    assert ours.grant([(Span(16, 31), GIVER)]) == []


def test_what_is_kept_is_granted_to_nobody_not_even_by_who_leaves() -> None:
    lives = Lives(CURRENT, is_first=True)
    ours, ownership = estate(lives)
    assert ours.grant([(Span(16, 19), GIVER), (Span(32, 35), GIVER)]) == []
    everything = Spans([Span(0, 255)])
    for place, proposal in enumerate(ours.give_back(everything, lambda giver: giver)):
        ownership.put(proposal.signed((1, place)))
    assert ours.usable() == Spans([Span(16, 19), Span(32, 35), Span(48, 51)])
    assert ours.usable() == ours.kept()
