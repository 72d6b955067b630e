"""The resolvers of all sandboxes: at 127.0.0.11 in each, by UDP and TCP.

Which sandboxes lack one is looked at again and again, so one whose port is taken gets
its resolver once that is free. What is asked is answered by `box_resolver`.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from secrets import randbits
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.dns.answering import Answering
from swarmnet.dns.resolv_conf import HOST_FILE, parse_resolv_conf, write_resolv_conf
from swarmnet.errors import Refused
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.box_resolver import BoxResolver, Desk
from swarmnet.runtime.dns_forwarding import Forwarder
from swarmnet.runtime.dns_sockets import Opened, namespace_of, open_sockets
from swarmnet.runtime.supervising import KeptSockets

if TYPE_CHECKING:
    from swarmnet.runtime.life import Life

FILE: Final = "resolv.conf"
"""In the run directory: to be mounted in containers that we have adopted."""
LOOK_EVERY_S: Final = 1.0
LOOK_SOON_S: Final = 0.1
SOON_ROUNDS: Final = 20
"""So often it is looked soon, for a sandbox that is just being taken up."""
TROUBLED_ROUNDS: Final = 5
"""Every so many rounds it is tried again where it has failed."""
ALL_ROUNDS: Final = 30
"""Every so many rounds it is looked whether a sandbox has another namespace by now."""

log = logging.getLogger("swarmnet")


class Resolver:
    """Resolves for the sandboxes of one life."""

    def __init__(self, life: "Life", kept: KeptSockets) -> None:
        self._life = life
        self._kept = kept
        answering = Answering(life.node.names, Random(randbits(64)))
        self._desk = Desk(answering, Forwarder(answering.counters))
        self._boxes: dict[str, BoxResolver] = {}
        self._troubles: dict[str, str] = {}
        self._nursery: trio.Nursery | None = None
        self._looking = trio.Lock()
        self._woken = trio.Event()
        self._fresh: dict[str, None] = {}

    @property
    def counters(self) -> Counter[str]:
        """What was done with queries, and why."""
        return self._desk.counters

    def serves(self, sandbox: str) -> bool:
        """Return whether names are resolved in a sandbox."""
        return sandbox in self._boxes

    def warnings(self) -> Iterator[str]:
        """Yield why sandboxes have no names."""
        yield from self._troubles.values()

    # Which sandboxes there are

    async def run(self) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._look_on()
            finally:
                self._nursery = None

    async def _look_on(self) -> None:
        number = 0
        while True:
            await self._look_at_all(number)
            number += 1
            with trio.move_on_after(LOOK_EVERY_S):
                await self._woken.wait()
            if self._woken.is_set():
                await self._look_soon()

    async def _look_soon(self) -> None:
        """Look often for a while; of one name there may be another namespace by now."""
        fresh, self._fresh = self._fresh, {}
        self._woken = trio.Event()
        for _ in range(SOON_ROUNDS):
            await self.follow()
            for name in [one for one in fresh if one in self._boxes]:
                await self._look(name)
            await trio.sleep(LOOK_SOON_S)

    def wake(self, name: str) -> None:
        """Look soon: a sandbox is being taken up."""
        self._fresh[name] = None
        self._woken.set()

    async def follow(self) -> None:
        """Serve in the sandboxes that are new, and in no others than there are."""
        names = self._forget_gone()
        for name in names:
            if name not in self._boxes and name not in self._troubles:
                await self._look(name)

    async def _look_at_all(self, number: int) -> None:
        if number % ALL_ROUNDS == 0:
            write_file(self._life.run_dir)
        await self.follow()
        for name in self._forget_gone():
            if name in self._boxes and number % ALL_ROUNDS == 0:
                await self._look(name)
            if name in self._troubles and number % TROUBLED_ROUNDS == 0:
                await self._look(name)

    def _forget_gone(self) -> list[str]:
        names = {one.name: None for one in self._life.sandboxes.all()}
        self._kept.retain(names)
        for name in [one for one in self._boxes if one not in names]:
            self.drop(name)
        for name in [one for one in self._troubles if one not in names]:
            del self._troubles[name]
        return list(names)

    async def _look(self, name: str) -> None:
        """Serve in a sandbox, if it is there; in that which it is by now."""
        async with self._looking:
            held = self._boxes.get(name)
            found = await trio.to_thread.run_sync(self._identity, name)
            if held is not None:
                if found == held.opened.namespace:
                    return
                self.drop(name)
            opened = None
            if found is not None:
                opened = self._kept.take(name, found) or await self._open_new(name)
            if opened is None:
                return
            self._troubles.pop(name, None)
            if self._nursery is None or self._life.sandboxes.get(name) is None:
                opened.close()
                return
            self._boxes[name] = box = BoxResolver(name, opened, self._desk)
            self._nursery.start_soon(box.run)

    async def _open_new(self, name: str) -> Opened | None:
        try:
            opened = await trio.to_thread.run_sync(
                open_sockets, lambda: self._open(name), name
            )
        except Refused as refused:
            self._note(name, str(refused))
            return None
        if opened is not None:
            self._kept.keep(name, opened)
        return opened

    def _note(self, name: str, why: str) -> None:
        if self._troubles.get(name) != why:
            log.warning("no resolver", extra={"facts": {"why": why}})
        self._troubles[name] = why

    def _open(self, name: str) -> int:
        """Return a descriptor of a sandbox's namespace; raises `OSError`."""
        return self._life.kernel.open(box_of(name))

    def _identity(self, name: str) -> tuple[int, int] | None:
        try:
            fd = self._open(name)
        except OSError:
            return None
        try:
            return namespace_of(fd)
        finally:
            os.close(fd)

    def drop(self, name: str) -> None:
        """Serve in a sandbox no more; then nothing of ours keeps its namespace."""
        self._troubles.pop(name, None)
        self._kept.forget(name)
        box = self._boxes.pop(name, None)
        if box is not None:
            box.close()


def write_file(run_dir: Path) -> None:
    """Write the resolv.conf of sandboxes, if it is another by now.

    It stays the same file: containers have it mounted.
    """
    place = run_dir / FILE
    try:
        host = Path(HOST_FILE).read_text(errors="replace")
    except OSError:
        host = ""
    text = write_resolv_conf(parse_resolv_conf(host))
    try:
        if not place.exists() or place.read_text(errors="replace") != text:
            place.write_text(text, encoding="utf-8")
            place.chmod(0o644)
    except OSError as error:
        log.warning("%s: not written: %s", place, error.strerror)
