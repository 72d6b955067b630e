"""One owner of a directory at a time: a lock on the directory itself.

The kernel lets go of it when a process ends, however it ends, and nothing is left.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from swarmnet.errors import Refused


@contextmanager
def locked(run_dir: str) -> Iterator[None]:
    """Hold the run directory, which is made if need be, and removed if it is empty.

    Raises:
        Refused: another process holds it, or it cannot be made.
    """
    try:
        os.makedirs(run_dir, mode=0o755, exist_ok=True)
        fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"run directory {run_dir}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                f"run directory {run_dir}: another process holds it: end that, or name"
                " another with --run-dir"
            ) from None
        yield
    finally:
        os.close(fd)
        with suppress(OSError):
            os.rmdir(run_dir)


def is_held(folder: str) -> bool:
    """Return whether another process holds a directory, as agents do with theirs."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def lock_folder(folder: Path) -> int:
    """Return a descriptor that holds a data directory for this process.

    Raises:
        Refused: another agent has it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"data directory {folder}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise Refused(
            f"data directory {folder}: another agent has it: end that, or name another"
            " with --data-dir"
        ) from None
    return fd
