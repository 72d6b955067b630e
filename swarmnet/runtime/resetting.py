"""All that is ours on a host: what there is of it, and its end, without an agent.

Ours is what is pinned in the run directory; of the host's own namespace and of adopted
ones the links, routes and tables under our marks; VXLAN devices of ours that somebody
took elsewhere; and in our directories the files that we write. Nothing else is touched.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarmnet.cnm.sandbox import Sandbox
from swarmnet.errors import Refused
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.link_codec import remove_link
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.state import HOST, Absent, Namespace, Unreadable
from swarmnet.overlay.naming import GATEWAY_BRIDGE, box_of
from swarmnet.runtime.cli.client import SOCKET
from swarmnet.runtime.continuing import FILE as CONTINUATION
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.locking import is_held, locked
from swarmnet.runtime.opening import open_kernel
from swarmnet.runtime.presence import running_agents
from swarmnet.runtime.sandboxes import FILE as SANDBOXES
from swarmnet.runtime.sandboxes import Sandboxes
from swarmnet.runtime.showing import describe_failure, show_bytes, show_namespace
from swarmnet.runtime.spaces import Denied, Space
from swarmnet.runtime.steering import clear
from swarmnet.runtime.store import BALLAST, DATABASE, Store
from swarmnet.runtime.strays import find_strays

RUN_FILES: Final = (SOCKET, CONTINUATION, SANDBOXES, "resolv.conf")
DATA_FILES: Final = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", BALLAST)
NEW: Final = ".new"
"""So ends the name of a file that was about to take the place of another."""
STOP: Final = "stop it first: systemctl stop swarmnet, or kill"


FORWARDING: Final = (
    "net.ipv4.ip_forward, and net.ipv6.conf.all.forwarding if a network had IPv6:"
    " others may rely on them: set them to 0 if nobody does"
)


@dataclass(frozen=True, slots=True)
class Found:
    """Something of ours: of which kind, what it is called, and where it is."""

    kind: str
    name: str
    where: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was removed, what was not and why, and what was left on purpose."""

    removed: Sequence[Found]
    failures: Sequence[str]
    kept: Sequence[str]


class Reset:
    """One host, held for us alone; no agent runs on it.

    `wipes` is whether what is kept in `data_dir` is to go as well.
    """

    def __init__(
        self, kernel: Kernel, run_dir: Path, data_dir: Path, *, wipes: bool
    ) -> None:
        self._kernel = kernel
        self._run_dir = run_dir
        self._data_dir = data_dir
        self._wipes = wipes

    def find(self) -> list[Found]:
        """Return all that is ours, the kernel's first.

        Raises:
            Refused: a namespace changes all the time.
        """
        strays = [Found("link", name, place) for place, _, name in self._strays()]
        files = [Found("file", one.name, str(one.parent)) for one in self._files()]
        return [*self._in_namespaces(), *strays, *files]

    def remove(self, found: Sequence[Found]) -> Outcome:
        """Remove all that is ours; `found` is what there was before."""
        refused: list[str] = []
        for place, space, name in self._strays():
            try:
                space.demand(remove_link(space.index(name)))
            except Denied as denied:
                refused.append(f"link {name} in {place}: {denied.name}")
        refused += map(describe_failure, clear(self._kernel).failures())
        for path in self._files():
            try:
                path.unlink()
            except OSError as error:
                refused.append(f"file {path}: {error.strerror}")
        for folder in self._folders():
            with suppress(OSError):
                folder.rmdir()
        left = dict.fromkeys(self.find())
        if not refused:
            refused += [
                f"{one.kind} {one.name} in {one.where} came back" for one in left
            ]
        gone = [one for one in found if one not in left]
        return Outcome(gone, refused, list(self._kept(found)))

    def _in_namespaces(self) -> Iterator[Found]:
        wanted = Namespace(tables={OURS: Table(*OURS)})
        for name in (HOST, *self._kernel.names(clear=False)):
            where = show_namespace(name)
            try:
                space = self._kernel.read(name, wanted if name == HOST else None)
            except Absent:
                continue
            except Unreadable as error:
                raise Refused(f"namespace {where}: {error}: try again") from None
            if space.is_pinned:
                yield Found("namespace", name, self._kernel.path_of(name))
            yield from _parts(ours(space), where)

    def _strays(self) -> Iterator[tuple[str, Space, str]]:
        with ExitStack() as stack:
            known = []
            for name in (HOST, *self._kernel.names(clear=False)):
                with suppress(OSError):
                    known.append(self._kernel.open(name))
                    stack.callback(os.close, known[-1])
            yield from find_strays(known[0], known[1:])

    def _folders(self) -> dict[Path, Sequence[str]]:
        """Return our directories that are to go, and the files that we write there."""
        data = {self._data_dir: DATA_FILES} if self._wipes else {}
        return {self._run_dir: RUN_FILES, **data}

    def _files(self) -> Iterator[Path]:
        for folder, names in self._folders().items():
            every = (folder / f"{one}{end}" for one in names for end in ("", NEW))
            yield from (path for path in every if os.path.lexists(path))

    def _kept(self, found: Iterable[Found]) -> Iterator[str]:
        """Yield what stays, and why."""
        if any(one.name == GATEWAY_BRIDGE for one in found):
            yield FORWARDING
        if not self._wipes and (self._data_dir / DATABASE).exists():
            yield (
                f"{self._data_dir}: this node's identity and its rows, of which the"
                " next start puts all back: --all removes them too"
            )


def _parts(space: Namespace, where: str) -> Iterator[Found]:
    for link in space.links:
        yield Found("link", link, where)
    for route in space.routes:
        # Others go with their links.
        if route.link not in space.links:
            shown = f"{show_bytes(route.destination)}/{route.length}"
            yield Found("route", f"{shown} dev {route.link}", where)
    for family, name in space.tables:
        yield Found("nftables table", f"{family} {name}", where)


@contextmanager
def resetting(run_dir: str, data_dir: str, *, wipes: bool) -> Iterator[Reset]:
    """Hold a host for us alone; `wipes` is whether what is kept is to go as well.

    Raises:
        Refused: an agent runs, rights are missing, or a directory cannot be used.
    """
    for pid in running_agents():
        whose = f" (process {pid})" if pid else ""
        raise Refused(f"an agent runs on this host{whose}: {STOP} {pid or 'it'}")
    for folder in (run_dir, data_dir):
        if is_held(folder):
            raise Refused(f"directory {folder}: an agent has it: {STOP} it")
    with locked(run_dir), ExitStack() as stack:
        kernel, _ = open_kernel(run_dir)
        stack.callback(kernel.close)
        places = Path(run_dir), Path(data_dir)
        _adopt(kernel, places[1])
        yield Reset(kernel, *places, wipes=wipes)


def _adopt(kernel: Kernel, data_dir: Path) -> None:
    """Take up the namespaces of others in which something of ours may be.

    What cannot be read of them is no hindrance: links of ours there end when their
    other ends do.
    """
    if not (data_dir / DATABASE).exists():
        return
    theirs: list[Sandbox] = []
    with suppress(Refused), closing(Store(data_dir)) as store:
        sandboxes = Sandboxes(store, None)
        theirs += [one for one in sandboxes.all() if not sandboxes.is_gone(one)]
    for one in theirs:
        if one.netns is not None:
            with suppress(Refused):
                kernel.adopt(box_of(one.name), one.netns)
