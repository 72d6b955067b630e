"""Invariant D and the bugs of others: what news moves a roster, what it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import claim_of
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import MemberChanged, SendDatagram, State
from tests.swim.worlds import (
    IDLE,
    address,
    advance,
    alive,
    changed,
    claims,
    drain,
    frame,
    left,
    messages,
    node,
    notes,
    route,
    stream,
    suspect,
    swim,
    tell,
)

ALIVE, SUSPECT, DEAD, LEFT = State


def state_of(engine: Swim, number: int) -> tuple[State, tuple[int, int]] | None:
    """Return a member's state and version as held, or None."""
    held = engine.member(node(number))
    return None if held is None else (held.state, held.claim.version)


def convicted(number: int = 2, seed: int = 1) -> Swim:
    """Return an engine of 1 that has concluded for itself that 2 is dead at (1, 0)."""
    engine = swim(1, (2, 3, 4, 5, 6), seed=seed)
    tell(engine, 3, *(suspect(number, author) for author in (3, 4, 5)))
    advance(engine, 4.5)
    assert state_of(engine, number) == (DEAD, (1, 0))
    return engine


def test_a_stranger_who_is_alive_is_held_told_and_passed_on() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 2, alive(4))
    assert notes(outputs) == [changed(4, None, ALIVE)]
    assert sorted(claims(outputs), key=lambda one: one[0]) == [
        (3, alive(4)),
        (4, alive(4)),
    ]
    assert tell(engine, 3, alive(4)) == []


def test_news_is_not_sent_back_to_where_it_came_from() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 3, alive(2, 1, 1))
    assert notes(outputs) == [changed(2, ALIVE, ALIVE, 1, 1)]
    assert claims(outputs) == [(2, alive(2, 1, 1))]


def test_a_claim_with_a_wrong_proof_is_counted_and_dropped() -> None:
    engine = swim(1, (2, 3))
    forged = claim_of(alive(4).body, b"forged")
    stolen = claim_of(alive(2, 1, 9).body, alive(3, 1, 9).proof)
    assert tell(engine, 2, forged, stolen) == []
    assert engine.counters()["bad_proofs"] == 2
    assert (state_of(engine, 4), state_of(engine, 2)) == (None, (ALIVE, (1, 0)))


def test_an_accusation_makes_its_subject_suspect_and_travels_on() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 3, suspect(2, 3))
    assert notes(outputs) == [changed(2, ALIVE, SUSPECT)]
    assert (2, suspect(2, 3)) in claims(outputs)
    assert engine.member(node(2)) == Member(alive(2), (suspect(2, 3),), SUSPECT)


def test_an_accusation_of_an_old_incarnation_is_ignored() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, alive(2, 1, 1))
    advance(engine, 0.2)
    assert tell(engine, 3, suspect(2, 3, 1, 0), now=0.2) == []
    assert state_of(engine, 2) == (ALIVE, (1, 1))


def test_an_accusation_of_a_stranger_is_ignored() -> None:
    engine = swim(1, (2, 3))
    assert notes(tell(engine, 3, suspect(7, 3))) == []
    assert state_of(engine, 7) is None


def test_a_refutation_ends_a_suspicion() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 3, suspect(2, 3))
    outputs = tell(engine, 3, alive(2, 1, 1), now=0.1)
    assert notes(outputs) == [changed(2, SUSPECT, ALIVE, 1, 1)]
    assert engine.member(node(2)) == Member(alive(2, 1, 1), (), ALIVE)
    assert notes(one for _, one in advance(engine, 30.0)) == []


@pytest.mark.parametrize(
    ("claim", "after"),
    [
        (alive(2, 1, 0), (DEAD, (1, 0))),
        (alive(2, 0, 9), (DEAD, (1, 0))),
        (suspect(2, 6, 1, 0), (DEAD, (1, 0))),
        (suspect(2, 6, 1, 5), (DEAD, (1, 0))),
        (alive(2, 1, 1), (ALIVE, (1, 1))),
        (alive(2, 2, 0), (ALIVE, (2, 0))),
        (left(2, 1, 0), (LEFT, (1, 0))),
        (left(2, 1, 1), (LEFT, (1, 1))),
    ],
)
def test_the_dead_come_back_by_a_greater_claim_of_their_own_only(
    claim: Claim, after: tuple[State, tuple[int, int]]
) -> None:
    engine = convicted()
    tell(engine, 3, claim, now=5.0)
    assert state_of(engine, 2) == after


