"""Processes that work side by side, and what becomes of the work when one dies.

A pool that loses a process must not wait for ever for the answer that died with it, and
Ctrl-C must not wait for the tasks in hand: both end every process at once. Whoever is
killed beyond help leaves none behind: each ends when its parent does.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from threading import Thread  # noqa: TID251 - a driver, no engine
from typing import Final, Protocol, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")

AHEAD: Final = 2
"""Tasks handed out for each process: one in hand and one that waits for it."""


class WorkerLost(Exception):
    """A process died; the task at `place`, counted from 0, has no answer.

    It is the first of those in hand, so it may have been another's that killed it.
    `why` says what happened.
    """

    def __init__(self, place: int, why: str = "a worker process died") -> None:
        super().__init__(f"{why}; task {place} has no answer")
        self.place = place
        self.why = why


class Pool(Protocol):
    """Whoever does tasks side by side: this machine's processes, or a cluster's."""

    def __enter__(self) -> "Pool": ...

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None: ...

    def kill(self) -> None:
        """End or let go of everybody now, whatever they have in hand."""

    def map(
        self, action: Callable[[Task], Answer], tasks: Iterable[Task]
    ) -> Generator[Answer, None, None]:
        """Yield `action` of each task, in their order; `tasks` is read as needed."""


class Workers:
    """`jobs` fresh processes; a context that ends them, at once after an error.

    With `is_forked` they have what this process has loaded, which spares a second or
    two: for a caller without threads.
    """

    def __init__(self, jobs: int, *, is_forked: bool = False) -> None:
        self._jobs = jobs
        self._others = frozenset(child.pid for child in _children())
        context = multiprocessing.get_context("fork" if is_forked else "spawn")
        self._executor = ProcessPoolExecutor(jobs, context, initializer=_begin)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._executor.shutdown(cancel_futures=True)
        else:
            self.kill()

    def kill(self) -> None:
        """End every process now, whatever it has in hand."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        for child in _children():
            if child.pid not in self._others:
                child.kill()

    def map(
        self, action: Callable[[Task], Answer], tasks: Iterable[Task]
    ) -> Generator[Answer, None, None]:
        """Yield `action` of each task, in their order; `tasks` is read as needed.

        To close this before its end is to take back what is not yet in hand.

        Raises:
            WorkerLost: a process died; no more answers come from these workers.
        """
        waiting = iter(tasks)
        handed: deque[Future[Answer]] = deque()
        place = 0
        try:
            for task in islice(waiting, AHEAD * self._jobs):
                handed.append(self._executor.submit(action, task))
            while handed:
                answer = handed[0].result()
                handed.popleft()
                for task in islice(waiting, 1):
                    handed.append(self._executor.submit(action, task))
                yield answer
                place += 1
        except BrokenProcessPool:
            raise WorkerLost(place) from None
        finally:
            for future in handed:
                future.cancel()


def _children() -> list[multiprocessing.process.BaseProcess]:
    return multiprocessing.active_children()


def _begin() -> None:
    """Leave Ctrl-C to the parent, which ends its workers; and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is a worker"
    parent.join()
    signal.raise_signal(signal.SIGKILL)
