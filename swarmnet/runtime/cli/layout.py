"""Aligned columns, and blocks of `key: value`."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

GAP: Final = "   "


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line of heads and one a row; columns are as wide as need be."""
    columns = zip_longest(heads, *rows, fillvalue="")
    widths = [max(map(len, column)) for column in columns]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield GAP.join(cells).rstrip()


def block(facts: Sequence[tuple[str, str]], indent: str = "") -> Iterator[str]:
    """Yield a line a fact, the values one below the other."""
    width = max((len(key) for key, _ in facts), default=0) + 1
    for key, value in facts:
        yield f"{indent}{key + ':':<{width}} {value}".rstrip()