@pytest.mark.parametrize(
    ("claim", "after"),
    [
        (alive(2, 1, 0), (LEFT, (1, 1))),
        (alive(2, 1, 1), (LEFT, (1, 1))),
        (suspect(2, 3, 1, 1), (LEFT, (1, 1))),
        (suspect(2, 3, 1, 2), (LEFT, (1, 1))),
        (alive(2, 1, 2), (ALIVE, (1, 2))),
        (alive(2, 2, 0), (ALIVE, (2, 0))),
    ],
)
def test_who_left_comes_back_by_a_greater_claim_of_its_own_only(
    claim: Claim, after: tuple[State, tuple[int, int]]
) -> None:
    engine = swim(1, (2, 3))
    assert notes(tell(engine, 2, left(2))) == [changed(2, ALIVE, LEFT, 1, 1)]
    tell(engine, 3, claim, now=1.0)
    assert state_of(engine, 2) == after


def test_whoever_believes_one_alive_that_left_is_told() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, left(2))
    advance(engine, 1.0)
    for claim in (alive(2), suspect(2, 3)):
        assert claims(tell(engine, 3, claim, now=1.0)) == [(3, left(2))]
    assert tell(engine, 3, left(2), now=1.0) == []
    assert tell(engine, 3, left(2, 1, 0), now=1.0) == []


def test_a_strangers_leave_is_no_news() -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 2, left(7)) == []
    assert state_of(engine, 7) is None


def test_as_many_leaves_are_remembered_as_the_bound_says() -> None:
    engine = swim(1, range(1, 8), SwimConfig(left_max=2))
    for number in (2, 3, 4, 5):
        tell(engine, 6, left(number), now=float(number))
    assert [state_of(engine, n) for n in (2, 3, 4, 5)] == [
        *(None, None),
        *((LEFT, (1, 1)), (LEFT, (1, 1))),
    ]


def test_a_leave_is_forgotten_after_its_time() -> None:
    engine = swim(1, (2, 3, 4), SwimConfig(left_retention_s=10.0))
    tell(engine, 4, left(2), now=1.0)
    tell(engine, 4, left(3), now=12.0)
    assert (state_of(engine, 2), state_of(engine, 3)) == (None, (LEFT, (1, 1)))


def test_the_leaves_of_a_saved_view_are_forgotten_in_their_time_too() -> None:
    config = SwimConfig(left_max=2, left_retention_s=10.0)
    engine = swim(1, range(1, 8), config)
    tell(engine, 7, left(2))
    core = engine._core
    again = Swim(
        route(1), config, core.random, core.seams, boot_epoch=2, view=engine.save()
    )
    again.start(50.0)
    tell(again, 7, left(3), now=59.0)
    assert state_of(again, 2) == (LEFT, (1, 1))
    tell(again, 7, left(4), now=60.0)
    assert state_of(again, 2) is None
    assert [state_of(again, n) for n in (3, 4)] == [(LEFT, (1, 1))] * 2


CLAIMS = st.one_of(
    st.builds(alive, st.integers(2, 4), st.integers(1, 2), st.integers(0, 2)),
    st.builds(left, st.integers(2, 4), st.integers(1, 2), st.integers(0, 2)),
    st.builds(
        suspect, st.integers(2, 4), st.integers(5, 9), st.just(1), st.integers(0, 2)
    ),
)


@given(st.lists(st.tuples(CLAIMS, st.sampled_from([0.0, 0.5, 4.0])), max_size=15))
def test_no_transition_at_an_observer_is_against_the_rules(
    steps: list[tuple[Claim, float]],
) -> None:
    engine = swim(1, range(1, 10))
    engine.start(0.0)
    now = 0.0
    seen: dict[bytes, MemberChanged] = {}
    for claim, pause_s in steps:
        now += pause_s
        outputs = [one for _, one in advance(engine, now)]
        outputs += tell(engine, 5, claim, now=now)
        for one in outputs:
            if isinstance(one, MemberChanged):
                check_transition(seen.get(one.member), one)
                seen[one.member] = one


