"""The processes of a Dask cluster, in the place of this machine's own.

They answer as `sim.workers.Workers` do: the same results in the same order, for a run
is a function of its options. They must run the same code, one run at a time. Where one
dies its tasks are given to others: to run twice does no harm, and the cluster gives up
a task that has taken several workers with it. What a worker has in hand when a sweep is
interrupted it finishes; all that waits is taken back.
"""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sim.code import Code, this_code
from sim.workers import Pool, WorkerLost, Workers
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
Answer = TypeVar("Answer")

AHEAD: Final = 3
"""Tasks handed out for each worker: one in hand, and two for while it is far away."""
CONNECT_S: Final = 10.0
WORKERS_S: Final = 30.0
"""So long somebody may be waited for who works: one that starts again takes seconds."""
POLL_S: Final = 5.0
LOGGERS: Final = ("distributed", "distributed.client")


def pool_of(jobs: int, scheduler: str | None) -> Pool | None:
    """Return who is to work; None where this process is to do it all.

    Raises:
        Refused: the Dask cluster cannot be used.
    """
    if scheduler is not None:
        return Grid(scheduler)
    return Workers(jobs) if jobs > 1 else None


class Grid:
    """The workers of the cluster whose scheduler is at an address, host:port.

    Raises:
        Refused: distributed is missing, nobody answers there, nobody works there, or
            a worker runs other code, or several tasks at once.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._client = _connected(scheduler)
        try:
            self._check()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> "Grid":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Let go of the cluster, which forgets whatever it still had to do."""
        self._client.close(timeout=CONNECT_S)

    def map(
        self, action: Callable[[Task], Answer], tasks: Iterable[Task]
    ) -> Generator[Answer, None, None]:
        """Yield `action` of each task, in their order; `tasks` is read as needed.

        To close this before its end is to take back what is not yet in hand.

        Raises:
            Refused: a worker that came later runs other code.
            WorkerLost: a task took several workers with it, nobody is left to work, or
                the scheduler went.
        """
        waiting = iter(tasks)
        handed: deque[Future[Any]] = deque()
        place = 0
        try:
            while True:
                wanted = AHEAD * max(1, self._count(place)) - len(handed)
                for task in islice(waiting, max(0, wanted)):
                    handed.append(self._submit(action, task))
                if not handed:
                    return
                answer = self._result(handed[0], place)
                handed.popleft()
                yield answer
                place += 1
        finally:
            # Where the scheduler is gone there is nothing to take back.
            with suppress(OSError, CancelledError):
                self._client.cancel(list(handed), force=True)

    def _submit(self, action: Callable[[Task], Answer], task: Task) -> "Future[Any]":
        # Not `pure`: equal tasks are no reason to run one of them alone.
        return self._client.submit(checked, this_code(), action, task, pure=False)

    def _result(self, future: "Future[Any]", place: int) -> Any:
        """Wait for one answer, as long as anybody is there to give it."""
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        idle_s = 0.0
        while True:
            try:
                return future.result(timeout=POLL_S)
            except TimeoutError:
                # Or it is the task that says so.
                if future.status == "error":
                    raise
                idle_s = 0.0 if self._count(place) else idle_s + POLL_S
            except KilledWorker:
                why = "several workers died of one task, or of what ran beside it"
                raise WorkerLost(place, why) from None
            except CancelledError:
                raise self._gone(place) from None
            except ImportError as error:
                raise Refused(_without_code(self._scheduler, error)) from None
            if idle_s >= WORKERS_S:
                why = f"no worker is left at {self._scheduler}"
                raise WorkerLost(place, why)

    def _count(self, place: int) -> int:
        """Return how many workers are there."""
        try:
            return len(self._client.nthreads())
        except OSError:
            raise self._gone(place) from None

    def _gone(self, place: int) -> WorkerLost:
        return WorkerLost(place, f"the scheduler at {self._scheduler} is gone")

    def _check(self) -> None:
        """Refuse workers that would answer something else."""
        where = self._scheduler
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            raise Refused(
                f"--scheduler {where}: no worker is there; start some in this checkout:"
                f" PYTHONPATH=. python -m dask worker {where} --nthreads 1"
            ) from None
        for worker, threads in self._client.nthreads().items():
            if threads != 1:
                raise Refused(
                    f"--scheduler {where}: worker {worker} runs {threads} tasks at once"
                    " in one process; start it with --nthreads 1, and more of them"
                )
        for worker, code in self._client.run(this_code, on_error="return").items():
            if isinstance(code, Exception):
                raise Refused(_without_code(where, code))
            _compare(this_code(), code, worker)


def checked(wanted: Code, action: Callable[[Task], Answer], task: Task) -> Answer:
    """Return `action(task)`, at a worker that runs the same code.

    Raises:
        Refused: it does not.
    """
    _compare(wanted, this_code(), "that came later")
    return action(task)


def _compare(wanted: Code, found: Code, worker: str) -> None:
    if (wanted.digest, wanted.python) != (found.digest, found.python):
        raise Refused(
            f"worker {worker} runs {found.text}; want what runs here, {wanted.text}"
        )


def _without_code(where: str, error: Exception) -> str:
    return (
        f"--scheduler {where}: a worker says: {error}; start workers in this checkout:"
        f" PYTHONPATH=. python -m dask worker {where} --nthreads 1"
    )


def _connected(scheduler: str) -> "Client":
    try:
        from distributed import Client  # noqa: PLC0415 - an extra, rarely needed
    except ImportError:
        raise Refused(
            "--scheduler: distributed is not installed; install the extra 'cluster'"
        ) from None
    if not scheduler.rpartition(":")[2].isdigit():
        # The client would say so too, and once more while it is taken away.
        raise Refused(_unreached(scheduler, "no port"))
    for name in LOGGERS:
        # Whatever goes wrong is told in one line, by whoever calls.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise Refused(_unreached(scheduler, reason)) from None


def _unreached(scheduler: str, reason: str) -> str:
    return (
        f"--scheduler {scheduler}: {reason}; want host:port of a Dask scheduler, which"
        " `python -m dask scheduler` starts"
    )
