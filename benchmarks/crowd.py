"""Clusters of members in real time: processes that do as told, and say what they see.

Ours and its peers speak alike, so that one measurement serves all. A process reads
lines of words (`join`, `say WHO NAME`, `kill WHO`, `revive WHO`, `lose SHARE`) and
says lines of JSON: `at`, the system's monotonic clock in s; `who` has seen `what`
(ready, whole, said, heard, killed, suspect, dead); `of` whom or what. It ends when its
input does, or when we do, however that comes about.
"""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import IO, Final

from benchmarks.agent_fifty import memory_of
from benchmarks.agent_rest import cpu_ticks
from benchmarks.lifelines import bound_to_us

READY_S: Final = 60.0
START_S: Final = 3.0
"""So much longer for each process: each reads its libraries."""
ENDING_S: Final = 5.0
PORTS: Final = range(12_000, 32_000)
"""Below those that the system gives to whoever asks for any."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A member has seen something; `at` is the monotonic clock in s."""

    at: float
    who: int
    what: str
    of: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of cluster: its name, and its processes: each with whose it is.

    `commands` says it for a cluster at these ports, a port a member.
    """

    name: str
    commands: Callable[[Sequence[int]], Mapping[tuple[int, ...], Sequence[str]]]


class Crowd:
    """A running cluster; a context that ends it.

    Raises:
        RuntimeError: a process ended, or its members are not ready in time.
    """

    def __init__(self, kind: Kind, count: int) -> None:
        self.count = count
        self._kind = kind
        self._stack = ExitStack()
        self._news = Condition()
        self._seen: list[Seen] = []
        self._has_lost = False
        self._by_member: dict[int, subprocess.Popen[bytes]] = {}
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Crowd":
        commands = self._kind.commands(free_ports(self.count))
        with ExitStack() as stack:
            for members, command in commands.items():
                self._start(stack, members, command)
            ready_s = READY_S + START_S * len(commands)
            ready = self.wait("ready", range(self.count), 0.0, ready_s)
            if len(ready) < self.count:
                raise RuntimeError(f"{self._kind.name}: {len(ready)} members are ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(
        self, stack: ExitStack, members: tuple[int, ...], command: Sequence[str]
    ) -> None:
        pipe = subprocess.PIPE
        process = subprocess.Popen(bound_to_us(*command), stdin=pipe, stdout=pipe)
        stack.callback(_end, process)
        self.processes.append(process)
        self._by_member |= dict.fromkeys(members, process)
        assert process.stdout is not None, "it is a pipe"
        Thread(target=self._follow, args=(process.stdout,), daemon=True).start()

    def _follow(self, source: IO[bytes]) -> None:
        # A pipe that is closed meanwhile has nothing more to say.
        with suppress(ValueError, OSError):
            for line in source:
                told = json.loads(line)
                with self._news:
                    self._seen.append(Seen(**told))
                    self._news.notify_all()
        with self._news:
            self._has_lost = True
            self._news.notify_all()

    def tell(self, who: int, *words: object) -> None:
        """Tell a member's process something about it.

        Raises:
            RuntimeError: it has ended.
        """
        self._write(self._by_member[who], words)

    def tell_all(self, *words: object) -> None:
        """Tell every process something."""
        for process in self.processes:
            self._write(process, words)

    def _write(
        self, process: "subprocess.Popen[bytes]", words: Sequence[object]
    ) -> None:
        assert process.stdin is not None, "it is a pipe"
        try:
            process.stdin.write(f"{' '.join(map(str, words))}\n".encode())
            process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _ended(self) -> RuntimeError:
        return RuntimeError(f"{self._kind.name}: a process has ended")

    def wait(
        self, what: str, whom: Collection[int], since: float, for_s: float, of: str = ""
    ) -> dict[int, float]:
        """Wait until all of these have seen something; return when each first did.

        It counts from `since` on. Whoever has not seen it after `for_s` is left out.

        Raises:
            RuntimeError: a process has ended.
        """
        found: dict[int, float] = {}
        wanted, place, until = frozenset(whom), 0, monotonic() + for_s

        def is_it(one: Seen) -> bool:
            is_told = one.what == what and one.of == of and one.at >= since
            return is_told and one.who in wanted

        with self._news:
            while True:
                for one in filter(is_it, self._seen[place:]):
                    found.setdefault(one.who, one.at)
                place = len(self._seen)
                left_s = until - monotonic()
                if len(found) == len(wanted) or left_s <= 0:
                    return found
                if self._has_lost:
                    raise self._ended()
                self._news.wait(left_s)

    def seen(self, what: str, since: float) -> list[Seen]:
        """Return all of one kind that was seen from then on."""
        with self._news:
            return [one for one in self._seen if one.what == what and one.at >= since]

    def used_s(self) -> float:
        """Return the CPU time that all processes have used, in s."""
        ticks = sum(cpu_ticks(one.pid) for one in self.processes)
        return ticks / os.sysconf("SC_CLK_TCK")

    def own_mib(self) -> float:
        """Return the memory of all processes, what they share counted once."""
        return memory_of([one.pid for one in self.processes])[1]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process by its input, or by force; its pipes are closed."""
    with process, suppress(OSError):
        assert process.stdin is not None, "it is a pipe"
        process.stdin.close()
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()


def free_ports(count: int) -> list[int]:
    """Return so many ports that nobody has, of UDP and of TCP.

    Raises:
        RuntimeError: there are no more.
    """
    found = list(_free(count))
    if len(found) < count:
        raise RuntimeError(f"no {count} free ports in {PORTS}")
    return found


def _free(count: int) -> Iterator[int]:
    # Runs side by side begin at different ones.
    first = os.getpid() * 401 % len(PORTS)
    for port in (*PORTS[first:], *PORTS[:first]):
        if count and _is_free(port):
            count -= 1
            yield port


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with closing(socket.socket(socket.AF_INET, kind)) as one:
            try:
                one.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
