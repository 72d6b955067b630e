"""Commands: attempted at once, and again when something has come, but not for ever."""

import pytest

from swarmnet.errors import Refused
from swarmnet.node.commands import (
    COMMAND_S,
    Commands,
    Done,
    Failed,
    Lacking,
    NotYet,
)
from swarmnet.node.realms import Want

SOME: Want = (b"addresses", None)
MORE: Want = (b"others", None)
ONE: Want = (b"addresses", 7)


class Shelf:
    """What commands take something from; they lack it until there is some."""

    def __init__(self, *wants: Want) -> None:
        self.wants = wants
        self.count = 0
        self.attempts: list[float] = []

    def take(self, now: float) -> str:
        """Take one."""
        self.attempts.append(now)
        if self.count == 0:
            raise Lacking("the shelf is empty", self.wants)
        self.count -= 1
        return f"taken at {now:g}"


def drain(commands: Commands) -> list[Done | Failed]:
    found = list(commands.outputs)
    commands.outputs.clear()
    return found


def refuse(now: float) -> None:
    raise Refused(f"not at {now:g}")


def test_a_command_that_can_be_done_is_done_at_once() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    shelf.count = 1
    ticket = commands.submit(3.0, shelf.take)
    assert drain(commands) == [Done(ticket, "taken at 3")]
    assert (commands.poll_timeout(), commands.wants()) == (None, [])
    commands.retry(4.0)
    commands.handle_timeout(99.0)
    assert drain(commands) == []


def test_what_is_refused_fails_at_once_with_its_reason() -> None:
    commands = Commands()
    ticket = commands.submit(3.0, refuse)
    assert drain(commands) == [Failed(ticket, "not at 3")]
    assert (commands.poll_timeout(), commands.wants()) == (None, [])


def test_no_two_commands_have_one_ticket() -> None:
    commands = Commands()
    tickets = [commands.submit(0.0, refuse) for _ in range(5)]
    assert len(set(tickets)) == 5


def test_what_lacks_something_is_attempted_again_when_something_has_come() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    ticket = commands.submit(1.0, shelf.take)
    assert (drain(commands), commands.wants()) == ([], [SOME])
    commands.retry(2.0)
    assert (drain(commands), commands.wants()) == ([], [SOME])
    shelf.count = 1
    commands.retry(3.0)
    assert drain(commands) == [Done(ticket, "taken at 3")]
    assert shelf.attempts == [1.0, 2.0, 3.0]
    commands.retry(4.0)
    assert shelf.attempts == [1.0, 2.0, 3.0]


def test_of_those_who_wait_the_first_takes_what_has_come() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    first, second = commands.submit(1.0, shelf.take), commands.submit(1.0, shelf.take)
    shelf.count = 1
    commands.retry(2.0)
    assert drain(commands) == [Done(first, "taken at 2")]
    assert commands.wants() == [SOME]
    shelf.count = 1
    commands.retry(3.0)
    assert drain(commands) == [Done(second, "taken at 3")]


def test_attempting_again_does_not_make_it_wait_longer() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    ticket = commands.submit(1.0, shelf.take)
    commands.retry(9.0)
    assert commands.poll_timeout() == 1.0 + COMMAND_S
    commands.handle_timeout(1.0 + COMMAND_S - 0.01)
    assert drain(commands) == []
    commands.handle_timeout(1.0 + COMMAND_S)
    assert drain(commands) == [Failed(ticket, "the shelf is empty")]
    assert commands.poll_timeout() is None


def test_wants_are_tried_in_turn_and_the_reasons_are_told() -> None:
    commands, shelf = Commands(), Shelf(SOME, MORE)
    ticket = commands.submit(1.0, shelf.take)
    assert commands.wants() == [SOME]
    commands.note_given_up(SOME, "a has none")
    assert (drain(commands), commands.wants()) == ([], [MORE])
    commands.note_given_up(MORE, "b is silent")
    reason = "the shelf is empty (a has none; b is silent)"
    assert drain(commands) == [Failed(ticket, reason)]


def test_what_was_given_up_is_not_asked_for_again_by_the_same_command() -> None:
    commands, shelf = Commands(), Shelf(SOME, MORE)
    commands.submit(1.0, shelf.take)
    commands.note_given_up(SOME, "a has none")
    commands.retry(2.0)
    assert commands.wants() == [MORE]
    # Another one asks anew.
    commands.submit(2.0, shelf.take)
    assert commands.wants() == [MORE, SOME]


def test_who_lacks_only_what_was_given_up_fails_when_attempted_again() -> None:
    commands, shelf = Commands(), Shelf(SOME, MORE)
    ticket = commands.submit(1.0, shelf.take)
    commands.note_given_up(SOME, "a has none")
    shelf.wants = (SOME,)
    commands.retry(2.0)
    assert drain(commands) == [Failed(ticket, "the shelf is empty (a has none)")]
    assert commands.wants() == []


def test_what_nobody_wants_may_be_given_up() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    ticket = commands.submit(1.0, shelf.take)
    commands.note_given_up(ONE, "a uses it")
    assert (drain(commands), commands.wants()) == ([], [SOME])
    commands.note_given_up(SOME, "")
    assert drain(commands) == [Failed(ticket, "the shelf is empty")]


