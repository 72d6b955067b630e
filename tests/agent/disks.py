"""Disks of hosts: small, filled to the last byte, read-only; they outlive the agent."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, prlimit
from typing import Final

from tests.agent.hosts import Host, until

SIZE: Final = "size=12m"
BLOCK: Final = bytes(4096)


class Disk:
    """A file system that a host's agent has its data on; seen by nobody else.

    It lives in a mount namespace that a process of ours holds.
    """

    def __init__(self, host: Host) -> None:
        self._place = host.data_dir
        self._place.mkdir(mode=0o700, parents=True)
        self._holder = subprocess.Popen(("unshare", "--mount", "sleep", "1000"))
        until("it is apart", self._is_apart)
        self._mount("-t", "tmpfs", "-o", SIZE, "tmpfs", str(self._place))

    def _is_apart(self) -> bool:
        return Path(f"/proc/{self._holder.pid}/comm").read_text() == "sleep\n"

    @property
    def before(self) -> tuple[str, ...]:
        """The words before a command that is to see this disk."""
        return ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt")

    @property
    def path(self) -> Path:
        """Where it is seen from here."""
        return Path(f"/proc/{self._holder.pid}/root{self._place}")

    def _mount(self, *words: str) -> None:
        command = (*self.before, "mount", *words)
        subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Let it be full to the last byte."""
        filling = self.path / "filling"
        self.fill()
        try:
            yield
        finally:
            filling.unlink()

    def fill(self) -> None:
        """Take all room that there is now."""
        with (self.path / "filling").open("ab", buffering=0) as file:
            try:
                while file.write(BLOCK) == len(BLOCK):
                    pass
            except OSError:
                pass

    @contextmanager
    def broken(self, host: Host) -> Iterator[None]:
        """Let what a running agent writes fail, as on a disk that has become read-only.

        A file system of which files are open for writing cannot be made so.
        """
        assert host.process is not None, f"{host.name}: does not run"
        pid = host.process.pid
        before = prlimit(pid, RLIMIT_FSIZE)
        prlimit(pid, RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            prlimit(pid, RLIMIT_FSIZE, before)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be written to it."""
        # The file system itself: a mount alone stays writable by open descriptors.
        self._mount("-o", "remount,ro", str(self._place))
        try:
            yield
        finally:
            self._mount("-o", "remount,rw", str(self._place))

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
