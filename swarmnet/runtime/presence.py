"""Whether an agent runs on this host, whichever directories it has.

Its socket is bound by a path of a form of its own (`http.listen`), and a kernel lists
the sockets of one network namespace, which is what a host is to an agent.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from re import compile as pattern
from typing import Final

SOCKETS: Final = "/proc/thread-self/net/unix"
_LISTENING: Final = pattern(r"(\d+) /proc/self/fd/\d+/api\.sock\Z")
"""The inode and the path, which end a line (linux/net/unix/af_unix.c)."""


def running_agents() -> list[int]:
    """Return the processes that serve an agent's socket in our network namespace.

    One whose number cannot be seen is 0.
    """
    inodes = list(_inodes())
    if not inodes:
        return []
    owners = dict.fromkeys(pid for pid, inode in _holders() if inode in inodes)
    return list(owners) or [0]


def _inodes() -> Iterator[str]:
    try:
        text = Path(SOCKETS).read_text(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        found = _LISTENING.search(line)
        if found is not None:
            yield found[1]


def _holders() -> Iterator[tuple[int, str]]:
    """Yield the processes and the sockets that they hold, by their inodes."""
    for process in Path("/proc").glob("[0-9]*"):
        for target in _targets(process / "fd"):
            if target.startswith("socket:["):
                yield int(process.name), target[8:-1]


def _targets(folder: Path) -> list[str]:
    """Return what a process's descriptors lead to, as far as it may be seen."""
    found: list[str] = []
    with suppress(OSError):
        for fd in os.listdir(folder):
            with suppress(FileNotFoundError):
                found.append(os.readlink(folder / fd))
    return found
