"""Full tables of what overrides what, in memberlist and in the SWIM paper."""

import pytest

from sim.profiles.memberlist.codec import Alive, Dead, Suspect
from sim.profiles.memberlist.push_pull import PushState
from sim.profiles.memberlist.rules import (
    Verdict,
    claim_of,
    judge_alive,
    judge_dead,
    judge_suspect,
)
from sim.profiles.peer_roster import Member
from sim.profiles.swim_paper.rules import Update, overrides
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State
from tests.sim.toy_network import identity

ONE = identity(1)
TWO = identity(2)
ELSEWHERE = Address(b"\x0a\x09\x09\x09", 7946)
IGNORE, ACCEPT, CONFIRM = Verdict.IGNORE, Verdict.ACCEPT, Verdict.CONFIRM
REFUTE, CONFLICT = Verdict.REFUTE, Verdict.CONFLICT
STATES = (State.ALIVE, State.SUSPECT, State.DEAD, State.LEFT)


def held(state: State, incarnation: int = 5, life: int = 1) -> Member:
    return Member(ONE.node, ONE.address, life, incarnation, state, 0.0)


@pytest.mark.parametrize(
    ("incarnation", "verdicts"),
    [
        (4, (IGNORE, IGNORE, IGNORE, IGNORE)),
        (5, (IGNORE, IGNORE, IGNORE, IGNORE)),
        (6, (ACCEPT, ACCEPT, ACCEPT, ACCEPT)),
    ],
)
def test_memberlist_takes_alive_of_a_higher_incarnation_alone(
    incarnation: int, verdicts: tuple[Verdict, ...]
) -> None:
    claim = Alive(incarnation, ONE.node, ONE.address)
    found = tuple(
        judge_alive(held(state), claim, about_me=False, leaving=False)
        for state in STATES
    )
    assert found == verdicts


def test_memberlist_takes_a_new_address_from_the_departed_alone() -> None:
    claim = Alive(1, ONE.node, ELSEWHERE)
    found = tuple(
        judge_alive(held(state), claim, about_me=False, leaving=False)
        for state in STATES
    )
    assert found == (CONFLICT, CONFLICT, CONFLICT, ACCEPT)


@pytest.mark.parametrize(
    ("incarnation", "leaving", "verdict"),
    [(4, False, IGNORE), (5, False, IGNORE), (6, False, REFUTE), (6, True, IGNORE)],
)
def test_memberlist_refutes_a_later_self(
    incarnation: int, leaving: bool, verdict: Verdict
) -> None:
    claim = Alive(incarnation, ONE.node, ONE.address)
    judged = judge_alive(held(State.ALIVE), claim, about_me=True, leaving=leaving)
    assert judged is verdict


@pytest.mark.parametrize(
    ("incarnation", "verdicts"),
    [
        (4, (IGNORE, IGNORE, IGNORE, IGNORE)),
        (5, (ACCEPT, CONFIRM, IGNORE, IGNORE)),
        (6, (ACCEPT, CONFIRM, IGNORE, IGNORE)),
    ],
)
def test_memberlist_suspects_the_living_and_confirms_suspects(
    incarnation: int, verdicts: tuple[Verdict, ...]
) -> None:
    claim = Suspect(incarnation, ONE.node, TWO.node)
    found = tuple(judge_suspect(held(state), claim, about_me=False) for state in STATES)
    assert found == verdicts


@pytest.mark.parametrize(
    ("incarnation", "verdicts"),
    [
        (4, (IGNORE, IGNORE, IGNORE, IGNORE)),
        (5, (ACCEPT, ACCEPT, IGNORE, IGNORE)),
        (6, (ACCEPT, ACCEPT, IGNORE, IGNORE)),
    ],
)
def test_memberlist_buries_who_is_not_dead_yet(
    incarnation: int, verdicts: tuple[Verdict, ...]
) -> None:
    claim = Dead(incarnation, ONE.node, TWO.node)
    found = tuple(
        judge_dead(held(state), claim, about_me=False, leaving=False)
        for state in STATES
    )
    assert found == verdicts


def test_memberlist_refutes_accusations_unless_it_leaves() -> None:
    accused, dead = Suspect(5, ONE.node, TWO.node), Dead(5, ONE.node, TWO.node)
    me = held(State.ALIVE)
    assert judge_suspect(me, accused, about_me=True) is REFUTE
    assert judge_dead(me, dead, about_me=True, leaving=False) is REFUTE
    assert judge_dead(me, dead, about_me=True, leaving=True) is ACCEPT


def test_memberlist_learns_of_strangers_by_alive_alone() -> None:
    alive = Alive(0, ONE.node, ONE.address)
    suspect, dead = Suspect(9, ONE.node, TWO.node), Dead(9, ONE.node, TWO.node)
    assert judge_alive(None, alive, about_me=False, leaving=False) is ACCEPT
    assert judge_suspect(None, suspect, about_me=False) is IGNORE
    assert judge_dead(None, dead, about_me=False, leaving=False) is IGNORE


@pytest.mark.parametrize(
    ("state", "claim"),
    [
        (State.ALIVE, Alive(7, ONE.node, ONE.address)),
        (State.SUSPECT, Suspect(7, ONE.node, TWO.node)),
        (State.DEAD, Suspect(7, ONE.node, TWO.node)),
        (State.LEFT, Dead(7, ONE.node, ONE.node)),
    ],
)
def test_memberlist_only_suspects_whom_a_full_sync_calls_dead(
    state: State, claim: Alive | Suspect | Dead
) -> None:
    assert claim_of(PushState(ONE.node, ONE.address, 7, state), TWO.node) == claim


# Rows: what is told, at incarnation 4, 5 and 6. Columns: what is held at 5.
SWIM_TABLE: dict[tuple[State, int], tuple[bool, bool, bool, bool]] = {
    (State.ALIVE, 4): (False, False, False, False),
    (State.ALIVE, 5): (False, False, False, False),
    (State.ALIVE, 6): (True, True, False, False),
    (State.SUSPECT, 4): (False, False, False, False),
    (State.SUSPECT, 5): (True, False, False, False),
    (State.SUSPECT, 6): (True, True, False, False),
    (State.DEAD, 4): (True, True, False, False),
    (State.DEAD, 5): (True, True, False, False),
    (State.DEAD, 6): (True, True, False, False),
    (State.LEFT, 4): (True, True, False, False),
    (State.LEFT, 5): (True, True, False, False),
    (State.LEFT, 6): (True, True, False, False),
}


def told(state: State, incarnation: int, life: int = 1) -> Update:
    return Update(state, NodeId(ONE.node), life, incarnation, ONE.address)


@pytest.mark.parametrize(("state", "incarnation"), list(SWIM_TABLE))
def test_swim_overrides_as_section_4_2_has_it(state: State, incarnation: int) -> None:
    update = told(state, incarnation)
    found = tuple(overrides(update, held(one)) for one in STATES)
    assert found == SWIM_TABLE[state, incarnation]


@pytest.mark.parametrize("state", STATES)
def test_swim_lets_a_later_life_override_every_word_about_an_older(
    state: State,
) -> None:
    assert [overrides(told(state, 0, life=2), held(one)) for one in STATES] == [
        True
    ] * 4
    older = [overrides(told(state, 9), held(one, life=2)) for one in STATES]
    assert older == [False] * 4


def test_swim_learns_of_strangers_by_alive_alone() -> None:
    found = [overrides(told(state, 5), None) for state in STATES]
    assert found == [True, False, False, False]
