"""The scenarios about addresses: nothing twice, nothing lost; checkers that see it."""

from collections.abc import Callable

import pytest

from sim.faults import KINDS
from sim.options import Result
from swarmnet.ids import NodeId
from swarmnet.ipam.estate import Estate
from swarmnet.ipam.lives import Lives
from swarmnet.ipam.ownership import Holding
from swarmnet.ipam.spans import Spans
from swarmnet.node.granting import Granting
from swarmnet.node.inquiries import Question
from swarmnet.node.settling import Settling
from tests.sim.table_runs import figure, outcome, rules_of

Patch = pytest.MonkeyPatch


def chaos(seed: int, nodes: int, *kinds: str, **settings: str) -> Result:
    """Run `address-chaos` with faults of some kinds alone, or of all."""
    without = tuple(kind for kind in KINDS if kinds and kind not in kinds)
    sets = {"acts_per_s": "15", **settings}
    return outcome("address-chaos", nodes, seed, without=without, **sets)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_whatever_happens_no_address_is_given_twice_and_none_is_lost(seed: int) -> None:
    result = chaos(seed, 6)
    assert result.violations == ()
    assert (figure(result, "doubled"), figure(result, "leaked")) == (0, 0)
    assert figure(result, "allocated") > 50
    assert figure(result, "made") > 0
    assert figure(result, "looks") > 100


@pytest.mark.slow
def test_real_keys_and_channels_change_nothing() -> None:
    result = chaos(1, 6, channels="on")
    assert result.violations == ()
    assert figure(result, "allocated") > 50


@pytest.mark.slow
def test_one_seed_gives_one_trace() -> None:
    first, second = (chaos(3, 4) for _ in range(2))
    assert first.trace_hash == second.trace_hash


@pytest.mark.slow
def test_a_network_costs_hosts_and_not_addresses() -> None:
    small, large = (outcome("address-share", 12, 1, bits=bits) for bits in ("24", "12"))
    assert small.violations == large.violations == ()
    assert figure(small, "slice_min") >= 16
    assert figure(large, "slice_min") >= 1 << 14
    assert figure(large, "held_bytes") <= 1.3 * figure(small, "held_bytes")


# A checker that cannot see what it is for is none.


def uses_all(_: Lives, holding: Holding) -> bool:
    return holding is not None


def gives_anything(estate: Estate) -> Spans:
    return Spans([estate._ownership.root.span])


def asks_nobody(_: Settling, question: Question) -> list[NodeId]:
    assert question
    return []


def names_nobody(_: Granting, now: float) -> None:
    assert now >= 0


Broken = tuple[type, str, Callable[..., object]]
BROKEN: dict[str, tuple[Broken, tuple[str, str]]] = {
    "uses all": (
        (Lives, "may_use", uses_all),
        ("restore partition", "address_owners"),
    ),
    "gives anything": (
        (Estate, "usable", gives_anything),
        ("partition", "address_given"),
    ),
    "asks nobody": (
        (Settling, "missing", asks_nobody),
        ("restore partition remove", "address_owners"),
    ),
    "names nobody": (
        (Granting, "write_will", names_nobody),
        ("remove crash", "address_lost"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_without_a_rule_is_found_out(monkeypatch: Patch, name: str) -> None:
    (of, verb, broken), (kinds, rule) = BROKEN[name]
    monkeypatch.setattr(of, verb, broken)
    runs = (chaos(seed, 4, *kinds.split(), intensity="6") for seed in range(1, 9))
    # Most are found by the first seed.
    assert any(rule in rules_of(result) for result in runs)
