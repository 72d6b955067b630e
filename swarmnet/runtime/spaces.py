"""The namespaces that are being worked in: a descriptor and a socket for each.

A thousand networks with a sandbox each are two thousand namespaces, and twice as many
descriptors; so only the latest used are kept open. Nothing is closed while it is used.
"""

import errno
import fcntl
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import encode_entries
from swarmnet.kernel.link_codec import (
    FoundLink,
    decode_link_untrusted,
    get_link,
    newborn_untrusted,
)
from swarmnet.kernel.links import Link
from swarmnet.kernel.netlink import RTM_NEWLINK, Reply, Request, split_untrusted
from swarmnet.kernel.operations import EntryOperation
from swarmnet.kernel.state import HOST
from swarmnet.runtime.rtnetlink import Rtnetlink

SPACES_MAX: Final = 128
"""How many are kept open; two descriptors each."""


class Denied(Exception):
    """A kernel refused a step: the errno, and its own text or ""."""

    def __init__(self, error: int, message: str = "") -> None:
        super().__init__(error, message)
        self.error = error
        self.message = message

    @property
    def name(self) -> str:
        """Return the errno by its name in errno.h."""
        return errno.errorcode.get(self.error, f"E{self.error}")


class Space:
    """One network namespace: its socket, and which index a link's name has.

    Threads may share it; one request of many messages is not broken into by another.
    The index of a link is remembered, and so may be that of one that is gone since.
    """

    __slots__ = ("_indexes", "_lock", "_rtnetlink", "fd", "users")

    def __init__(self, fd: int, rtnetlink: Rtnetlink) -> None:
        self.fd = fd
        self.users = 0
        self._rtnetlink = rtnetlink
        self._indexes: dict[str, int] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        self._rtnetlink.close()
        os.close(self.fd)

    def ask(self, *requests: Request) -> tuple[list[Reply], list[bytes]]:
        """Carry out requests in order; return what came of each, and what was told.

        Raises:
            Denied: There was no answer.
        """
        try:
            with self._lock:
                return self._rtnetlink.ask(requests)
        except (OSError, BadPacket) as error:
            raise _unanswered(error) from error

    def demand(self, *requests: Request) -> None:
        """Carry out requests in order, all of them.

        Raises:
            Denied: The first that was refused.
        """
        for reply in self.ask(*requests)[0]:
            if reply.error:
                raise Denied(reply.error, reply.message)

    def dump(self, request: Request) -> list[bytes]:
        """Return the datagrams of a dump; raises `Unreadable`."""
        with self._lock:
            return self._rtnetlink.dump(request)

    def send_entries(
        self, operations: Sequence[EntryOperation], index: int
    ) -> dict[int, Reply]:
        """Change entries of the link `index`; return the failures by position.

        Raises:
            Denied: There was no answer.
        """
        try:
            with self._lock:
                first = self._rtnetlink.reserve(len(operations))
                messages = encode_entries(operations, index, first)
                failed = self._rtnetlink.send(messages, first)
        except (OSError, BadPacket) as error:
            raise _unanswered(error) from error
        return {sequence - first: reply for sequence, reply in failed.items()}

    def find(self, name: str) -> FoundLink | None:
        """Look a link up in the kernel, by its name.

        Raises:
            Denied: There was no answer, or a strange one.
        """
        replies, answers = self.ask(get_link(name))
        if replies[0].error == errno.ENODEV:
            self._indexes.pop(name, None)
            return None
        if replies[0].error:
            raise Denied(replies[0].error, replies[0].message)
        return self.found(answers)

    def found(self, answers: Sequence[bytes]) -> FoundLink:
        """Read the one link that was told, and remember its index.

        Raises:
            Denied: None was told.
        """
        for body in _links(answers):
            found = decode_link_untrusted(body)
            if found is not None:
                self._indexes[found.link.name] = found.index
                return found
        raise Denied(errno.EBADMSG, "no link was told")

    def newborn(self, link: Link) -> FoundLink:
        """Look up a link that was made just now, so that all but its index is known.

        Raises:
            Denied: ENODEV, it was taken away at birth; or there was no answer.
        """
        replies, answers = self.ask(get_link(link.name))
        if replies[0].error:
            raise Denied(replies[0].error, f"{link.name} was taken away at birth")
        return self.born(answers, link)

    def born(self, answers: Sequence[bytes], link: Link) -> FoundLink:
        """Read which index a link got that was made just now, and the end of a pair.

        Raises:
            Denied: None was told.
        """
        for body in _links(answers):
            return newborn_untrusted(body, link)
        raise Denied(errno.EBADMSG, "no link was told")

    def index(self, name: str) -> int:
        """Return the index of a link, perhaps of one that is gone.

        Raises:
            Denied: ENODEV, there is no such link; or there was no answer.
        """
        known = self._indexes.get(name)
        if known is not None:
            return known
        found = self.find(name)
        if found is None:
            raise Denied(errno.ENODEV, f"there is no link {name}")
        return found.index

    def name(self, index: int) -> str | None:
        """Return the name of a link whose index is known, or None."""
        for name, known in list(self._indexes.items()):
            if known == index:
                return name
        return None

    def remember(self, name: str, index: int) -> None:
        """Know the index of a link from now on."""
        self._indexes[name] = index

    def forget(self, name: str) -> None:
        """Look a link up anew the next time."""
        self._indexes.pop(name, None)

    def learn(self, indexes: Mapping[str, int]) -> None:
        """Take these for the names of all links."""
        self._indexes = dict(indexes)


