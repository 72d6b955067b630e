"""Rows on their way are cut into pages of bounded size."""

from collections.abc import Iterable
from typing import Final

ITEM_OVERHEAD_BYTES: Final = 3
"""What a row takes in a message besides itself."""


def cut_pages(items: Iterable[bytes], limit: int) -> list[list[bytes]]:
    """Cut items into pages of up to `limit` bytes each."""
    pages: list[list[bytes]] = []
    left = 0
    for item in items:
        size = len(item) + ITEM_OVERHEAD_BYTES
        if not pages or size > left:
            pages.append([])
            left = limit
        pages[-1].append(item)
        left -= size
    return pages
