"""Time in which a node did not run counts against nobody but itself."""

import pytest

from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, PingRequest
from swarmnet.swim.outputs import Output, State
from tests.swim.worlds import (
    SILENT_S,
    advance,
    alive,
    changed,
    drain,
    messages,
    notes,
    probing,
    suspect,
    swim,
    tell,
)

ALIVE, SUSPECT, DEAD, LEFT = State


def woken(engine: Swim, now: float, seconds: float) -> list[Output]:
    """Let an engine wake so much later than it was asked to."""
    engine.note_late(now, seconds)
    engine.handle_timeout(now)
    return drain(engine)


@pytest.mark.parametrize("slept_from", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("slept", [1.1, 3.0, 60.0])
def test_who_was_paused_gives_its_probe_the_time_back(
    slept_from: float, slept: float
) -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + slept_from)
    wake = at + slept_from + slept
    outputs = woken(engine, wake, slept)
    assert notes(outputs) == []
    assert not [m for _, m in messages(outputs) if isinstance(m, PingRequest)]
    assert notes(tell(engine, target, Ack(sequence), now=wake + 0.05)) == []
    advance(engine, wake + 0.2)
    assert "accusations" not in engine.counters()
    assert engine.counters().get("acks_unexpected", 0) == 0


def test_a_probe_that_was_asked_of_others_late_gives_them_their_time() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.3)
    # The driver was late and has not said so.
    engine.handle_timeout(at + 0.95)
    asked = [m for _, m in messages(drain(engine)) if isinstance(m, PingRequest)]
    assert len(asked) == 3
    assert notes(one for _, one in advance(engine, at + 1.44)) == []
    outputs = [one for _, one in advance(engine, at + 1.46)]
    assert notes(outputs) == [changed(target, ALIVE, SUSPECT)]
    assert sequence == asked[0].sequence


def accused() -> Swim:
    """Return an engine to whom 2 is suspect, by as many as convict it soonest.

    That is 2 s after it fell silent, `SILENT_S` before it was accused at 0.
    """
    engine = swim(1, range(1, 30))
    tell(engine, 3, *(suspect(2, author) for author in (3, 4, 5)))
    return engine


def test_who_was_paused_hears_the_backlog_before_it_concludes_a_death() -> None:
    engine = accused()
    assert notes(woken(engine, 5.0, 3.0)) == []
    assert notes(one for _, one in advance(engine, 5.49)) == []
    outputs = tell(engine, 3, alive(2, 1, 1), now=5.49)
    assert notes(outputs) == [changed(2, SUSPECT, ALIVE, 1, 1)]
    assert notes(one for _, one in advance(engine, 12.0)) == []
    assert "deaths" not in engine.counters()


def test_the_backlog_is_waited_for_once_and_then_death_is_concluded() -> None:
    engine = accused()
    woken(engine, 5.0, 3.0)
    found = [(at, one) for at, one in advance(engine, 6.0) if notes([one])]
    assert found == [(5.5, changed(2, SUSPECT, DEAD))]


def test_a_suspicion_gets_back_the_time_in_which_its_subject_was_not_heard() -> None:
    engine = accused()
    woken(engine, 1.5, 1.2)
    found = [(at, one) for at, one in advance(engine, 6.0) if notes([one])]
    assert found == [(2.0 - SILENT_S + 1.2, changed(2, SUSPECT, DEAD))]


def test_a_confirmation_after_a_pause_takes_none_of_the_time_back() -> None:
    engine = swim(1, range(1, 30))
    tell(engine, 3, suspect(2, 3), suspect(2, 4))
    woken(engine, 1.5, 1.2)
    tell(engine, 3, suspect(2, 5), now=1.6)
    found = [(at, one) for at, one in advance(engine, 6.0) if notes([one])]
    assert found == [(2.0 - SILENT_S + 1.2, changed(2, SUSPECT, DEAD))]


@pytest.mark.parametrize(("seconds", "score"), [(0.0, 0), (0.099, 0), (0.1, 1)])
def test_a_little_lateness_is_none(seconds: float, score: int) -> None:
    engine = accused()
    woken(engine, 1.5, seconds)
    assert engine.counters()["health_score"] == score
    found = [at for at, one in advance(engine, 6.0) if notes([one])]
    assert found == [2.0 - SILENT_S + (seconds if score else 0.0)]
