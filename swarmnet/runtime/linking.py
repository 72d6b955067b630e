"""Making, changing and deleting links, in as many steps as the kernel wants.

A link is born bare, and becomes what it should be by a second message. Whatever fails,
nothing half made is left: what was born is removed again. After a crash its name tells
what it was meant to be.
"""

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from swarmnet.kernel.link_codec import (
    FoundLink,
    add_bridge,
    add_veth,
    add_vxlan,
    get_link,
    release_link,
    remove_link,
    set_link,
)
from swarmnet.kernel.links import Kind, Link, is_ours
from swarmnet.kernel.netlink import Request
from swarmnet.kernel.operations import AddLink, Failure
from swarmnet.kernel.port_codec import mend_port
from swarmnet.kernel.state import HOST
from swarmnet.runtime.placing import (
    PlaceOperation,
    link_of,
    place_request,
    refused_places,
)
from swarmnet.runtime.spaces import Denied, Space, Spaces

BIRTH_NAME: Final = 9_000_000_000
"""Added to a VNI, it makes the name of a VXLAN device that cannot have its own yet."""
NO_MASTER: Final = 0
NO_SUCH_MASTER: Final = (errno.ENODEV, errno.EINVAL)
"""What is said of a master whose index is not that any more; it was made anew."""


def make_link(
    spaces: Spaces, operation: AddLink, places: Sequence[PlaceOperation] = ()
) -> list[Failure]:
    """Make a link, all that it should be; a veth pair with both ends.

    `places` are put on the two ends of a pair; return those that failed.

    Raises:
        Denied: Nothing of it is left.
    """
    try:
        return _make(spaces, operation, places)
    except Denied as denied:
        master = operation.link.master
        if master is None or denied.error not in NO_SUCH_MASTER:
            raise
        with spaces.use(operation.namespace) as space:
            space.forget(master)
        return _make(spaces, operation, places)


def _make(
    spaces: Spaces, operation: AddLink, places: Sequence[PlaceOperation]
) -> list[Failure]:
    link = operation.link
    with spaces.use(operation.namespace) as space:
        if link.kind is Kind.BRIDGE:
            born, is_new = _born(space, add_bridge(link), link)
            _finish(space, link, born, is_new=is_new)
        elif link.kind is Kind.VXLAN:
            with spaces.use(HOST) as host:
                born, is_new = _born_elsewhere(host, space, link)
            _finish(space, link, born, is_new=is_new)
        else:
            assert link.kind is Kind.VETH, link
            assert link.peer is not None, link
            with spaces.use(link.peer.namespace) as there:
                return _make_pair(space, there, operation, places)
    return []


def change_link(space: Space, link: Link) -> None:
    """Make an existing link what the value says.

    Raises:
        Denied: Some of it may have been done.
    """
    try:
        _change(space, link)
    except Denied as denied:
        if link.master is None or denied.error not in NO_SUCH_MASTER:
            raise
        space.forget(link.master)
        _change(space, link)


def _change(space: Space, link: Link) -> None:
    found = space.find(link.name)
    if found is None:
        raise Denied(errno.ENODEV, f"there is no link {link.name}")
    _set(space, found, link)


def delete_link(space: Space, name: str) -> None:
    """Delete a link, or find it gone."""
    _unless_gone(space, name, remove_link)
    space.forget(name)


def let_go(space: Space, name: str) -> None:
    """Take a link out of its bridge, or find it gone."""
    _unless_gone(space, name, release_link)


def _unless_gone(space: Space, name: str, request: Callable[[int], Request]) -> None:
    """Send a request about a link, also if it was made anew since we knew it."""
    for _ in range(2):
        try:
            space.demand(request(space.index(name)))
            return
        except Denied as denied:
            if denied.error != errno.ENODEV:
                raise
            space.forget(name)


def _master_index(space: Space, link: Link) -> int | None:
    return None if link.master is None else space.index(link.master)


def _set(
    space: Space,
    held: FoundLink,
    link: Link,
    places: Sequence[PlaceOperation] = (),
) -> list[Failure]:
    """Make `held` what `link` says, its name too, and put `places` on it.

    Return those of the places that failed.

    A MAC that is set anew, be it the same, wipes the neighbours of the link, permanent
    ones too (linux/net/ipv4/arp.c, arp_netdev_event), so it is named only to change it.
    """
    master = NO_MASTER if link.master is None else space.index(link.master)
    rename = None if held.link.name == link.name else link.name
    has_mac = link.mac == held.link.mac
    changes = set_link(
        held.index, link, master_index=master, rename=rename, has_mac=has_mac
    )
    requests = [place_request(one, held.index) for one in places]
    replies = space.ask(*changes, *requests)[0]
    for reply in replies[: len(changes)]:
        # A kernel without IPv6 makes no link-local addresses; all is well.
        if reply.error and reply.error != errno.EAFNOSUPPORT:
            raise Denied(reply.error, reply.message)
    if held.strange and link.port is not None:
        space.demand(*mend_port(held.index, held.strange))
    return refused_places(places, replies[len(changes) :])


