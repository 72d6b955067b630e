"""Tables for every formula of the peer profiles."""

from collections.abc import Mapping
from math import e

import pytest

from sim.profiles.memberlist import MemberlistProfile
from sim.profiles.memberlist.formulas import (
    awareness_after,
    confirmations_wanted,
    push_pull_interval_s,
    retransmit_limit,
    suspicion_min_s,
    suspicion_timeout_s,
)
from sim.profiles.swim_paper import SwimPaperProfile
from sim.profiles.swim_paper.formulas import spread_limit
from swarmnet.errors import Refused


@pytest.mark.parametrize(
    ("members", "limit"),
    [(1, 4), (9, 4), (10, 8), (99, 8), (100, 12), (999, 12), (1000, 16), (10_000, 20)],
)
def test_a_broadcast_is_sent_four_times_the_decades(members: int, limit: int) -> None:
    assert retransmit_limit(4, members) == limit


@pytest.mark.parametrize(
    ("mult", "members", "interval_s", "shortest_s"),
    [
        (4, 1, 1.0, 4.0),
        (4, 10, 1.0, 4.0),
        (4, 100, 1.0, 8.0),
        (4, 1000, 1.0, 12.0),
        (4, 5000, 1.0, 14.792),
        (4, 10_000, 1.0, 16.0),
        (4, 100_000, 1.0, 20.0),
        (6, 1000, 5.0, 90.0),
    ],
)
def test_the_shortest_suspicion_grows_with_the_logarithm(
    mult: int, members: int, interval_s: float, shortest_s: float
) -> None:
    assert suspicion_min_s(mult, members, interval_s) == pytest.approx(shortest_s)


@pytest.mark.parametrize(
    ("mult", "members", "wanted"),
    [(4, 2, 0), (4, 3, 0), (4, 4, 2), (4, 1000, 2), (6, 5, 0), (6, 6, 4), (1, 9, 0)],
)
def test_confirmations_are_wanted_where_there_are_enough_to_give_them(
    mult: int, members: int, wanted: int
) -> None:
    assert confirmations_wanted(mult, members) == wanted


@pytest.mark.parametrize(
    ("confirmations", "wanted", "multiple"),
    [
        (0, 2, 6.0),
        (1, 2, 2.845),
        (2, 2, 1.0),
        (3, 2, 1.0),
        (0, 4, 6.0),
        (1, 4, 3.846),
        (2, 4, 2.586),
        (3, 4, 1.693),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_a_suspicion_shortens_with_every_confirmation(
    confirmations: int, wanted: int, multiple: float
) -> None:
    timeout_s = suspicion_timeout_s(confirmations, wanted, 1.0, 6.0)
    assert timeout_s == pytest.approx(multiple, abs=1e-9)


@pytest.mark.parametrize(
    ("members", "interval_s"),
    [
        (2, 30),
        (32, 30),
        (33, 60),
        (64, 60),
        (65, 90),
        (100, 90),
        (500, 150),
        (1000, 180),
        (5000, 270),
        (10_000, 300),
        (100_000, 390),
    ],
)
def test_full_syncs_grow_rarer_with_size(members: int, interval_s: float) -> None:
    assert push_pull_interval_s(30.0, members) == interval_s


@pytest.mark.parametrize(
    ("score", "delta", "after"),
    [(0, -1, 0), (0, 1, 1), (0, 3, 3), (3, -1, 2), (6, 3, 7), (7, 1, 7), (7, -1, 6)],
)
def test_the_health_score_stays_from_0_to_7(score: int, delta: int, after: int) -> None:
    assert awareness_after(score, delta) == after


@pytest.mark.parametrize(
    ("base", "members", "limit"),
    [
        (e, 1, 3),
        (e, 10, 9),
        (e, 28, 12),
        (e, 100, 15),
        (e, 1000, 21),
        (2.0, 7, 9),
        (2.0, 1000, 30),
        (10.0, 999, 9),
    ],
)
def test_swim_spreads_and_suspects_by_three_logarithms(
    base: float, members: int, limit: int
) -> None:
    assert spread_limit(3, base, members) == limit


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"gossip_nodes": "0"},
            "setting gossip_nodes='0': want an integer from 1 to 100",
        ),
        (
            {"gossip_nodes": "2.5"},
            "setting gossip_nodes='2.5': want an integer from 1 to 100",
        ),
        (
            {"probe_interval_s": "soon"},
            "setting probe_interval_s='soon': want a number from 0.01 to 3600",
        ),
        (
            {"probe_interval_s": "nan"},
            "setting probe_interval_s='nan': want a number from 0.01 to 3600",
        ),
    ],
)
def test_a_setting_out_of_bounds_is_refused_in_one_line(
    given: Mapping[str, str], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        MemberlistProfile(given)
    assert str(refused.value) == message


@pytest.mark.parametrize("profile", [MemberlistProfile, SwimPaperProfile])
def test_an_unknown_setting_is_refused_with_the_known_ones(
    profile: type[MemberlistProfile] | type[SwimPaperProfile],
) -> None:
    with pytest.raises(Refused) as refused:
        profile({"speed": "9"})
    known = ", ".join(sorted(profile.settings_help()))
    assert (
        str(refused.value) == f"setting 'speed': profile {profile.name} knows {known}"
    )


def test_a_setting_reaches_the_configuration() -> None:
    assert MemberlistProfile({"gossip_nodes": "5"}).config.gossip_nodes == 5
    assert SwimPaperProfile({"period_s": "2"}).config.period_s == 2.0
