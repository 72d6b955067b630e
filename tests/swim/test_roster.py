"""The roster's sums, orders and rings follow from what it holds, whatever happened."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.sketch import Digest as SetDigest
from swarmnet.sketch import Sketch, element_of
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Digest
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster, claim_hash
from tests.swim.worlds import (
    KEY,
    alive,
    left,
    living,
    node,
    number_of,
    roster,
    serial,
    suspect,
)

LIVE = (State.ALIVE, State.SUSPECT)


def dead_of(held: Roster) -> list[int]:
    """Return the dead: whom the even turns of one round go to, none of them twice."""
    turns = range(0, 2 * held.count(State.DEAD), 2)
    found = [held.next_dead(turn) for turn in turns]
    return sorted(number_of(one) for one in found if one is not None)


def member(number: int, state: State, incarnation: int) -> Member:
    """Return a member in that state."""
    if state is State.LEFT:
        return Member(left(number, 1, incarnation), (), state)
    accused = state is not State.ALIVE
    accusations = (suspect(number, 99, 1, incarnation),) if accused else ()
    return Member(alive(number, 1, incarnation), accusations, state)


STEPS = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from([*State, None]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=40,
)


def played(
    steps: list[tuple[int, State | None, int, bool]], held: Roster
) -> dict[int, Member]:
    """Do the steps to a roster of nobody; return what it should hold."""
    random = Random(1)
    model: dict[int, Member] = {}
    for number, state, incarnation, probes in steps:
        if state is not None:
            model[number] = member(number, state, incarnation)
            held.put(model[number])
        elif model.pop(number, None) is not None:
            held.forget(node(number))
        if probes:
            held.next_probe_target(random)
    return model


@given(STEPS)
def test_every_sum_is_that_of_what_is_held(
    steps: list[tuple[int, State | None, int, bool]],
) -> None:
    held = Roster(node(1), KEY, 3, serial)
    model = played(steps, held)
    assert held.members() == {node(n): one for n, one in model.items()}
    states = Counter(one.state for one in model.values())
    assert [held.count(state) for state in State] == [states[s] for s in State]
    assert held.live_count == states[State.ALIVE] + states[State.SUSPECT]
    dead = [n for n, one in model.items() if one.state is State.DEAD]
    assert dead_of(held) == sorted(dead)
    assert (held.next_dead(0) is None) == (not dead)
    digest, sketch = SetDigest(), Sketch()
    for one in model.values():
        for claim in one.claims if one.state is not State.LEFT else ():
            digest.add(claim_hash(KEY, claim.body))
            sketch.add(element_of(claim_hash(KEY, claim.body)))
    assert held.digest() == Digest(digest.bytes16, sketch.size)
    assert held.sketch.cells(0, 64) == sketch.cells(0, 64)
    assert len(dict(held.elements())) == sketch.size


@given(STEPS)
def test_those_who_live_are_on_the_rings_and_in_the_probe_order(
    steps: list[tuple[int, State | None, int, bool]],
) -> None:
    held = Roster(node(1), KEY, 3, serial)
    model = played(steps, held)
    lives = sorted(n for n, one in model.items() if one.state in LIVE)
    assert [n for n in range(1, 13) if node(n) in held.rings] == lives
    again = roster(1, living(*lives))
    assert held.rings.neighbours() == again.rings.neighbours()
    random = Random(2)
    others = [n for n in lives if n != 1]
    drawn = [held.next_probe_target(random) for _ in range(2 * len(lives))]
    assert sorted({number_of(one) for one in drawn if one is not None}) == others
    assert all(drawn) == bool(others or not drawn)


@given(STEPS)
def test_filling_is_the_same_as_putting_one_by_one(
    steps: list[tuple[int, State | None, int, bool]],
) -> None:
    held = Roster(node(1), KEY, 3, serial)
    model = played(steps, held)
    filled = roster(1, model.values())
    assert filled.members() == held.members()
    assert filled.digest() == held.digest()
    assert filled.rings.neighbours() == held.rings.neighbours()
    assert dead_of(filled) == dead_of(held)


def test_a_copy_goes_its_own_way() -> None:
    held = roster(1, living(1, 2, 3))
    before = (dict(held.members()), held.digest(), dict(held.rings.neighbours()))
    twin = held.copy(node(2))
    twin.put(member(3, State.DEAD, 0))
    twin.forget(node(1))
    twin.put(member(4, State.ALIVE, 0))
    assert (dict(held.members()), held.digest(), held.rings.neighbours()) == before
    assert (dead_of(held), held.live_count) == ([], 3)
    assert (twin.me, dead_of(twin), twin.live_count) == (node(2), [3], 2)
    assert list(map(number_of, twin.rings.neighbours())) == [4]


def test_equal_sets_of_claims_have_one_digest_and_others_another() -> None:
    forwards = roster(1, living(1, 2, 3)).digest()
    assert roster(3, living(3, 1, 2)).digest() == forwards
    assert roster(1, living(1, 2)).digest() != forwards
    assert roster(1, [*living(1, 2), member(3, State.SUSPECT, 0)]).digest() != forwards


def test_those_who_left_are_in_no_digest() -> None:
    held = roster(1, [*living(1, 2), member(3, State.LEFT, 1)])
    assert held.digest() == roster(1, living(1, 2)).digest()


def test_a_conclusion_of_death_is_in_no_digest() -> None:
    dead = roster(1, [*living(1), member(2, State.DEAD, 0)])
    suspected = roster(1, [*living(1), member(2, State.SUSPECT, 0)])
    assert dead.digest() == suspected.digest()


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99), st.integers(0, 13))
def test_a_sample_is_of_distinct_others_and_as_large_as_can_be(
    count: int, wanted: int, seed: int, exclude: int
) -> None:
    held = roster(1, living(*range(1, count + 1)))
    found = held.sample(Random(seed), wanted, node(exclude))
    others = [node(n) for n in range(2, count + 1) if n != exclude]
    assert len(found) == min(wanted, len(others))
    assert len(set(found)) == len(found)
    assert set(found) <= set(others)


COMINGS = st.lists(
    st.tuples(
        st.sampled_from(["come", "go", "come and go", "stay"]),
        st.integers(2, 9),
        st.integers(1, 12),
    ),
    max_size=20,
)


@given(st.integers(2, 9), COMINGS, st.integers(0, 99))
def test_each_member_is_probed_once_in_two_rounds_whoever_comes_and_goes(
    n: int, comings: list[tuple[str, int, int]], seed: int
) -> None:
    held = roster(1, living(*range(1, n + 1)))
    random = Random(seed)
    waited = dict.fromkeys(range(2, n + 1), 0)
    most = held.live_count
    steps = [(what, number) for what, number, times in comings for _ in range(times)]
    for what, number in [*steps, *[("stay", 2)] * 4 * n]:
        if "go" in what and waited.pop(number, None) is not None:
            held.forget(node(number))
        if "come" in what and number not in waited:
            held.put(living(number)[0])
            waited[number] = 0
        most = max(most, held.live_count)
        drawn = held.next_probe_target(random)
        waited = {other: probes + 1 for other, probes in waited.items()}
        assert (drawn is None) == (not waited)
        if drawn is not None:
            assert waited.pop(number_of(drawn)) <= 2 * most - 1
            waited[number_of(drawn)] = 0
        assert max(waited.values(), default=0) < 2 * most - 1


def test_who_comes_and_goes_all_the_time_keeps_nobody_from_being_probed() -> None:
    held = roster(1, living(1, 2, 3, 4, 5))
    random = Random(1)
    drawn = []
    for _ in range(40):
        drawn.append(held.next_probe_target(random))
        held.forget(node(5))
        held.put(living(5)[0])
    for start in range(len(drawn) - 8):
        assert {node(2), node(3), node(4)} <= set(drawn[start : start + 9])


def test_nobody_is_probed_when_nobody_is_there() -> None:
    assert Roster(node(1), KEY, 3, serial).next_probe_target(Random(1)) is None
    assert roster(1, living(1)).next_probe_target(Random(1)) is None


@given(st.integers(2, 12), st.integers(0, 99), st.data())
def test_who_goes_makes_nobody_wait_and_nobody_come_twice(
    n: int, seed: int, data: st.DataObject
) -> None:
    held = roster(99, living(*range(1, n + 1)))
    random = Random(seed)
    first = data.draw(st.integers(0, n))
    drawn = [held.next_probe_target(random) for _ in range(first)]
    gone = data.draw(st.sets(st.integers(1, n), max_size=n - 1))
    for number in sorted(gone):
        held.forget(node(number))
    stay = {node(number) for number in range(1, n + 1) if number not in gone}
    unseen = stay - set(drawn)
    rest = [held.next_probe_target(random) for _ in range(len(unseen))]
    assert sorted(one for one in rest if one is not None) == sorted(unseen)
