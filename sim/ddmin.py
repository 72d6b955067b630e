"""Delta debugging: the smallest part of a failing input that still fails.

The algorithm ddmin of Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", IEEE Transactions on Software Engineering 28(2), 2002. It knows
nothing of what the items are, nor of how they are tried.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

FirstFailing = Callable[[Sequence[tuple[Item, ...]]], tuple[Item, ...] | None]
"""Tries parts of the input; returns the first in their order that fails, or None.

It may answer without a trial what it has seen to pass: ddmin asks again.
"""


def ddmin(
    items: tuple[Item, ...], first_failing: FirstFailing[Item]
) -> tuple[Item, ...]:
    """Return a part of `items` from which no single item can be left out.

    `items` are distinct and fail together, and with none of them nothing fails. At
    most quadratic in their number; logarithmic where one of them is to blame.
    """
    count = min(2, len(items))
    while len(items) > 1:
        parts = _split(items, count)
        smaller = first_failing([*parts, *_complements(items, parts)])
        if smaller is None and count == len(items):
            return items
        if smaller is None:
            count = min(2 * count, len(items))
        else:
            count = 2 if smaller in parts else max(count - 1, 2)
            items = smaller
    return items


def _split(items: tuple[Item, ...], count: int) -> list[tuple[Item, ...]]:
    """Return `count` parts in order, none empty, whose sizes differ by one at most."""
    ends = [len(items) * place // count for place in range(count + 1)]
    return [items[ends[place] : ends[place + 1]] for place in range(count)]


def _complements(
    items: tuple[Item, ...], parts: list[tuple[Item, ...]]
) -> list[tuple[Item, ...]]:
    """Return what is left without each part; of two parts, these are the parts."""
    if len(parts) == 2:
        return []
    return [tuple(item for item in items if item not in part) for part in parts]
