"""The kernel of this machine behind the values of `swarmnet.kernel`.

Everything blocks, for a request runs inside its system call; so it is called by worker
threads (`hand`). Several may call at once: each namespace has one socket, which
one of them uses at a time.
"""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, cast, get_args

from swarmnet.errors import Refused
from swarmnet.kernel.firewall import Table
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    ChangeElements,
    EntryOperation,
    Failure,
    MendIntruder,
    Operation,
    PutAddress,
    PutRoute,
    PutStation,
    PutTable,
    ReleaseLink,
    Removal,
    RemoveLink,
    RemoveNamespace,
    RemoveTable,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.state import HOST, Absent, Namespace, Unreadable
from swarmnet.runtime.intruders import mend_intruder
from swarmnet.runtime.linking import change_link, delete_link, let_go, make_link
from swarmnet.runtime.namespaces import Namespaces
from swarmnet.runtime.placing import (
    PlaceOperation,
    link_of,
    put_entries,
    put_places,
)
from swarmnet.runtime.reading import Reader
from swarmnet.runtime.spaces import Denied, Space, Spaces, open_here
from swarmnet.runtime.strays import clear_stray, tell_stray
from swarmnet.runtime.sysctls import write_here, write_sysctl

TableOperation = PutTable | ChangeElements | RemoveTable
NO_FIREWALL: Final = "no nftables on this machine; install nftables"


class Firewall(Protocol):
    """What reads and changes firewall tables: `nft`."""

    def apply(
        self, namespace_fd: int, operations: Sequence[TableOperation]
    ) -> list[Failure]:
        """Change tables in a namespace; return what failed."""

    def read(
        self, namespace_fd: int, desired: Mapping[tuple[str, str], Table]
    ) -> dict[tuple[str, str], Table]:
        """Return those of the tables `desired` that a namespace has."""


