"""The Debian package: installed into a clean root, and replaced under traffic."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT
from typing import Final

import pytest

from swarmnet import __version__
from tests.agent.hosts import Host, World, until
from tests.source import ROOT

BUILD: Final = ROOT / "packaging" / "build-deb"
BUILD_S: Final = 600
FORCED: Final = ("--force-script-chrootless", "--force-depends")
NEXT: Final = "9.9.9"
SBIN: Final = "/usr/sbin:/sbin"
SILENCE: Final = "no answer yet"
"""So ping -O says that a packet was not answered before the next one."""

pytestmark = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="no dpkg-deb here"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this tree."""
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run(
        (str(BUILD), sys.executable, str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_S,
    )
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("the libraries cannot be had here")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == folder
    return path


@pytest.fixture(scope="module")
def later(package: Path) -> Path:
    """The same as the next version."""
    folder = package.parent / "later"
    _run("dpkg-deb", "-R", str(package), str(folder))
    for name in ("DEBIAN/control", "usr/lib/swarmnet/swarmnet/__init__.py"):
        text = (folder / name).read_text()
        assert __version__ in text, name
        (folder / name).write_text(text.replace(__version__, NEXT))
    _run("dpkg-deb", "-Znone", "-b", str(folder), str(folder) + ".deb")
    return Path(str(folder) + ".deb")


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Path]:
    """A root with nothing but the database of packages."""
    root = tmp_path / "root"
    for folder in ("info", "updates"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    yield root
    shutil.rmtree(root)


def _run(*command: str) -> str:
    path = f"{os.environ['PATH']}:{SBIN}"
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def install(package: Path, root: Path) -> None:
    _run("dpkg", f"--root={root}", *FORCED, "-i", str(package))


def program(root: Path) -> tuple[str, ...]:
    return (sys.executable, "-I", str(root / "usr/bin/swarmnet"))


def test_it_has_what_a_package_has(package: Path, clean: Path) -> None:
    install(package, clean)
    assert _run(*program(clean), "--version").split()[-1] == __version__
    page = gzip.decompress((clean / "usr/share/man/man1/swarmnet.1.gz").read_bytes())
    assert b"network create" in page
    unit = (clean / "usr/lib/systemd/system/swarmnet.service").read_text()
    assert "ExecStart=/usr/bin/swarmnet agent\n" in unit
    assert not list(clean.glob("usr/lib/swarmnet/**/*.tar.gz"))
    for path in clean.glob("usr/**/*"):
        assert path.stat().st_uid == 0, path
        assert not path.stat().st_mode & 0o022 or path.is_symlink(), path
    _run("dpkg", f"--root={clean}", *FORCED, "-r", "swarmnet")
    assert not (clean / "usr/bin").exists()
    assert not (clean / "usr/lib/swarmnet").exists()


def test_bash_completes_by_it(package: Path, clean: Path) -> None:
    install(package, clean)
    called = clean / "called"
    called.mkdir()
    words = " ".join(f"{word!r}" for word in program(clean))
    (called / "swarmnet").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (called / "swarmnet").chmod(0o755)
    script = f"""
PATH={called}:$PATH
source {clean}/usr/share/bash-completion/completions/swarmnet
for line in "network cr" "network create --int"; do
    COMP_WORDS=(swarmnet $line)
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    COMPREPLY=()
    _swarmnet_completion swarmnet
    echo "${{COMPREPLY[@]}}"
done
"""
    done = subprocess.run(
        ("bash", "-c", script), capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["create", "--internal"], "")


def test_an_agent_is_replaced_and_no_packet_is_lost(
    make_world: Callable[[int], World], package: Path, later: Path, clean: Path
) -> None:
    install(package, clean)
    world = make_world(2)
    for host in world:
        host.program = program(clean)
    world.begin()
    one, other = world
    one.post("networks", name="web")
    world.until_known("web")
    one.sandbox("a", "web")
    ip = other.sandbox("b", "web")
    until("they meet", one.pings, "a", ip)
    command = one.inside("a", "ping", "-n", "-O", "-i", "0.02", ip)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pinging:
        try:
            install(later, clean)
            for host in world:
                _restart(host)
                assert host.get("status")["version"] == NEXT
            world.until_alive()
        finally:
            pinging.send_signal(SIGINT)
        told, _ = pinging.communicate()
    assert told.count("bytes from") > 50
    assert SILENCE not in told
    assert one.pings("a", ip)


def _restart(host: Host) -> None:
    assert host.stop() == 0
    host.start()
