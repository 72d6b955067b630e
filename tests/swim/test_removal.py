"""A member that was removed for good has left, whatever it and others say."""

from swarmnet.swim.outputs import State
from tests.swim.worlds import alive, changed, drain, node, notes, suspect, swim, tell


def test_a_removed_member_has_left_and_is_probed_and_named_no_more() -> None:
    engine = swim(1, (2, 3))
    engine.start(0.0)
    drain(engine)
    engine.note_removal(1.0, node(3), stands=True)
    assert notes(drain(engine)) == [changed(3, State.ALIVE, State.LEFT)]
    assert engine.neighbours() == (node(2),)
    engine.note_removal(1.0, node(3), stands=True)
    assert drain(engine) == []


def test_nothing_that_is_claimed_about_it_is_taken() -> None:
    engine = swim(1, (2, 3, 4))
    engine.note_removal(1.0, node(3), stands=True)
    drain(engine)
    for claim in (alive(3, incarnation=7), suspect(3, author=4), alive(3, epoch=9)):
        assert notes(tell(engine, 2, claim, now=2.0)) == []
    assert engine.states()[node(3)] is State.LEFT
    assert engine.counters()["claims_about_removed"] == 3


def test_one_who_was_removed_before_it_was_heard_of_stays_a_stranger() -> None:
    engine = swim(1, (2,))
    engine.note_removal(1.0, node(3), stands=True)
    tell(engine, 2, alive(3), now=2.0)
    assert engine.states() == {node(2): State.ALIVE}
    engine.note_removal(3.0, node(3), stands=False)
    tell(engine, 2, alive(3), now=4.0)
    assert engine.states() == {node(2): State.ALIVE, node(3): State.ALIVE}


def test_a_removal_that_counts_no_more_brings_back_what_it_claimed_last() -> None:
    engine = swim(1, (2, 3))
    engine.note_removal(1.0, node(3), stands=True)
    drain(engine)
    engine.note_removal(2.0, node(3), stands=False)
    assert notes(drain(engine)) == [changed(3, State.LEFT, State.ALIVE)]
