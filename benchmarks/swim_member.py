"""One member of swim-protocol's, which does as told and says what it sees.

    python -m benchmarks.swim_member SECRET WHO PORT...

It is member WHO of those at all PORTs, over loopback, with swim-protocol's defaults;
every packet bears an HMAC by SECRET, and is a pickle. News are its metadata. What it
reads and says is `benchmarks.crowd`'s; it joins through the first, and ends with its
input. To kill it is to close its sockets and to end its tasks: it says nobody goodbye.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from swimprotocol.members import Member, Members
from swimprotocol.status import Status
from swimprotocol.udp import UdpTransport
from swimprotocol.udp.config import UdpConfig
from swimprotocol.worker import Worker

from benchmarks.telling import PAYLOAD_BYTES, tell

HOST: Final = "127.0.0.1"
KEY: Final = "hello"


class SwimMember:
    """The lives of a member, one after the other."""

    def __init__(self, secret: str, who: int, ports: Sequence[str]) -> None:
        self._secret, self._who = secret, who
        self._names = [f"{HOST}:{port}" for port in ports]
        self._stack = AsyncExitStack()
        self._members: Members | None = None
        self._states: dict[str, Status] = {}
        self._heard: dict[str, None] = {}

    async def join(self, through: int) -> None:
        """Begin to live, through another."""
        self._states.clear()
        config = UdpConfig(
            secret=self._secret,
            local_name=self._names[self._who],
            peers=[self._names[through]],
        )
        self._members = members = Members(config)
        worker = Worker(config, members)
        await self._stack.enter_async_context(UdpTransport(config, worker))
        await self._stack.enter_async_context(worker)
        await self._stack.enter_async_context(members.listener.on_notify(self._note))

    async def kill(self) -> None:
        tell(self._who, "killed", self._who)
        await self._stack.aclose()

    def say(self, name: str) -> None:
        """Let all know a name, in metadata."""
        assert self._members is not None, "it lives"
        tell(self._who, "said", name)
        news = {KEY: name.encode().ljust(PAYLOAD_BYTES)}
        self._members.update(self._members.local, new_metadata=news)

    async def _note(self, member: Member) -> None:
        """Say what has become of a member, or what its metadata says."""
        name = member.metadata.get(KEY, b"").decode().strip()
        if name and name not in self._heard:
            self._heard[name] = None
            tell(self._who, "heard", name)
        if member.local:
            return
        was = self._states.get(member.name)
        self._states[member.name] = status = member.status
        if was is not status:
            self._tell_status(member.name, was, status)

    def _tell_status(self, name: str, was: Status | None, status: Status) -> None:
        number = self._names.index(name)
        if status is Status.SUSPECT:
            tell(self._who, "suspect", number)
        elif status is Status.OFFLINE and was is not None:
            tell(self._who, "dead", number)
        elif status is Status.ONLINE:
            online = sum(one is Status.ONLINE for one in self._states.values())
            if online == len(self._names) - 1:
                tell(self._who, "whole")

    async def do(self, words: Sequence[str]) -> None:
        """Do what a line says."""
        match words:
            case ["join"]:
                await self.join(0 if self._who else 1)
            case ["say", _, name]:
                self.say(name)
            case ["kill", _]:
                await self.kill()
            case ["revive", _]:
                await self.join((self._who + 1) % len(self._names))
            case _:
                raise SystemExit(f"unknown: {words}")


async def served(member: SwimMember, who: int) -> None:
    """Do what the input says, until it ends."""
    source = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(source), sys.stdin
    )
    tell(who, "ready")
    while line := await source.readline():
        await member.do(line.decode().split())


def main(words: Sequence[str]) -> None:
    secret, who, *ports = words
    asyncio.run(served(SwimMember(secret, int(who), ports), int(who)))


if __name__ == "__main__":
    main(sys.argv[1:])
