"""Values below /proc/sys, as they stand in one network namespace.

What is below /proc/sys/net is that of the thread that opens it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from swarmnet.errors import Refused
from swarmnet.runtime.linux import run_in

ROOT: Final = "/proc/sys"


def _place(path: str) -> str:
    parts = path.split("/")
    if parts[0] != "net" or ".." in parts or "\0" in path:
        raise Refused(f"{path!r} is no value of a network namespace; say net/…")
    return os.path.join(ROOT, path)


def read_sysctls(namespace: int, paths: Iterable[str]) -> dict[str, str]:
    """Return the values at these paths; what is not there is left out.

    Runs of blanks are one blank, as whoever writes `1 2` means it.
    """
    places = {path: _place(path) for path in paths}

    def run() -> dict[str, str]:
        found: dict[str, str] = {}
        for path, place in places.items():
            try:
                with open(place, encoding="ascii", errors="replace") as file:
                    found[path] = " ".join(file.read().split())
            except OSError:
                continue
        return found

    return run_in(namespace, run) if places else {}


def write_here(values: Iterable[tuple[str, str]]) -> None:
    """Write values in the calling thread's namespace; what is not there is left out.

    Raises:
        OSError: The kernel refuses a value.
    """
    for path, value in values:
        with suppress(FileNotFoundError):
            _write(_place(path), value)


def _write(place: str, value: str) -> None:
    fd = os.open(place, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def write_sysctl(namespace: int, path: str, value: str) -> None:
    """Write one value.

    Raises:
        OSError: There is no such path, or the kernel refuses the value.
    """
    place = _place(path)
    run_in(namespace, lambda: _write(place, value))
