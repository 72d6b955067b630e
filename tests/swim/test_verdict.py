"""Invariants E and O: what it takes to be dead, how soon, and who never is."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.options import Options
from sim.run import run
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import claim_of
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Ping
from swarmnet.swim.outputs import MemberChanged, SendDatagram, State
from swarmnet.swim.suspicion import Suspicion, suspicion_timeout
from tests.samples import mostly_slow
from tests.swim.worlds import (
    address,
    alive,
    claims,
    drain,
    fewer,
    frame,
    left,
    messages,
    node,
    proof_of,
    suspect,
    swim,
    tell,
)

CONFIG = SwimConfig()
VICTIM = 2


def whole(engine: Swim, until: float) -> list[MemberChanged]:
    """Let an engine run whose every ping is answered; return what changed."""
    found: list[MemberChanged] = []
    while (due := engine.poll_timeout()) is not None and due <= until:
        engine.handle_timeout(due)
        outputs = drain(engine)
        for to, message in messages(outputs):
            if isinstance(message, Ping):
                outputs += tell(engine, to, Ack(message.sequence), now=due)
        found += [one for one in outputs if isinstance(one, MemberChanged)]
    return found


@fewer(4)
@given(
    st.lists(
        st.tuples(st.sampled_from([3, 4]), st.integers(0, 2), st.floats(0.0, 3.0)),
        max_size=12,
    )
)
def test_fewer_than_k_accusers_and_no_failed_probe_of_our_own_kill_nobody(
    accusations: list[tuple[int, int, float]],
) -> None:
    engine = swim(1, range(1, 12))
    engine.start(0.0)
    changes, now = [], 0.0
    for author, incarnation, wait_s in accusations:
        now += wait_s
        changes += whole(engine, now)
        told = tell(engine, author, suspect(VICTIM, author, 1, incarnation), now=now)
        changes += [one for one in told if isinstance(one, MemberChanged)]
    changes += whole(engine, now + 30.0)
    assert [one for one in changes if one.current is State.DEAD] == []


@given(st.integers(1, 8), st.floats(0.1, 10.0), st.floats(0.0, 50.0))
def test_a_suspicions_life_is_in_its_bounds_and_never_grows_by_confirmation(
    wanted: int, least_s: float, more_s: float
) -> None:
    most_s = least_s + more_s
    lives = [suspicion_timeout(c, wanted, least_s, most_s) for c in range(wanted + 3)]
    assert lives == sorted(lives, reverse=True)
    assert lives[0] == pytest.approx(most_s)
    assert lives[-1] == least_s
    assert all(least_s <= life <= most_s + 1e-9 for life in lives)


@given(st.integers(0, 6), st.integers(1, 6), st.booleans(), st.booleans())
def test_a_verdict_needs_own_eyes_or_k_signatures(
    accusers: int, wanted: int, failed: bool, answered: bool
) -> None:
    suspicion = Suspicion((1, 0), 0.0)
    if failed:
        suspicion = suspicion.with_own_failure(0.0)
    if answered:
        suspicion = suspicion.with_answer()
    own_eyes = failed and not answered
    assert suspicion.convicts(accusers, wanted) == (own_eyes or accusers >= wanted)


def test_the_suspicion_counts_from_the_first_ping_that_got_no_answer() -> None:
    suspicion = Suspicion((1, 0), 5.0).with_own_failure(4.2)
    assert suspicion.deadline(4, 4, 2.0, 6.0) == 6.2
    assert suspicion.with_own_failure(4.6).started == 4.2


# Invariant O. Up to 32 members each is pinged by somebody within a period; the probe is
# over after two timeouts at most; then come the longest suspicion and a last look.
BOUND_S = (
    CONFIG.probe_interval_min_s
    + 2 * CONFIG.probe_timeout_s
    + CONFIG.suspicion_max_s
    + CONFIG.probe_timeout_s
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", mostly_slow(range(1, 7), [1]))
@pytest.mark.parametrize(
    ("nodes", "victims"),
    [(3, 1), (10, 1), (10, 3), pytest.param(24, 1, marks=pytest.mark.slow)],
)
def test_a_crash_is_known_to_all_within_the_worst_case(
    nodes: int, victims: int, seed: int
) -> None:
    result = run(Options("crash", nodes, seed, settings={"victims": str(victims)}))
    all_dead_s = result.figures["all_dead_s"]
    assert all_dead_s is not None
    assert CONFIG.suspicion_min_s <= all_dead_s <= BOUND_S
    assert result.figures["false_dead"] == 0
    assert not result.violations


@pytest.mark.slow
@pytest.mark.parametrize("seed", mostly_slow(range(1, 5), [1]))
@pytest.mark.parametrize("loss", mostly_slow([0.0, 0.05], [0.05]))
def test_nobody_is_wrongly_dead_with_a_little_loss_and_pauses_of_up_to_two_seconds(
    seed: int, loss: float
) -> None:
    settings = {"paused": "0.2"}
    options = Options("crash", 12, seed, loss=loss, settings=settings)
    assert run(options).figures["false_dead"] == 0


# What memberlist's issues 370 and 358 tell of, and what a flood of it costs.


@pytest.mark.parametrize("forged", ["leave", "address"])
def test_nobody_leaves_or_moves_by_the_word_of_another(forged: str) -> None:
    """hashicorp/memberlist 370: any holder of the key could do both."""
    engine = swim(1, range(1, 6))
    true = left(VICTIM) if forged == "leave" else alive(VICTIM, 1, 7, at=address(99))
    stolen = claim_of(true.body, proof_of(node(3), SIGN_DOMAIN + true.body))
    before = engine.member(node(VICTIM))
    tell(engine, 3, stolen)
    assert engine.member(node(VICTIM)) == before
    tell(engine, 3, true)
    assert engine.member(node(VICTIM)) != before


@pytest.mark.slow
def test_a_flood_of_impossible_accusations_moves_nothing_and_is_not_answered() -> None:
    """hashicorp/memberlist 358, by the thousand, signed by a member."""
    engine = swim(1, range(1, 30))
    engine.start(0.0)
    whole(engine, 5.0)
    before = engine.save().digest()
    random, sent = Random(1), 0
    for number in range(5000):
        now = 5.0 + number * 0.001
        target = random.choice([1, 2, 3, 4])
        lie = suspect(target, 9, 1, 2**63 + number)
        outputs = tell(engine, 9, lie, now=now)
        sent += sum(len(o.data) for o in outputs if isinstance(o, SendDatagram))
    assert engine.save().digest() == before
    received = 5000 * len(frame(suspect(2, 9, 1, 2**63)))
    assert sent < received / 100
    assert claims(outputs) == []