def _links(answers: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the bodies of the links that were told."""
    for datagram in answers:
        for kind, _, _, start, end in split_untrusted(datagram):
            if kind == RTM_NEWLINK:
                yield datagram[start:end]


def _unanswered(error: Exception) -> Denied:
    if isinstance(error, OSError) and error.errno is not None:
        return Denied(error.errno, f"no answer: {error.strerror}")
    return Denied(errno.EBADMSG, f"no answer: {error}")


class Spaces:
    """Opens spaces by their key, and closes those that were not used for longest."""

    def __init__(self, host: int, open_fd: Callable[[str], int]) -> None:
        self._host = open_space(host)
        self._open_fd = open_fd
        self._open: OrderedDict[str, Space] = OrderedDict()
        self._lock = threading.Lock()

    def link_name(self, key: str, index: int) -> str | None:
        """Return the name of a link in a namespace that is open, or None."""
        with self._lock:
            space = self._host if key == HOST else self._open.get(key)
        return None if space is None else space.name(index)

    def use(self, key: str) -> "Use":
        """Return a space that stays open while it is used, as a context.

        Entering raises:
            Denied: There is no such namespace, or no descriptor is left.
        """
        return Use(self, key)

    def take(self, key: str) -> Space:
        """Return a space that stays open until `give_back`.

        Raises:
            Denied: There is no such namespace, or no descriptor is left.
        """
        if key == HOST:
            return self._host
        with self._lock:
            return self._take(key)

    def give_back(self, key: str, space: Space) -> None:
        """Let go of a space that was taken."""
        if space is self._host:
            return
        with self._lock:
            space.users -= 1
            self._close_unused(space, key)

    def _take(self, key: str) -> Space:
        space = self._open.get(key)
        if space is None:
            try:
                space = open_space(self._open_fd(key))
            except OSError as error:
                message = f"no namespace {key}: {error.strerror}"
                raise Denied(error.errno or errno.ENOENT, message) from error
            self._open[key] = space
        self._open.move_to_end(key)
        space.users += 1
        return space

    def _close_unused(self, left: Space, key: str) -> None:
        if self._open.get(key) is not left and not left.users:
            left.close()  # dropped while it was used
        if len(self._open) <= SPACES_MAX:
            return
        idle = [key for key, space in self._open.items() if not space.users]
        for one in idle[: len(self._open) - SPACES_MAX]:
            self._open.pop(one).close()

    def add(self, key: str, space: Space) -> None:
        """Take a space that is open already."""
        with self._lock:
            self._open[key] = space

    def drop(self, key: str) -> None:
        """Close a space, at once or when nobody uses it any more."""
        with self._lock:
            space = self._open.pop(key, None)
            if space is not None and not space.users:
                space.close()

    def keep(self, keys: Sequence[str]) -> None:
        """Drop all but these: what the others led to is no longer theirs."""
        wanted = dict.fromkeys(keys)
        for key in [key for key in self._open if key not in wanted]:
            self.drop(key)

    def close(self) -> None:
        """Close all; nobody may be using any."""
        with self._lock:
            for space in self._open.values():
                space.close()
            self._open.clear()
            self._host.close()


class Use:
    """A space while it is used; a class, for a generator takes thrice as long."""

    __slots__ = ("_key", "_space", "_spaces")

    def __init__(self, spaces: Spaces, key: str) -> None:
        self._spaces = spaces
        self._key = key

    def __enter__(self) -> Space:
        self._space = self._spaces.take(self._key)
        return self._space

    def __exit__(self, *error: object) -> None:
        self._spaces.give_back(self._key, self._space)


def open_here(fd: int) -> Space:
    """Open the space of the calling thread's namespace; `fd` is a descriptor of it.

    Raises:
        OSError: No descriptor is left.
    """
    own = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0)
    try:
        return Space(own, Rtnetlink())
    except OSError:
        os.close(own)
        raise


def open_space(fd: int) -> Space:
    """Open the space of a namespace; `fd` is its own from now on, or closed.

    Raises:
        OSError: No descriptor is left, or it is no network namespace.
    """
    try:
        return Space(fd, Rtnetlink(fd))
    except OSError:
        os.close(fd)
        raise
