"""What a node has under way for members that try something out, or look at it.

All of it is bounded, and ends by itself.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.runtime.doctor.echoing import Echo

ECHOES_MAX: Final = 64
COUNTED_MAX: Final = 64
COUNTED_S: Final = 10.0
JOBS_MAX: Final = 8
JOB_S: Final = 120.0
ITEMS_MAX: Final = 32
"""So many findings, or pairs, go into one answer."""
Json = Mapping[str, object]


@dataclass
class Job:
    """Something that takes longer than an answer may."""

    found: list[Json] = field(default_factory=list)
    is_done: bool = False
    error: str = ""


class TakingPart:
    """Holds what is under way. `run` it."""

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._echoes: dict[bytes, Echo] = {}
        self._jobs: dict[int, Job] = {}
        self._number = 0

    async def run(self) -> None:
        """Serve what was begun until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def _start(self, task: Callable[[], Awaitable[object]]) -> None:
        if self._nursery is None:
            raise Refused("this node has only just begun, or ends: try again")
        self._nursery.start_soon(task)

    # Echoes

    def check_room(self) -> None:
        """Refuse one more echo if there are too many.

        Raises:
            Refused: there are.
        """
        if len(self._echoes) >= ECHOES_MAX:
            raise Refused(f"{ECHOES_MAX} exchanges are under way here: try again")

    def serve(self, echo: Echo) -> None:
        """Let an echo be answered, until it ends by itself."""

        async def run() -> None:
            try:
                await echo.serve()
            finally:
                self._echoes.pop(echo.token, None)

        self._echoes[echo.token] = echo
        self._start(run)

    def came(self, token: bytes) -> dict[int, int]:
        """Return what came to an echo: how many datagrams by their size.

        Raises:
            Refused: there is no such echo any more.
        """
        echo = self._echoes.get(token)
        if echo is None:
            raise Refused("no exchange of that token is under way here")
        return echo.came()

    # Datagrams to the node's own port

    def await_datagrams(
        self, awaited: dict[bytes, Counter[int]], token: bytes
    ) -> Counter[int]:
        """Let datagrams be counted that begin with a token, for `COUNTED_S`.

        Raises:
            Refused: too many tokens are awaited.
        """
        if token in awaited:
            return awaited[token]
        if len(awaited) >= COUNTED_MAX:
            raise Refused(f"{COUNTED_MAX} trials are under way here: try again")
        found: Counter[int] = Counter()
        awaited[token] = found

        async def forget() -> None:
            try:
                await trio.sleep(COUNTED_S)
            finally:
                awaited.pop(token, None)

        self._start(forget)
        return found

    # Jobs

    def begin(self, work: Callable[[Job], Awaitable[object]]) -> int:
        """Begin a job; return its number.

        Raises:
            Refused: too many are under way.
        """
        if len(self._jobs) >= JOBS_MAX:
            raise Refused(f"{JOBS_MAX} members look at this host: try again")
        self._number += 1
        number, job = self._number, Job()

        async def run() -> None:
            with trio.move_on_after(JOB_S):
                try:
                    await work(job)
                except Refused as refused:
                    job.error = str(refused)
                finally:
                    job.is_done = True
                # Whoever asked fetches it within this time.
                await trio.sleep(COUNTED_S)
            self._jobs.pop(number, None)

        self._jobs[number] = job
        self._start(run)
        return number

    def report(self, number: int, after: int) -> Json:
        """Return what a job found behind the first `after`, and whether that is all.

        Raises:
            Refused: there is no such job any more, or it failed.
        """
        job = self._jobs.get(number)
        if job is None:
            raise Refused("no such look is under way here")
        if job.error:
            raise Refused(job.error)
        some = job.found[after : after + ITEMS_MAX]
        is_all = job.is_done and after + len(some) == len(job.found)
        if is_all:
            with suppress(KeyError):
                del self._jobs[number]
        return {"found": some, "done": is_all}
