"""The firewall: `nft` as a child process, text in, text and JSON out.

The library that it is made of crashes on some of its own output (1.0.6, maps in JSON);
as a child it takes nobody along. What changes is always one transaction.

Whether chains still say what was asked for, only nft can tell: it rewrites what it is
given. So each table is loaded once, without its elements, in a namespace that ends at
once, and from then on listings are compared. `-s` leaves counters out, `-t` elements.
"""

import errno
import json
import os
import shutil
import subprocess
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from re import compile as pattern
from threading import Lock
from typing import Final

from swarmnet.kernel.firewall import OURS, Table, render, render_change, render_removal
from swarmnet.kernel.operations import ChangeElements, Failure, PutTable, RemoveTable
from swarmnet.kernel.state import Unreadable
from swarmnet.runtime.linux import CLONE_NEWNET, in_thread, run_in, unshare

TIMEOUT_S: Final = 20.0
KEPT_LISTINGS: Final = 8
"""A host has one table, whose text changes with the gateway's subnet."""
FOLDERS: Final = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where nft is though a service's PATH does not say so."""
_ERROR: Final = pattern(r"Error: (?:Could not process rule: )?(.+)")
_NAMES: Final = {os.strerror(code): name for code, name in errno.errorcode.items()}

TableOperation = PutTable | ChangeElements | RemoveTable
Tables = Mapping[tuple[str, str], Table]


class NftFailed(Exception):
    """nft refused, crashed, or did not end. `error` is the reason's name in errno.h."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"nft: {error}: {message}")
        self.error = error
        self.message = message


def find_nft() -> str | None:
    """Return the path of nft, or None if the machine has none."""
    return shutil.which("nft", path=f"{os.environ.get('PATH') or os.defpath}:{FOLDERS}")


class Nft:
    """Reads and changes firewall tables. Threads may share it."""

    def __init__(self, path: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._listings: OrderedDict[str, str] = OrderedDict()

    def why_not(self) -> str | None:
        """Return why nft is of no use on this kernel, or None if it is.

        It is tried out in a namespace of its own.
        """
        try:
            in_thread(lambda: self._list_anew(Table(*OURS)))
        except (NftFailed, OSError) as error:
            return str(error)
        return None

    def apply(
        self, namespace_fd: int, operations: Sequence[TableOperation]
    ) -> list[Failure]:
        """Change tables in a namespace, each in one transaction; return what failed."""
        failures = []
        for operation in operations:
            try:
                run_in(namespace_fd, lambda: self._apply(operation))  # noqa: B023
            except NftFailed as error:
                failures.append(Failure(operation, error.error, error.message))
            except OSError as error:
                name = errno.errorcode.get(error.errno or 0, "EIO")
                failures.append(Failure(operation, name, f"{self._path}: {error}"))
        return failures

    def read(self, namespace_fd: int, desired: Tables) -> dict[tuple[str, str], Table]:
        """Return those of the tables `desired` that a namespace has.

        Raises:
            Unreadable: nft could not tell.
        """
        found = {}
        for key, table in desired.items():
            try:
                actual = self._read(namespace_fd, table)
            except (NftFailed, OSError) as error:
                raise Unreadable(str(error)) from error
            if actual is not None:
                found[key] = actual
        return found

    def _apply(self, operation: TableOperation) -> str:
        if isinstance(operation, RemoveTable):
            return self._run("-f", "-", text=_removal(operation))
        whole = render(operation.table)
        if isinstance(operation, PutTable):
            return self._run("-f", "-", text=whole)
        table = operation.table
        changes = operation.removed, operation.added
        try:
            change = render_change(table.family, table.name, *changes)
            return self._run("-f", "-", text=change)
        except NftFailed as error:
            if error.error == "ETIMEDOUT":
                raise
            # Somebody was faster: an element is gone already, or a key is taken.
            return self._run("-f", "-", text=whole)

    def _read(self, namespace_fd: int, table: Table) -> Table | None:
        listing = run_in(namespace_fd, lambda: self._list(table))
        if not listing:
            return None
        if not self._is(table, listing):
            # It will be put anew; and 1.0.6 prints no valid JSON of a dormant one.
            return replace(table, chains="", elements={})
        output = run_in(namespace_fd, lambda: self._list(table, "-j"))
        return replace(table, elements=_elements(output))

    def _is(self, table: Table, listing: str) -> bool:
        try:
            return listing == self._listing_of(table)
        except (NftFailed, OSError):
            return False  # and putting it will say why

    def _listing_of(self, table: Table) -> str:
        """Return how nft lists a table that says what this one says."""
        bare = replace(table, elements={})
        text = render(bare)
        with self._lock:
            known = self._listings.get(text)
            if known is None:
                known = in_thread(lambda: self._list_anew(bare))
                self._listings[text] = known
            self._listings.move_to_end(text)
            if len(self._listings) > KEPT_LISTINGS:
                self._listings.popitem(last=False)
            return known

    def _list_anew(self, table: Table) -> str:
        """Load a table where nobody else is, and list it. The thread ends after it."""
        unshare(CLONE_NEWNET)
        self._run("-f", "-", text=render(table))
        return self._list(table)

    def _list(self, table: Table, *options: str) -> str:
        """Return a listing of the table of that name, "" if there is none."""
        what = options or ("-s", "-t")
        try:
            return self._run(*what, "list", "table", table.family, table.name)
        except NftFailed as error:
            if error.error == "ENOENT":
                return ""
            raise

    def _run(self, *arguments: str, text: str = "") -> str:
        try:
            done = subprocess.run(
                [self._path, *arguments],
                input=text,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._timeout_s,
                env={"LC_ALL": "C", "PATH": FOLDERS},
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"no end after {self._timeout_s:g} s"
            raise NftFailed("ETIMEDOUT", message) from None
        if done.returncode == 0:
            return done.stdout
        if done.returncode < 0:
            raise NftFailed("EIO", f"killed by signal {-done.returncode}")
        found = _ERROR.search(done.stderr)
        reason = found[1].strip() if found else ""
        raise NftFailed(_NAMES.get(reason, "EINVAL"), done.stderr.strip())


def _removal(operation: RemoveTable) -> str:
    return render_removal(operation.family, operation.name)


def _elements(output: str) -> dict[str, dict[str, None]]:
    """Read the elements of all sets and maps of `nft -j list table`."""
    elements: dict[str, dict[str, None]] = {}
    if not output:
        return elements
    try:
        for item in json.loads(output)["nftables"]:
            found = item.get("set") or item.get("map")
            if found:
                some = found.get("elem", [])
                elements[found["name"]] = {_element(one): None for one in some}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NftFailed("EPROTO", f"no listing that we know: {error!r}") from error
    return elements


def _element(value: object) -> str:
    """Return an element of a set or a map in our notation."""
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, list):
        return " : ".join(_element(one) for one in value)
    if isinstance(value, dict) and "concat" in value:
        return " . ".join(_element(one) for one in value["concat"])
    if isinstance(value, dict) and "elem" in value:
        return _element(value["elem"]["val"])
    return json.dumps(value)


def _word(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text
