"""The scenarios about kernels: all is put right, nothing lost; checkers that see it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

import swarmnet.kernel.link_difference
import swarmnet.kernel.reconcile
import swarmnet.node.dataplane
from sim.options import Options, Result
from sim.run import run
from swarmnet.errors import Refused
from swarmnet.kernel.entry_difference import compare_entries
from swarmnet.kernel.held import Held, hold
from swarmnet.kernel.link_difference import may_remove
from swarmnet.kernel.links import Link
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.state import Entries, Host, Namespace
from swarmnet.kernel.work import Work
from swarmnet.node.caution import Caution
from swarmnet.node.turns import Turns
from swarmnet.tables.engine import Tables
from tests.sim.table_runs import figure, outcome, rules_of

Patch = pytest.MonkeyPatch


def drift(seed: int, nodes: int = 4, **settings: str) -> Result:
    """Run `drift` with one short round."""
    return outcome("drift", nodes, seed, without=(), **{"rounds": "1", **settings})


def agent_restart(seed: int, nodes: int = 4, **settings: str) -> Result:
    """Run `agent-restart` for a shorter time."""
    return outcome(
        "agent-restart", nodes, seed, without=(), **{"duration_s": "70", **settings}
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_others_change_in_kernels_is_put_right(seed: int) -> None:
    result = drift(seed)
    assert result.violations == ()
    assert figure(result, "unhealed") == 0
    assert figure(result, "put_right_s") <= 1.0
    assert figure(result, "resynced_s") <= 31.0
    assert figure(result, "tampered") > 20
    assert figure(result, "drifted") > 20
    assert figure(result, "refused") > 0


@pytest.mark.slow
def test_agents_that_are_killed_and_started_again_lose_nothing() -> None:
    results = [agent_restart(seed) for seed in (1, 2, 3, 4)]
    for result in results:
        assert result.violations == ()
        assert figure(result, "lost") == 0
        assert figure(result, "settled_s") < 30
        assert figure(result, "connected") > 20
    # Some of them in the middle of their work, some with their machines.
    assert sum(figure(result, "restarts") for result in results) > 20
    assert sum(figure(result, "cut_mid_apply") for result in results) > 0
    assert sum(figure(result, "reboots") for result in results) > 0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["drift", "agent-restart"])
def test_real_keys_and_channels_change_nothing_about_kernels(scenario: str) -> None:
    runs = {"drift": drift, "agent-restart": agent_restart}
    result = runs[scenario](1, 3, channels="on")
    assert result.violations == ()
    assert figure(result, "connected") > 10


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["drift", "agent-restart"])
def test_one_seed_gives_one_trace_with_kernels(scenario: str) -> None:
    runs = {"drift": drift, "agent-restart": agent_restart}
    first, second = (runs[scenario](5, 3) for _ in range(2))
    assert first.trace_hash == second.trace_hash


@pytest.mark.parametrize("scenario", ["drift", "agent-restart"])
def test_a_run_without_data_planes_is_refused(scenario: str) -> None:
    with pytest.raises(Refused, match="kernel='off': this scenario programs kernels"):
        run(Options(scenario, 4, 1, settings={"kernel": "off"}))


def test_a_data_plane_without_tables_is_refused() -> None:
    with pytest.raises(Refused, match="kernel='on': it wants tables=on as well"):
        run(Options("update", 4, 1, settings={"kernel": "on"}))


def test_an_underlay_has_room_for_so_many_nodes() -> None:
    with pytest.raises(Refused, match="nodes 251: want 250 at most"):
        run(Options("drift", 251, 1))


# A checker that cannot see what it is for is none.


def forget_neighbours(
    work: Work, namespace: str, link: str, desired: Entries, actual: Entries
) -> None:
    without = Entries(desired.fdb, actual.neighbours, desired.flood)
    compare_entries(work, namespace, link, without, actual)


def let_all_through(_: Caution, work: Work, held: Host) -> Iterator[Operation]:
    assert held is not None
    yield from work.ordered()


def is_always_informed(tables: Tables, scope: bytes) -> bool:
    return scope in tables.scopes()


def expect_everything(_desired: object, _news: object) -> bool:
    return True


def look_past_intruders(held: Held, name: str, space: Namespace | None) -> None:
    if space is not None:
        held.namespaces[name] = hold(replace(space, intruders={}))
    else:
        held.namespaces.pop(name, None)


def take_ports(link: Link, where: Namespace) -> bool:
    return link.master is not None or may_remove(link, where)


@pytest.mark.slow
def test_a_reconcile_that_forgets_neighbours_is_found_out(monkeypatch: Patch) -> None:
    monkeypatch.setattr(swarmnet.kernel.reconcile, "compare_entries", forget_neighbours)
    assert "kernel_flow" in rules_of(drift(1))


@pytest.mark.slow
def test_a_data_plane_that_is_deaf_is_found_out(monkeypatch: Patch) -> None:
    monkeypatch.setattr(swarmnet.node.dataplane, "is_expected", expect_everything)
    assert "kernel_late" in rules_of(drift(1))


@pytest.mark.slow
def test_a_data_plane_that_never_looks_again_is_found_out(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Turns, "due", 1e9)
    assert "kernel_plan" in rules_of(drift(1))


@pytest.mark.slow
def test_a_data_plane_that_lets_intruders_stay_is_found_out(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(Held, "look", look_past_intruders)
    assert "kernel_plan" in rules_of(drift(1))


@pytest.mark.slow
def test_a_data_plane_that_takes_ports_of_others_for_its_own_is_found_out(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(swarmnet.kernel.link_difference, "may_remove", take_ports)
    assert "kernel_foreign" in rules_of(drift(1))


@pytest.mark.slow
def test_a_data_plane_without_caution_is_found_out(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Caution, "filter", let_all_through)
    assert "kernel_lost" in rules_of(agent_restart(1))


@pytest.mark.slow
def test_a_data_plane_that_believes_it_knows_all_is_found_out(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(Tables, "is_informed", is_always_informed)
    assert "kernel_lost" in rules_of(agent_restart(1))
