"""Whether an operation would touch what is not ours, on the kernel as it is now."""

from sim.kernel.fake import FakeKernel
from sim.kernel.faults import NO_FAULTS
from sim.kernel.ours import OWNED
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.link_difference import may_remove
from swarmnet.kernel.links import is_ours
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    ChangeElements,
    EntryOperation,
    MendIntruder,
    Operation,
    PutAddress,
    PutRoute,
    PutStation,
    PutTable,
    ReleaseLink,
    RemoveAddress,
    RemoveLink,
    RemoveNamespace,
    RemoveRoute,
    RemoveStation,
    RemoveTable,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.state import PROTOCOL, Namespace, Unreadable


def is_trespass(kernel: FakeKernel, operation: Operation) -> bool:
    """Return whether an operation changes what others made."""
    faults, kernel.faults = kernel.faults, NO_FAULTS
    try:
        space = kernel.read(operation.namespace)
    except Unreadable:
        return False
    finally:
        kernel.faults = faults
    match operation:
        case RemoveNamespace():
            return not space.is_pinned
        case PutTable(_, table) | ChangeElements(_, table):
            return (table.family, table.name) != OURS
        case RemoveTable(_, family, name):
            return (family, name) != OURS
        case RemoveRoute(_, route):
            return not space.is_owned and route.protocol != PROTOCOL
        case RemoveStation(_, port) | ReleaseLink(_, port):
            return not _is_inside(space, port)
        case MendIntruder():
            return not space.is_owned
        case AddNamespace() | AddLink() | SetSysctl():
            return False
        case _:
            name = _link_of(operation)
            is_end = _is_end_of_ours(kernel, operation.namespace, name)
            return not is_end and not _is_ours(space, name)


def _link_of(
    operation: SetLink
    | RemoveLink
    | PutAddress
    | RemoveAddress
    | PutRoute
    | PutStation
    | EntryOperation,
) -> str:
    match operation:
        case SetLink(_, link):
            return link.name
        case PutAddress(_, address) | RemoveAddress(_, address):
            return address.link
        case PutRoute(_, route):
            return route.link
        case RemoveLink(_, name) | PutStation(_, name):
            return name
        case _:
            return operation.link


def _is_end_of_ours(kernel: FakeKernel, namespace: str, name: str) -> bool:
    """Say whether the other end of a link is ours, whatever it is called itself.

    It is by its mark; or by its place, for a pair is made before it is marked.
    """
    cell = kernel._machine.find(namespace, name)
    if cell is None or cell.other is None:
        return False
    return is_ours(cell.other.link) or cell.other.home.label.startswith(OWNED)


def _is_ours(space: Namespace, name: str) -> bool:
    """Say whether a link is ours, or not there."""
    link = space.links.get(name)
    return link is None or may_remove(link, space)


def _is_inside(space: Namespace, name: str) -> bool:
    """Say whether a link is in a bridge of ours, or in none."""
    link = space.links.get(name)
    return link is None or link.master is None or _is_ours(space, link.master)
