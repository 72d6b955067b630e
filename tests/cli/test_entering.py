"""`sandbox exec`: which sandbox, and what becomes of the command there."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarmnet.errors import Refused
from swarmnet.runtime.cli.entering import find
from swarmnet.runtime.linux import (
    bind_mount,
    in_thread,
    run_in,
    unmount,
)
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from tests.cli.conftest import Shell
from tests.cli.fake_agent import WAIT_S

SWARMNET = (sys.executable, "-m", "swarmnet")
IS_ROOT = os.geteuid() == 0
enters = pytest.mark.skipif(not IS_ROOT, reason="only root enters namespaces")
Done = subprocess.CompletedProcess[str]


def write(run_dir: Path, sandboxes: object) -> None:
    (run_dir / "sandboxes.json").write_text(json.dumps(sandboxes))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("box1", ("box1", None)),
        ("box", ("box", "/run/netns/x")),
        ("web-1", ("web-1", None)),
    ],
)
def test_a_sandbox_is_found_by_its_name(
    run_dir: Path, name: str, found: tuple[str, str | None]
) -> None:
    write(run_dir, {"box1": None, "box": "/run/netns/x", "web-1": None, "bad": 7})
    assert find(str(run_dir), name) == found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bo", "unknown sandbox 'bo' in "),
        ("", "unknown sandbox '' in "),
        ("bad", "unknown sandbox 'bad' in "),
    ],
)
def test_what_names_none_is_refused(run_dir: Path, name: str, message: str) -> None:
    names = ["box2", "box1", *(f"a{number}" for number in range(1, 7))]
    write(run_dir, dict.fromkeys(names) | {"bad": 7})
    with pytest.raises(Refused) as refused:
        find(str(run_dir), name)
    assert str(refused.value).startswith(message)


def test_without_a_file_every_sandbox_is_unknown(shell: Shell) -> None:
    text = shell.complaint("sandbox", "exec", "b", "--", "false", status=1)
    assert text == (
        f"unknown sandbox 'b' in {shell.run_dir}: see `swarmnet sandbox ls`, or name"
        " its agent's directory by --run-dir"
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff"])
def test_a_file_that_is_no_list_of_sandboxes_is_refused(
    shell: Shell, data: bytes
) -> None:
    path = shell.run_dir / "sandboxes.json"
    path.write_bytes(data)
    text = shell.complaint("sandbox", "exec", "b", "--", "false", status=1)
    assert text == f"{path}: want a JSON object: start the agent, which writes it"


def test_missing_rights_are_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shell.run_dir, {"b": None})
    status = shell.run_dir / "status"
    status.write_text("CapEff:\t0000000000001000\n")
    monkeypatch.setattr("swarmnet.runtime.rights.STATUS", str(status))
    text = shell.complaint("sandbox", "exec", "b", "--", "false", status=1)
    assert text == "missing rights: CAP_SYS_ADMIN: run this as root"


@pytest.fixture
def box(run_dir: Path) -> Iterator[str]:
    """A sandbox that an agent made, which has ended since: what tells it apart."""
    spaces = Namespaces(run_dir)
    spaces.create("box/box1")
    write(run_dir, {"box1": None})
    fd = spaces.open("box/box1")
    yield run_in(fd, lambda: os.readlink("/proc/thread-self/ns/net"))
    os.close(fd)
    spaces.remove("box/box1")
    spaces.clean()
    spaces.close()


@pytest.fixture
def execute(run_dir: Path) -> Callable[..., Done]:
    """Runs `sandbox exec` as a process of its own, which it replaces."""

    def run(*words: str, stdin: str = "") -> Done:
        command = [*SWARMNET, "--run-dir", str(run_dir), "sandbox", "exec", *words]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False
        )

    return run


WHERE = ("readlink", "/proc/self/ns/net")


@enters
def test_the_command_runs_in_the_sandbox(
    execute: Callable[..., Done], box: str
) -> None:
    assert execute("box1", "--", *WHERE).stdout == f"{box}\n"


@enters
@pytest.mark.usefixtures("box")
def test_words_input_output_and_status_are_the_commands(
    execute: Callable[..., Done],
) -> None:
    program = 'cat; printf "%s|" "$@" >&2; exit 7'
    words = ("box1", "--format", "json", "--", "sh", "-c", program, "sh")
    done = execute(*words, "--run-dir", "", "--", "a b", stdin="said")
    assert (done.returncode, done.stdout) == (7, "said")
    assert done.stderr == "--run-dir||--|a b|"


@enters
@pytest.mark.usefixtures("box")
def test_no_signal_is_ignored_that_python_ignores(
    execute: Callable[..., Done],
) -> None:
    done = execute("box1", "--", "grep", "SigIgn", "/proc/self/status")
    ignored = int(done.stdout.split()[1], 16)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        assert not ignored >> (number - 1) & 1


@pytest.mark.slow
@enters
@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("/nowhere/program", 127, "'/nowhere/program': not found: give its path"),
        ("no-such-program-anywhere", 127, "'no-such-program-anywhere': not found"),
        ("", 127, "'': not found"),
        ("/etc", 126, "'/etc' cannot be executed: Permission denied"),
        ("/etc/passwd", 126, "'/etc/passwd' cannot be executed: Permission denied"),
    ],
)
def test_what_cannot_be_run_ends_as_in_a_shell(
    execute: Callable[..., Done], command: str, status: int, said: str
) -> None:
    done = execute("box1", "--", command)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"swarmnet: {said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@enters
@pytest.mark.usefixtures("box")
def test_a_signal_meets_the_command_itself(run_dir: Path) -> None:
    program = "trap 'exit 9' TERM; echo ready; while :; do read -r line; done"
    command = (*SWARMNET, "--run-dir", str(run_dir), "sandbox", "exec", "box1", "--")
    process = subprocess.Popen(
        [*command, "bash", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 9


@enters
@pytest.mark.usefixtures("box")
def test_the_terminal_is_the_commands(run_dir: Path) -> None:
    ours, theirs = os.openpty()
    command = (*SWARMNET, "--run-dir", str(run_dir), "sandbox", "exec", "box1", "--")

    process = subprocess.Popen(
        [*command, "tty"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    name = os.ttyname(theirs)
    assert process.communicate(timeout=WAIT_S)[0] == f"{name}\n".encode()
    os.close(ours)
    os.close(theirs)


@pytest.mark.slow
@enters
def test_an_adopted_namespace_is_entered_by_its_path(
    execute: Callable[..., Done], run_dir: Path
) -> None:
    fd = in_thread(make_namespace)
    path = run_dir / "theirs"
    path.touch()
    bind_mount(f"/proc/self/fd/{fd}", str(path))
    inside = run_in(fd, lambda: os.readlink("/proc/thread-self/ns/net"))
    write(run_dir, {"box2": str(path)})
    try:
        assert execute("box2", "--", *WHERE).stdout == f"{inside}\n"
    finally:
        unmount(str(path))
        os.close(fd)
    done = execute("box2", "--", *WHERE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"swarmnet: sandbox box2: {path} is no network name")


@pytest.mark.slow
@enters
def test_a_sandbox_without_its_namespace_is_told(
    execute: Callable[..., Done], run_dir: Path
) -> None:
    write(run_dir, {"box3": None})
    done = execute("box3", "--", "true")
    assert done.returncode == 1
    assert done.stderr.startswith("swarmnet: sandbox box3: its namespace is gone: ")


@pytest.mark.slow
@enters
def test_it_is_entered_where_mounts_are_private(run_dir: Path, box: str) -> None:
    pin = run_dir / "netns" / "box" / "box1"
    hide = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
    program = 'umount "$1"; shift; exec "$@"'
    command = (*SWARMNET, "--run-dir", str(run_dir), "sandbox", "exec", "box1", "--")
    done = subprocess.run(
        [*hide, program, "sh", str(pin), *command, *WHERE],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{box}\n")
