"""`overlay run` as a process: it follows a file, puts drift right, and ends cleanly."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from time import monotonic

import pytest

from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from tests.runtime.conftest import ran

pytestmark = pytest.mark.slow
LIMIT_S = 30.0
ROOT = Path(__file__).parents[2]
NET = f"net/{'ab' * 16}"


def state(*sandboxes: str) -> str:
    """Return a document in which these sandboxes are in one network."""
    here = [
        {"node": "a", "sandbox": name, "ipv4": f"10.0.1.{number + 2}"}
        for number, name in enumerate(sandboxes)
    ]
    there = {"node": "b", "sandbox": "far", "ipv4": "10.0.1.200"}
    network = {
        "name": "red",
        "id": "ab" * 16,
        "internal": True,
        "subnets": [{"subnet": "10.0.1.0/24", "gateway": "10.0.1.1", "vni": 4097}],
        "vteps": [{"node": "b", "address": "10.99.0.2"}],
        "endpoints": [*here, there],
    }
    return json.dumps(
        {
            "node": "a",
            "vtep": "10.99.0.1",
            "sandboxes": [{"name": name} for name in sandboxes],
            "networks": [network],
        }
    )


class Running:
    """The process, and what it says."""

    def __init__(self, host: int, run_dir: Path, path: Path) -> None:
        self.host = host
        self.path = path
        self._said = b""
        command = [sys.executable, "-m", "swarmnet.runtime.overlay"]
        command += ["--run-dir", str(run_dir)]
        self._command = command
        self.process = run_in(
            host,
            lambda: subprocess.Popen(
                [*command, "run", str(path)],
                stderr=subprocess.PIPE,
                cwd=ROOT,
            ),
        )

    def hears(self, text: str) -> str:
        """Wait until the process has said something; return all that it said."""
        assert self.process.stderr is not None
        deadline = monotonic() + LIMIT_S
        while text.encode() not in self._said:
            left_s = deadline - monotonic()
            assert left_s > 0, f"{text!r} was not said: {self._said!r}"
            if select([self.process.stderr], [], [], left_s)[0]:
                more = os.read(self.process.stderr.fileno(), 65_536)
                assert more, f"it ended: {self._said!r}"
                self._said += more
        said, self._said = self._said.decode(), b""
        return said

    def differences(self) -> list[object]:
        """Return what `diff` prints of the file as it is."""
        command = [*self._command, "--format", "json", "diff", str(self.path)]
        done = run_in(
            self.host,
            lambda: subprocess.run(
                command, capture_output=True, text=True, cwd=ROOT, check=False
            ),
        )
        found = json.loads(done.stdout)
        assert isinstance(found, list)
        assert done.returncode == (1 if found else 0)
        return found

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


@pytest.fixture
def running(
    make_host: Callable[[], int], run_dir: Path, tmp_path: Path
) -> Iterator[Running]:
    path = tmp_path / "state.json"
    path.write_text(state("one", "two"))
    found = Running(make_host(), run_dir, path)
    yield found
    found.process.kill()
    found.process.communicate()


def test_a_file_is_followed_until_the_end(running: Running, run_dir: Path) -> None:
    running.hears("settled")
    assert running.differences() == []
    running.path.write_text(state("one", "three"))
    running.process.send_signal(signal.SIGHUP)
    running.hears("read again")
    deadline = monotonic() + LIMIT_S
    while running.differences():
        assert monotonic() < deadline
    running.path.write_text("{")
    running.process.send_signal(signal.SIGHUP)
    assert "no JSON" in running.hears("nothing has changed")
    assert running.end(signal.SIGTERM) == 0
    running.path.write_text(state("one", "three"))
    assert running.differences() == [], "the data plane stays"


def test_what_others_delete_is_put_right_and_told(
    running: Running, run_dir: Path
) -> None:
    running.hears("settled")
    kernel = Kernel(run_dir, None, host=f"/proc/{os.getpid()}/fd/{running.host}")
    try:
        fd = kernel.open(NET)
        ran(fd, "ip", "link", "delete", "vxlan0")
        os.close(fd)
    finally:
        kernel.close()
    assert "vxlan0" in running.hears("drift")
    deadline = monotonic() + LIMIT_S
    while running.differences():
        assert monotonic() < deadline


def test_a_second_one_is_refused(running: Running, run_dir: Path) -> None:
    running.hears("settled")
    other = Running(running.host, run_dir, running.path)
    _, told = other.process.communicate(timeout=LIMIT_S)
    assert other.process.returncode == 1
    assert told.decode().count("\n") == 1
    assert "another process holds it" in told.decode()


def test_kill_9_costs_nothing(running: Running) -> None:
    running.hears("settled")
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    assert running.differences() == []
