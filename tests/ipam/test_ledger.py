"""The book of numbers: serial order, and tables of Docker's bitmaps and id managers.

From `moby/moby`: bitmap's sequence_test.go (TestSetRolloverSerial and the random
deallocations) and addrset_test.go; from `moby/libnetwork`: idm_test.go. Their
allocations that are not serial have no counterpart here.
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ipam.ledger import Ledger
from swarmnet.ipam.spans import Span, Spans


def ledger(lowest: int, highest: int, last: int | None = None) -> Ledger:
    """Return a ledger of one span that is owned as a whole."""
    whole = Spans([Span(lowest, highest)])
    book = Ledger(whole, last=last)
    assert book.hold(whole) == ()
    return book


def free(book: Ledger, number: int) -> None:
    user = book.user(number)
    assert user is not None
    assert book.put_back(number, user)
    book.wake(number)


def test_numbers_ascend_and_the_order_wraps() -> None:
    """idm: TestAllocate."""
    book = ledger(50, 52)
    assert not book.is_owned(49)
    assert not book.is_owned(53)
    assert [book.take_next("a") for _ in range(4)] == [50, 51, 52, None]
    free(book, 50)
    assert book.take_next("b") == 50
    free(book, 52)
    book.take(52, "c")
    assert book.uses() == {50: "b", 51: "a", 52: "c"}
    assert book.free == Spans()


def test_a_number_that_was_named_is_passed_over() -> None:
    """idm: TestAllocateInRange."""
    book = ledger(5, 10)
    book.take(6, "a")
    assert book.take_next("b") == 5
    free(book, 6)
    assert [book.take_next("c") for _ in range(5)] == [6, 7, 8, 9, 10]
    for number in (10, 5):
        free(book, number)
        assert book.take_next("d") == number
    for number in range(5, 11):
        free(book, number)
    # Serial, so it begins behind the one given last.
    assert [book.take_next("e") for _ in range(6)] == [6, 7, 8, 9, 10, 5]


def test_a_number_that_was_named_does_not_move_the_order() -> None:
    book = ledger(0, 9)
    assert book.take_next("a") == 0
    book.take(7, "b")
    assert book.last == 0
    assert book.take_next("c") == 1


def test_the_order_goes_on_from_another_life() -> None:
    book = ledger(0, 9, last=6)
    assert [book.take_next("a") for _ in range(5)] == [7, 8, 9, 0, 1]


def test_first_and_last_are_used_and_freed() -> None:
    """addrset: TestIPv4Pool, 10.20.0.0/16."""
    start = 0x0A14_0000
    book = ledger(start, start + 0xFFFF)
    book.take(start, "a")
    book.take(start + 0xFFFF, "a")
    assert (book.used_count, book.free_count) == (2, 65_534)
    with pytest.raises(AssertionError):
        book.take(start + 0xFFFF, "b")
    # What is not there is taken out without an error, also when nothing is.
    assert not book.put_back(start + 7, "a")
    free(book, start)
    free(book, start + 0xFFFF)
    assert not book.put_back(start + 7, "a")
    assert (book.used_count, book.free_count) == (0, 65_536)
    assert [book.take_next("a"), book.take_next("a")] == [start, start + 1]


def test_a_space_of_2_to_the_72_is_a_space_like_others() -> None:
    """addrset: TestIPv6Pool, fddd::/56."""
    start = 0xFDDD << 112
    last = start + 2**72 - 1
    book = ledger(start, last)
    book.take(start, "a")
    book.take(last, "a")
    assert book.free_count == 2**72 - 2
    free(book, start)
    free(book, last)
    assert [book.take_next("a"), book.take_next("a")] == [start, start + 1]
    assert book.free_count == 2**72 - 2


def test_a_full_space_gives_nothing() -> None:
    """addrset: TestFullPool."""
    book = ledger(0, 255)
    assert [book.take_next("a") for _ in range(257)] == [*range(256), None]


@pytest.mark.parametrize("seed", range(3))
def test_half_is_freed_at_random_and_all_is_given_in_the_end(seed: int) -> None:
    """bitmap: testSetRollover and TestAllocateRandomDeallocateSerialize."""
    rng, size = Random(seed), 256
    book = ledger(0, size - 1)
    assert [book.take_next("a") for _ in range(size // 2)] == [*range(size // 2)]
    freed = sorted(rng.sample(range(size // 2), size // 4))
    for number in freed:
        free(book, number)
    assert book.free_count == 3 * size // 4
    # The upper half comes first, then what was freed, in ascending order.
    upper = [*range(size // 2, size)]
    assert [book.take_next("b") for _ in range(size // 2)] == upper
    assert [book.take_next("c") for _ in range(size // 4)] == freed
    assert book.take_next("d") is None


@pytest.mark.parametrize("seed", range(3))
def test_all_is_taken_and_freed_at_random(seed: int) -> None:
    """bitmap: TestRandomAllocateDeallocate."""
    rng, size = Random(seed), 512
    book = ledger(0, size - 1)
    for number in rng.sample(range(size), size):
        book.take(number, "a")
    assert book.free == Spans()
    for number in rng.sample(range(size), size):
        free(book, number)
    assert book.free == Spans([Span(0, size - 1)])


def test_what_is_not_dynamic_is_given_only_to_those_who_name_it() -> None:
    book = Ledger(Spans([Span(0, 9)]), Spans([Span(4, 5)]))
    book.hold(Spans([Span(0, 9)]))
    assert [book.take_next("a") for _ in range(3)] == [4, 5, None]
    assert book.is_owned(7)
    assert not book.is_dynamic(7)
    book.take(7, "b")
    free(book, 7)
    assert book.free == Spans()


def test_what_lies_outside_the_space_is_never_owned() -> None:
    book = Ledger(Spans([Span(10, 19)]))
    book.hold(Spans([Span(0, 99)]))
    assert book.owned == Spans([Span(10, 19)])
    assert (book.owned_count, book.is_owned(9)) == (10, False)


def test_lost_numbers_stay_in_use_and_are_reported() -> None:
    book = ledger(0, 9)
    assert [book.take_next("a") for _ in range(4)] == [0, 1, 2, 3]
    assert book.hold(Spans([Span(2, 4)])) == book.strays() == (0, 1)
    assert book.take_next("b") == 4
    assert book.take_next("b") is None
    # What was lost, freed and woken is nobody's here; got again, it is free.
    free(book, 1)
    assert book.free == Spans()
    assert book.hold(Spans([Span(0, 9)])) == ()
    assert book.free == Spans([Span(1, 1), Span(5, 9)])


def test_a_set_handed_in_may_change_afterwards() -> None:
    owned = Spans([Span(0, 3)])
    book = Ledger(owned)
    book.hold(owned)
    owned.remove(Span(0, 3))
    assert book.free == Spans([Span(0, 3)])
    book.free.remove(Span(0, 3))
    book.owned.remove(Span(0, 3))
    assert book.take_next("a") == 0


def test_only_its_user_puts_a_number_back() -> None:
    book = ledger(0, 9)
    book.take(4, "a")
    assert not book.put_back(4, "b")
    assert not book.put_back(5, "a")
    assert book.user(4) == "a"
    assert book.put_back(4, "a")
    assert book.is_resting(4)
    assert not book.put_back(4, "a")


def test_what_rests_is_not_free_until_it_is_woken() -> None:
    book = ledger(0, 2)
    book.rest(1)
    assert book.free == Spans.of([0, 2])
    assert [book.take_next("a") for _ in range(3)] == [0, 2, None]
    book.wake(1)
    book.wake(1)
    assert book.take_next("a") == 1
    book.wake(1)
    assert book.user(1) == "a"
    with pytest.raises(AssertionError):
        book.rest(1)


def test_the_use_that_was_noted_first_stays() -> None:
    book = ledger(0, 9)
    assert book.restore(4, "a") is None
    assert book.restore(4, "a") is None
    assert book.restore(4, "b") == "a"
    assert book.restore(44, "c") is None
    assert book.strays() == (44,)
    assert book.uses() == {4: "a", 44: "c"}


class Model:
    """A ledger over plain sets: what is owned, who uses what, what rests."""

    def __init__(self) -> None:
        self.owned: set[int] = set()
        self.users: dict[int, str] = {}
        self.resting: set[int] = set()
        self.last = -1

    def free(self) -> list[int]:
        taken = self.users.keys() | self.resting
        return sorted(n for n in self.owned if n % 20 >= 4 and n not in taken)

    def next(self) -> int | None:
        free = self.free()
        later = [n for n in free if n > self.last]
        return next(iter([*later, *free]), None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["next", "next", "next", "name", "back", "wake", "hold"]),
        st.integers(0, 39),
        st.integers(0, 39),
    ),
    max_size=60,
)


@given(STEPS)
def test_a_ledger_does_what_its_model_does(steps: list[tuple[str, int, int]]) -> None:
    """Numbers 0 to 39; those of which n % 20 < 4 only to those who name them."""
    space = Spans([Span(0, 39)])
    book, model = Ledger(space, Spans([Span(4, 19), Span(24, 39)])), Model()
    for verb, a, b in steps:
        match verb:
            case "next":
                expected = model.next()
                assert book.take_next("x") == expected
                if expected is not None:
                    model.users[expected], model.last = "x", expected
            case "name" if a not in model.users:
                book.take(a, "y")
                model.users[a] = "y"
                model.resting.discard(a)
            case "back":
                user = model.users.pop(a, None)
                assert book.put_back(a, user or "x") == (user is not None)
                model.resting |= set() if user is None else {a}
            case "wake":
                book.wake(a)
                model.resting.discard(a)
            case "hold":
                model.owned = set(range(min(a, b), max(a, b) + 1))
                lost = sorted(n for n in model.users if n not in model.owned)
                assert book.hold(Spans.of(model.owned)) == tuple(lost)
            case _:
                pass
        assert book.free == Spans.of(model.free())
        assert book.uses() == model.users
        assert sorted(book.resting) == sorted(model.resting)
        assert book.free_count == len(model.free())


def preferring(*first: tuple[int, int], last: int | None = None) -> Ledger:
    """Return a ledger of 0 to 9, of which some are given first."""
    whole = Spans([Span(0, 9)])
    book = Ledger(whole, last=last)
    book.hold(whole, Spans(Span(low, high) for low, high in first))
    return book


def test_what_is_to_be_given_first_is_given_first_and_then_the_rest() -> None:
    book = preferring((4, 5), (8, 8))
    taken = [book.take_next("a") for _ in range(10)]
    assert taken[:3] == [4, 5, 8]
    # Then in serial order from the last one on.
    assert taken[3:] == [9, 0, 1, 2, 3, 6, 7]
    assert book.take_next("a") is None


def test_what_is_first_goes_up_and_wraps_by_itself() -> None:
    book = preferring((2, 3), (6, 7), last=6)
    assert [book.take_next("a") for _ in range(5)] == [7, 2, 3, 6, 8]


def test_what_comes_free_of_the_first_is_given_before_the_rest() -> None:
    book = preferring((2, 3))
    assert [book.take_next("a") for _ in range(3)] == [2, 3, 4]
    assert book.put_back(2, "a")
    assert book.take_next("a") == 5
    book.wake(2)
    assert book.take_next("a") == 2


def test_what_is_first_must_be_owned_and_is_said_anew_each_time() -> None:
    whole = Spans([Span(0, 9)])
    book = Ledger(whole)
    book.hold(Spans([Span(0, 4)]), Spans([Span(3, 9)]))
    assert [book.take_next("a") for _ in range(3)] == [3, 4, 0]
    book.hold(whole)
    assert book.take_next("a") == 1
    # Outside of what is dynamic nothing is given, first or not.
    narrow = Ledger(whole, Spans([Span(0, 1)]))
    narrow.hold(whole, Spans([Span(5, 9)]))
    assert [narrow.take_next("a") for _ in range(3)] == [0, 1, None]


@given(
    owned=st.sets(st.integers(0, 15)),
    first=st.sets(st.integers(0, 15)),
    last=st.none() | st.integers(0, 15),
)
def test_all_that_is_owned_is_given_once_whatever_is_first(
    owned: set[int], first: set[int], last: int | None
) -> None:
    book = Ledger(Spans([Span(0, 15)]), last=last)
    book.hold(Spans.of(owned), Spans.of(first))
    taken = [book.take_next("a") for _ in owned]
    assert set(taken) == owned
    assert set(taken[: len(owned & first)]) == owned & first
    assert book.take_next("a") is None
