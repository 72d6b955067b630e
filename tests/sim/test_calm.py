"""By when all views must be equal, from the configuration."""

from collections.abc import Mapping

import pytest

from sim.convergence import calm_s
from sim.options import Options
from sim.profiles import PROFILES
from sim.run import check
from swarmnet.errors import Refused


@pytest.mark.parametrize(
    ("profile", "nodes", "settings", "bound_s"),
    [
        # 5 contacts, 60 s of being kept out, the longest suspicion, 7 probe intervals,
        # 4 repairs of 0.15 s; nobody is contacted or kept out by one who is alone.
        ("swarmnet", 1, {}, 6 + 7 + 0.6),
        ("swarmnet", 16, {}, 5 + 60 + 6 + 7 + 0.6),
        ("swarmnet", 16, {"suspicion_max_s": "90"}, 5 + 60 + 90 + 7 + 0.6),
        ("swarmnet", 16, {"probe_interval_s": "5"}, 5 + 60 + 6 + 35 + 0.6),
        ("swarmnet", 16, {"dead_contact_interval_s": "10"}, 50 + 60 + 6 + 7 + 0.6),
        # A push/pull, twice the longest suspicion of 6 * 4 * log10 N, gossip ticks.
        ("memberlist", 1, {}, 30 + 48 + 0.2),
        ("memberlist", 32, {}, 30 + 2 * 24 * 1.505 + 1.2),
        ("memberlist", 1000, {}, 180 + 2 * 24 * 3 + 2.2),
        ("memberlist", 8, {"push_pull_interval_s": "60"}, 60 + 48 + 0.8),
        # Thrice 3 * ceil(ln(N + 1)) periods, and one join that failed.
        ("swim", 16, {}, 3 * 9 + 2),
        ("swim", 16, {"period_s": "2"}, 3 * 9 * 2 + 2),
    ],
)
def test_the_bound_follows_from_the_configuration(
    profile: str, nodes: int, settings: Mapping[str, str], bound_s: float
) -> None:
    found_s = PROFILES[profile](settings).calm_s(nodes)
    assert found_s == pytest.approx(bound_s)


@pytest.mark.parametrize(
    ("loss", "factor"), [(0.0, 1.0), (0.2, 1 / 0.64), (0.5, 4.0), (1.0, 4.0)]
)
def test_loss_stretches_the_bound_as_far_as_anything_is_demanded(
    loss: float, factor: float
) -> None:
    profile = PROFILES["swarmnet"]({})
    found_s = calm_s(profile, 16, loss)
    assert found_s == pytest.approx(factor * profile.calm_s(16))


def test_a_calm_that_no_trace_has_room_for_is_refused() -> None:
    settings = {"dead_contact_interval_s": "50000"}
    with pytest.raises(Refused, match=r"^duration 250149: the calm phase"):
        check(Options("chaos", settings=settings))
