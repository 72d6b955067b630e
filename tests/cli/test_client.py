"""The agent's socket: refusals, and everything that is no answer."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import tzset

import pytest

from swarmnet.runtime.cli import client
from swarmnet.runtime.cli.client import connected
from tests.cli.conftest import Shell
from tests.cli.fake_agent import FakeAgent, Raw, Silence

START = "start one by `swarmnet agent`, or name its directory by --run-dir"
GONE = (
    "the agent ended before it had answered; once it runs again, `swarmnet status`"
    " shows what was done"
)
OTHER = "the answer is not the agent's; does another program listen there?"
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("status", [400, 404, 405, 409, 503])
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_refusal_is_one_line_and_status_1(
    shell: Shell, agent: FakeAgent, status: int, form: str
) -> None:
    agent.refuse(status, "VNI 99: want 1\n  to 16777215\x07")
    text = shell.complaint("network", "ls", "--format", form, status=1)
    assert text == "VNI 99: want 1 to 16777215\\x07"


@pytest.mark.parametrize("answer", [{}, [], {"error": 7}, {"error": ""}])
def test_a_refusal_without_a_reason_tells_its_status(
    shell: Shell, agent: FakeAgent, answer: object
) -> None:
    agent.answer = (404, answer)
    text = shell.complaint("status", status=1)
    assert text == "the agent answered 404 Not Found; is it older than this command?"


def test_without_a_socket_no_agent_is_reached(shell: Shell) -> None:
    text = shell.complaint("status", status=3)
    path = shell.run_dir / "api.sock"
    assert text == f"no agent at {path}: there is no such socket: {START}"


def test_a_run_directory_that_is_none_is_no_agent(shell: Shell, run_dir: Path) -> None:
    shell.run_dir = run_dir / "file"
    shell.run_dir.touch()
    assert shell.run("status").exit_code == 2
    environment = shell.run_dir.parent / "nowhere"
    shell.run_dir = environment
    assert "there is no such socket" in shell.complaint("status", status=3)


def test_a_socket_that_a_killed_agent_left_is_no_agent(
    shell: Shell, agent: FakeAgent
) -> None:
    agent.stop()
    text = shell.complaint("node", "ls", status=3)
    path = shell.run_dir / "api.sock"
    assert text == f"no agent at {path}: nobody listens there any more: {START}"


def test_a_socket_that_may_not_be_opened_is_no_agent(
    shell: Shell, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.run_dir / "api.sock").chmod(0)
    if os.geteuid() == 0:
        monkeypatch.setattr(socket, "socket", nobodys_socket())
    text = shell.complaint("node", "ls", status=3)
    assert text.endswith("permission denied: be root, or in the group swarmnet")
    assert agent.asked == []


def nobodys_socket() -> type[socket.socket]:
    """Return sockets that connect with the rights of nobody."""

    class Socket(socket.socket):
        def connect(self, address: object, /) -> None:
            os.seteuid(65_534)
            try:
                super().connect(str(address))
            finally:
                os.seteuid(0)

    return Socket


@pytest.mark.parametrize(("quick_s", "connect_s"), [(9.0, 0.02), (0.02, 9.0)])
def test_an_agent_that_takes_no_connection_is_none(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, quick_s: float, connect_s: float
) -> None:
    monkeypatch.setattr("swarmnet.runtime.cli.nodes.QUICK_S", quick_s)
    monkeypatch.setattr("swarmnet.runtime.cli.client.CONNECT_S", connect_s)
    path = shell.run_dir / "api.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as it:
        listener.bind(str(path))
        listener.listen(0)
        it.connect(str(path))
        text = shell.complaint("node", "ls", status=3)
    cure = "it takes no connection within 0.02 s: see its log"
    assert text == f"no agent at {path}: {cure}"


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("truth", ["status"]),
        ("nodes", ["node", "ls"]),
        ("nodes", ["node", "inspect", "web1"]),
        ("networks", ["network", "ls"]),
        ("sandboxes", ["sandbox", "ls"]),
    ],
)
def test_what_an_agent_knows_by_itself_is_not_waited_for_long(
    shell: Shell,
    agent: FakeAgent,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    words: list[str],
) -> None:
    monkeypatch.setattr(f"swarmnet.runtime.cli.{module}.QUICK_S", 0.05)
    agent.answer = Silence()
    path = shell.run_dir / "api.sock"
    assert shell.complaint(*words, status=3) == (
        f"the agent at {path} does not answer within 0.05 s: see its log"
        " (journalctl -u swarmnet), and systemctl restart swarmnet"
    )


def test_many_commands_at_once_wait_for_their_turn(
    shell: Shell, agent: FakeAgent
) -> None:
    def ask(_: int) -> object:
        with connected(str(shell.run_dir)) as sock:
            return client.ask(sock, "GET", "/v1/nodes", None, "the agent")

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(ask, range(64))) == [{}] * 64
    assert len(agent.asked) == 64


def test_a_socket_whose_path_is_long_is_reached(shell: Shell, run_dir: Path) -> None:
    deep = run_dir / ("d" * 120)
    deep.mkdir()
    agent = FakeAgent(run_dir / "api.sock")
    (run_dir / "api.sock").rename(deep / "api.sock")
    shell.run_dir = deep
    assert shell.run("node", "ls").exit_code == 0
    agent.stop()
    shell.run_dir = deep / "deeper"
    assert "there is no such socket" in shell.complaint("status", status=3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 20",
        OK,
        OK + b"Content-Length: 9\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_an_agent_that_ends_before_its_answer_does_is_a_failure(
    shell: Shell, agent: FakeAgent, data: bytes
) -> None:
    agent.answer = Raw(data)
    assert shell.complaint("leave", status=1) == GONE


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 soon\r\n\r\n",
        b"x" * 70_000,
        OK + b"Content-Length: 5\r\n\r\n{nope",
        OK + b"Content-Length: -1\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\nsoon\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}}\r\n",
        OK + b"a: b\r\n" * 200,
    ],
)
def test_what_is_no_answer_is_told_as_such(
    shell: Shell, agent: FakeAgent, data: bytes
) -> None:
    agent.answer = Raw(data)
    assert shell.complaint("status", status=1) == OTHER


@pytest.mark.parametrize(
    "data",
    [
        OK + b'Content-Length: 9\r\n\r\n[{"a":1}]',
        OK + b"\r\n" + b'[{"a":1}]',
        OK
        + b'transfer-encoding: Chunked\r\n\r\n3\r\n[{"\r\n6;x=y\r\na":1}]\r\n0\r\n\r\n',
        b'HTTP/1.0 200\n\n[{"a":1}]',
    ],
)
def test_a_body_ends_by_length_by_chunks_or_by_hanging_up(
    shell: Shell, agent: FakeAgent, data: bytes
) -> None:
    agent.answer = Raw(data)
    assert shell.json("node", "ls") == [{"a": 1}]


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


EVENTS = [
    {"time": 1.5, "kind": "member", "name": "web1", "state": "dead"},
    {"time": 62.0625, "kind": "drift", "detail": None, "links": ["br0", "vxlan0"]},
]
STREAM = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
ENDED = "swarmnet: the agent ended; once it runs again, start this anew\n"


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    "data",
    [
        OK + b"\r\n" + STREAM,
        OK + b"\r\n" + STREAM + b"\n" + STREAM[:9],
        OK
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n" % (20, STREAM[:20])
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(STREAM) - 20, STREAM[20:]),
    ],
)
def test_monitor_prints_a_line_an_event_until_the_agent_ends(
    shell: Shell, agent: FakeAgent, data: bytes
) -> None:
    agent.answer = Raw(data)
    done = shell.run("monitor", "--format", "json")
    assert (done.exit_code, done.stderr) == (1, ENDED)
    assert [json.loads(line) for line in done.stdout.splitlines()] == EVENTS
    assert shell.run("monitor").stdout.splitlines() == [
        "00:00:01.500  member    name=web1 state=dead",
        "00:01:02.062  drift     links=br0, vxlan0",
    ]


def test_monitor_tells_a_cut_stream_and_a_refusal(
    shell: Shell, agent: FakeAgent
) -> None:
    agent.answer = Raw(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{}")
    assert shell.complaint("monitor", status=1) == GONE
    agent.refuse(409, "this node is in no cluster")
    assert shell.complaint("monitor", status=1) == "this node is in no cluster"
