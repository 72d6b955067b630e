"""Rows in the simulator: what is measured is true, and broken tables are found out."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sim.options import Options
from sim.run import check
from swarmnet.errors import Refused
from swarmnet.node.verifying import Verifying
from swarmnet.tables.door import Door
from swarmnet.tables.row import Row
from swarmnet.tables.rules import Rules, Shown
from swarmnet.tables.snapshot import Snapshots
from swarmnet.tables.sync import Sync
from tests.sim.table_runs import figure, outcome, rules_of


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [2, 3, 12])
def test_a_row_is_shown_by_all_within_milliseconds(nodes: int) -> None:
    result = outcome("table-update", nodes)
    assert result.violations == ()
    assert figure(result, "reached") == nodes
    assert figure(result, "all_s") < 0.01


@pytest.mark.slow
def test_rows_behind_real_channels_are_shown_as_soon() -> None:
    result = outcome("table-update", 4, channels="on")
    assert result.violations == ()
    assert figure(result, "all_s") < 0.01


@pytest.mark.slow
def test_several_rows_give_their_rate_and_ages() -> None:
    result = outcome("table-update", 6, count="30", rate_per_s="30")
    assert result.violations == ()
    assert 25 < figure(result, "delivered_per_s") < 35
    assert figure(result, "age_p99_s") <= figure(result, "age_max_s") < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("churn", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_writes_are_seen_by_all_quiet_or_under_churn(churn: str) -> None:
    result = outcome("table-churn", 5, churn=churn, writes="8", junk="3", networks="2")
    assert result.violations == ()
    assert figure(result, "unseen") == 0
    assert figure(result, "p50_s") <= figure(result, "p90_s") <= figure(result, "max_s")
    assert figure(result, "max_s") < 0.5


@pytest.mark.slow
def test_sync_costs_what_differs() -> None:
    costs = [
        figure(outcome("table-sync", 2, rows="1000", differences=str(lacking)), "bytes")
        for lacking in (1, 10, 60)
    ]
    assert costs == sorted(costs)
    assert costs[0] < 600
    assert costs[2] < 4000


@pytest.mark.slow
def test_a_new_member_takes_all_rows_from_several_donors() -> None:
    result = outcome("table-join", 4, rows="600")
    assert result.violations == ()
    assert figure(result, "usable_s") <= figure(result, "complete_s") < 1.0
    assert figure(result, "rows") == 604


@pytest.mark.slow
def test_no_row_leaves_its_network() -> None:
    result = outcome("scope", 6, duration_s="22", acts_per_s="20")
    assert result.violations == ()
    assert figure(result, "foreign_rows") == 0
    assert figure(result, "writes") > 20
    assert figure(result, "asked") > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_whatever_happens_one_truth_is_left(seed: int) -> None:
    result = outcome("table-chaos", 4, seed, acts_per_s="10")
    assert result.violations == ()
    assert figure(result, "converged_s") < figure(result, "calm_s")
    assert figure(result, "writes") > 100
    assert figure(result, "masks") > 0
    assert figure(result, "horizons") > 0


@pytest.mark.slow
def test_one_seed_gives_one_trace() -> None:
    first, second = (outcome("table-chaos", 4, 5) for _ in range(2))
    assert first.trace_hash == second.trace_hash


@pytest.mark.parametrize(
    ("scenario", "nodes", "settings", "message"),
    [
        (
            "table-update",
            3,
            {"tables": "off"},
            "setting tables='off': this scenario writes rows; want on",
        ),
        (
            "table-sync",
            3,
            {},
            "--nodes 3: table-sync is between 2 nodes",
        ),
        (
            "table-sync",
            2,
            {"rows": "10", "differences": "6"},
            "--set differences=6: want 5 at most, half of the rows",
        ),
        (
            "idle",
            3,
            {"rows_per_owner": "5"},
            "setting 'rows_per_owner': it wants tables=on as well",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(
    scenario: str, nodes: int, settings: Mapping[str, str], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(Options(scenario, nodes, settings=settings))
    assert str(refused.value) == message


# Each rule of the checkers is shown to fail, by an engine that breaks it.


@pytest.mark.slow
def test_a_row_that_its_owner_never_wrote_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    show = Rules.show

    def forge(self: Rules, row: Row) -> Shown | None:
        shown = show(self, row)
        if shown is None or row.owner == self.me:
            return shown
        return Shown(replace(row, item=b"forged" + row.item), shown.dormant)

    monkeypatch.setattr(Rules, "show", forge)
    assert "row_owner" in rules_of(outcome("table-update", 3, duration_s="6"))


@pytest.mark.slow
def test_a_scope_that_is_not_forgotten_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Door, "close", lambda _self, _scope: None)
    result = outcome("scope", 6, duration_s="20", acts_per_s="20")
    assert "row_scope" in rules_of(result)
    assert figure(result, "held_outside") > 0


@pytest.mark.slow
def test_rows_given_to_whoever_asks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "is_attached", lambda _self, _node, _scope: True)
    result = outcome("scope", 6, duration_s="22", acts_per_s="20")
    assert rules_of(result)


@pytest.mark.slow
def test_rows_that_are_never_repaired_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sync, "receive_digest", lambda *_: None)
    monkeypatch.setattr(Snapshots, "begin", lambda *_: None)
    results = [outcome("table-chaos", 4, seed, acts_per_s="10") for seed in (1, 2, 3)]
    assert any("row_union" in rules_of(result) for result in results)


@pytest.mark.slow
def test_a_node_that_verifies_nothing_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def merge(self: Verifying, now: float, number: int, verdicts: object) -> object:
        del now, verdicts
        return [False] * len(self._batches.pop(number).claims)

    monkeypatch.setattr(Verifying, "merge", merge)
    assert "row_union" in rules_of(outcome("table-update", 3))
