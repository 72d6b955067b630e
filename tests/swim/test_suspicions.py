"""Invariant E and witnesses: what makes a member dead, and what brings it back."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.config import SwimConfig
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Nack, Ping, PingRequest
from swarmnet.swim.outputs import MemberChanged, Output, State
from tests.swim.worlds import (
    SILENT_S,
    Network,
    Send,
    advance,
    alive,
    changed,
    claims,
    drain,
    messages,
    network,
    node,
    notes,
    number_of,
    route,
    suspect,
    swim,
    tell,
)

ALIVE, SUSPECT, DEAD, LEFT = State


def deaths(outputs: list[tuple[float, Output]]) -> list[tuple[float, int]]:
    """Return when which members were concluded dead."""
    return [
        (round(at, 6), number_of(one.member))
        for at, one in outputs
        if isinstance(one, MemberChanged) and one.current is DEAD
    ]


def answered(engine: Swim, until: float) -> list[tuple[float, Output]]:
    """Let an engine run whose every ping is answered at once."""
    found: list[tuple[float, Output]] = []
    while (due := engine.poll_timeout()) is not None and due <= until:
        engine.handle_timeout(due)
        sent = drain(engine)
        found += [(due, one) for one in sent]
        pings = [(to, m) for to, m in messages(sent) if isinstance(m, Ping)]
        for to, ping in pings:
            found += [
                (due, one) for one in tell(engine, to, Ack(ping.sequence), now=due)
            ]
    return found


def nacked(engine: Swim, until: float) -> list[tuple[float, Output]]:
    """Let an engine run whose pings nobody answers, though helpers are well."""
    found: list[tuple[float, Output]] = []
    while (due := engine.poll_timeout()) is not None and due <= until:
        engine.handle_timeout(due)
        sent = drain(engine)
        found += [(due, one) for one in sent]
        for to, m in messages(sent):
            if isinstance(m, PingRequest):
                assert tell(engine, to, Nack(m.sequence), now=due) == []
    return found


def test_one_relayed_accusation_kills_nobody() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3))
    outputs = answered(engine, 120.0)
    assert deaths(outputs) == []
    assert engine.states()[node(2)] is SUSPECT


def test_two_accusers_are_not_enough() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3), suspect(2, 4))
    assert deaths(answered(engine, 120.0)) == []


def test_three_distinct_accusers_convict_at_the_shortest_life() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    assert deaths(answered(engine, 10.0)) == [(2.0 - SILENT_S, 2)]


def test_who_has_failed_our_probe_is_looked_at_though_others_confirm_it() -> None:
    engine = swim(1, (2, 3, 4, 5))
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    outputs = nacked(engine, 10.0)
    assert engine.counters()["probes_failed"] == 1
    assert deaths(outputs) == [(2.0 - SILENT_S + 0.5, 2)]


def test_a_life_is_no_shorter_where_the_accused_is_far() -> None:
    engine = swim(1, range(1, 30))
    # Where it is, is known; how far off that is, is not yet: our probe would be long.
    engine._core.round_trips.place(node(2), ORIGIN)
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    assert deaths(answered(engine, 10.0)) == [(2.0 - SILENT_S, 2)]


def test_one_accuser_who_repeats_himself_is_one() -> None:
    engine = swim(1, range(1, 30))
    for now in range(5):
        tell(engine, 3, *[suspect(2, 3)] * 3, now=now * 0.1)
    assert deaths(answered(engine, 60.0)) == []


def test_confirmations_that_come_late_shorten_what_is_left() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3))
    outputs = answered(engine, 4.0)
    tell(engine, 3, suspect(2, 4), suspect(2, 5), now=4.0)
    assert deaths(outputs + answered(engine, 10.0)) == [(4.0, 2)]


def test_an_own_failed_probe_convicts_at_the_longest_life_after_a_last_look() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3))
    outputs = nacked(engine, 20.0)
    pinged = [
        at for at, one in outputs for _, m in messages([one]) if isinstance(m, Ping)
    ]
    # A probe of a second, and half a second more for the last look.
    later = (0.0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.25)
    assert pinged == [6.0 - SILENT_S + at for at in later]
    assert deaths(outputs) == [(7.5 - SILENT_S, 2)]


def test_whose_helpers_are_silent_waits_as_much_longer_as_it_may_be_at_fault() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3))
    ((at, dead),) = deaths(advance(engine, 20.0))
    assert engine.counters()["health_score"] == 3
    # Two accusers, then a last look, all at four times the length.
    life_s = 6.0 - 4.0 * log(2) / log(3)
    assert dead == 2
    assert at == pytest.approx(4 * (life_s + 0.5) - SILENT_S)


def test_of_two_nodes_the_other_is_dead_after_the_shortest_life() -> None:
    engine = swim(1, (2,))
    engine.start(0.0)
    began = engine.poll_timeout()
    assert began is not None
    outputs = advance(engine, 10.0)
    states = [
        (round(at - began, 6), one.current)
        for at, one in outputs
        if isinstance(one, MemberChanged)
    ]
    # Its life runs from the first ping; the last look is stretched by our own health.
    assert states == [(1.0, SUSPECT), (2.0 + 2 * 0.5, DEAD)]


@given(st.integers(2, 20), st.integers(1, 40))
def test_witnesses_and_only_they_probe_a_suspect_at_once(count: int, me: int) -> None:
    numbers = sorted({me, *range(50, 50 + count)})
    engine = swim(me, numbers)
    suspected = 50
    outputs = tell(engine, 51, suspect(suspected, 51))
    probed = [to for to, m in messages(outputs) if isinstance(m, Ping)]
    witness = node(suspected) in engine.save().rings.neighbours()
    assert probed == ([suspected] if witness else [])


def test_a_witness_shows_the_accusation_with_its_ping() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 3, suspect(2, 3))
    sent = [m for to, m in messages(outputs) if to == 2]
    place = [type(m) for m in sent].index(Ping)
    assert claims(outputs)[0] == (2, suspect(2, 3))
    assert place >= 1


def test_a_witness_whose_probe_fails_signs_its_own_accusation() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 3, suspect(2, 3))
    outputs = [one for _, one in advance(engine, 1.1)]
    assert (3, suspect(2, 1)) in claims(outputs)
    held = engine.member(node(2))
    assert held is not None
    assert held.accusations == (suspect(2, 1), suspect(2, 3))


def test_a_suspicion_of_a_newer_version_begins_anew() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    answered(engine, 1.5)
    tell(engine, 2, alive(2, 1, 1), now=1.5)
    tell(engine, 3, *(suspect(2, author, 1, 1) for author in (3, 4, 5)), now=1.6)
    assert deaths(answered(engine, 10.0)) == [(3.6 - SILENT_S, 2)]


def test_suspicions_of_a_saved_view_are_taken_up_again() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    core = engine._core
    again = Swim(
        route(1),
        core.config,
        core.random,
        core.seams,
        boot_epoch=2,
        view=engine.save(),
    )
    again.start(100.0)
    assert deaths(answered(again, 110.0)) == [(102.0, 2)]


def cut(world: Network, *groups: set[int]) -> None:
    """Let nothing pass between the groups."""

    def drop(source: int, target: int, sent: Send) -> bool:
        del sent
        return not any({source, target} <= group for group in groups)

    world.drop = drop


def heal(world: Network) -> None:
    """Let everything pass."""
    world.drop = lambda source, target, sent: False


@pytest.mark.slow
def test_a_crash_is_dead_everywhere_and_nobody_else() -> None:
    world = network(range(1, 9))
    world.run(3.0)
    del world.engines[8]
    world.run(12.0)
    for observer in range(1, 8):
        others = {n: ALIVE for n in range(1, 8) if n != observer}
        assert world.states(observer) == {**others, 8: DEAD}
        assert [one.current for one in world.changes(observer)] == [SUSPECT, DEAD]


@pytest.mark.slow
def test_two_nodes_find_each_other_again_after_any_time() -> None:
    world = network((1, 2))
    cut(world, {1}, {2})
    world.run(3600.0)
    assert (world.states(1), world.states(2)) == ({2: DEAD}, {1: DEAD})
    heal(world)
    world.run(3.0)
    assert (world.states(1), world.states(2)) == ({2: ALIVE}, {1: ALIVE})
    assert len(set(world.digests())) == 1


@pytest.mark.slow
def test_a_partition_heals_into_one_view() -> None:
    world = network(range(1, 11))
    cut(world, {1, 2, 3, 4}, {5, 6, 7, 8, 9, 10})
    world.run(60.0)
    assert world.states(1) == {
        **dict.fromkeys((2, 3, 4), ALIVE),
        **dict.fromkeys(range(5, 11), DEAD),
    }
    heal(world)
    world.run(4.0)
    for observer in range(1, 11):
        assert set(world.states(observer).values()) == {ALIVE}
    assert len(set(world.digests())) == 1


def test_a_pause_shorter_than_the_floor_kills_nobody() -> None:
    world = network(range(1, 6))
    cut(world, {1, 2, 3, 4}, {5})
    world.run(1.9)
    heal(world)
    world.run(15.0)
    dead = [one for _, _, one in world.log if isinstance(one, MemberChanged)]
    assert [one for one in dead if one.current is DEAD] == []
    assert world.states(1) == dict.fromkeys((2, 3, 4, 5), ALIVE)


@pytest.mark.slow
def test_a_one_way_fault_is_refuted_through_others() -> None:
    world = network(range(1, 6))
    world.drop = lambda source, target, sent: (source, target) == (1, 2)
    world.run(40.0)
    gone = [one for _, _, one in world.log if isinstance(one, MemberChanged)]
    assert [one for one in gone if one.current is DEAD] == []


def test_the_dead_are_pinged_one_at_a_time_for_ever() -> None:
    engine = swim(1, (2, 3), SwimConfig(dead_contact_interval_s=5.0))
    engine.start(0.0)
    advance(engine, 60.0)
    assert set(engine.states().values()) == {DEAD}
    later = advance(engine, 1060.0)
    assert [type(m) for _, one in later for _, m in messages([one])].count(Ping) == 200
    targets = {to for _, one in later for to, m in messages([one])}
    assert targets == {2, 3}


def test_a_dead_member_is_shown_its_accusation_and_refutes() -> None:
    engine = swim(1, (2,))
    engine.start(0.0)
    advance(engine, 60.0)
    later = [one for _, one in advance(engine, 62.0)]
    assert (2, suspect(2, 1)) in claims(later)
    outputs = tell(engine, 2, alive(2, 1, 1), now=62.0)
    assert notes(outputs) == [changed(2, DEAD, ALIVE, 1, 1)]