def test_one_that_is_given_up_may_be_wanted_by_several() -> None:
    commands = Commands()
    tickets = [commands.submit(1.0, Shelf(SOME).take) for _ in range(2)]
    commands.note_given_up(SOME, "a has none")
    reason = "the shelf is empty (a has none)"
    assert drain(commands) == [Failed(ticket, reason) for ticket in tickets]


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_command_that_is_cancelled_says_nothing_more(is_waiting: bool) -> None:
    commands, shelf = Commands(), Shelf(SOME)
    shelf.count = 0 if is_waiting else 1
    ticket = commands.submit(1.0, shelf.take)
    told = drain(commands)
    commands.cancel(ticket)
    shelf.count = 5
    commands.retry(2.0)
    commands.note_given_up(SOME, "a has none")
    commands.handle_timeout(99.0)
    assert drain(commands) == []
    assert told == ([] if is_waiting else [Done(ticket, "taken at 1")])
    assert len(shelf.attempts) == 1


def test_what_is_refused_later_fails_with_that_reason() -> None:
    commands, shelf = Commands(), Shelf(SOME)
    attempts = iter((shelf.take, refuse))

    def attempt(now: float) -> object:
        return next(attempts)(now)

    ticket = commands.submit(1.0, attempt)
    commands.retry(2.0)
    assert drain(commands) == [Failed(ticket, "not at 2")]
    assert commands.poll_timeout() is None


class Well:
    """What commands draw from; it fills by itself at `full_at`."""

    def __init__(self, full_at: float) -> None:
        self.full_at = full_at

    def draw(self, now: float) -> str:
        """Draw, if it is full."""
        if now < self.full_at:
            raise Lacking("the well is empty", (SOME,), self.full_at)
        return f"drawn at {now:g}"


def test_what_comes_free_here_is_waited_for_though_nobody_gives() -> None:
    commands = Commands()
    ticket = commands.submit(1.0, Well(4.0).draw)
    assert (commands.wants(), commands.poll_timeout()) == ([SOME], 4.0)
    commands.note_given_up(SOME, "a has none")
    commands.handle_timeout(3.9)
    assert (drain(commands), commands.wants()) == ([], [])
    commands.handle_timeout(4.0)
    assert drain(commands) == [Done(ticket, "drawn at 4")]
    assert commands.poll_timeout() is None


def test_who_comes_too_late_to_what_is_free_waits_for_the_next() -> None:
    commands, well = Commands(), Well(4.0)
    ticket = commands.submit(1.0, well.draw)
    well.full_at = 6.0
    commands.handle_timeout(4.0)
    assert (drain(commands), commands.poll_timeout()) == ([], 6.0)
    commands.handle_timeout(6.0)
    assert drain(commands) == [Done(ticket, "drawn at 6")]


def test_what_comes_free_too_late_is_not_waited_for() -> None:
    commands = Commands()
    ticket = commands.submit(1.0, Well(1.5 + COMMAND_S).draw)
    assert commands.poll_timeout() == 1.0 + COMMAND_S
    commands.note_given_up(SOME, "a has none")
    assert drain(commands) == [Failed(ticket, "the well is empty (a has none)")]


class Door:
    """What commands go through; it opens by itself."""

    def __init__(self) -> None:
        self.is_open = False
        self.attempts: list[float] = []

    def enter(self, now: float) -> str:
        """Go through."""
        self.attempts.append(now)
        if not self.is_open:
            raise NotYet("the door is shut")
        return f"entered at {now:g}"


def test_what_goes_by_itself_is_waited_for_and_nobody_is_asked() -> None:
    commands, door = Commands(), Door()
    ticket = commands.submit(1.0, door.enter)
    assert (drain(commands), commands.wants()) == ([], [])
    commands.note_given_up(SOME, "a has none")
    commands.retry(2.0)
    assert (drain(commands), commands.wants()) == ([], [])
    door.is_open = True
    commands.retry(3.0)
    assert drain(commands) == [Done(ticket, "entered at 3")]
    assert door.attempts == [1.0, 2.0, 3.0]
    assert commands.poll_timeout() is None


def test_what_does_not_go_in_time_is_the_reason_of_the_failure() -> None:
    commands, door = Commands(), Door()
    ticket = commands.submit(1.0, door.enter)
    commands.retry(9.0)
    assert commands.poll_timeout() == 1.0 + COMMAND_S
    commands.handle_timeout(1.0 + COMMAND_S - 0.01)
    assert drain(commands) == []
    commands.handle_timeout(1.0 + COMMAND_S)
    assert drain(commands) == [Failed(ticket, "the door is shut")]
    commands.retry(12.0)
    assert door.attempts == [1.0, 9.0]


def test_what_lacks_something_may_wait_for_what_goes_and_the_other_way_round() -> None:
    commands, shelf, door = Commands(), Shelf(SOME), Door()
    attempts = iter((door.enter, shelf.take, door.enter, shelf.take))

    def attempt(now: float) -> object:
        return next(attempts)(now)

    ticket = commands.submit(1.0, attempt)
    assert commands.wants() == []
    commands.retry(2.0)
    assert commands.wants() == [SOME]
    commands.retry(3.0)
    assert commands.wants() == []
    commands.note_given_up(SOME, "a has none")
    assert drain(commands) == []
    shelf.count = 1
    commands.retry(4.0)
    assert drain(commands) == [Done(ticket, "taken at 4")]
