"""What stands on links: addresses, routes, stations, and entries by the thousand.

Each operation is one message. What is removed and gone already is well, and so is what
is put and there already. A link that was made anew since we knew its index is looked
up once more.
"""

import errno
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from swarmnet.kernel.address_codec import (
    put_address,
    put_route,
    remove_address,
    remove_route,
)
from swarmnet.kernel.entry_codec import put_station, remove_station
from swarmnet.kernel.netlink import Reply, Request
from swarmnet.kernel.operations import (
    EntryOperation,
    Failure,
    PutAddress,
    PutRoute,
    PutStation,
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
)
from swarmnet.runtime.spaces import Denied, Space

PlaceOperation = (
    PutAddress | RemoveAddress | PutRoute | RemoveRoute | PutStation | RemoveStation
)
"""Those that come by the handful, for several links."""
REMOVALS: Final = (
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
)
GONE: Final = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL)

Some = TypeVar("Some", EntryOperation, PlaceOperation)
Failed = dict[int, Reply]
"""What was refused, by its position."""


def put_entries(space: Space, operations: Sequence[EntryOperation]) -> list[Failure]:
    """Change entries of one link; return what failed.

    Raises:
        Denied: There was no answer; some of it may have been done.
    """

    def send(some: Sequence[EntryOperation]) -> Failed:
        try:
            return space.send_entries(some, space.index(some[0].link))
        except Denied as denied:
            if denied.error != errno.ENODEV:
                raise
            missing = Reply(0, denied.error, denied.message)
            return dict.fromkeys(range(len(some)), missing)

    return _carried_out(space, operations, send)


def put_places(space: Space, operations: Sequence[PlaceOperation]) -> list[Failure]:
    """Change addresses, routes and stations; return what failed.

    Raises:
        Denied: There was no answer; some of it may have been done.
    """

    def send(some: Sequence[PlaceOperation]) -> Failed:
        failed: Failed = {}
        requests: dict[int, Request] = {}
        for i, operation in enumerate(some):
            try:
                requests[i] = place_request(operation, space.index(link_of(operation)))
            except Denied as denied:
                failed[i] = Reply(0, denied.error, denied.message)
        replies = space.ask(*requests.values())[0]
        for i, reply in zip(requests, replies, strict=True):
            if reply.error:
                failed[i] = reply
        return failed

    return _carried_out(space, operations, send)


def _carried_out(
    space: Space, operations: Sequence[Some], send: Callable[[Sequence[Some]], Failed]
) -> list[Failure]:
    """Send operations, again those whose link had another index; return what failed."""
    failed = send(operations)
    strayed = [i for i, reply in failed.items() if reply.error == errno.ENODEV]
    if strayed:
        some = [operations[i] for i in strayed]
        for operation in some:
            space.forget(link_of(operation))
        again = send(some)
        for j, i in enumerate(strayed):
            failed.pop(i)
            if j in again:
                failed[i] = again[j]
    return _refused(operations, failed)


def refused_places(
    operations: Sequence[PlaceOperation], replies: Sequence[Reply]
) -> list[Failure]:
    """Return what failed of operations, whose replies these are."""
    failed = {i: reply for i, reply in enumerate(replies) if reply.error}
    return _refused(operations, failed)


def _refused(operations: Sequence[Some], failed: Failed) -> list[Failure]:
    return [
        Failure(operations[i], Denied(reply.error).name, reply.message)
        for i, reply in sorted(failed.items())
        if not _is_well(operations[i], reply)
    ]


def _is_well(operation: EntryOperation | PlaceOperation, reply: Reply) -> bool:
    if isinstance(operation, REMOVALS):
        return reply.error in GONE
    return reply.error == errno.EEXIST


def link_of(operation: EntryOperation | PlaceOperation) -> str:
    """Return the name of the link that an operation is about."""
    match operation:
        case PutAddress() | RemoveAddress():
            return operation.address.link
        case PutRoute() | RemoveRoute():
            return operation.route.link
        case PutStation() | RemoveStation():
            return operation.port
        case _:
            return operation.link


def place_request(operation: PlaceOperation, index: int) -> Request:
    """Return the request of an operation on the link `index`."""
    match operation:
        case PutAddress(_, address):
            return put_address(index, address)
        case RemoveAddress(_, address):
            return remove_address(index, address)
        case PutRoute(_, route):
            return put_route(index, route)
        case RemoveRoute(_, route):
            return remove_route(index, route)
        case PutStation(_, _, mac):
            return put_station(index, mac)
        case RemoveStation(_, _, mac):
            return remove_station(index, mac)
