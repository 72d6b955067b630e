"""What Debian calls peers and tools, which are here, and in which version."""

import os
import subprocess
import sys
from shutil import which
from typing import Final

PACKAGES: Final = {
    "dnsmasq": "dnsmasq-base",
    "iperf3": "iperf3",
    "ping": "iputils-ping",
}
"""Programs, and the packages that have them."""


def path_of(program: str) -> str | None:
    """Return where a program is, servers' too, which not every PATH has; or None."""
    return which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def said_missing(question: str, *programs: str, is_peer: bool = False) -> bool:
    """Return whether a program is not here; if so, say so and what to install.

    A question goes on without its peer, and is skipped without its tools.
    """
    lacks = [one for one in programs if path_of(one) is None]
    for one in lacks:
        what = f"without {one}" if is_peer else f"skipped: no {one}"
        print(f"{question}: {what}: install {PACKAGES[one]}", file=sys.stderr)
    return bool(lacks)


def version_of(package: str) -> str:
    """Return the upstream version of an installed package; empty if nobody knows it."""
    asked = ("dpkg-query", "-W", "-f", "${Version}", package)
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.partition("~")[0].partition("-")[0]


def named(name: str, package: str) -> str:
    """Return a peer's name with its version."""
    return f"{name} {version_of(package)}".rstrip()
