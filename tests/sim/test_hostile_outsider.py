"""Somebody without a certificate attacks: nothing changes, and if so, it is found."""

from collections.abc import Mapping

import pytest

from sim.attacks import Attack
from sim.options import Options
from sim.run import check, run
from swarmnet.crypto import channels
from swarmnet.crypto.carrier import Carrier
from swarmnet.crypto.packets import encode_hint, kind_of
from swarmnet.crypto.switchboard import Received
from swarmnet.crypto.window import ReplayWindow
from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.node.engine import Node
from tests.samples import mostly_slow
from tests.sim.hostile import checkers_of, hashes, outsider

NOTHING: Mapping[str, int] = {
    "state_changes_by_outsider": 0,
    "forged_accepted": 0,
    "converged": 1,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", mostly_slow(Attack, [Attack.REPLAY, Attack.MIRROR]))
def test_no_kind_of_attack_changes_anything(kind: Attack) -> None:
    result = outsider(kind)
    figures = result.figures
    assert result.violations == ()
    assert {name: figures[name] for name in NOTHING} == NOTHING
    assert figures["kind"] == kind
    datagrams = figures["attacker_datagrams"]
    assert datagrams is not None
    assert datagrams > 100
    assert figures["all_dead_s"] is not None
    assert figures["back_s"] is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    mostly_slow(
        [Attack.REPLAY, Attack.BEND, Attack.GARBAGE, Attack.HANDSHAKE],
        [Attack.GARBAGE],
    ),
)
def test_who_only_speaks_makes_nobody_suspected(kind: Attack) -> None:
    figures = outsider(kind).figures
    assert (figures["suspicions"], figures["false_dead"]) == (0, 0)
    echo = figures["echo"]
    assert echo is not None
    assert echo < 0.5


@pytest.mark.slow
def test_false_answers_prompt_handshakes_and_no_more() -> None:
    figures = outsider(Attack.ANSWER).figures
    assert figures["prompted"]
    assert (figures["suspicions"], figures["echo"]) == (0, 0)


@pytest.mark.slow
def test_a_flood_is_answered_by_cookies_and_the_flooded_node_returns() -> None:
    result = outsider(Attack.FLOOD)
    assert result.coverage["engine_channel_cookies_sent"] > 0
    assert result.coverage["engine_channel_handshakes_refused"] > 0
    assert result.figures["suspicions"] == 0
    back_s = result.figures["back_s"]
    assert back_s is not None
    assert back_s < 0.5


