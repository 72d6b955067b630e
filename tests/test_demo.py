"""The demonstration: all is as it says, and nothing of it stays, however it ends."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.source import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees all that is left"),
]
MARK: Final = "SWARMNET_DEMO_MARK"
NAMED: Final = Path("/run/netns")
LIMIT_S: Final = 240.0


class Demo:
    """A run of it, whose processes are known by a mark in their environment."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        self._folder = folder
        name, _, value = self._mark.partition("=")
        self._names = set(self._listed())
        self.spaces: set[str] = set()
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            (sys.executable, "-m", "demo", *options),
            cwd=ROOT,
            env={**os.environ, name: value, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _listed(self) -> list[str]:
        return os.listdir(NAMED) if NAMED.is_dir() else []

    def read(self, until: str | None = None) -> None:
        """Read what it prints, up to a line that has these words."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            self.spaces.update(space_of(pid) for pid in self.running())
            if until is not None and until in line:
                return

    def running(self) -> list[Path]:
        """Return the processes that are left of it."""
        return [pid for pid in processes() if self._mark in environment(pid)]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Return the exit status, after its end."""
        self.read()
        with self._process:
            return self._process.wait(LIMIT_S)

    def left(self) -> list[str]:
        """Return what is left of it: processes, namespaces, mounts, names, files."""
        found = [str(pid) for pid in self.running()]
        mine = self.spaces - {"", space_of(Path("/proc/self"))}
        found += [str(pid) for pid in processes() if space_of(pid) in mine]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [line for line in mounts if any(one in line for one in mine)]
        found += sorted({*self._listed()} & {"a", "b", "c"} - self._names)
        return found + [str(path) for path in self._folder.iterdir()]


def processes() -> Iterator[Path]:
    return Path("/proc").glob("[0-9]*")


def environment(pid: Path) -> list[str]:
    """Return a process's environment; [] if it is gone."""
    try:
        return (pid / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def space_of(pid: Path) -> str:
    """Return the network namespace of a process, as `net:[…]`; "" if it is gone."""
    try:
        return os.readlink(pid / "ns" / "net")
    except OSError:
        return ""


def test_all_is_as_it_says_and_nothing_stays(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    status = demo.end()
    assert status == 0, "".join(demo.lines)
    assert len(demo.spaces) > 3
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_when_it_is_ended_without_root(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = Demo(tmp_path, "--rootless")
    demo.read(until="join --token")
    demo.send(number)
    status = demo.end()
    assert status == (130 if number == signal.SIGINT else -number), demo.lines
    assert demo.left() == []


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = subprocess.run(
        (sys.executable, "-c", MISSING),
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        check=False,
    )
    line = "demo: missing: ping, nsenter: install them: apt-get install"
    assert ran.stderr.splitlines() == [f"{line} iputils-ping util-linux"]
    assert ran.returncode == 1


MISSING: Final = """
import sys
from demo import __main__ as demo
demo.FOLDERS = ""
demo.TOOLS = {"ping": "iputils-ping", "nsenter": "util-linux"}
sys.exit(demo.main())
"""
