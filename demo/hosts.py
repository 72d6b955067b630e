"""The hosts: network namespaces on one bridge, each with an agent of its own."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from demo.screen import Screen

FOLDER: Final = Path("/run/demo")
"""On a file system in memory, which the stage alone sees."""
NAMED: Final = Path("/run/netns")
COMMAND_S: Final = 30.0
READY_S: Final = 60.0
POLL_S: Final = 0.1
LOG_LINES: Final = 15
PARENT: Final = Path(__file__).resolve().parent.parent


class Wrong(Exception):
    """Something is not as it should be; the message says what."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    status: int
    output: str


def install_command(folder: Path) -> None:
    """Put `swarmnet` on the PATH: that of this checkout."""
    folder.mkdir(parents=True)
    place = folder / "swarmnet"
    interpreter = shlex.quote(sys.executable)
    place.write_text(f'#!/bin/sh\nexec {interpreter} -m swarmnet "$@"\n')
    place.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    paths = [str(PARENT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = ":".join(filter(None, paths))
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # Or else each command would compile all that it loads.
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")


def run(words: tuple[str, ...], env: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_S,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Wrong(f"no end after {COMMAND_S:g} s: {shlex.join(words)}") from None
    return Ran(done.returncode, done.stdout)


def until(what: str, look: Callable[[], bool], within_s: float = READY_S) -> float:
    """Return after how many seconds `look` has seen it.

    Raises:
        Wrong: it has not.
    """
    began = monotonic()
    while not look():
        if monotonic() - began > within_s:
            raise Wrong(f"not within {within_s:g} s: {what}")
        sleep(POLL_S)
    return monotonic() - began


class Host:
    """A host: a namespace, an address on the underlay, and what runs there."""

    def __init__(self, screen: Screen, name: str, address: str) -> None:
        self.screen = screen
        self.name = name
        self.address = address
        self.run_dir = FOLDER / name / "run"
        self.data_dir = FOLDER / name / "data"
        self.log = FOLDER / name / "agent.log"
        self.log.parent.mkdir(parents=True)
        self.env = {"SWARMNET_RUN_DIR": str(self.run_dir)}
        self.agent: subprocess.Popen[bytes] | None = None

    @property
    def prompt(self) -> str:
        return f"{self.name}#"

    def _inside(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return ("nsenter", f"--net={NAMED / self.name}", *words)

    def try_run(self, *words: str) -> Ran:
        """Run a command on this host; show neither it nor what it prints."""
        return run(self._inside(words), self.env)

    def run(self, *words: str, shown: Callable[[str], str] = str) -> str:
        """Run a command on this host, and show it and what it prints.

        Raises:
            Wrong: it fails.
        """
        self.screen.command(self.prompt, words)
        ran = self.try_run(*words)
        self.screen.output(shown(ran.output))
        if ran.status != 0:
            raise Wrong(f"exit status {ran.status}: {shlex.join(words)}")
        return ran.output

    def swarmnet(self, *words: str) -> str:
        """Run a command of swarmnet, and show it and what it prints."""
        return self.run("swarmnet", *words)

    def ask(self, *words: str) -> Any:
        """Return what a command of swarmnet prints as JSON; show nothing."""
        ran = self.try_run("swarmnet", "--format", "json", *words)
        if ran.status != 0:
            raise Wrong(f"exit status {ran.status}: swarmnet {shlex.join(words)}")
        return json.loads(ran.output)

    def start(self, *words: str, output: Path) -> "subprocess.Popen[bytes]":
        """Start a command on this host, and show it; it prints to a file."""
        self.screen.command(self.prompt, words, more=" &")
        with output.open("ab") as file:
            return subprocess.Popen(
                self._inside(words),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
            )

    def start_agent(self) -> None:
        """Start the agent of this host."""
        data = ("--data-dir", str(self.data_dir))
        self.agent = self.start("swarmnet", "agent", *data, output=self.log)

    def wait_ready(self) -> float:
        """Wait until the agent answers; return for how long, in seconds."""
        return until(f"an answer from the agent of {self.name}", self._answers)

    def _answers(self) -> bool:
        assert self.agent is not None, "it was started"
        if self.agent.poll() is not None:
            raise Wrong(f"the agent of {self.name} ended: {self.log_tail()}")
        return self.try_run("swarmnet", "status").status == 0

    def kill_agent(self) -> None:
        """End the agent as a crash would."""
        assert self.agent is not None, "it was started"
        self.screen.command(self.prompt, ("kill", "-9", str(self.agent.pid)))
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait(COMMAND_S)

    def states(self) -> dict[str, str]:
        """Return how each node is, as this host's agent sees it."""
        return {one["name"]: one["state"] for one in self.ask("node", "ls")}

    def log_tail(self) -> str:
        """Return the last lines of the agent's log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LOG_LINES:])
