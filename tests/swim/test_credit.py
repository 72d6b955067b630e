"""Who is still believed: a liar that accuses for ever, and honest accusers."""

from collections.abc import Iterator

import pytest

from swarmnet.swim.credit import Credit
from swarmnet.swim.outputs import MemberChanged, State
from tests.swim.worlds import (
    Network,
    address,
    advance,
    alive,
    claims,
    frame,
    network,
    node,
    suspect,
    swim,
    tell,
)

LIAR = 9
OTHERS = tuple(range(1, 9))


def refuted(credit: Credit, times: int, *accusers: int, now: float = 0.0) -> None:
    """Let claims of these accusers about so many subjects be refuted."""
    for subject in range(20, 20 + times):
        accused = [suspect(subject, one) for one in accusers]
        credit.note_refuted(now, accused, 3)


def test_six_wrongly_accused_end_belief_and_their_fading_restores_it() -> None:
    credit = Credit()
    refuted(credit, 5, LIAR)
    assert credit.believes(0.0, node(LIAR))
    refuted(credit, 6, LIAR)
    assert not credit.believes(0.0, node(LIAR))
    assert not credit.believes(29.0, node(LIAR))
    assert credit.believes(30.0, node(LIAR))


def test_a_single_mistake_is_forgotten_as_far_as_clean_goes() -> None:
    credit = Credit()
    refuted(credit, 1, 2)
    assert (credit.believes(0.0, node(2)), credit.is_clean(0.0, node(2))) == (
        True,
        False,
    )
    assert not credit.is_clean(29.0, node(2))
    assert credit.is_clean(30.1, node(2))


def test_one_who_stops_again_and_again_discredits_no_honest_accuser() -> None:
    credit = Credit()
    for incarnation in range(600):
        accused = [suspect(1, 2, 1, incarnation)]
        credit.note_refuted(0.5 * incarnation, accused, 3)
        assert credit.believes(0.5 * incarnation, node(2))


@pytest.mark.slow
def test_the_charges_that_are_remembered_are_bounded() -> None:
    credit = Credit()
    for author in range(100, 400):
        refuted(credit, 60, author)
    assert len(credit._charged) == 16_384


def test_those_who_could_have_convicted_together_are_not_blamed() -> None:
    credit = Credit()
    refuted(credit, 50, 2, 3, 4)
    assert [credit.believes(0.0, node(n)) for n in (2, 3, 4)] == [True] * 3
    refuted(credit, 6, 2, 3)
    assert [credit.believes(0.0, node(n)) for n in (2, 3, 4)] == [False, False, True]


def lies(world: Network, times: int, pause_s: float) -> Iterator[float]:
    """Let the liar accuse everybody, at whatever version it is, again and again."""
    for _ in range(times):
        for target in OTHERS:
            version = world.engines[1].incarnation(node(target))
            assert version is not None
            for to in OTHERS:
                world.engines[to].receive_datagram(
                    world.now,
                    node(LIAR),
                    address(LIAR),
                    frame(suspect(target, LIAR, *version)),
                )
                world.settle(to)
        world.run(pause_s)
        yield world.now


@pytest.fixture(scope="module")
def lied() -> Network:
    """Return nine nodes of which one has lied for two minutes."""
    world = network((*OTHERS, LIAR))
    world.run(1.0)
    for _ in lies(world, 240, 0.5):
        pass
    return world


@pytest.mark.slow
def test_a_liar_that_accuses_everybody_for_ever_kills_nobody(lied: Network) -> None:
    dead = [
        one
        for _, _, one in lied.log
        if isinstance(one, MemberChanged) and one.current is State.DEAD
    ]
    assert dead == []


@pytest.mark.slow
def test_a_liar_is_not_listened_to_any_more(lied: Network) -> None:
    for number in OTHERS:
        counters = lied.engines[number].counters()
        assert counters["accusations_unbelieved"] > 500
        assert counters["suspicions"] < 200


@pytest.mark.slow
def test_whom_a_liar_accuses_is_as_healthy_as_before(lied: Network) -> None:
    assert [lied.engines[n].counters()["health_score"] for n in OTHERS] == [0] * 8


@pytest.mark.slow
def test_a_liar_wins_few_refutations_from_each(lied: Network) -> None:
    # 240 rounds of lies: some ten until none is believed, then one in 5 s at most.
    for number in OTHERS:
        assert lied.engines[number].counters()["refutations"] <= 10 + 120 / 5


@pytest.mark.slow
def test_a_true_death_is_found_beside_a_liar() -> None:
    world = network((*OTHERS, LIAR))
    world.run(1.0)
    for _ in lies(world, 20, 0.5):
        pass
    del world.engines[3]
    world.run(5.0)
    assert [world.states(n)[3] for n in OTHERS if n != 3] == [State.DEAD] * 7


def test_being_accused_is_a_sign_of_our_health_only_from_who_was_not_wrong() -> None:
    engine = swim(1, range(1, 20))
    scores = []
    for incarnation, accuser in enumerate((5, 5, 5, 6)):
        now = 0.1 + 0.2 * incarnation
        tell(engine, 5, suspect(1, accuser, 1, incarnation), now=now)
        scores.append(engine.counters()["health_score"])
    assert scores == [1, 1, 1, 2]
    assert engine.incarnation(node(1)) == (1, 4)


def test_what_the_unbelieved_says_is_neither_held_nor_passed_on() -> None:
    engine = swim(1, range(1, 20))
    for accused in range(10, 17):
        tell(engine, 5, suspect(accused, LIAR), now=0.1)
        tell(engine, accused, alive(accused, 1, 1), now=0.1)
    advance(engine, 1.0)
    outputs = tell(engine, 5, suspect(3, LIAR), now=1.0)
    assert claims(outputs) == []
    assert engine.states()[node(3)] is State.ALIVE
    # Of the dead it is held, lest digests differ by who is believed where.
    tell(engine, 5, *(suspect(4, one) for one in (5, 6, 7)), now=1.0)
    advance(engine, 6.0)
    assert engine.states()[node(4)] is State.DEAD
    assert claims(tell(engine, 5, suspect(4, 2), now=6.0)) != []
    # The word of others counts as before.
    tell(engine, 5, suspect(3, 6), now=6.1)
    assert engine.states()[node(3)] is State.SUSPECT
