"""One member lies: nobody else pays for it, and if somebody does, it is found."""

from collections.abc import Mapping

import pytest

from sim.lies import Lie
from sim.options import Options
from sim.run import check, run
from swarmnet.crypto.proofs import Proof, Proofs
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.node.acquaintances import Acquaintances
from swarmnet.swim.credit import Credit
from swarmnet.swim.refutation import Refutation
from swarmnet.swim.suspicion import Suspicion
from tests.samples import mostly_slow
from tests.sim.hostile import checkers_of, hashes, member

NOTHING: Mapping[str, int] = {
    "false_dead": 0,
    "forged_accepted": 0,
    "neighbours_chosen": 0,
    "converged": 1,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", mostly_slow(Lie, [Lie.FORGE]))
def test_no_kind_of_lie_harms_the_honest(kind: Lie) -> None:
    result = member(kind)
    figures = result.figures
    assert result.violations == ()
    assert {name: figures[name] for name in NOTHING} == NOTHING
    assert figures["kind"] == kind
    lies, all_dead_s = figures["lies"], figures["all_dead_s"]
    assert lies is not None
    assert lies >= 200
    assert all_dead_s is not None
    assert all_dead_s < 6
    assert figures["back_s"] is not None


@pytest.mark.slow
def test_who_accuses_is_refuted_each_time() -> None:
    figures = member(Lie.ACCUSE).figures
    assert figures["suspicions"]
    assert figures["refutations"]


@pytest.mark.slow
def test_old_rows_and_forgeries_make_nobody_suspected() -> None:
    for kind in (Lie.ROWS, Lie.FORGE):
        figures = member(kind).figures
        assert (figures["suspicions"], figures["false_dead_liar"]) == (0, 0)


@pytest.mark.slow
def test_a_thief_runs_beside_the_node_whose_key_he_has_until_the_lies_end() -> None:
    coverage = member(Lie.THIEF).coverage
    assert coverage["process_conflict"] > 0
    # The victim, the one that restarts, and at the end the thief.
    assert coverage["process_crash"] == 3


@pytest.mark.slow
def test_the_kind_is_drawn_from_the_seed_and_one_that_is_set_shifts_nothing() -> None:
    kinds = {
        seed: run(Options("hostile-member", 3, seed, duration_s=0.1)).figures["kind"]
        for seed in range(1, 13)
    }
    assert len(set(kinds.values())) > 3
    assert set(kinds.values()) <= set(Lie)
    drawn, set_to = (
        run(Options("hostile-member", 4, 3, duration_s=19.0, settings=settings))
        for settings in ({}, {"kind": str(kinds[3])})
    )
    assert drawn.trace_hash == set_to.trace_hash


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [3, 4])
def test_somebody_is_always_left_to_be_lied_to(nodes: int) -> None:
    settings = {"crashes": "9", "rate_per_s": "5", "kind": "7"}
    options = Options("hostile-member", nodes, 1, duration_s=40.0, settings=settings)
    result = run(options)
    assert result.violations == ()
    # One that lies, and one that does not.
    running = [result.coverage[f"process_{what}"] for what in ("start", "crash")]
    assert running == [nodes + 1, nodes - 2 + 1]


@pytest.mark.parametrize(
    ("profile", "settings", "message"),
    [
        (
            "swim",
            {},
            "profile 'swim': has no channels, which hostile-member attacks;"
            " want --profile swarmnet",
        ),
        (
            "swarmnet",
            {"channels": "off"},
            "setting channels='off': hostile-member attacks channels; want on",
        ),
        ("swarmnet", {"kind": "8"}, "--set kind=8: want a whole number of 0 to 7"),
    ],
)
def test_what_cannot_be_lied_to_is_refused(
    profile: str, settings: Mapping[str, str], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(Options("hostile-member", profile=profile, settings=settings))
    assert str(refused.value) == message


# Each rule is shown to fail, by an engine that breaks it.


@pytest.mark.slow
def test_to_believe_every_signature_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Proofs, "verify", lambda *_: Proof.GENUINE)
    result = member(Lie.FORGE)
    assert "signed" in checkers_of(result)
    assert result.figures["forged_accepted"]


@pytest.mark.slow
def test_an_accusation_that_its_author_never_made_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verify = Proofs.verify

    def verify_own_claims(
        self: Proofs, node: NodeId, message: bytes, proof: bytes
    ) -> Proof:
        # Too short for an address and metadata: an accusation.
        if len(message) < len(b"swarmnet swim claim 1\0") + 45:
            return Proof.GENUINE
        return verify(self, node, message, proof)

    monkeypatch.setattr(Proofs, "verify", verify_own_claims)
    messages = [violation.message for violation in member(Lie.FORGE).violations]
    assert any("holds suspect@" in message for message in messages)


@pytest.mark.slow
def test_to_let_members_choose_their_places_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Acquaintances, "serial", lambda _self, node: node[:8])
    result = member(Lie.ROWS)
    assert checkers_of(result) == ["ring"]
    assert result.figures["neighbours_chosen"]


@pytest.mark.slow
def test_one_word_that_kills_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Refutation, "receive", lambda *_: None)
    monkeypatch.setattr(Suspicion, "convicts", lambda *_: True)
    monkeypatch.setattr(Credit, "believes", lambda *_: True)
    result = member(Lie.ACCUSE)
    assert "liar" in checkers_of(result)
    assert result.figures["false_dead"]


@pytest.mark.slow
def test_under_much_loss_deaths_are_not_held_against_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Suspicion, "convicts", lambda *_: True)
    monkeypatch.setattr(Refutation, "receive", lambda *_: None)
    options = Options(
        "hostile-member",
        6,
        3,
        loss=0.21,
        duration_s=26.0,
        settings={"kind": "1", "rate_per_s": "40"},
    )
    result = run(options)
    assert result.figures["false_dead"]
    assert "liar" not in checkers_of(result)


@pytest.mark.slow
def test_two_processes_with_different_hashes_hear_the_same_lies() -> None:
    words = "run hostile-member --seed 5 --set kind=7 --nodes 5 --duration 28"
    first, second = hashes(words)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("kind", Lie)
def test_sixteen_nodes_keep_their_calm_beside_every_liar(kind: Lie) -> None:
    settings = {"kind": str(kind), "rate_per_s": "60", "crash_after_s": "9"}
    result = run(
        Options("hostile-member", seed=6, loss=0.1, duration_s=26.0, settings=settings)
    )
    assert result.violations == ()
    figures = result.figures
    names = ("false_dead", "forged_accepted", "neighbours_chosen")
    assert [figures[name] for name in names] == [0, 0, 0]
    all_dead_s = figures["all_dead_s"]
    assert all_dead_s is not None
    assert all_dead_s < 6