def check_transition(last: MemberChanged | None, now: MemberChanged) -> None:
    """Assert that a member may go from its last transition to this one."""
    assert now.previous is (ALIVE if last is None else last.current)
    before = (1, 0) if last is None else (last.boot_epoch, last.incarnation)
    after = (now.boot_epoch, now.incarnation)
    assert after >= before
    if after == before:
        assert now.current > now.previous
    if now.current is ALIVE:
        assert after > before


# Bugs that live in memberlist, each of which a rule of ours forbids.


def test_a_stale_alive_never_revives_one_whose_death_ran_ahead() -> None:
    """al8n/memberlist 197: what was dropped as too new left the stored value behind."""
    engine = convicted()
    tell(engine, 3, suspect(2, 3, 1, 10), now=5.0)
    for incarnation in (0, 0):
        tell(engine, 3, alive(2, 1, incarnation), now=5.0)
    assert state_of(engine, 2) == (DEAD, (1, 0))
    tell(engine, 3, alive(2, 1, 10), now=5.0)
    tell(engine, 3, alive(2, 1, 2), now=5.0)
    assert state_of(engine, 2) == (ALIVE, (1, 10))


def test_a_full_sync_revives_nobody() -> None:
    """hashicorp/memberlist 312: full syncs brought a gone node back for hours."""
    engine = convicted()
    tell(engine, 4, left(4), now=5.0)
    outputs = stream(engine, 3, *(alive(n) for n in range(2, 7)), now=6.0)
    assert notes(outputs) == []
    assert claims(outputs) == [(3, left(4))]
    assert (state_of(engine, 2), state_of(engine, 4)) == (
        (DEAD, (1, 0)),
        (LEFT, (1, 1)),
    )


def test_an_accusation_of_a_huge_incarnation_evicts_nobody() -> None:
    """hashicorp/memberlist 358: one suspect of 2**32 - 1 made the refutation wrap."""
    observer, victim = swim(2, (1, 3)), swim(1, (2, 3))
    for incarnation in (2**32 - 1, 2**63, 2**64 - 1):
        huge = suspect(1, 3, 1, incarnation)
        tell(observer, 3, huge)
        tell(victim, 3, huge)
    tell(victim, 3, suspect(1, 3))
    refuted = victim.member(node(1))
    assert refuted is not None
    assert refuted.claim == alive(1, 1, 1)
    tell(observer, 1, refuted.claim, now=1.0)
    assert state_of(observer, 1) == (ALIVE, (1, 1))


def test_a_claims_unknown_fields_under_the_signature_travel_on() -> None:
    body = alive(4).body
    longer = bytes((body[0] + 1,)) + body[1:] + b"\xc4\x04more"
    engine, author = swim(1, (2, 3)), swim(4)
    proof = author._core.seams.sign(b"swarmnet swim claim 1\0" + longer)
    later = claim_of(longer, proof)
    outputs = tell(engine, 2, later)
    relayed = [one for one in outputs if isinstance(one, SendDatagram)]
    assert frame(later) in [one.data for one in relayed]
    assert [claim.body for _, claim in claims(outputs)] == [longer] * 2


def test_a_bad_frame_is_counted_and_changes_nothing() -> None:
    engine = swim(1, (2, 3))
    before = engine.save().digest()
    for data in (b"", b"\xff", frame(alive(4))[:-1], b"\x92\x01\x92\x01\x01"):
        engine.receive_datagram(0.0, node(2), address(2), data)
        engine.receive_stream(0.0, node(2), address(2), data)
    assert (drain(engine), engine.save().digest()) == ([], before)
    assert engine.counters() == {**IDLE, "bad_packets": 8}


def test_unknown_messages_are_counted_and_the_rest_is_taken() -> None:
    engine = swim(1, (2, 3))
    data = b"\x94\x01\x91\x63" + alive(4).item + b"\x92\x62\x01"
    engine.receive_datagram(0.0, node(2), address(2), data)
    outputs = drain(engine)
    assert notes(outputs) == [changed(4, None, ALIVE)]
    assert engine.counters()["unknown_messages"] == 2
    assert len(messages(outputs)) == 2
