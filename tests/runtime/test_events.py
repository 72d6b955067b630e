import errno
import os
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio

from swarmnet.kernel.entry_codec import NUD_FAILED, NeighbourEvent
from swarmnet.kernel.link_codec import FoundLink
from swarmnet.kernel.netlink import (
    AF_INET,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
)
from swarmnet.kernel.operations import (
    AddNamespace,
    PutAddress,
    PutFdb,
    PutNeighbour,
    RemoveNeighbour,
)
from swarmnet.kernel.state import HOST, Address
from swarmnet.runtime import events as subject
from swarmnet.runtime.events import Changed, Event, Events, Overrun, open_events
from swarmnet.runtime.kernel import Kernel
from tests.runtime.conftest import ran
from tests.runtime.kernel_world import BOX, IP, MAC, NET, VTEPS, WORLD

LIMIT_S = 10


@pytest.fixture(params=[True, False], ids=["one socket", "a socket each"])
def hears_all(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the kernel has sockets that hear of all namespaces."""
    if not request.param:
        monkeypatch.setattr(subject, "NETLINK_LISTEN_ALL_NSID", 99)
    return bool(request.param)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        with trio.fail_after(LIMIT_S):
            await test()

    trio.run(limited)


async def until(events: Events, is_it: Callable[[Event], bool]) -> Event:
    async for event in events:
        if is_it(event):
            return event
    raise AssertionError("the stream ended")


def of_neighbour(event: Event) -> tuple[str, int, bytes | None] | None:
    """What an announcement says of a neighbour: namespace, kind and IP."""
    what = event.what if isinstance(event, Changed) else None
    if not isinstance(what, NeighbourEvent) or what.family != AF_INET:
        return None
    # What is removed is put as failed first.
    if what.state & NUD_FAILED and what.kind == RTM_NEWNEIGH:
        return None
    return event.namespace, what.kind, what.ip


@pytest.mark.usefixtures("hears_all")
def test_changes_are_told_with_the_namespace_where_they_happened(
    kernel: Kernel, host: int
) -> None:
    async def test() -> None:
        assert kernel.apply(WORLD) == []
        async with open_events(kernel) as events:
            for namespace in (HOST, NET, BOX):
                events.watch(namespace)
            kernel.apply([PutNeighbour(NET, "vxlan0", IP, MAC)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_NEWNEIGH, IP)
            kernel.apply([RemoveNeighbour(NET, "vxlan0", IP)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_DELNEIGH, IP)
            kernel.apply([PutAddress(BOX, Address("eth0", IP, 24))])
            event = await until(events, lambda one: kind_of(one) == RTM_NEWADDR)
            assert namespace_of(event) == BOX
            event = await until(events, lambda one: kind_of(one) == RTM_NEWROUTE)
            assert namespace_of(event) == BOX
            ran(host, "ip", "link", "add", "x1", "type", "bridge")
            event = await until(events, lambda one: link_of(one) == "x1")
            assert namespace_of(event) == HOST

    run(test)


def kind_of(event: Event) -> int | None:
    return event.kind if isinstance(event, Changed) else None


def namespace_of(event: Event) -> str:
    return event.namespace


def link_of(event: Event) -> str | None:
    if isinstance(event, Changed) and isinstance(event.what, FoundLink):
        return event.what.link.name
    return None


def test_a_miss_is_told(kernel: Kernel) -> None:
    async def test() -> None:
        assert kernel.apply(WORLD) == []
        kernel.apply([PutAddress(BOX, Address("eth0", IP, 24))])
        async with open_events(kernel) as events:
            events.watch(NET)
            fd = kernel.open(BOX)
            ran(fd, "sh", "-c", "ping -c 1 -W 1 10.0.1.77 || true")
            os.close(fd)
            event = await until(events, lambda one: kind_of(one) == RTM_GETNEIGH)
            assert of_neighbour(event) == (NET, RTM_GETNEIGH, bytes([10, 0, 1, 77]))

    run(test)


@pytest.mark.usefixtures("hears_all")
def test_what_is_not_watched_any_more_is_not_told(kernel: Kernel) -> None:
    async def test() -> None:
        assert kernel.apply(WORLD) == []
        async with open_events(kernel) as events:
            events.watch(NET)
            events.watch(BOX)
            events.unwatch(NET)
            events.unwatch(NET)
            kernel.apply([PutNeighbour(NET, "vxlan0", IP, MAC)])
            kernel.apply([PutAddress(BOX, Address("eth0", IP, 24))])
            event = await until(events, lambda one: kind_of(one) == RTM_NEWADDR)
            assert namespace_of(event) == BOX
            events.watch(NET)
            kernel.apply([RemoveNeighbour(NET, "vxlan0", IP)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_DELNEIGH, IP)

    run(test)


def test_in_quiet_entries_that_are_put_are_kept_back(kernel: Kernel) -> None:
    async def test() -> None:
        assert kernel.apply(WORLD) == []
        async with open_events(kernel) as events:
            events.watch(NET)
            events.quiet()
            kernel.apply([PutNeighbour(NET, "vxlan0", IP, MAC)])
            kernel.apply([RemoveNeighbour(NET, "vxlan0", IP)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_DELNEIGH, IP)
            events.loud()
            kernel.apply([PutNeighbour(NET, "vxlan0", IP, MAC)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_NEWNEIGH, IP)

    run(test)


@pytest.mark.usefixtures("hears_all")
def test_announcements_that_were_lost_are_told_as_an_overrun(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "RECEIVE_BUFFER_BYTES", 4096)

    async def test() -> None:
        assert kernel.apply(WORLD) == []
        async with open_events(kernel) as events:
            events.watch(NET)
            macs = [b"\2\0\0\0" + n.to_bytes(2, "big") for n in range(500)]
            kernel.apply([PutFdb(NET, "vxlan0", mac, VTEPS[0]) for mac in macs])
            event = await until(events, lambda one: isinstance(one, Overrun))
            assert event == Overrun(NET)
            kernel.apply([PutNeighbour(NET, "vxlan0", IP, MAC)])
            event = await until(events, lambda one: of_neighbour(one) is not None)
            assert of_neighbour(event) == (NET, RTM_NEWNEIGH, IP)

    run(test)


def test_port_flags_that_changed_are_told_without_the_link(kernel: Kernel) -> None:
    async def test() -> None:
        assert kernel.apply(WORLD) == []
        async with open_events(kernel) as events:
            events.watch(NET)
            fd = kernel.open(NET)
            ran(fd, "bridge", "link", "set", "dev", "vxlan0", "learning", "on")
            os.close(fd)
            assert await until(events, lambda _: True) == Changed(
                NET, RTM_NEWLINK, None
            )

    run(test)


@pytest.mark.usefixtures("hears_all")
def test_watching_leaves_no_descriptor(kernel: Kernel) -> None:
    async def test() -> None:
        assert kernel.apply([AddNamespace(NET)]) == []
        before = len(os.listdir("/proc/self/fd"))
        async with open_events(kernel) as events:
            for _ in range(3):
                events.watch(NET)
                events.watch(HOST)
        assert len(os.listdir("/proc/self/fd")) == before
        with pytest.raises(OSError, match="no such namespace") as caught:
            async with open_events(kernel) as events:
                events.watch("net/none")
        assert caught.value.errno == errno.ENOENT
        assert len(os.listdir("/proc/self/fd")) == before

    run(test)


def test_the_filter_lets_pass_what_it_names_and_nothing_else() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        subject._attach(there, (RTM_NEWNEIGH, RTM_GETNEIGH))
        for kind in (RTM_NEWLINK, RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH):
            here.send(bytes(4) + kind.to_bytes(2, "little") + bytes(10))
        there.setblocking(False)
        assert [there.recv(99)[4] for _ in range(2)] == [RTM_NEWNEIGH, RTM_GETNEIGH]
        with pytest.raises(BlockingIOError):
            there.recv(99)
