"""Of many cases like each other, which ones `make check` takes."""

from collections.abc import Iterable

import pytest


def mostly_slow(cases: Iterable[object], fast: Iterable[object]) -> list[object]:
    """Mark all cases as slow but those that are `fast`."""
    kept = list(fast)
    return [
        case if case in kept else pytest.param(case, marks=pytest.mark.slow)
        for case in cases
    ]
