"""Peers written in Go, built against the libraries that Debian packages."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Final

from benchmarks.debian import named

GOPATH: Final = Path("/usr/share/gocode")
"""Where Debian's `golang-*-dev` packages put their sources."""
MEMBERLIST: Final = "github.com/hashicorp/memberlist"
SOURCES: Final = Path(__file__).parent / "peers"


def missing(package: str = MEMBERLIST) -> str | None:
    """Return what is not here of what a peer is built from, in a line; or None."""
    if which("go") is None:
        return "no go: install golang-go"
    if not (GOPATH / "src" / package).is_dir():
        return f"no {package}: install {_debian(package)}"
    return None


def said_missing(question: str) -> bool:
    """Return whether memberlist cannot be built here; if so, say why."""
    lack = missing()
    if lack is not None:
        print(f"{question}: without memberlist: {lack}", file=sys.stderr)
    return lack is not None


def memberlist_name() -> str:
    """Return what the real memberlist is called, with its version."""
    return named("real memberlist", _debian(MEMBERLIST))


def _debian(package: str) -> str:
    """Return the name of Debian's package of a library's sources."""
    name = package.replace("github.com/", "golang-github-").replace("/", "-")
    return f"{name}-dev"


def build(name: str, folder: Path) -> Path:
    """Build one of the peers into a folder; return the program.

    Raises:
        RuntimeError: it does not build; with what the compiler said.
    """
    program = folder / name
    places = {"GOPATH": str(GOPATH), "GOCACHE": str(folder / "cache")}
    done = subprocess.run(
        ("go", "build", "-o", str(program), str(SOURCES / name / "main.go")),
        env={**os.environ, **places, "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name} does not build: {done.stderr}")
    return program
