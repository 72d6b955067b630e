"""What Debian calls a peer, and which version of it is here."""

import subprocess


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
