"""The ordinary scenarios on the whole node, with real channels and keys."""

from collections.abc import Mapping

import pytest

from sim.cluster import Cluster
from sim.options import Options, Result
from sim.perjury import Perjury
from sim.profiles.swarmnet import SwarmnetProfile
from sim.run import check, run
from sim.trace import Trace
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.errors import Refused
from tests.sim.hostile import hashes

ON: Mapping[str, str] = {"channels": "on"}


def sealed(
    scenario: str,
    nodes: int,
    seed: int = 1,
    duration_s: float | None = None,
    **more: str,
) -> Result:
    """Run a scenario with real channels."""
    settings = {**ON, **more}
    return run(Options(scenario, nodes, seed, duration_s=duration_s, settings=settings))


@pytest.mark.slow
def test_nodes_at_rest_suspect_nobody_and_shake_hands_once() -> None:
    result = sealed("idle", 8, duration_s=15.0)
    assert (result.violations, result.figures["suspicions"]) == ((), 0)
    handshakes = result.coverage["engine_channel_initiations"]
    # 28 pairs; of some both began at once.
    assert 28 <= handshakes <= 56
    assert result.coverage["engine_channel_initiations_received"] == handshakes
    assert "engine_channel_unopened" not in result.coverage


@pytest.mark.slow
def test_the_bytes_that_seal_a_packet_are_counted_in_it() -> None:
    result = sealed("idle", 4, duration_s=10.0)
    plain = run(Options("idle", 4, 1, duration_s=10.0))
    assert result.bytes_per_node_s["mean"] < 1.2 * plain.bytes_per_node_s["mean"]


@pytest.mark.slow
def test_an_update_costs_few_more_packets_and_at_most_twice_the_time() -> None:
    on, off = sealed("update", 30).figures, run(Options("update", 30)).figures
    assert (on["reached"], on["copies_per_node"]) == (30, None)
    packets, plain = on["packets"], off["packets"]
    all_s, plain_s = on["all_s"], off["all_s"]
    assert packets is not None
    assert plain is not None
    assert all_s is not None
    assert plain_s is not None
    # Seeds differ: 1.07 to 1.11.
    assert packets <= 1.15 * plain
    assert all_s <= 2 * plain_s


