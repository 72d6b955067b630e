"""The byte budget: what accrues, what answers may take, what is kept for news."""

import pytest

from swarmnet.swim.budget import Budget

RATE, BURST = 1000.0, 10_000.0


def spent() -> Budget:
    """Return a budget that answers have driven into all the debt there may be."""
    budget = Budget(RATE, BURST)
    budget.charge(0.0, 1_000_000)
    return budget


def test_a_budget_begins_full_and_accrues_up_to_its_burst() -> None:
    budget = Budget(RATE, BURST)
    assert budget.tokens(5.0) == BURST
    budget.charge(5.0, 4000)
    assert budget.tokens(5.0) == 6000
    assert budget.tokens(7.0) == 8000
    assert budget.tokens(60.0) == BURST


def test_debt_has_a_bound() -> None:
    assert spent().tokens(0.0) == -500


def test_news_is_sent_from_the_reserve_while_answers_hold_the_rest_in_debt() -> None:
    budget = spent()
    assert budget.affords_news(0.0, 250)
    budget.charge_news(0.0, 250)
    assert not budget.affords_news(0.0, 200)
    # A quarter of the rate accrues for it, whatever is charged besides.
    for step in range(8):
        budget.charge(0.1 * step, 10_000)
    assert budget.affords_news(0.8, 200)


def test_both_together_accrue_the_rate_and_no_more() -> None:
    budget = spent()
    budget.charge_news(0.0, 250)
    before = budget.tokens(0.0)
    gained = budget.tokens(0.5) - before
    assert gained == pytest.approx(0.75 * 500)
    assert budget.affords_news(0.5, 125)
    assert not budget.affords_news(0.5, 130)


@pytest.mark.parametrize("size", [100.0, 250.0, 400.0, 5000.0])
def test_news_is_ready_when_it_says_so_and_not_before(size: float) -> None:
    budget = spent()
    budget.charge_news(0.0, 250)
    # What is more than the reserve can hold waits for the debt to be paid.
    ready = budget.news_ready_at(0.0, size)
    assert not budget.affords_news(0.9 * ready - 0.02, size)
    for _ in range(3):
        ready = budget.news_ready_at(ready, size)
    assert budget.affords_news(ready + 1e-6, size)


def test_news_takes_what_there_is_before_the_reserve() -> None:
    budget = Budget(RATE, BURST)
    budget.charge_news(0.0, 9000)
    assert budget.tokens(0.0) == 1000
    assert budget.affords_news(0.0, 1000)
    budget.charge_news(0.0, 1000)
    assert budget.affords_news(0.0, 250)
