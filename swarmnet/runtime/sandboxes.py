"""The sandboxes of this host: which there are, and where their namespaces are.

Sandboxes that the agent made are pinned under the run directory and come back after a
reboot. One that was adopted is where others made it; `mark` says which namespace that
was, so that another under the same path, after a reboot or when a process id is used
again, is not taken for it.

`sandboxes.json` in the run directory tells the same to whoever has no agent.
"""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from swarmnet.cnm.sandbox import Sandbox, check_sandbox_name
from swarmnet.errors import Refused
from swarmnet.runtime.continuing import BOOT_ID
from swarmnet.runtime.linux import is_network_namespace
from swarmnet.runtime.store import Store

FILE: Final = "sandboxes.json"
GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENXIO)
"""Nothing is at a path; what else may go wrong says nothing about it."""


class Sandboxes:
    """The sandboxes that are kept in a store, by name.

    They are told to commands by a file in `run_dir`; None: to nobody.
    """

    def __init__(self, store: Store, run_dir: str | Path | None) -> None:
        self._store = store
        self._path = None if run_dir is None else Path(run_dir) / FILE
        self._marks: dict[str, str] = {}
        self._held: dict[str, Sandbox] = {}
        for name, (netns, mark) in store.sandboxes().items():
            self._held[name] = Sandbox(name, netns)
            self._marks[name] = mark
        self._write_file()

    def all(self) -> list[Sandbox]:
        """Return all of them."""
        return list(self._held.values())

    def get(self, name: str) -> Sandbox | None:
        return self._held.get(name)

    def find(self, reference: str) -> Sandbox:
        """Return the sandbox of a name; it has no id of which a part would do.

        Raises:
            Refused: there is none.
        """
        found = self._held.get(reference)
        if found is None:
            raise Refused(f"sandbox {reference[:60]!r}: unknown; see sandbox ls")
        return found

    def make(self, name: str) -> Sandbox:
        """Take note of a sandbox that the agent makes.

        Raises:
            Refused: the name is in use, or none that a sandbox can have.
        """
        self._check(name)
        return self._put(Sandbox(name), "")

    def adopt(self, name: str, netns: str) -> Sandbox:
        """Take note of a namespace that others made.

        One by the name whose namespace is gone is replaced.

        Raises:
            Refused: the name is in use, or there is no network namespace.
        """
        held = self._held.get(name)
        if held is None or not self.is_gone(held):
            self._check(name)
        return self._put(Sandbox(name, netns), _mark_to_adopt(netns))

    def _check(self, name: str) -> None:
        check_sandbox_name(name)
        if name in self._held:
            raise Refused(f"sandbox name {name}: in use; choose another")

    def _put(self, sandbox: Sandbox, mark: str) -> Sandbox:
        self._store.put_sandbox(sandbox.name, sandbox.netns, mark)
        self._held[sandbox.name] = sandbox
        self._marks[sandbox.name] = mark
        try:
            self._write_file()
        except Refused:
            self._store.drop_sandbox(sandbox.name)
            del self._held[sandbox.name], self._marks[sandbox.name]
            raise
        return sandbox

    def drop(self, name: str) -> None:
        """Forget a sandbox.

        Raises:
            Refused: that cannot be written.
        """
        self._store.drop_sandbox(name)
        self._held.pop(name, None)
        self._marks.pop(name, None)
        self._write_file()

    def gone(self) -> Iterator[Sandbox]:
        """Yield those that were adopted, and whose namespace is there no more."""
        yield from [one for one in self._held.values() if self.is_gone(one)]

    def is_gone(self, sandbox: Sandbox) -> bool:
        """Return whether a namespace of others is there no more, or is another."""
        if sandbox.netns is None:
            return False
        try:
            return _mark_of(sandbox.netns) != self._marks.get(sandbox.name)
        except OSError as error:
            return error.errno in GONE

    def _write_file(self) -> None:
        if self._path is None:
            return
        if not self._held:
            self._path.unlink(missing_ok=True)
            return
        text = json.dumps({one.name: one.netns for one in self._held.values()})
        new = self._path.with_suffix(".new")
        try:
            new.write_text(text, encoding="utf-8")
            os.replace(new, self._path)
        except OSError as error:
            raise Refused(f"{self._path}: {error.strerror}: make room there") from None


def _mark_of(netns: str) -> str:
    """Return which namespace is at a path, in this boot of the machine; "": none.

    Raises:
        OSError: it cannot be opened.
    """
    fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not is_network_namespace(fd):
            return ""
        found = os.fstat(fd)
    finally:
        os.close(fd)
    boot = Path(BOOT_ID).read_text(encoding="ascii").strip()
    return f"{boot}:{found.st_dev}:{found.st_ino}"


def _mark_to_adopt(netns: str) -> str:
    """Return the mark of a namespace that a user names.

    Raises:
        Refused: there is none, or it may not be entered.
    """
    try:
        mark = _mark_of(netns)
    except ValueError:
        raise Refused(f"namespace {netns[:40]!r}: no path: name one") from None
    except PermissionError:
        raise Refused(
            f"namespace {netns}: permission denied: the agent wants CAP_SYS_PTRACE for"
            " the namespace of a process with rights or of another user"
        ) from None
    except OSError as error:
        raise Refused(
            f"namespace {netns}: {error.strerror}: give a process that runs, or the"
            " path of a namespace that is there"
        ) from None
    if not mark:
        raise Refused(
            f"namespace {netns}: no network namespace: name one, as /proc/PID/ns/net or"
            " /run/netns/NAME"
        )
    return mark
