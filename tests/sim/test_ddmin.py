from collections.abc import Callable, Sequence

import pytest

from sim.ddmin import ddmin

Part = tuple[int, ...]


def first_failing(
    fails: Callable[[Part], bool], tried: list[Part]
) -> Callable[[Sequence[Part]], Part | None]:
    """Return a trial of parts that notes in `tried` what it has looked at."""

    def try_parts(parts: Sequence[Part]) -> Part | None:
        for part in parts:
            tried.append(part)
            if fails(part):
                return part
        return None

    return try_parts


@pytest.mark.parametrize(
    ("count", "causes"),
    [
        (1, {0}),
        (2, {1}),
        (2, {0, 1}),
        (3, {0, 2}),
        (8, {0, 7}),
        (17, {5}),
        (20, {3, 4, 11, 19}),
        (5, {0, 1, 2, 3, 4}),
    ],
)
def test_what_fails_together_is_all_that_is_left(count: int, causes: set[int]) -> None:
    try_parts = first_failing(lambda part: causes <= {*part}, [])
    assert ddmin(tuple(range(count)), try_parts) == tuple(sorted(causes))


@pytest.mark.parametrize("count", [4, 7, 16, 33])
def test_what_is_left_fails_no_more_without_any_one_of_it(count: int) -> None:
    # Not monotonic: some parts of a part that passes fail.
    def fails(part: Part) -> bool:
        return sum(part) % 3 == sum(range(count)) % 3 and len(part) > 1

    smallest = ddmin(tuple(range(count)), first_failing(fails, []))
    assert fails(smallest)
    fewer = [smallest[:i] + smallest[i + 1 :] for i in range(len(smallest))]
    assert [part for part in fewer if fails(part)] == []


def test_the_order_of_trials_is_that_of_the_paper() -> None:
    tried: list[Part] = []
    try_parts = first_failing(lambda part: {2, 3, 5} <= {*part}, tried)
    assert ddmin((1, 2, 3, 4, 5), try_parts) == (2, 3, 5)
    assert tried == [
        *((1, 2), (3, 4, 5)),
        *((1,), (2,), (3,), (4, 5), (2, 3, 4, 5)),
        *((2,), (3,), (4, 5), (3, 4, 5), (2, 4, 5), (2, 3)),
        *((2,), (3,), (4,), (5,), (3, 4, 5), (2, 4, 5), (2, 3, 5)),
        *((2,), (3,), (5,), (3, 5), (2, 5), (2, 3)),
    ]


def test_one_cause_of_many_is_found_in_logarithmic_time() -> None:
    tried: list[Part] = []
    ddmin(tuple(range(1024)), first_failing(lambda part: 700 in part, tried))
    assert len(tried) <= 20
