"""Which resolv.conf a command in a sandbox has, however the host's is kept."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from swarmnet.runtime.cli.naming import use_sandbox_names
from swarmnet.runtime.namespaces import Namespaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root enters namespaces")
PROLOGUE: Final = """
set -e
mkdir {tmp}/etc
cp -a /etc/nsswitch.conf /etc/passwd {tmp}/etc
mount --bind {tmp}/etc /etc
mkdir {tmp}/run
mount --bind {tmp}/run /run
"""
"""A host of its own: what is done to its files ends with the process."""
SHOW: Final = "cat /etc/resolv.conf; ls /run/* 2>/dev/null || true"
WRITTEN: Final = "# Written by swarmnet.\nnameserver 127.0.0.11\n"
OPTIONS: Final = "options ndots:0\n"


@pytest.fixture
def box(run_dir: Path) -> Iterator[str]:
    """A sandbox; the agent that made it has ended."""
    spaces = Namespaces(run_dir)
    spaces.create("box/b")
    (run_dir / "sandboxes.json").write_text('{"b": null}')
    yield "b"
    spaces.remove("box/b")
    spaces.clean()
    spaces.close()


def on_a_host(
    tmp_path: Path, run_dir: Path, before: str, command: str = SHOW
) -> subprocess.CompletedProcess[str]:
    """Run a command in the sandbox, on a host that was made as `before` says."""
    execute = f"{sys.executable} -m swarmnet --run-dir {run_dir} sandbox exec b --"
    script = PROLOGUE.format(tmp=tmp_path) + before
    script += f"\n{execute} sh -c '{command}'\necho outside\ncat /etc/resolv.conf"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("box")
def test_a_plain_file_is_covered_and_stays(tmp_path: Path, run_dir: Path) -> None:
    host = "search a.example\nnameserver 192.0.2.1\n"
    before = f"printf '{host}' > /etc/resolv.conf"
    done = on_a_host(tmp_path, run_dir, before)
    inside, outside = done.stdout.split("outside\n")
    assert inside == f"{WRITTEN}search a.example\n{OPTIONS}"
    assert (outside, done.stderr) == (host, "")


@pytest.mark.slow
@pytest.mark.usefixtures("box")
def test_the_folder_of_who_keeps_a_link_s_file_is_covered(
    tmp_path: Path, run_dir: Path
) -> None:
    before = """
    mkdir -p /run/systemd/resolve /run/nscd /run/other
    echo nameserver 127.0.0.53 > /run/systemd/resolve/stub-resolv.conf
    touch /run/systemd/resolve/io.systemd.Resolve /run/nscd/socket /run/other/file
    ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
    """
    command = "cat /etc/resolv.conf; ls /run/nscd /run/systemd/resolve /run/other"
    done = on_a_host(tmp_path, run_dir, before, command)
    inside, outside = done.stdout.split("outside\n")
    assert inside.startswith(WRITTEN + OPTIONS)
    assert inside.removeprefix(WRITTEN + OPTIONS).split() == [
        "/run/nscd:",
        "/run/other:",
        "file",
        "/run/systemd/resolve:",
        "stub-resolv.conf",
    ]
    assert (outside, done.stderr) == ("nameserver 127.0.0.53\n", "")


@pytest.mark.slow
@pytest.mark.usefixtures("box")
def test_a_link_to_a_file_outside_of_run_is_followed(
    tmp_path: Path, run_dir: Path
) -> None:
    before = "echo > /etc/real.conf; ln -s real.conf /etc/resolv.conf"
    done = on_a_host(tmp_path, run_dir, before)
    assert done.stdout.split("outside\n")[0] == WRITTEN + OPTIONS


@pytest.mark.slow
@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("folder", ["/run/keeper/deep", "/run/keeper"])
def test_a_link_whose_file_is_not_there_yet_is_followed(
    tmp_path: Path, run_dir: Path, folder: str
) -> None:
    before = f"mkdir /run/keeper; ln -s ..{folder}/file /etc/resolv.conf"
    done = on_a_host(tmp_path, run_dir, before, "cat /etc/resolv.conf")
    assert done.stdout.split("outside\n")[0] == WRITTEN + OPTIONS
    assert list((tmp_path / "run/keeper").iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("before", "cure"),
    [
        ("", "touch /etc/resolv.conf"),
        (
            "ln -s /nowhere/file /etc/resolv.conf",
            "mkdir -p /nowhere && touch /nowhere/file",
        ),
        (
            "ln -s /run/none/file /etc/resolv.conf",
            "mkdir -p /run/none && touch /run/none/file",
        ),
    ],
)
def test_where_there_is_no_file_it_is_said_and_the_command_runs(
    tmp_path: Path, run_dir: Path, before: str, cure: str
) -> None:
    done = on_a_host(tmp_path, run_dir, before, "echo ran")
    assert done.stdout.startswith("ran\n")
    (line, *_) = done.stderr.splitlines()
    assert line.startswith("swarmnet: /etc/resolv.conf: no file of the sandbox's")
    assert line.endswith(f"names are resolved as on the host: make one: {cure}")


@pytest.mark.usefixtures("box")
def test_nothing_is_left_in_the_run_directory(tmp_path: Path, run_dir: Path) -> None:
    before = sorted(run_dir.iterdir())
    command = f"ls {run_dir}"
    done = on_a_host(tmp_path, run_dir, "echo > /etc/resolv.conf", command)
    assert done.stdout.startswith("netns\nsandboxes.json\n")
    assert sorted(run_dir.iterdir()) == before


def test_without_rights_it_is_said(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("swarmnet.runtime.cli.naming.own_mounts", refuse)
    with pytest.raises(ValueError, match="Operation not permitted"):
        use_sandbox_names(str(run_dir))


@pytest.mark.slow
def test_the_command_line_starts_without_what_only_the_agent_needs() -> None:
    program = (
        "import sys, swarmnet.runtime.cli.main, swarmnet.runtime.cli.sandboxes,"
        " swarmnet.runtime.cli.entering, swarmnet.runtime.cli.naming;"
        " print([one for one in ('dns', 'trio') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
