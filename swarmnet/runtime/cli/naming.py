"""A resolv.conf of its own for a command in a sandbox; the host's stays as it is.

The command gets a mount namespace in which another file stands over /etc/resolv.conf.
Where that is a link to what some service keeps, that service's folder is covered, for
it replaces its file, and with the file a mount on it would go; while it is missing, the
one in which it would be made. The folders of nscd and systemd-resolved are covered as
well: by their sockets libc would ask the host's own.
"""

import os
from errno import ENOENT
from pathlib import Path
from typing import Final

from swarmnet.dns.resolv_conf import HOST_FILE, parse_resolv_conf, write_resolv_conf
from swarmnet.errors import Refused
from swarmnet.runtime.linux import bind_mount, mount_folder, own_mounts, unmount

ASKED_FIRST: Final = ("/run/nscd", "/run/systemd/resolve")
RUNTIME: Final = "/run"
SMALL: Final = "size=64k,mode=0755"


def use_sandbox_names(run_dir: str) -> None:
    """Let this process, and what it becomes, ask the sandbox's resolver.

    `run_dir` is a folder that is there.

    Raises:
        Refused: it cannot be; then names are resolved as on the host.
    """
    text = write_resolv_conf(parse_resolv_conf(_read()))
    place = os.path.realpath(HOST_FILE)
    try:
        own_mounts()
        kept = _service_folder(place)
        for folder in dict.fromkeys([*ASKED_FIRST, *kept]):
            if os.path.isdir(folder) and not os.path.islink(folder):
                mount_folder(folder, SMALL)
        if kept:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            _write(place, text)
        else:
            _cover(place, text, run_dir)
    except OSError as error:
        raise Refused(
            f"{HOST_FILE}: no file of the sandbox's can be mounted there:"
            f" {error.strerror}: names are resolved as on the host"
            f"{_cure(place) if error.errno == ENOENT else ''}"
        ) from None


def _read() -> str:
    try:
        return Path(HOST_FILE).read_text(errors="replace")
    except OSError:
        return ""


def _service_folder(place: str) -> tuple[str, ...]:
    """Return the folder of the service that keeps the file, if one does.

    Where it is missing, the nearest one above it that is not all services'.
    """
    folder = os.path.dirname(place)
    if place == HOST_FILE:
        return ()
    while folder.startswith(f"{RUNTIME}/"):
        if os.path.isdir(folder):
            return (folder,)
        folder = os.path.dirname(folder)
    return ()


def _cure(place: str) -> str:
    """Return how a file comes to be there, if there is none."""
    if os.path.exists(place):
        return ""
    folder = os.path.dirname(place)
    make = "" if os.path.isdir(folder) else f"mkdir -p {folder} && "
    return f": make one: {make}touch {place}"


def _cover(place: str, text: str, run_dir: str) -> None:
    """Mount a file on another; it is nowhere else, and ends with the mount."""
    mount_folder(run_dir, SMALL)
    try:
        source = os.path.join(run_dir, "resolv.conf")
        _write(source, text)
        bind_mount(source, place)
    finally:
        unmount(run_dir)


def _write(place: str, text: str) -> None:
    Path(place).write_text(text, encoding="utf-8")
    # Whoever the command becomes reads it.
    os.chmod(place, 0o644)
