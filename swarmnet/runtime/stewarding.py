"""The data plane's driver: the kernel on worker threads, its announcements, time."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from time import monotonic
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
TABLES: Final = (PutTable, ChangeElements, RemoveTable)
QUIET_FROM: Final = 1000
"""From so many entries on it costs less to look afterwards than to be told of each."""


class Steward:
    """Serves one data plane until cancelled.

    Whoever tells the plane something calls `wake` after it. `told` hears of drift, and
    `refused` of what the kernel would not do.
    """

    def __init__(
        self,
        plane: Dataplane,
        kernel: Kernel,
        *,
        told: Callable[[Drifted], object],
        refused: Callable[[Failure], object],
    ) -> None:
        self._plane = plane
        self._kernel = kernel
        self._told = told
        self._refused = refused
        self._hearing = Hearing(kernel)
        self._tables: TableEvents | None = None
        self._woken = trio.Event()
        self._limiter = trio.CapacityLimiter(1)
        self._watched: dict[str, None] = {}

    def wake(self) -> None:
        """Look whether the data plane wants something."""
        self._woken.set()

    async def run(self) -> None:
        """Serve the data plane; raises what the system refuses."""
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
            self._plane.receive_news(monotonic(), OtherNews(name))
            self.wake()

    async def _hear(self, events: Events) -> None:
        async for event in events:
            news = self._hearing.news_of(event)
            if news is not None:
                self._plane.receive_news(monotonic(), news)
                self.wake()

    async def _work(self, events: Events) -> None:
        while True:
            self._woken = trio.Event()
            while (output := self._plane.poll_output()) is not None:
                await self._do(events, output)
            deadline = self._plane.poll_timeout()
            wait_s = inf if deadline is None else max(0.0, deadline - monotonic())
            with trio.move_on_after(wait_s):
                await self._woken.wait()
            self._plane.handle_timeout(monotonic())

    async def _do(self, events: Events, output: KernelOutput) -> None:
        match output:
            case Read(number, looks):
                for look in looks:
                    # First, so that nothing falls between.
                    self._watch(events, look.namespace)
                found = await self._in_thread(lambda: look_at(self._kernel, looks))
                for look in looks:
                    self._watch(events, look.namespace)
                self._plane.receive_read(monotonic(), number, found)
            case Apply(number, operations):
                failures = await self._apply(events, operations)
                self._plane.receive_done(monotonic(), number, failures)
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
                    self._plane.receive_news(monotonic(), OtherNews(name))
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
