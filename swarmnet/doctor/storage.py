"""The data directory: whether it can be written, and how much room there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, skipped, warning

FREE_BYTES_MIN: Final = 1 << 20
"""With less the agent begins nothing new."""
FREE_BYTES_WELL: Final = 64 << 20
OTHERS: Final = 0o077
MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """What the file system says; `error` if it says nothing.

    `mode` are the permission bits, `is_full` what the agent says of itself.
    """

    folder: str
    exists: bool = True
    free_bytes: int = 0
    is_read_only: bool = False
    is_writable: bool = True
    mode: int = 0o700
    owner: int = 0
    user: int = 0
    is_full: bool = False
    error: str = ""


def check_storage(facts: StorageFacts) -> Iterator[Finding]:
    """Yield how the data directory is."""
    folder = facts.folder
    if facts.error:
        yield skipped("data directory", f"{folder}: {facts.error}", f"ls -ld {folder}")
    elif not facts.exists:
        yield ok("data directory", f"{folder}: not there; the agent makes it")
    elif facts.is_read_only:
        cure = f"mount -o remount,rw $(findmnt -no TARGET --target {folder})"
        yield failure("data directory", f"{folder}: mounted read-only", cure)
    elif not facts.is_writable:
        told = (
            f"{folder}: mode {facts.mode:04o} of uid {facts.owner}; uid {facts.user}"
            " may not write there"
        )
        cure = f"chown {facts.user} {folder} && chmod 0700 {folder}"
        yield failure("data directory", told, cure)
    elif facts.mode & OTHERS:
        told = f"{folder}: mode {facts.mode:04o}: others may read this node's keys"
        yield warning("data directory", told, f"chmod 0700 {folder}")
    else:
        yield ok("data directory", f"{folder}: mode {facts.mode:04o}")
    if facts.exists and not facts.error:
        yield _room(facts)


def _room(facts: StorageFacts) -> Finding:
    told = f"{facts.folder}: {facts.free_bytes / MEBIBYTE:.1f} MiB free"
    cure = f"give it room: df -h {facts.folder}; du -xh / | sort -h | tail"
    if facts.free_bytes < FREE_BYTES_MIN or facts.is_full:
        told += f", want {FREE_BYTES_MIN // MEBIBYTE} MiB: new commands are refused"
        return failure("disk space", told, cure)
    if facts.free_bytes < FREE_BYTES_WELL:
        told += f", want {FREE_BYTES_WELL // MEBIBYTE} MiB"
        return warning("disk space", told, cure)
    return ok("disk space", told)