@pytest.mark.slow
def test_copies_that_come_before_the_original_are_told_apart() -> None:
    figures = outsider(Attack.MIRROR).figures
    assert figures["late_copies"]
    assert figures["diverted"]
    assert figures["state_changes_by_outsider"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("nodes", mostly_slow([2, 4, 12], [2]))
def test_copies_of_everything_get_nobody_held_dead(nodes: int) -> None:
    settings = {"kind": "2", "rate_per_s": "100", "at_s": "1"}
    options = Options("hostile-outsider", nodes, 3, duration_s=30.0, settings=settings)
    figures = run(options).figures
    answered = figures["answered_share"]
    assert figures["diverted"]
    assert (figures["false_dead"], figures["converged"]) == (0, 1)
    assert answered is not None
    assert answered > 0.9


@pytest.mark.slow
def test_the_kind_is_drawn_from_the_seed_and_one_that_is_set_shifts_nothing() -> None:
    kinds = {
        seed: run(
            Options("hostile-outsider", 2, seed, duration_s=0.1, settings={"kind": "0"})
        ).figures["kind"]
        for seed in range(1, 13)
    }
    assert len(set(kinds.values())) > 4
    assert set(kinds.values()) <= set(Attack)
    drawn, set_to = (
        run(Options("hostile-outsider", 4, 3, duration_s=6.0, settings=settings))
        for settings in ({}, {"kind": str(kinds[3])})
    )
    assert drawn.trace_hash == set_to.trace_hash


@pytest.mark.slow
def test_it_runs_with_channels_unless_told_otherwise() -> None:
    plain, told = (
        run(Options("hostile-outsider", 2, duration_s=0.5, settings=settings))
        for settings in ({}, {"channels": "on"})
    )
    assert plain.coverage["engine_channel_initiations"] > 0
    assert plain.trace_hash == told.trace_hash


@pytest.mark.parametrize(
    ("profile", "settings", "message"),
    [
        (
            "memberlist",
            {},
            "profile 'memberlist': has no channels, which hostile-outsider attacks;"
            " want --profile swarmnet",
        ),
        (
            "swarmnet",
            {"channels": "off"},
            "setting channels='off': hostile-outsider attacks channels; want on",
        ),
        ("swarmnet", {"kind": "9"}, "--set kind=9: want a whole number of 0 to 8"),
        (
            "swarmnet",
            {"rate_per_s": "5000"},
            "--set rate_per_s=5000: with 16 targets and the flood 80500 packets a"
            " second; want 20000 at most",
        ),
    ],
)
def test_what_cannot_be_attacked_is_refused(
    profile: str, settings: Mapping[str, str], message: str
) -> None:
    options = Options("hostile-outsider", profile=profile, settings=settings)
    with pytest.raises(Refused) as refused:
        check(options)
    assert str(refused.value) == message


# Each part of the rule is shown to fail, by an engine that breaks it.


@pytest.mark.slow
def test_a_window_that_lets_packets_in_twice_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReplayWindow, "is_new", lambda _self, _counter: True)
    result = outsider(Attack.REPLAY)
    assert "unauthenticated" in checkers_of(result)
    assert result.figures["state_changes_by_outsider"]


@pytest.mark.slow
def test_an_answer_longer_than_what_it_answers_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        channels, "encode_hint", lambda *args: encode_hint(*args) + bytes(1000)
    )
    violation = outsider(Attack.GARBAGE).violations[0]
    assert violation.checker == "unauthenticated"
    assert "bytes answered by 1016" in violation.message


@pytest.mark.slow
def test_an_address_that_follows_a_replayed_handshake_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver = Carrier.deliver

    def deliver_and_follow(self: Carrier, received: Received) -> None:
        for channel in self._board.replying:
            channel.places.note_path(0.0, received.source, 0)
        deliver(self, received)

    monkeypatch.setattr(Carrier, "deliver", deliver_and_follow)
    violations = outsider(Attack.REPLAY).violations
    assert any("has moved" in violation.message for violation in violations)


@pytest.mark.slow
def test_a_change_that_garbage_brings_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive = Node.receive_datagram

    def receive_and_change(
        self: Node, now: float, source: Address, data: bytes
    ) -> None:
        receive(self, now, source, data)
        if kind_of(data) is None:
            self.update(now, meta=data[:8])

    monkeypatch.setattr(Node, "receive_datagram", receive_and_change)
    messages = [violation.message for violation in outsider(Attack.GARBAGE).violations]
    assert any("held has changed" in message for message in messages)
    assert any("TRANSPORT sent to" in message for message in messages)


@pytest.mark.slow
def test_two_processes_with_different_hashes_run_one_attack() -> None:
    words = "run hostile-outsider --seed 5 --set kind=8 --nodes 4 --duration 24"
    first, second = hashes(words)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("kind", [1, 3, 4, 5, 6, 7])
def test_sixteen_nodes_keep_their_calm_under_every_attack(kind: int) -> None:
    settings = {"kind": str(kind), "crash_after_s": "9"}
    result = run(
        Options("hostile-outsider", seed=6, duration_s=24.0, settings=settings)
    )
    assert result.violations == ()
    figures = result.figures
    assert (figures["false_dead"], figures["converged"]) == (0, 1)
    assert figures["state_changes_by_outsider"] == 0
    all_dead_s = figures["all_dead_s"]
    assert all_dead_s is not None
    assert all_dead_s < 6
