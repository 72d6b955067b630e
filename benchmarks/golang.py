"""Peers written in Go, built against the libraries that Debian packages."""

import os
import subprocess
from pathlib import Path
from shutil import which
from typing import Final

GOPATH: Final = Path("/usr/share/gocode")
"""Where Debian's `golang-*-dev` packages put their sources."""
MEMBERLIST: Final = "github.com/hashicorp/memberlist"
SOURCES: Final = Path(__file__).parent / "peers"


def missing(package: str = MEMBERLIST) -> str | None:
    """Return what is not here of what a peer is built from, in a line; or None."""
    if which("go") is None:
        return "no go: install golang-go"
    if not (GOPATH / "src" / package).is_dir():
        name = package.replace("github.com/", "golang-github-").replace("/", "-")
        return f"no {package}: install {name}-dev"
    return None


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
