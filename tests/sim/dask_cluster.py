"""A Dask cluster of real processes on loopback: a scheduler, and workers to kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.source import ROOT

WAIT_S: Final = 60.0
QUIET: Final = ("--no-dashboard", "--host", "127.0.0.1")


class Processes:
    """A scheduler and its workers; `address` is where sweeps find them."""

    def __init__(self, folder: Path, stack: ExitStack, env: dict[str, str]) -> None:
        self._folder = folder
        self._stack = stack
        self._env = env
        self._file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", *QUIET, "--port", "0")
        self.address = self._address()

    def _start(self, kind: str, *words: str) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "dask", kind, *words)
        name = f"{kind}{len(self.workers)}.log"
        log = self._stack.enter_context((self._folder / name).open("wb"))
        process = self._stack.enter_context(
            subprocess.Popen(
                (*command, "--scheduler-file", str(self._file)),
                cwd=self._folder,
                env={**os.environ, **self._env},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )
        # Ended before it is waited for.
        self._stack.callback(process.kill)
        return process

    def _address(self) -> str:
        deadline = monotonic() + WAIT_S
        while True:
            assert self.scheduler.poll() is None, "the scheduler ended"
            assert monotonic() < deadline, "no scheduler"
            # It may be there in part.
            with suppress(FileNotFoundError, json.JSONDecodeError):
                address: str = json.loads(self._file.read_text())["address"]
                return address
            sleep(0.05)

    def work(self, count: int, *words: str) -> None:
        """Start some workers; whoever needs them waits for them."""
        for _ in range(count):
            # Told by the name of its file: it looks there for who it works for.
            started = self._start(
                "worker", *QUIET, "--no-nanny", "--death-timeout", "60", *words
            )
            self.workers.append(started)

    def kill(self, number: int) -> None:
        """Kill a worker, and see it gone."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait(WAIT_S)


@contextmanager
def dask_cluster(
    folder: Path,
    workers: int,
    *,
    words: Sequence[str] = ("--nthreads", "1"),
    checkout: Path = ROOT,
    deaths_max: int = 3,
) -> Iterator[Processes]:
    """Run a scheduler and some workers, which find our code in `checkout`.

    A task may take `deaths_max` workers with it; the next that dies of it is told.
    """
    env = {
        "PYTHONPATH": str(checkout),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(deaths_max),
    }
    with ExitStack() as stack:
        processes = Processes(folder, stack, env)
        processes.work(workers, *words)
        yield processes