class Kernel:
    """The namespaces of one host, and what they hold.

    `host` is the path of the namespace that is the host's own, by default that of the
    calling thread. `firewall` is None on a machine without nftables. `close` it.
    """

    def __init__(
        self,
        run_dir: str | Path,
        firewall: Firewall | None,
        *,
        host: str = "/proc/thread-self/ns/net",
    ) -> None:
        self._firewall = firewall
        fd = os.open(host, os.O_RDONLY | os.O_CLOEXEC)
        self._namespaces = Namespaces(run_dir, host=os.fstat(fd))
        self._host = fd
        self._spaces = Spaces(fd, self._namespaces.open)
        self._reader = Reader(firewall)

    def close(self) -> None:
        """Close every descriptor; the namespaces stay."""
        self._spaces.close()
        self._namespaces.close()

    def clean(self) -> None:
        """Remove the run directory, if no namespace is left in it."""
        self._namespaces.clean()

    def adopt(self, namespace: str, path: str) -> None:
        """Take up a namespace that others made, by its path.

        Raises:
            Refused: There is no network namespace at `path`.
        """
        self._namespaces.adopt(namespace, path)
        self._spaces.drop(namespace)

    def forget(self, namespace: str) -> None:
        """Let go of a namespace that others made."""
        self._spaces.drop(namespace)
        self._namespaces.forget(namespace)

    def has(self, namespace: str) -> bool:
        """Return whether there is such a namespace, or nobody can tell."""
        try:
            os.close(self.open(namespace))
        except (FileNotFoundError, Refused):
            return False
        except OSError:
            return True
        return True

    def names(self, *, clear: bool = True) -> tuple[str, ...]:
        """Return the keys of all namespaces but the host's, pinned and adopted.

        `clear` away what is no pin any more: only for who is alone with the directory.
        """
        names = self._namespaces.names(clear=clear)
        self._spaces.keep(names)
        return names

    def link_name(self, namespace: str, index: int) -> str | None:
        """Return the name of a link that was read or made here, or None."""
        return self._spaces.link_name(namespace, index)

    def path_of(self, namespace: str) -> str:
        """Return where a namespace is pinned that we make."""
        return self._namespaces.path_of(namespace)

    def open(self, namespace: str) -> int:
        """Return a new descriptor of a namespace; the caller closes it.

        Raises:
            OSError: There is no such namespace.
        """
        if namespace == HOST:
            return os.dup(self._host)
        return self._namespaces.open(namespace)

    def read(self, namespace: str, desired: Namespace | None = None) -> Namespace:
        """Return what a namespace holds.

        Of sysctls and tables only those that `desired` names, and of tables ours.

        Raises:
            Absent: There is no such namespace.
            Unreadable: It changed while it was read, or nobody can tell.
        """
        is_pinned = namespace != HOST and not self._namespaces.is_adopted(namespace)
        try:
            with self._spaces.use(namespace) as space:
                return self._reader.read(space, namespace, desired, is_pinned=is_pinned)
        except Denied as error:
            if error.error == errno.ENOENT:
                raise Absent(str(error)) from error
            raise Unreadable(str(error)) from error
        except Refused as error:
            raise Unreadable(str(error)) from error

    def apply(self, operations: Sequence[Operation]) -> list[Failure]:
        """Carry out operations in order; return those that failed, and go on after."""
        failures: list[Failure] = []
        for batch in _batches(operations):
            failures += self._apply_batch(batch)
        return failures

    def _apply_batch(self, batch: Sequence[Operation]) -> list[Failure]:
        """Carry out operations of one kind, in one namespace."""
        namespace = batch[0].namespace
        try:
            match batch[0]:
                case AddNamespace(_, sysctls):
                    self._create(namespace, sysctls)
                case RemoveNamespace():
                    self._spaces.drop(namespace)
                    self._namespaces.remove(namespace)
                case AddLink() as operation:
                    places = cast("Sequence[PlaceOperation]", batch[1:])
                    return self._make_link(operation, places)
                case _:
                    with self._spaces.use(namespace) as space:
                        return self._apply_inside(space, batch)
        except Denied as denied:
            # With a namespace all that was in it has gone.
            is_gone = not self.has(namespace)
            failures = [
                Failure(one, denied.name, denied.message)
                for one in batch
                if not (is_gone and isinstance(one, Removal))
            ]
            if isinstance(batch[0], AddLink):
                # What was to stand on it was never tried.
                places = cast("Sequence[PlaceOperation]", batch[1:])
                failures[1:] = [
                    Failure(one, "ENODEV", f"there is no link {link_of(one)}")
                    for one in places
                ]
            return failures
        except Refused as refused:
            return [Failure(one, "EINVAL", str(refused)) for one in batch]
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "EIO")
            return [Failure(one, name, str(error)) for one in batch]
        return []

    def _make_link(
        self, operation: AddLink, places: Sequence[PlaceOperation]
    ) -> list[Failure]:
        """Make a link, and put `places` on it; return those that failed.

        A VXLAN device is made also if somebody took it somewhere else.
        """
        try:
            return make_link(self._spaces, operation, places)
        except Denied as denied:
            link = operation.link
            if denied.error != errno.EEXIST or link.vxlan is None:
                raise
            stray = clear_stray(self._host, link, self._known())
            if stray is None and "VNI" not in denied.message:
                raise
            if stray is None or not stray.is_gone:
                raise Denied(denied.error, tell_stray(link, stray)) from denied
            return make_link(self._spaces, operation)

    def _known(self) -> Iterator[tuple[str, int]]:
        """Yield the namespaces that we know, by their keys; the caller closes them."""
        for name in (HOST, *self.names(clear=False)):
            with suppress(OSError):
                yield name or "the host's namespace", self.open(name)

    def _create(self, namespace: str, sysctls: Sequence[tuple[str, str]]) -> None:
        self._spaces.drop(namespace)
        made: list[Space] = []

        def begin(fd: int) -> None:
            # A thread is in there already, so it opens the socket too.
            made.append(open_here(fd))
            write_here(sysctls)

        is_made = False
        try:
            is_made = self._namespaces.create(namespace, begin)
        finally:
            for space in made:
                if is_made:
                    self._spaces.add(namespace, space)
                else:
                    space.close()

    def _apply_inside(self, space: Space, batch: Sequence[Operation]) -> list[Failure]:
        """Carry out operations in a namespace that is there."""
        first = batch[0]
        if isinstance(first, EntryOperation):
            return put_entries(space, cast("Sequence[EntryOperation]", batch))
        if isinstance(first, PlaceOperation):
            return put_places(space, cast("Sequence[PlaceOperation]", batch))
        if isinstance(first, TableOperation):
            return self._apply_tables(space, cast("Sequence[TableOperation]", batch))
        match first:
            case SetLink(_, link):
                change_link(space, link)
            case ReleaseLink(_, name):
                let_go(space, name)
            case RemoveLink(_, name):
                delete_link(space, name)
            case SetSysctl(_, path, value):
                write_sysctl(space.fd, path, value)
            case MendIntruder(_, intruder):
                mend_intruder(space, intruder)
            case _:
                raise AssertionError(first)
        return []

    def _apply_tables(
        self, space: Space, operations: Sequence[TableOperation]
    ) -> list[Failure]:
        if self._firewall is not None:
            return self._firewall.apply(space.fd, operations)
        return [
            Failure(one, "EOPNOTSUPP", NO_FIREWALL)
            for one in operations
            if not isinstance(one, RemoveTable)
        ]


