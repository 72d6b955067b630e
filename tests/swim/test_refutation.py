"""Refutations: at once, at a pace, and again until somebody repeats them."""

from itertools import pairwise

import pytest

from swarmnet.swim.claim import Claim
from swarmnet.swim.engine import Swim
from tests.swim.worlds import (
    advance,
    alive,
    claims,
    node,
    suspect,
    swim,
    tell,
)

INSISTS_S = [0.1, 0.3, 0.7, 1.5]


def accused(at_s: float = 0.0) -> Swim:
    """Return an engine that has just refuted its first accusation."""
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(1, 3), now=at_s)
    return engine


def said(engine: Swim, until: float) -> list[float]:
    """Let an engine run; return when it spoke of itself, to whomever, rounded."""
    own = engine.member(node(1))
    assert own is not None
    found = [
        round(at, 3)
        for at, output in advance(engine, until)
        for _, claim in claims([output])
        if claim == own.claim
    ]
    return list(dict.fromkeys(found))


def test_an_accused_member_says_four_times_more_that_it_is_alive() -> None:
    assert said(accused(), 60.0) == INSISTS_S


@pytest.mark.parametrize("heard", [0.05, 0.2, 0.5, 1.0])
def test_it_stops_when_somebody_repeats_it(heard: float) -> None:
    engine = accused()
    before = said(engine, heard)
    tell(engine, 3, alive(1, 1, 1), now=heard)
    assert before + said(engine, 60.0) == [at for at in INSISTS_S if at < heard]


def test_what_was_said_before_does_not_count_as_repeated() -> None:
    engine = accused()
    tell(engine, 3, alive(1, 1, 0), now=0.01)
    assert said(engine, 60.0)[-4:] == INSISTS_S


def test_the_next_accusation_begins_to_insist_anew() -> None:
    engine = accused()
    said(engine, 1.0)
    tell(engine, 2, suspect(1, 3, 1, 1), now=1.0)
    assert said(engine, 60.0) == [1.1, 1.3, 1.7, 2.5]


def test_who_leaves_insists_no_more() -> None:
    engine = accused()
    engine.leave(0.05)
    own = engine.member(node(1))
    assert own is not None
    later = [claim for _, one in advance(engine, 60.0) for _, claim in claims([one])]
    assert set(later) <= {own.claim}


def spaced(accusers: int, since_s: float) -> list[float]:
    """Return when a member refutes that is accused every 10 ms, from a time on."""
    engine, refuted = swim(1, range(1, 20)), []
    for step in range(1600):
        now = step * 0.01
        before = own_claim(engine)
        advance(engine, now)
        accuser = 5 + step % accusers
        tell(engine, 5, suspect(1, accuser, *own_claim(engine).version), now=now)
        if own_claim(engine) != before and now >= since_s:
            refuted.append(now)
    return [round(b - a, 2) for a, b in pairwise(refuted)]


def own_claim(engine: Swim) -> Claim:
    """Return what the engine says of itself."""
    held = engine.member(node(1))
    assert held is not None
    return held.claim


def test_who_accuses_one_member_without_end_is_answered_twice_a_second() -> None:
    # After eight refutations at once, 50 ms apart.
    gaps = spaced(1, since_s=1.0)
    assert gaps == [pytest.approx(0.5, abs=0.02)] * len(gaps)
    assert len(gaps) > 20


def disbelieving() -> Swim:
    """Return an engine that has heard 5 be wrong about seven others."""
    engine = swim(1, range(1, 20))
    for accused_one in range(10, 17):
        tell(engine, 6, suspect(accused_one, 5))
        tell(engine, accused_one, alive(accused_one, 1, 1))
    tell(engine, 5, suspect(1, 5))
    assert own_claim(engine) == alive(1, 1, 1)
    return engine


def test_a_liar_who_tells_us_alone_is_answered_after_five_seconds() -> None:
    engine = disbelieving()
    tell(engine, 5, suspect(1, 5, 1, 1), now=0.2)
    advance(engine, 4.9)
    assert own_claim(engine) == alive(1, 1, 1)
    advance(engine, 5.1)
    assert own_claim(engine) == alive(1, 1, 2)


def test_a_liar_whom_somebody_else_believes_is_answered_at_once() -> None:
    engine = disbelieving()
    tell(engine, 7, suspect(1, 5, 1, 1), now=0.2)
    assert own_claim(engine) == alive(1, 1, 2)


@pytest.mark.slow
def test_accusers_who_could_convict_together_are_answered_at_once_for_ever() -> None:
    assert set(spaced(3, since_s=14.0)) == {0.05}
