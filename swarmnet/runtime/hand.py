"""The hand at this machine's kernel: does what a data plane wants, on worker threads.

What comes of it, and what the kernel announces, is told to the data plane through
whoever drives that: alone (`stewarding`), or as a part of a node (`driving`).
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import trio

from swarmnet.kernel.operations import (
    AddNamespace,
    ChangeElements,
    EntryOperation,
    Failure,
    Operation,
    PutTable,
    RemoveNamespace,
    RemoveTable,
)
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import (
    Apply,
    Drifted,
    Forget,
    KernelNews,
    KernelOutput,
    OtherNews,
    Read,
)
from swarmnet.node.looking import look_at
from swarmnet.runtime.events import Events, open_events
from swarmnet.runtime.hearing import Hearing
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.table_events import TableEvents

T = TypeVar("T")
Verb = Callable[[Dataplane, float], object]
"""Tells a data plane something, at a time."""
TABLES: Final = (PutTable, ChangeElements, RemoveTable)
QUIET_FROM: Final = 1000
"""From so many entries on it costs less to look afterwards than to be told of each."""


class Hand:
    """Carries out what a data plane wants, one output after the other.

    `tell` runs a verb on the data plane, with the time. `told` hears of drift, and
    `refused` of what the kernel would not do.
    """

    def __init__(
        self,
        kernel: Kernel,
        tell: Callable[[Verb], object],
        *,
        told: Callable[[Drifted], object],
        refused: Callable[[Failure], object],
    ) -> None:
        self._kernel = kernel
        self._tell = tell
        self._told = told
        self._refused = refused
        self._hearing = Hearing(kernel)
        self._tables: TableEvents | None = None
        self._wanted: deque[KernelOutput] = deque()
        self._woken = trio.Event()
        self._limiter = trio.CapacityLimiter(1)
        self._watched: dict[str, None] = {}

    def take(self, output: KernelOutput) -> None:
        """Do this as soon as all is done that was wanted before it."""
        self._wanted.append(output)
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; raises what the system refuses."""
        async with open_events(self._kernel) as events, trio.open_nursery() as nursery:
            nursery.start_soon(self._hear, events)
            with suppress(OSError):
                # A kernel without nftables announces nothing of it.
                self._tables = TableEvents(self._kernel, events)
                nursery.start_soon(self._hear_tables, self._tables)
            try:
                await self._work(events)
            finally:
                if self._tables is not None:
                    self._tables.close()

    async def _hear_tables(self, tables: TableEvents) -> None:
        async for name in tables.changes():
            self._tell(partial(_receive_news, OtherNews(name)))

    async def _hear(self, events: Events) -> None:
        async for event in events:
            news = self._hearing.news_of(event)
            if news is not None:
                self._tell(partial(_receive_news, news))

    async def _work(self, events: Events) -> None:
        while True:
            self._woken = trio.Event()
            while self._wanted:
                await self._do(events, self._wanted.popleft())
            await self._woken.wait()

    async def _do(self, events: Events, output: KernelOutput) -> None:
        match output:
            case Read(number, looks):
                for look in looks:
                    # First, so that nothing falls between.
                    self._watch(events, look.namespace)
                found = await self._in_thread(lambda: look_at(self._kernel, looks))
                for look in looks:
                    self._watch(events, look.namespace)
                self._tell(lambda plane, now: plane.receive_read(now, number, found))
            case Apply(number, operations):
                failures = await self._apply(events, operations)
                self._tell(lambda plane, now: plane.receive_done(now, number, failures))
                for failure in failures:
                    self._refused(failure)
            case Forget(name):
                self._unwatch(events, name)
                self._kernel.forget(name)
            case Drifted():
                self._told(output)

    async def _apply(
        self, events: Events, operations: Sequence[Operation]
    ) -> list[Failure]:
        for one in operations:
            if isinstance(one, RemoveNamespace):
                self._unwatch(events, one.namespace)
        if self._tables is not None and any(isinstance(o, TABLES) for o in operations):
            self._tables.is_deaf = True
        many = sum(isinstance(one, EntryOperation) for one in operations)
        if many >= QUIET_FROM:
            events.quiet()
        try:
            failures = await self._in_thread(lambda: self._kernel.apply(operations))
        finally:
            if many >= QUIET_FROM:
                events.loud()
            if self._tables is not None and self._tables.is_deaf:
                for name in self._tables.listen():
                    self._tell(partial(_receive_news, OtherNews(name)))
        for one in operations:
            if isinstance(one, AddNamespace):
                self._watch(events, one.namespace)
        return failures

    async def _in_thread(self, function: Callable[[], T]) -> T:
        """Run what blocks, to its end: nobody could tell what of it was done."""
        return await trio.to_thread.run_sync(function, limiter=self._limiter)

    def _watch(self, events: Events, name: str) -> None:
        if name in self._watched:
            return
        # It may not be there yet, or not any more.
        with suppress(OSError):
            events.watch(name)
            self._watched[name] = None

    def _unwatch(self, events: Events, name: str) -> None:
        if self._watched.pop(name, self) is None:
            events.unwatch(name)


def _receive_news(news: KernelNews, plane: Dataplane, now: float) -> None:
    plane.receive_news(now, news)