@pytest.mark.slow
def test_a_crash_is_found_and_nobody_else_is_blamed() -> None:
    figures = sealed("crash", 8).figures
    all_dead_s = figures["all_dead_s"]
    assert all_dead_s is not None
    assert all_dead_s < 6
    assert figures["false_dead"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("with_state", ["0", "1"])
def test_who_restarts_is_known_by_its_new_life_and_never_suspected(
    with_state: str,
) -> None:
    result = sealed("restart", 8, with_state=with_state, down_s="0.05")
    known_s = result.figures["known_s"]
    assert known_s is not None
    assert known_s < 1
    assert (result.violations, result.figures["false_dead"]) == ((), 0)
    assert "member_suspect" not in result.coverage


@pytest.mark.slow
def test_all_join_through_strangers_and_learn_their_certificates() -> None:
    result = sealed("bootstrap", 8)
    assert result.violations == ()
    assert result.figures["all_s"] is not None
    assert result.coverage["engine_channel_openings"] >= 7


@pytest.mark.slow
def test_a_healed_partition_is_one_cluster_again() -> None:
    result = sealed("partition", 8)
    assert result.violations == ()
    assert result.figures["heal_s"] is not None


@pytest.mark.slow
def test_the_stable_nodes_learn_of_all_that_comes_and_goes() -> None:
    result = sealed("churn", 12, duration_s=40.0)
    assert result.violations == ()
    assert result.figures["max_s"] is not None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_chaos_ends_in_one_view(seed: int) -> None:
    result = sealed("chaos", 8, seed)
    assert result.violations == ()
    assert result.figures["converged_s"] is not None


@pytest.mark.slow
def test_clones_fight_for_their_name_and_nobody_believes_what_none_of_them_said() -> (
    None
):
    kinds = "crash,restart,leave,pause,slow,drift,loss,duplicate,reorder,corrupt,rate"
    without = (*kinds.split(","), "mtu", "one_way", "udp_only", "stream_only", "clog")
    options = Options(
        "chaos", 6, 3, settings={**ON, "intensity": "4"}, without=(*without, "replay")
    )
    result = run(options)
    assert result.coverage["fault_clone"] > 2
    assert result.violations == ()


@pytest.mark.slow
def test_bent_bytes_reach_real_channels_which_find_out_by_themselves() -> None:
    kinds = "crash,restart,leave,pause,slow,drift,clone,loss,reorder,rate,mtu,one_way"
    without = (*kinds.split(","), "udp_only", "stream_only", "clog", "partition")
    result = run(Options("chaos", 6, 2, settings=ON, without=without))
    coverage = result.coverage
    assert coverage["datagram_corrupt_delivered"] > 0
    assert "datagram_corrupt" not in coverage
    assert coverage["engine_channel_unopened"] > 0
    assert result.violations == ()
    assert "member_suspect" not in coverage or result.figures["false_dead"] == 0


def test_a_cluster_without_channels_has_no_ledger_and_drops_what_is_bent() -> None:
    profiles = [SwarmnetProfile(settings) for settings in ({}, ON)]
    clusters = [Cluster(Options("idle", 3), one, Trace(), 3) for one in profiles]
    assert [cluster.outfit is None for cluster in clusters] == [True, False]
    assert [cluster.underlay.raw_corruption for cluster in clusters] == [False, True]
    guards = [list(map(type, cluster.checkers.guards)) for cluster in clusters]
    assert guards == [[], [Perjury]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": "yes"}, "setting channels='yes': want on or off"),
        ({"channels": ""}, "setting channels='': want on or off"),
        (
            {"rekey_age_s": "60"},
            "setting 'rekey_age_s': it wants channels=on as well",
        ),
        (
            {"channels": "off", "life_s": "60"},
            "setting 'life_s': it wants channels=on as well",
        ),
        (
            {"channels": "on", "rekey_age_s": "soon"},
            "setting rekey_age_s='soon': want a number",
        ),
    ],
)
def test_a_wrong_setting_of_channels_is_refused_in_one_line(
    settings: Mapping[str, str], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(Options("idle", settings=settings))
    assert str(refused.value) == message


def test_a_setting_out_of_its_bounds_is_refused_by_the_channels_themselves() -> None:
    with pytest.raises(Refused, match="rekey_age_s 9000: want less than life_s"):
        check(Options("idle", settings={**ON, "rekey_age_s": "9000"}))


def test_every_setting_of_channels_is_listed_beside_those_of_membership() -> None:
    told = SwarmnetProfile.settings_help()
    assert told["channels"].startswith("on or off")
    assert told["rekey_age_s"].startswith(f"default {ChannelSettings().rekey_age_s:g}")


@pytest.mark.slow
def test_sessions_are_renewed_by_age_and_nobody_notices() -> None:
    result = sealed("idle", 4, duration_s=20.0, rekey_age_s="4")
    assert (result.violations, result.figures["suspicions"]) == ((), 0)
    assert result.coverage["engine_channel_initiations"] > 3 * 6
    assert "engine_channel_unknown_sessions" not in result.coverage


@pytest.mark.slow
def test_what_was_run_before_shifts_nothing() -> None:
    first = sealed("bootstrap", 5, 9).trace_hash
    sealed("idle", 7, 9, 1.0)
    assert sealed("bootstrap", 5, 9).trace_hash == first


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["bootstrap", "chaos"])
def test_one_seed_gives_one_trace_in_two_processes(scenario: str) -> None:
    words = f"run {scenario} --nodes 5 --seed 4 --set channels=on"
    first, second = hashes(words)
    assert first == second
