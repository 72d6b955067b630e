"""What may be removed while not all is known yet that is wanted.

After a restart the rows of others come by and by, but the kernel holds all of it still:
until then nothing is removed that we did not want ourselves before, in this life.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.operations import (
    ChangeElements,
    Operation,
    PutTable,
    RemoveAddress,
    RemoveLink,
    RemoveNamespace,
    RemoveRoute,
    RemoveStation,
)
from swarmnet.kernel.state import Host, Namespace
from swarmnet.kernel.work import Work
from swarmnet.overlay.filtering import SETS

Key = tuple[str, str]


class Caution:
    """Remembers what was wanted in this life: links, and namespaces by ""."""

    __slots__ = ("_wanted",)

    def __init__(self) -> None:
        self._wanted: dict[Key, None] = {}

    def note(self, name: str, space: Namespace) -> None:
        """Take note of what is wanted of a namespace."""
        self._wanted[name, ""] = None
        for link in space.links:
            self._wanted[name, link] = None

    def filter(self, work: Work, held: Host) -> Iterator[Operation]:
        """Yield what adds or changes, and of what removes only what we wanted."""
        yield from self._soften(work.additions(), held)
        for operation in work.removals():
            if self._is_ours(operation):
                yield operation

    def _is_ours(self, operation: Operation) -> bool:
        match operation:
            case RemoveNamespace(name):
                return (name, "") in self._wanted
            case RemoveLink(name, link):
                return (name, link) in self._wanted
            case RemoveAddress(name, address):
                return (name, address.link) in self._wanted
            case RemoveRoute(name, route):
                return (name, route.link) in self._wanted
            case RemoveStation(name, port, _):
                # Those of a VXLAN device lead to endpoints of others.
                is_sandbox = not port.startswith("vxlan")
                return is_sandbox and (name, port) in self._wanted
            case _:
                return False

    @staticmethod
    def _soften(operations: Iterable[Operation], held: Host) -> Iterator[Operation]:
        """Let in whoever was let in before: who takes part is not all known."""
        for operation in operations:
            if not isinstance(operation, PutTable | ChangeElements):
                yield operation
                continue
            space = held.namespaces.get(operation.namespace, Namespace())
            key = (operation.table.family, operation.table.name)
            before = space.tables.get(key)
            if before is None:
                yield operation
                continue
            if not before.chains:
                # It says something else, and nobody can tell what it lets in.
                continue
            table = _joined(operation.table, before)
            if isinstance(operation, PutTable):
                yield replace(operation, table=table)
                continue
            kept = dict.fromkeys(one.name for one in SETS)
            removed = tuple(one for one in operation.removed if one[0] not in kept)
            if removed or operation.added:
                yield replace(operation, table=table, removed=removed)


def _joined(table: Table, before: Table) -> Table:
    elements: dict[str, Mapping[str, None]] = dict(table.elements)
    for one in SETS:
        more = before.elements.get(one.name, {})
        elements[one.name] = {**more, **elements.get(one.name, {})}
    return replace(table, elements=elements)
