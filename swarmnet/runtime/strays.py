"""A VXLAN device of ours that somebody took to another namespace.

A kernel has one device for a VNI, a port and a family, whose socket stands in one
namespace, wherever the device itself is; while that stands elsewhere none can be made
where it belongs. So it is looked for: in the namespaces that we know, and in those that
have a process or a name. Ours by its alias, it is deleted; of any other it is said
where it is. Nothing else is touched there.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.address_codec import decode_nsid_untrusted, get_nsid
from swarmnet.kernel.link_codec import (
    FoundLink,
    decode_link_untrusted,
    dump_links,
    remove_link,
)
from swarmnet.kernel.links import Link, is_ours
from swarmnet.kernel.netlink import RTM_NEWLINK, RTM_NEWNSID, split_untrusted
from swarmnet.kernel.state import Unreadable
from swarmnet.runtime.linux import is_network_namespace
from swarmnet.runtime.spaces import Denied, Space, open_space

NAMED: Final = "/run/netns"
"""Where `ip netns` keeps its names."""
PROCESSES: Final = "/proc"


@dataclass(frozen=True, slots=True)
class Stray:
    """What holds the VNI and port of a device: its name, where, and whether it went."""

    name: str
    place: str
    is_gone: bool


def clear_stray(
    host: int, link: Link, known: Iterable[tuple[str, int]]
) -> Stray | None:
    """Find what holds a VXLAN device's place, and delete it if it is that very device.

    `host` is a descriptor of the namespace where its socket stands. `known` are
    namespaces to look at first, what they are called and a descriptor that is closed.
    None: nobody was found.
    """
    seen: dict[tuple[int, int], None] = {}
    for place, fd in _places(known):
        try:
            status = os.fstat(fd)
            inode = status.st_dev, status.st_ino
            is_new = inode not in seen
            seen[inode] = None
            stray = _stray_in(fd, place, host, link) if is_new else None
        except (OSError, Denied, Unreadable, BadPacket):
            # It may not be entered, or has just ended: there are others.
            continue
        finally:
            os.close(fd)
        if stray is not None:
            return stray
    return None


def find_strays(host: int, known: Iterable[int]) -> Iterator[tuple[str, Space, str]]:
    """Yield our VXLAN devices outside the namespaces that we know.

    Each with where it is, the namespace, open until the next is asked for, and its
    name. `host` is a descriptor of the namespace where their sockets stand; so those of
    another agent on this machine are none. `known` are descriptors that stay open.
    """
    seen = {(one.st_dev, one.st_ino): None for one in map(os.fstat, (host, *known))}
    for place, fd in _places(()):
        try:
            status = os.fstat(fd)
            inode = status.st_dev, status.st_ino
            if inode in seen or not is_network_namespace(fd):
                continue
            seen[inode] = None
            yield from _strays_of(fd, place, host)
        except (OSError, Denied, Unreadable, BadPacket):
            # It may not be entered, or has just ended: there are others.
            continue
        finally:
            os.close(fd)


def _strays_of(fd: int, place: str, host: int) -> Iterator[tuple[str, Space, str]]:
    space = open_space(os.dup(fd))
    try:
        for found in _devices(space):
            if is_ours(found.link) and _is_from(space, found, host):
                yield place, space, found.link.name
    finally:
        space.close()


def _places(known: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Yield namespaces, some more than once; whoever takes a descriptor closes it."""
    yield from known
    paths = [str(path) for path in sorted(Path(NAMED).glob("*"))]
    paths += [str(path) for path in sorted(Path(PROCESSES).glob("[0-9]*/ns/net"))]
    for path in paths:
        with suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            yield path, fd


def devices_from(
    host: int, known: Iterable[tuple[str, int]]
) -> Iterator[tuple[str, Link]]:
    """Yield the VXLAN devices whose socket stands in a namespace, and where they are.

    `host` and `known` are as `clear_stray` has them; the host's own place is "host".
    """
    seen: dict[tuple[int, int], None] = {}
    for place, fd in chain([("host", os.dup(host))], _places(known)):
        try:
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) in seen or not is_network_namespace(fd):
                continue
            seen[status.st_dev, status.st_ino] = None
            found = _devices_in(fd, host)
        except (OSError, Denied, Unreadable, BadPacket):
            continue
        finally:
            os.close(fd)
        for link in found:
            yield place, link


def _devices_in(fd: int, host: int) -> list[Link]:
    space = open_space(os.dup(fd))
    try:
        return [one.link for one in _devices(space) if _is_from(space, one, host)]
    finally:
        space.close()


def _stray_in(fd: int, place: str, host: int, link: Link) -> Stray | None:
    """Look for the device in one namespace."""
    if not is_network_namespace(fd):
        return None
    space = open_space(os.dup(fd))
    try:
        held = _holder(space, link, host)
        if held is None:
            return None
        is_gone = is_ours(link) and held.link.alias == link.alias
        if is_gone:
            space.demand(remove_link(held.index))
        return Stray(held.link.name, place, is_gone)
    finally:
        space.close()


def _holder(space: Space, link: Link, host: int) -> FoundLink | None:
    """Return the device of a namespace that has the place of another, if one has."""
    for found in _devices(space):
        if _is_rival(found.link, link) and _is_from(space, found, host):
            return found
    return None


def _devices(space: Space) -> list[FoundLink]:
    found = [
        decode_link_untrusted(datagram[start:end])
        for datagram in space.dump(dump_links())
        for kind, _, _, start, end in split_untrusted(datagram)
        if kind == RTM_NEWLINK
    ]
    return [one for one in found if one is not None and one.link.vxlan is not None]


def _is_rival(one: Link, link: Link) -> bool:
    """Return whether a kernel has room for but one of two VXLAN devices."""
    assert one.vxlan is not None, one
    assert link.vxlan is not None, link
    has_family = not one.vxlan.local or len(one.vxlan.local) == len(link.vxlan.local)
    place = link.vxlan.vni, link.vxlan.port
    return has_family and (one.vxlan.vni, one.vxlan.port) == place


def _is_from(space: Space, found: FoundLink, host: int) -> bool:
    """Return whether a device's socket stands in the namespace `host`."""
    if os.path.samestat(os.fstat(space.fd), os.fstat(host)):
        return found.netns_id is None
    if found.netns_id is None:
        return False
    for datagram in space.ask(get_nsid(host))[1]:
        for kind, _, _, start, end in split_untrusted(datagram):
            if kind == RTM_NEWNSID:
                return decode_nsid_untrusted(datagram[start:end]) == found.netns_id
    return False


def tell_stray(link: Link, stray: Stray | None) -> str:
    """Return why there is no room for a device, and what to do about it."""
    assert link.vxlan is not None, link
    place = f"VNI {link.vxlan.vni} on port {link.vxlan.port}"
    if stray is None:
        return f"{place} is taken in a namespace without a process or a name: end it"
    return f"{place} is taken by {stray.name} in {stray.place}: delete it there"
