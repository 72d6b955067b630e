"""The rings: symmetric, connected, of small degree, and the same for all who agree."""

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import NodeId
from swarmnet.swim.rings import Rings, ring_seat
from tests.swim.worlds import node, number_of, serial

NUMBERS = st.sets(st.integers(1, 60), max_size=30).map(sorted)
RINGS = st.integers(1, 4)


def rings_of(me: int, numbers: list[int], count: int = 3) -> Rings:
    """Return the rings over `numbers`, seen from `me`."""
    rings = Rings(node(me), count, serial)
    rings.fill(node(number) for number in numbers)
    return rings


def edges(numbers: list[int], count: int) -> dict[int, list[int]]:
    """Return every member's neighbours, each by its own computation."""
    return {
        one: sorted(number_of(n) for n in rings_of(one, numbers, count).neighbours())
        for one in numbers
    }


def test_a_seat_is_a_keyed_hash_of_the_serial() -> None:
    assert [ring_seat(ring, b"serial", node(1))[0].hex() for ring in range(3)] == [
        "f3458042a343daef",
        "cbcf93b6d3279a55",
        "f90bbfe51e0a53ce",
    ]


def test_nobody_is_alone_on_small_rings() -> None:
    assert edges([1, 2], 3) == {1: [2], 2: [1]}
    assert edges([1, 2, 3], 3) == {1: [2, 3], 2: [1, 3], 3: [1, 2]}
    assert edges([1], 3) == {1: []}
    assert rings_of(1, []).neighbours() == {}


@given(NUMBERS, RINGS)
def test_neighbours_are_mutual_and_few(numbers: list[int], count: int) -> None:
    found = edges(numbers, count)
    for one, neighbours in found.items():
        assert one not in neighbours
        assert len(neighbours) <= 2 * count
        assert [n for n in neighbours if one not in found[n]] == []


@given(NUMBERS, RINGS)
def test_news_reaches_everyone_along_the_rings(numbers: list[int], count: int) -> None:
    found = edges(numbers, count)
    reached = dict.fromkeys(numbers[:1])
    waiting = list(reached)
    while waiting:
        fresh = [one for one in found[waiting.pop()] if one not in reached]
        reached.update(dict.fromkeys(fresh))
        waiting += fresh
    assert sorted(reached) == numbers


@given(NUMBERS, st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40))
def test_rings_forget_how_they_came_about(
    numbers: list[int], steps: list[tuple[bool, int]]
) -> None:
    rings = rings_of(1, numbers)
    members = dict.fromkeys(numbers)
    for add, number in steps:
        if add:
            rings.add(node(number))
            members[number] = None
        else:
            rings.remove(node(number))
            members.pop(number, None)
        assert len(rings) == len(members)
    again = rings_of(1, sorted(members))
    assert list(rings.neighbours().items()) == list(again.neighbours().items())
    assert [n for n in range(1, 61) if node(n) in rings] == sorted(members)


@given(NUMBERS, st.integers(1, 60), st.integers(1, 60))
def test_a_copy_is_seen_from_another_and_goes_its_own_way(
    numbers: list[int], other: int, extra: int
) -> None:
    rings = rings_of(1, numbers)
    before = dict(rings.neighbours())
    twin = rings.copy(node(other))
    assert twin.neighbours() == rings_of(other, numbers).neighbours()
    twin.add(node(extra))
    if numbers:
        twin.remove(node(numbers[0]))
    assert rings.neighbours() == before
    assert len(rings) == len(numbers)


@given(NUMBERS, st.integers(61, 99))
def test_one_who_is_on_no_ring_has_the_neighbours_of_his_seat(
    numbers: list[int], stranger: int
) -> None:
    rings = rings_of(1, numbers)
    wanted = list(rings.neighbours_of(node(stranger)))
    rings.add(node(stranger))
    assert list(rings.neighbours_of(node(stranger))) == wanted


@given(NUMBERS)
def test_successors_lead_round_through_everyone(numbers: list[int]) -> None:
    walk = [numbers[0]] if numbers else []
    for _ in numbers[1:]:
        walk.append(number_of(next(rings_of(walk[-1], numbers).successors())))
    assert sorted(walk) == numbers
    for place, one in enumerate(walk):
        rings = rings_of(one, numbers)
        onwards = [node(other) for other in (*walk[place + 1 :], *walk[:place])]
        assert list(rings.successors()) == onwards
        assert list(rings.predecessors()) == onwards[::-1]


@given(NUMBERS, st.integers(61, 99))
def test_a_successor_is_a_neighbour_on_the_first_ring(
    numbers: list[int], me: int
) -> None:
    outside, within = rings_of(me, numbers), rings_of(me, [*numbers, me])
    assert list(outside.successors()) == list(within.successors())
    assert list(outside.predecessors()) == list(within.predecessors())
    for near in (*within.successors(), *within.predecessors()):
        assert (near in [*within.successors()][:1] + [*within.predecessors()][:1]) == (
            within.neighbours().get(near) == 0
        )


def test_a_neighbour_is_told_with_the_first_ring_it_is_on() -> None:
    rings = rings_of(1, list(range(1, 31)))
    expected: dict[NodeId, int] = {}
    for ring in range(3):
        seats = sorted(ring_seat(ring, node(n), node(n)) for n in range(1, 31))
        place = [member for _, member in seats].index(node(1))
        for step in (1, -1):
            expected.setdefault(seats[(place + step) % 30][1], ring)
    assert list(rings.neighbours().items()) == list(expected.items())
