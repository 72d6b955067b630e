"""Every checker is shown to fail on an engine that breaks its rule."""

import pytest

from sim.checkers import RULES, Violation
from sim.host import OUTPUTS_MAX
from sim.options import Options, Result
from sim.run import run
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import (
    Deliver,
    MemberChanged,
    Payload,
    SendDatagram,
    State,
)
from tests.sim.toy_engine import ToyEngine, toy_registry


class Liar(ToyEngine):
    """Says something about its first member, two seconds after the start."""

    began_s = 0.0
    lied = False

    def start(self, now: float) -> None:
        super().start(now)
        self.began_s = now

    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        if now > self.began_s + 2 and not self.lied:
            self.lied = True
            self.lie(min(self.entries))

    def lie(self, member: NodeId) -> None:
        """Break a rule."""

    def say(self, member: NodeId, *states: tuple[State, int, int]) -> None:
        """Report some states of a member, one after the other."""
        previous = State.ALIVE
        for state, epoch, incarnation in states:
            self.outputs.append(
                MemberChanged(member, previous, state, epoch, incarnation)
            )
            previous = state


class LowersItself(Liar):
    def lie(self, member: NodeId) -> None:
        self.epoch -= 1


class GoesBack(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(member, (State.ALIVE, 1, 0), (State.ALIVE, 0, 7))


class Resurrects(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(member, (State.LEFT, 1, 0), (State.ALIVE, 1, 0))


class Descends(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(member, (State.LEFT, 1, 0), (State.DEAD, 1, 0))


class BreaksTheChain(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(member, (State.SUSPECT, 1, 0))
        self.say(member, (State.DEAD, 1, 0))


class Forgets(Liar):
    gone = State.LEFT

    def lie(self, member: NodeId) -> None:
        self.say(member, (self.gone, 1, 0))
        self.outputs.append(MemberChanged(member, None, State.ALIVE, 1, 0))


class ForgetsTheDead(Forgets):
    gone = State.DEAD


class ListsItself(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(self.node, (State.ALIVE, 1, 0))


class Invents(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(NodeId(bytes(16)), (State.ALIVE, 1, 0))


class Exaggerates(Liar):
    def lie(self, member: NodeId) -> None:
        self.say(member, (State.ALIVE, 1, 1))


class SendsTooMuch(Liar):
    def lie(self, member: NodeId) -> None:
        self.outputs.append(
            SendDatagram(member, Address(b"\x0a\0\0\1", 1), bytes(1153))
        )


class NeverEnds(Liar):
    most = 0

    def lie(self, member: NodeId) -> None:
        self.outputs.extend(
            [SendDatagram(None, Address(b"\x7f\0\0\1", 1), b"")] * (self.most + 1)
        )


class Spins(Liar):
    spinning = False

    def lie(self, member: NodeId) -> None:
        self.spinning = True

    def poll_timeout(self) -> float | None:
        return 0.0 if self.spinning else super().poll_timeout()


class Storms(ToyEngine):
    """Answers every answer."""

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        self.outputs.append(SendDatagram(sender, source, data))


class DeliversTwice(ToyEngine):
    def relay(self, now: float, payload: Payload) -> None:
        if not self.counts.get("again"):
            self.counts["again"] = 1
            self.outputs.append(Deliver(payload, self.node))


class Raises(Liar):
    def lie(self, member: NodeId) -> None:
        raise KeyError("over\nhere")


def broken(engine: type[ToyEngine], scenario: str = "idle") -> Result:
    """Run four nodes of a kind."""
    options = Options(scenario, 4, profile="toy", duration_s=6.0)
    return run(options, toy_registry(engine))


def first(engine: type[ToyEngine], scenario: str = "idle") -> tuple[str, str]:
    """Return the first violation's checker and message."""
    violation: Violation = broken(engine, scenario).violations[0]
    return violation.checker, violation.message


def test_lowering_the_own_claim_is_found() -> None:
    assert first(LowersItself) == ("own_incarnation", "own claim went (1, 0) to (0, 0)")


def test_a_claim_that_goes_back_is_found() -> None:
    checker, message = first(GoesBack)
    assert (checker, message[8:]) == ("incarnation", ": alive@1.0 to alive@0.7")


def test_a_resurrection_is_found() -> None:
    checker, message = first(Resurrects)
    assert (checker, message[8:]) == ("resurrection", ": left@1.0 to alive@1.0")


def test_a_state_that_falls_at_one_claim_is_found() -> None:
    checker, message = first(Descends)
    assert (checker, message[8:]) == ("precedence", ": left@1.0 to dead@1.0")


def test_a_broken_chain_of_states_is_found() -> None:
    assert first(BreaksTheChain)[0] == "chain"


def test_one_that_left_may_be_forgotten_and_is_then_new() -> None:
    assert broken(Forgets).violations == ()


def test_to_forget_the_dead_breaks_the_chain() -> None:
    assert first(ForgetsTheDead)[0] == "chain"


@pytest.mark.slow
def test_memberlist_may_forget_the_dead() -> None:
    settings = {"down_s": "60"}
    options = Options("restart", 6, profile="memberlist", settings=settings)
    assert run(options).violations == ()


def test_a_node_that_lists_itself_is_found() -> None:
    assert first(ListsItself) == ("self", "lists itself")


@pytest.mark.slow
def test_an_invented_member_is_found() -> None:
    assert first(Invents) == ("unknown", "unknown member " + "00" * 16)


@pytest.mark.slow
def test_a_claim_its_subject_never_made_is_found() -> None:
    checker, message = first(Exaggerates)
    assert (checker, message[8:]) == (
        "foreign",
        " claimed at (1, 1), it never passed (1, 0)",
    )


def test_a_datagram_over_the_limit_is_found() -> None:
    assert first(SendsTooMuch) == ("datagram", "datagram of 1153 bytes, limit 1152")


@pytest.mark.parametrize(
    "most", [1000, pytest.param(OUTPUTS_MAX, marks=pytest.mark.slow)]
)
def test_outputs_without_end_are_found(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.host.OUTPUTS_MAX", most)
    monkeypatch.setattr(NeverEnds, "most", most)
    assert first(NeverEnds)[0] == "endless"


@pytest.mark.slow
def test_a_spinning_timer_is_found() -> None:
    result = broken(Spins)
    assert {violation.checker for violation in result.violations} == {"spin"}


@pytest.mark.slow
def test_an_answer_to_every_answer_is_found_and_ends_the_run() -> None:
    class Duplicates(Storms):
        def receive_datagram(
            self, now: float, sender: NodeId, source: Address, data: bytes
        ) -> None:
            super().receive_datagram(now, sender, source, data)
            super().receive_datagram(now, sender, source, data)

    result = broken(Duplicates)
    assert [violation.checker for violation in result.violations] == ["storm"]
    assert result.simulated_s < 6


def test_a_payload_delivered_twice_is_found() -> None:
    assert first(DeliversTwice, "update") == ("delivery", "payload 0 delivered again")


def test_an_exception_is_a_violation_in_one_line_and_a_traceback() -> None:
    result = broken(Raises)
    assert [(v.checker, v.message) for v in result.violations] == [
        ("exception", "KeyError: 'over\\nhere'")
    ]
    assert result.failure is not None
    assert "in lie" in result.failure


@pytest.mark.slow
def test_views_that_differ_at_the_end_of_the_calm_are_found() -> None:
    options = Options("chaos", 6, 2, "toy", duration_s=60.0)
    violations = run(options, toy_registry()).violations
    assert [violation.checker for violation in violations] == ["convergence"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "checkers"), [(0.3, ["convergence"]), (0.6, []), (1.0, [])]
)
def test_convergence_is_demanded_only_while_enough_is_heard(
    loss: float, checkers: list[str]
) -> None:
    options = Options("chaos", 6, 1, "toy", loss=loss, duration_s=90.0)
    violations = run(options, toy_registry()).violations
    assert [violation.checker for violation in violations] == checkers


@pytest.mark.slow
def test_under_loss_every_pair_of_swarmnet_is_right_once_in_the_calm() -> None:
    result = run(Options("chaos", 5, 1, loss=0.5, duration_s=330.0))
    assert (result.violations, result.figures["calm_s"]) == ((), 314.4)


def test_the_rules_that_memberlist_does_not_promise_are_named() -> None:
    exempt = [name for name, rule in RULES.items() if "memberlist" in rule.exempt]
    assert exempt == [
        "incarnation",
        "resurrection",
        "precedence",
        "foreign",
        "delivery",
        "convergence",
        "signed",
        "ring",
        "unauthenticated",
        "liar",
    ]
