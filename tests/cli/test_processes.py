"""The command as a process: what it loads, and how it takes a signal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.fake_agent import WAIT_S, FakeAgent, Raw, Silence

SWARMNET = (sys.executable, "-m", "swarmnet")
HEAVY = "trio cryptography msgpack http.client ssl asyncio subprocess sqlite3"


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Heed SIGINT, which a shell's background job ignores, and its children after."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(run_dir: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SWARMNET, "--run-dir", str(run_dir), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_nothing_heavy_is_loaded_to_ask_the_agent(agent: FakeAgent) -> None:
    program = f"""
import sys
from swarmnet.runtime.cli import client
from swarmnet.runtime.cli.main import main
main(["--run-dir", sys.argv[1], "status"], standalone_mode=False)
heavy = sys.modules.keys() & {set(HEAVY.split())!r}
own = [name for name in sys.modules if name.startswith("swarmnet.")]
strange = [n for n in own if not n.startswith("swarmnet.runtime.cli")]
print(sorted(heavy), sorted(strange))
"""
    path = os.path.dirname(str(agent.path))
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert last == "[] ['swarmnet.errors', 'swarmnet.runtime']"


@pytest.mark.slow
def test_ctrl_c_while_it_loads_ends_it_without_a_word() -> None:
    program = """
import os, signal, sys

class Interrupting:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

from swarmnet.runtime.cli.starting import run
sys.meta_path.insert(0, Interrupting)
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.slow
@pytest.mark.parametrize("words", [("network", "connect", "web", "b"), ("monitor",)])
def test_ctrl_c_gives_the_command_up_at_once(
    run_dir: Path, agent: FakeAgent, words: tuple[str, ...]
) -> None:
    silence = Silence()
    agent.answer = silence
    process = start(run_dir, *words)
    assert agent.was_asked.wait(WAIT_S)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=WAIT_S) == ("", "")
    assert process.returncode == 130
    assert silence.hung_up.wait(WAIT_S)


@pytest.mark.slow
def test_what_is_answered_is_told_though_ctrl_c_comes(
    run_dir: Path, agent: FakeAgent
) -> None:
    body = b'{"id":"ab","name":"web"}'
    answer = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n", rest=body)
    agent.answer = answer
    process = start(run_dir, "network", "create", "web")
    end = monotonic() + WAIT_S
    while not blocked(process.pid) >> (signal.SIGINT - 1) & 1:
        assert monotonic() < end, "it heeds interrupts for ever"
    process.send_signal(signal.SIGINT)
    answer.may_go.set()
    assert process.communicate(timeout=WAIT_S) == ("ab\n", "")
    assert process.returncode == 0


def blocked(pid: int) -> int:
    """Return the mask of signals that a process has blocked (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(one.split()[1], 16) for one in lines if one.startswith("SigBlk:"))


@pytest.mark.slow
def test_an_event_is_printed_when_it_comes(run_dir: Path, agent: FakeAgent) -> None:
    line = b'{"time":"12:00","kind":"member"}\n'
    agent.answer = Raw(b"HTTP/1.1 200 OK\r\n\r\n" + line, is_held=True)
    process = start(run_dir, "monitor")
    assert process.stdout is not None
    assert process.stdout.readline() == "12:00  member\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 130


@pytest.mark.slow
def test_without_an_agent_it_says_so_in_one_line(run_dir: Path) -> None:
    process = start(run_dir, "status")
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("swarmnet: no agent at ")


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line(run_dir: Path, agent: FakeAgent) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SWARMNET, "--run-dir", str(run_dir), "node", "ls"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert len(agent.asked) == 1
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "swarmnet: output: No space left on device"
