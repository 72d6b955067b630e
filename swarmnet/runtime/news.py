"""What happens here, for those who watch: `monitor`, and the log."""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

Event = Mapping[str, object]
DRIFTS_KEPT: Final = 8
KEPT_MAX: Final = 1024
"""So many wait for one that is slow; of more it is told how many it missed."""


class News:
    """Passes events on to all who listen; without any it costs nothing.

    `drifts` are the last of that kind.
    """

    def __init__(self) -> None:
        self._outlets: dict[trio.MemorySendChannel[Event], int] = {}
        self.drifts: deque[Event] = deque(maxlen=DRIFTS_KEPT)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._outlets)

    def tell(self, event: Event) -> None:
        """Tell everybody; who is too slow misses it."""
        if event.get("kind") == "drift":
            self.drifts.append(event)
        for outlet, missed in list(self._outlets.items()):
            try:
                if missed:
                    outlet.send_nowait({"kind": "lost", "count": missed})
                    self._outlets[outlet] = 0
                outlet.send_nowait(event)
            except trio.WouldBlock:
                self._outlets[outlet] += 1
            except trio.BrokenResourceError:
                del self._outlets[outlet]

    async def lines(self) -> AsyncIterator[Event]:
        """Yield what happens from now on."""
        async with self.listen() as inlet:
            async for event in inlet:
                yield event

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[trio.MemoryReceiveChannel[Event]]:
        """Give what happens from now on."""
        outlet, inlet = trio.open_memory_channel[Event](KEPT_MAX)
        self._outlets[outlet] = 0
        try:
            yield inlet
        finally:
            self._outlets.pop(outlet, None)
            inlet.close()
            outlet.close()
