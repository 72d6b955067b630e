"""What a node has under way for members that try something out, or look at it.

All of it is bounded, and ends by itself.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.runtime.doctor.echoing import Echo

ECHOES_MAX: Final = 256
COUNTED_MAX: Final = 256
COUNTED_S: Final = 10.0
JOBS_MAX: Final = 64
SHARE: Final = 8
"""One member may have as much under way as this part of what all may."""
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
    fetched: trio.Event = field(default_factory=trio.Event)
    """Set once whoever asked has all of it."""


class TakingPart:
    """Holds what is under way. `run` it."""

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._echoes: dict[bytes, Echo] = {}
        self._jobs: dict[int, Job] = {}
        self._number = 0
        self.looking = trio.Lock()
        """Held by whoever looks at this host for a member."""
        self._shares: Counter[tuple[str, NodeId | None]] = Counter()

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

    @contextmanager
    def _share(self, kind: str, peer: NodeId | None) -> Iterator[None]:
        """Count what is under way of a kind, in all and for a member."""
        places = [(kind, None), (kind, peer)]
        self._shares.update(places)
        try:
            yield
        finally:
            self._shares.subtract(places)

    def _check(self, kind: str, peer: NodeId | None, most: int) -> None:
        in_all, of_peer = self._shares[kind, None], self._shares[kind, peer]
        if in_all >= most or (peer is not None and of_peer >= most // SHARE):
            told = f"{in_all} {kind} are under way here, {of_peer} of yours"
            raise Refused(f"{told}: try again")

    # Echoes

    def check_room(self, peer: NodeId) -> None:
        """Refuse one more echo if there are too many.

        Raises:
            Refused: there are.
        """
        self._check("exchanges", peer, ECHOES_MAX)

    def serve(self, peer: NodeId, echo: Echo) -> None:
        """Let an echo be answered, until it ends by itself.

        Raises:
            Refused: this node ends.
        """

        async def run() -> None:
            try:
                with self._share("exchanges", peer):
                    await echo.serve()
            finally:
                self._echoes.pop(echo.token, None)

        self._start(run)
        self._echoes[echo.token] = echo

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
        self,
        peer: NodeId | None,
        awaited: dict[bytes, Counter[int]],
        token: bytes,
    ) -> Counter[int]:
        """Let datagrams be counted that begin with a token, for `COUNTED_S`.

        `peer` is who asks for it, None for this node itself.

        Raises:
            Refused: too many tokens are awaited.
        """
        if token in awaited:
            return awaited[token]
        self._check("trials", peer, COUNTED_MAX)
        found: Counter[int] = Counter()
        awaited[token] = found

        async def forget() -> None:
            try:
                with self._share("trials", peer):
                    await trio.sleep(COUNTED_S)
            finally:
                awaited.pop(token, None)

        self._start(forget)
        return found

    # Jobs

    def begin(self, peer: NodeId, work: Callable[[Job], Awaitable[object]]) -> int:
        """Begin a job for a member; return its number.

        Raises:
            Refused: too many are under way.
        """
        self._check("looks", peer, JOBS_MAX)
        self._number += 1
        number, job = self._number, Job()

        async def run() -> None:
            with self._share("looks", peer), trio.move_on_after(JOB_S):
                await _carry_out(work, job)
                with trio.move_on_after(COUNTED_S):
                    await job.fetched.wait()
            self._jobs.pop(number, None)

        self._start(run)
        self._jobs[number] = job
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
            job.fetched.set()
        return {"found": some, "done": is_all}


async def _carry_out(work: Callable[[Job], Awaitable[object]], job: Job) -> None:
    """Let a job be done; what it meets is told to whoever asked for it."""
    try:
        await work(job)
    except (Refused, OSError) as error:
        job.error = str(error)
    finally:
        job.is_done = True