def _finish(
    space: Space,
    link: Link,
    born: FoundLink,
    places: Sequence[PlaceOperation] = (),
    *,
    is_new: bool,
) -> list[Failure]:
    """Make a link that was born what it should be, under its own name."""
    try:
        failures = _set(space, born, link, places)
    except Denied:
        if is_new:
            with suppress(Denied):
                space.demand(remove_link(born.index))
        space.forget(link.name)
        raise
    space.remember(link.name, born.index)
    return failures


def _born(space: Space, request: Request, link: Link) -> tuple[FoundLink, bool]:
    """Have a link made in the space itself; return it, and whether it is new."""
    replies, answers = space.ask(request, get_link(link.name))
    if not replies[0].error:
        return space.born(answers, link), True
    denied = Denied(replies[0].error, replies[0].message)
    return _standing(space, link, denied), False


def _standing(space: Space, link: Link, denied: Denied) -> FoundLink:
    """Return the link that stands in the way, if it is the very one that we want.

    Raises:
        Denied: `denied`; it is another.
    """
    if denied.error != errno.EEXIST:
        raise denied
    there = space.find(link.name)
    if there is None or not is_ours(link):
        raise denied
    made = (there.link.kind, there.link.vxlan, there.link.alias)
    if made != (link.kind, link.vxlan, link.alias):
        raise denied
    return there


def _born_elsewhere(host: Space, space: Space, link: Link) -> tuple[FoundLink, bool]:
    """Have a VXLAN device made, its socket in the host's namespace.

    The kernel looks for its name among the host's links too, and takes what it finds
    there for the device; so where there is one, ours is born under another name.
    """
    assert link.vxlan is not None, link
    name = link.name
    if host.find(name) is not None and space.find(name) is None:
        name = f"vxlan{BIRTH_NAME + link.vxlan.vni}"
    newborn = replace(link, name=name)
    master = _master_index(space, link)
    request = add_vxlan(newborn, namespace_fd=space.fd, master_index=master)
    (reply,) = host.ask(request)[0]
    if reply.error:
        return _standing(space, link, Denied(reply.error, reply.message)), False
    return space.newborn(newborn), True


def _other_end(born: FoundLink, other: Link) -> FoundLink:
    """Return the other end of a pair that was made just now.

    A veth tells its other end's index, be that in another namespace.

    Raises:
        Denied: ENODEV, it was taken away at birth.
    """
    if not born.peer_index:
        raise Denied(errno.ENODEV, f"{other.name} was taken away at birth")
    return FoundLink(born.peer_index, 0, other)


def _standing_end(there: Space, link: Link, other: Link) -> FoundLink:
    """Return the other end of a pair that is there already.

    Raises:
        Denied: It has another.
    """
    end = there.find(other.name)
    if end is None or end.link.alias != other.alias:
        raise Denied(errno.EEXIST, f"{link.name} has another end than it should")
    return end


def _make_pair(
    space: Space,
    there: Space,
    operation: AddLink,
    places: Sequence[PlaceOperation],
) -> list[Failure]:
    """Make a veth pair, whose end that goes into a bridge speaks for both.

    That one is up last, when the other can answer.
    """
    link, other = operation.link, operation.other
    assert other is not None, link
    here = (operation.namespace, link.name)
    outer = [one for one in places if (one.namespace, link_of(one)) == here]
    inner = [one for one in places if (one.namespace, link_of(one)) != here]
    request = add_veth(
        link,
        master_index=_master_index(space, link),
        other=other,
        other_fd=there.fd,
    )
    born, is_new = _born(space, request, link)
    try:
        end = _other_end(born, other) if is_new else _standing_end(there, link, other)
        failures = _finish(there, other, end, inner, is_new=False)
    except Denied:
        if is_new:
            with suppress(Denied):
                space.demand(remove_link(born.index))
        space.forget(link.name)
        raise
    return failures + _finish(space, link, born, outer, is_new=is_new)
