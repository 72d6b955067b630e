"""Masks, removals, horizons and askers in runs: engines that break a rule are found."""

from dataclasses import replace

import pytest

from swarmnet.ids import NodeId, Scope
from swarmnet.tables.collection import Collection
from swarmnet.tables.door import Door
from swarmnet.tables.receiver import Receiver
from swarmnet.tables.removal import Removal
from swarmnet.tables.row import MASK, NODE, Row, Version
from swarmnet.tables.rules import Rules
from swarmnet.tables.shelf import Shelf
from swarmnet.tables.snapshot import Snapshots
from swarmnet.tables.sync import Sync
from swarmnet.tables.writer import Writer
from tests.sim.table_runs import figure, outcome, rules_of, struck

ALWAYS: Version = (1 << 64, 0)


SEEDS = (7, 4, 2, 1, 3, 8)
"""Not every run meets every fault: one of these does."""


def messages(rule: str, *kinds: str, **settings: str) -> list[str]:
    """Return what is said of a rule in the first run that breaks it."""
    for seed in SEEDS:
        result = struck(seed, 5, *kinds, **settings)
        found = [v.message for v in result.violations if v.checker == rule]
        if found:
            return found
    return []


@pytest.mark.slow
def test_what_is_masked_goes_and_then_its_mask() -> None:
    result = struck(1, 4, "mask", "partition")
    assert result.violations == ()
    assert figure(result, "masks") > 5


@pytest.mark.slow
def test_a_row_that_its_mask_does_not_hide_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rules, "is_masked", lambda _self, _row: False)
    found = messages("row_mask", "mask", "partition")
    assert any("that it knows to be masked" in message for message in found)


@pytest.mark.slow
def test_a_masked_row_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "attend", lambda _self, _row: None)
    found = messages("row_mask", "mask")
    assert found
    assert all("whose owner could have deleted it" in message for message in found)


@pytest.mark.slow
def test_a_mask_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "_lift_masks", lambda _self: None)
    found = messages("row_mask", "mask")
    assert found
    assert all("whose owner could have deleted it" in message for message in found)


@pytest.mark.slow
def test_a_mask_that_goes_before_its_row_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lift_all(self: Writer) -> None:
        for scope, key, _ in self._core.rules.masks.by(self._core.me):
            self.delete(scope, (MASK, key))

    monkeypatch.setattr(Writer, "_lift_masks", lift_all)
    found = messages("row_mask", "mask", obey_s="5")
    assert any("lifts its mask of" in message for message in found)


@pytest.mark.slow
def test_all_agree_about_the_removed() -> None:
    result = struck(4, 5, "remove", intensity="2")
    assert result.violations == ()
    assert figure(result, "removals") > 0


@pytest.mark.slow
def test_endpoints_of_the_removed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    is_void = Rules.is_void

    def spare(self: Rules, row: Row) -> bool:
        if row.is_durable or row.table == NODE:
            return is_void(self, row)
        floor = max(self.facts_of(row.owner).floor, self.since_of(row.owner, row.scope))
        return row.version < floor or row.version <= self.facts_of(row.owner).collected

    monkeypatch.setattr(Rules, "is_void", spare)
    found = messages("row_removed", "remove", intensity="2")
    assert any("endpoint" in message for message in found)


@pytest.mark.slow
def test_what_the_removed_wrote_after_the_cut_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rules, "_bound", lambda _self, _node: ALWAYS)
    monkeypatch.setattr(Receiver, "_is_late", lambda _self, _sender, _row: False)
    found = messages("row_removed", "remove", intensity="2")
    assert any("with the cut at" in message for message in found)


@pytest.mark.slow
def test_a_removal_that_nobody_acknowledges_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Removal, "acknowledge", lambda _self: None)
    assert messages("row_removed", "remove", intensity="2")


@pytest.mark.slow
def test_a_difference_about_the_removed_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    purge = Door.purge

    def keep(self: Door, owner: NodeId, scope: Scope | None = None) -> None:
        if not self._core.rules.is_revoked(owner):
            purge(self, owner, scope)

    monkeypatch.setattr(Door, "purge", keep)
    found = messages("row_removed", "remove", intensity="2")
    assert any("who was removed, in" in message for message in found)


@pytest.mark.slow
def test_tombstones_that_are_never_collected_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Collection, "_worthwhile", lambda _self, _now: None)
    result = struck(1, 4)
    assert rules_of(result) == {"row_tombstones"}
    assert figure(result, "horizons") == 0


@pytest.mark.slow
def test_deleted_rows_that_a_sleeper_brings_back_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NetworkDB's way: that tombstones go says nothing of what they have deleted."""
    is_void = Rules.is_void

    def spare(self: Rules, row: Row) -> bool:
        facts = self.facts_of(row.owner)
        if row.is_deleted or row.version > facts.collected:
            return is_void(self, row)
        since = self.since_of(row.owner, row.scope)
        return not row.is_durable and row.version < max(facts.floor, since)

    monkeypatch.setattr(Rules, "is_void", spare)
    found = messages("row_resurrected", "sleep", duration_s="228")
    assert all("that it knew to be gone" in message for message in found)
    assert found


@pytest.mark.slow
def test_a_horizon_above_what_lives_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attachments are void by it, too: then a node cannot even write."""

    def advance(self: Collection, now: float, horizon: Version) -> float:
        del now
        self._writer.state(replace(self._writer.facts, collected=horizon))
        self._horizon = None
        return 1.0

    monkeypatch.setattr(Collection, "_advance", advance)
    result = struck(1, 4)
    assert result.violations


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [2, 6])
def test_who_asks_from_outside_is_given_nothing(nodes: int) -> None:
    result = outcome("scope", nodes, duration_s="22", acts_per_s="20")
    assert result.violations == ()
    assert figure(result, "foreign_rows") == 0
    assert figure(result, "asked") > 50


@pytest.mark.slow
def test_what_sync_gives_to_whoever_asks_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shelf(self: Sync, _peer: NodeId, scope: Scope) -> Shelf | None:
        return self._core.shelves.get(scope)

    monkeypatch.setattr(Sync, "_shelf", shelf)
    result = outcome("scope", 6, duration_s="22", acts_per_s="20")
    assert rules_of(result) == {"row_scope"}
    assert figure(result, "foreign_rows") > 50
    assert figure(result, "held_outside") == 0


@pytest.mark.slow
def test_a_snapshot_for_whoever_asks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    receive_want = Snapshots.receive_want

    def give(self: Snapshots, *args: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Rules, "is_attached", lambda _self, _node, _scope: True)
            receive_want(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshots, "receive_want", give)
    result = outcome("scope", 6, duration_s="22", acts_per_s="20")
    assert rules_of(result) == {"row_scope"}
    assert figure(result, "foreign_rows") > 50
