"""Where a peer may be, and how much may be sent where it need not be."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.places import AMPLIFICATION, PATH_FRESH_S, Places
from swarmnet.ids import Address

HOME: Final = Address(bytes((10, 0, 0, 1)), 7946)
THERE: Final = Address(bytes((10, 0, 9, 1)), 7000)
LIAR: Final = Address(bytes((192, 0, 2, 66)), 666)
LIAR_2: Final = Address(bytes((192, 0, 2, 67)), 666)
SIZE: Final = 100


def at_home() -> Places:
    """Return the places of one that was heard at home at 0.0."""
    places = Places()
    places.name_home(0.0, HOME)
    places.note_path(0.0, HOME, SIZE)
    return places


def test_of_whom_nothing_is_known_there_is_nowhere_to_send_to() -> None:
    places = Places()
    assert (places.is_known(0.0), places.where(0.0, SIZE)) == (False, [])
    places.name_home(0.0, HOME)
    assert (places.is_known(0.0), places.where(99.0, SIZE)) == (True, [HOME])


def test_who_is_heard_at_home_is_written_to_there_without_bound() -> None:
    places = at_home()
    assert [places.where(0.0, 10_000) for _ in range(9)] == [[HOME]] * 9


def test_who_was_heard_elsewhere_is_written_to_there_and_at_home() -> None:
    places = at_home()
    places.note_path(1.0, THERE, SIZE)
    assert places.where(1.0, SIZE) == [THERE, HOME]
    assert places.where(1.0 + PATH_FRESH_S, SIZE) == [HOME]


def test_home_is_doubted_once_it_was_silent_while_others_were_heard() -> None:
    places = at_home()
    # It was silent for a long time, but so was everybody.
    for second in range(100, 111):
        places.note_path(float(second), THERE, SIZE)
        expected = [THERE, HOME] if second < 110 else [THERE]
        assert places.where(float(second), SIZE) == expected
    places.note_copy(111.0, HOME, SIZE)
    assert places.where(111.0, SIZE) == [THERE, HOME]


def test_nothing_but_a_name_moves_home() -> None:
    places = at_home()
    places.note_path(1.0, LIAR, SIZE)
    places.note_copy(1.0, THERE, SIZE)
    assert places.home == HOME
    places.name_home(2.0, THERE)
    assert places.where(2.0, SIZE) == [LIAR, THERE]


def test_a_name_that_is_new_is_believed_for_a_while() -> None:
    places = at_home()
    for second in range(12):
        places.note_path(float(second), LIAR, SIZE)
    places.name_home(11.0, THERE)
    for now, expected in ((20.0, [LIAR, THERE]), (21.0, [LIAR])):
        places.note_path(now, LIAR, SIZE)
        assert places.where(now, SIZE) == expected


def test_a_place_is_sent_three_times_what_came_from_it_and_home_the_rest() -> None:
    places = at_home()
    places.note_path(1.0, LIAR, 50)
    sizes = (100, 60, 50, 1, 1)
    answers = [places.where(1.0, size) for size in sizes]
    both = [LIAR, HOME]
    # 150 bytes: 100 and 50 of them.
    assert answers == [both, [HOME], both, [HOME], [HOME]]
    places.note_copy(1.0, LIAR, 10_000)
    assert places.where(1.0, 1) == [HOME]
    places.note_path(1.0, LIAR, 1)
    assert places.where(1.0, AMPLIFICATION) == both


def test_what_is_too_much_for_a_place_goes_home_though_home_is_doubted() -> None:
    places = at_home()
    for second in range(20):
        places.note_path(float(second), THERE, 10)
    assert places.where(19.0, 600) == [THERE]
    assert places.where(19.0, 1) == [HOME]


def test_credit_is_that_of_a_place_and_does_not_come_back_with_it() -> None:
    places = at_home()
    places.note_path(1.0, LIAR, 1000)
    for second, other in ((2.0, LIAR_2), (2.5, THERE)):
        places.note_path(second, other, 10)
    places.note_path(3.0, LIAR, 10)
    assert places.where(3.0, 31) == [HOME]
    assert places.where(3.0, 30) == [LIAR, THERE, HOME]


def test_who_has_moved_is_found_though_a_faster_copier_hides_him() -> None:
    places = at_home()
    for second in range(60):
        now = float(second)
        places.note_path(now, LIAR, SIZE)
        places.note_copy(now + 0.1, THERE, SIZE)
        expected = [LIAR, THERE] if second >= 10 else [LIAR, THERE, HOME]
        assert places.where(now + 0.2, SIZE) == expected


def test_who_has_moved_is_found_though_copies_are_faster_now_and_then() -> None:
    places = at_home()
    for second in range(10, 60):
        now = float(second)
        if second % 3:
            places.note_path(now, LIAR, SIZE)
            places.note_copy(now + 0.1, THERE, SIZE)
        else:
            places.note_path(now, THERE, SIZE)
        assert THERE in places.where(now + 0.2, SIZE)


@pytest.mark.parametrize("liar", [HOME, LIAR])
def test_of_two_places_the_one_heard_from_last_is_kept_beside_the_path(
    liar: Address,
) -> None:
    places = at_home()
    places.note_path(10.0, liar, SIZE)
    places.note_copy(10.0, THERE, SIZE)
    places.note_path(11.0, LIAR_2, SIZE)
    assert places.where(11.0, SIZE)[:2] == [LIAR_2, THERE]


def test_a_copy_says_nothing_once_the_newest_datagram_is_old() -> None:
    places = at_home()
    places.note_copy(PATH_FRESH_S, LIAR, SIZE)
    assert places.where(PATH_FRESH_S, SIZE) == [HOME]
    places.note_copy(PATH_FRESH_S - 0.1, LIAR, SIZE)
    assert places.where(PATH_FRESH_S, SIZE) == [LIAR, HOME]


class Careful(Places):
    """Places that never trust to have been heard at home alone."""

    __slots__ = ()

    def _look(self) -> None:
        return


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("name_home", "note_path", "note_copy", "where")),
            st.sampled_from((HOME, THERE, LIAR, LIAR_2)),
            st.sampled_from((0.0, 1.0, PATH_FRESH_S)),
        )
    )
)
def test_who_is_heard_at_home_alone_is_treated_as_anybody(
    steps: list[tuple[str, Address, float]],
) -> None:
    quick, careful, now = Places(), Careful(), 0.0
    for step, address, later in steps:
        now += later
        if step == "where":
            assert quick.where(now, SIZE) == careful.where(now, SIZE)
            continue
        # Equal addresses need not be one and the same.
        again = Address(address.host, address.port)
        for places, at in ((quick, address), (careful, again)):
            if step == "name_home":
                places.name_home(now, at)
            elif step == "note_path":
                places.note_path(now, at, SIZE)
            else:
                places.note_copy(now, at, SIZE)
        assert quick.home_until == careful.home_until
