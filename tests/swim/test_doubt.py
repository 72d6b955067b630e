"""Who sends forgeries is not read for a while, and nobody else suffers for it."""

from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import claim_of
from swarmnet.swim.doubt import FORGERIES_MAX, WINDOW_S, Doubt
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import State
from tests.swim.worlds import IDLE, alive, changed, node, notes, suspect, swim, tell

MOST = FORGERIES_MAX


def forged(claim: Claim, number: int = 0) -> Claim:
    """Return a claim with a proof that its author never gave."""
    return claim_of(claim.body, b"forged" + bytes((number,)))


def doubting() -> Swim:
    """Return a node to which 2 has sent as many forgeries as it may."""
    engine = swim(1, (2, 3))
    for number in range(MOST):
        assert tell(engine, 2, forged(alive(4), number), now=1.0) == []
    assert engine.counters() == {**IDLE, "bad_proofs": MOST}
    return engine


def test_a_few_forgeries_are_found_out_and_the_rest_not_looked_at() -> None:
    engine = doubting()
    for claim in (forged(alive(4)), forged(alive(1, 9)), forged(suspect(3, 2))):
        assert tell(engine, 2, claim, now=1.1) == []
    assert engine.counters() == {**IDLE, "bad_proofs": MOST, "claims_unread": 3}


def test_a_forger_is_not_read_even_when_he_says_the_truth() -> None:
    engine = doubting()
    assert tell(engine, 2, alive(4), now=1.5) == []
    assert engine.member(node(4)) is None


def test_what_a_forger_says_is_taken_from_anybody_else() -> None:
    engine = doubting()
    outputs = tell(engine, 3, alive(4), now=1.5)
    assert notes(outputs) == [changed(4, None, State.ALIVE)]


def test_after_a_while_a_forger_is_read_again() -> None:
    engine = doubting()
    outputs = tell(engine, 2, alive(4), now=1.0 + WINDOW_S)
    assert notes(outputs) == [changed(4, None, State.ALIVE)]


def test_what_is_held_already_costs_nothing_and_is_no_forgery() -> None:
    engine = swim(1, (2, 3))
    for number in range(3 * MOST):
        tell(engine, 2, forged(alive(3), number), now=1.0)
    assert engine.counters() == IDLE


def test_forgeries_are_counted_by_sender_and_second() -> None:
    doubt = Doubt()
    for number in range(MOST):
        assert not doubt.doubts(5.0, node(2)), number
        doubt.note(5.0, node(2))
    assert doubt.doubts(5.0 + 0.9 * WINDOW_S, node(2))
    assert not doubt.doubts(5.0, node(3))
    assert not doubt.doubts(5.0 + WINDOW_S, node(2))
    doubt.note(5.0 + WINDOW_S, node(3))
    assert not doubt.doubts(5.0 + WINDOW_S, node(2))
