"""When a peer's silence says that it may have lost our session."""

from itertools import pairwise
from typing import Final

from swarmnet.crypto.silence import Silence

PATIENCE_S: Final = 0.125


def doubts(silence: Silence, times: list[float]) -> list[float]:
    """Send at these times; return when the session is to be doubted."""
    return [now for now in times if silence.note_sent(now, PATIENCE_S)]


def every(gap_s: float, since: float, until: float) -> list[float]:
    count = round((until - since) / gap_s)
    return [since + number * gap_s for number in range(count)]


def test_who_does_not_answer_for_a_while_is_doubted_once_something_more_is_sent() -> (
    None
):
    assert doubts(Silence(), [1.0, 1.0625, 1.125]) == [1.125]
    assert doubts(Silence(), [1.0, 1.0625, 1.1]) == []


def test_who_answers_is_not_doubted() -> None:
    silence = Silence()
    for now in every(0.25, 0.0, 100.0):
        assert doubts(silence, [now, now + 0.0625]) == []
        silence.note_heard(now + 0.125)


def test_an_answer_wants_none() -> None:
    silence = Silence()
    for now in every(0.5, 0.0, 100.0):
        silence.note_heard(now)
        assert doubts(silence, [now, now]) == []
    # It does not count for what comes after it, either.
    assert doubts(silence, [99.75, 99.8125]) == []


def test_what_was_sent_before_a_lull_had_its_time() -> None:
    assert doubts(Silence(), every(2.0, 0.0, 200.0)) == []
    assert doubts(Silence(), [0.0, 1.5]) == [1.5]


def test_while_the_silence_lasts_each_doubt_is_twice_as_late() -> None:
    assert doubts(Silence(), every(0.0625, 0.0, 4.125)) == [0.125, 0.25, 0.5, 1, 2, 4]


def test_who_need_not_answer_is_doubted_ever_more_rarely() -> None:
    silence = Silence()
    found = []
    for now in every(0.0625, 0.0, 3600.0):
        if silence.note_sent(now, PATIENCE_S):
            found.append(now)
            silence.note_heard(now + 0.03125)
    gaps = [later - now for now, later in pairwise(found)]
    assert gaps[:7] == [0.1875, 0.3125, 0.5625, 1.0625, 2.0625, 4.0625, 8.0625]
    assert gaps[11:] == [256.0625] * 13


def vain(silence: Silence, now: float, count: int) -> None:
    """Doubt a peer in vain so often."""
    for _ in range(count):
        while not silence.note_sent(now, PATIENCE_S):
            now += 0.0625
        silence.note_heard(now + 0.03125)


def test_a_doubt_that_was_right_makes_nobody_more_patient() -> None:
    silence = Silence()
    vain(silence, 0.0, 3)
    assert doubts(silence, every(0.0625, 10.0, 10.5)) == []
    silence.note_heard(10.5)
    silence.forgive()
    assert doubts(silence, [20.0, 20.125]) == [20.125]


def test_doubts_in_vain_are_forgotten_after_five_minutes() -> None:
    silence = Silence()
    vain(silence, 0.0, 3)
    assert doubts(silence, every(0.0625, 300.0, 300.5)) == []
    silence.note_heard(300.75)
    assert doubts(silence, [301.0, 301.125]) == [301.125]