ENTRIES: Final = frozenset(get_args(EntryOperation))
PUTS: Final = (PutAddress, PutRoute, PutStation)
SHARED: Final[Mapping[type[Operation], str]] = {
    **dict.fromkeys(get_args(PlaceOperation), "places"),
    **dict.fromkeys(get_args(TableOperation), "tables"),
}
"""Which operations of one namespace go together, though not about one link."""


def _batches(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    """Yield the operations in order, those together that may share sends."""
    start = 0
    while start < len(operations):
        kind = type(operations[start])
        end = start + 1
        if kind is AddLink:
            end = _end_of_pair(operations, start)
        elif kind in ENTRIES:
            end = _end_of_entries(operations, start)
        elif kind in SHARED:
            end = _end_of_shared(operations, start)
        yield operations[start:end]
        start = end


def _end_of_pair(operations: Sequence[Operation], start: int) -> int:
    """Return where that ends which follows a veth pair at once, and stands on it."""
    first = cast("AddLink", operations[start])
    peer = first.link.peer
    if peer is None:
        return start + 1
    ends = ((first.namespace, first.link.name), (peer.namespace, peer.name))
    for end in range(start + 1, len(operations)):
        one = operations[end]
        if not isinstance(one, PUTS) or (one.namespace, link_of(one)) not in ends:
            return end
    return len(operations)


def _end_of_shared(operations: Sequence[Operation], start: int) -> int:
    """Return where the operations of one sort in one namespace end."""
    namespace, sort = operations[start].namespace, SHARED[type(operations[start])]
    for end in range(start + 1, len(operations)):
        operation = operations[end]
        if operation.namespace != namespace or SHARED.get(type(operation)) != sort:
            return end
    return len(operations)


def _end_of_entries(operations: Sequence[Operation], start: int) -> int:
    """Return where the operations on the entries of one link end."""
    # Each is looked at before its link is asked for; a cast of each takes too long.
    entries = cast("Sequence[EntryOperation]", operations)
    namespace, link = entries[start].namespace, entries[start].link
    for end in range(start + 1, len(entries)):
        entry = entries[end]
        if type(entry) not in ENTRIES or entry.namespace != namespace:
            return end
        if entry.link != link:
            return end
    return len(operations)
