"""Datagrams: what lies in a socket is taken at once, and nothing is left there."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from socket import AF_INET

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from swarmnet.ids import Address
from swarmnet.runtime import datagrams as datagrams_module
from swarmnet.runtime import moderation
from swarmnet.runtime.datagrams import DRAIN_MAX, TOKEN_BYTES, Datagrams

WAIT_S = 5.0
LOCALHOST = "127.0.0.1"
Batch = Sequence[tuple[Address, bytes]]
Say = Callable[[bytes], object]


def free_port() -> int:
    """Return a port that nobody has just now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
        one.bind((LOCALHOST, 0))
        port: int = one.getsockname()[1]
    return port


def batches(
    count: int, before: Callable[[Datagrams, Say], object], then: Sequence[bytes] = ()
) -> list[list[bytes]]:
    """Return what is taken together, until there were `count` datagrams.

    `before` is called before anybody looks, and may send to the port by what it is
    given; `then` is sent while the first batch is taken.
    """
    found: list[list[bytes]] = []
    port = free_port()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((LOCALHOST, port))
    home = Address.parse(*sender.getsockname())

    async def main() -> None:
        with closing(Datagrams(port)) as datagrams, trio.fail_after(WAIT_S):
            before(datagrams, sender.send)
            async with trio.open_nursery() as nursery:

                def take(batch: Batch) -> None:
                    assert {source for source, _ in batch} == {home}
                    found.append([data for _, data in batch])
                    if len(found) == 1:
                        for data in then:
                            sender.send(data)
                    if sum(map(len, found)) == count:
                        nursery.cancel_scope.cancel()

                await datagrams.run(take)

    with closing(sender):
        trio.run(main)
    return found


def said(*sent: bytes) -> Callable[[Datagrams, Say], object]:
    """Return what sends these."""

    def say_all(_: Datagrams, say: Say) -> None:
        for data in sent:
            say(data)

    return say_all


def test_all_that_has_come_is_taken_at_once() -> None:
    sent = [b"%d" % number for number in range(9)]
    assert batches(9, said(*sent)) == [sent]


def test_an_empty_datagram_hides_none_behind_it() -> None:
    sent = [b"", b"one", b"", b"two"]
    assert batches(4, said(*sent)) == [sent]


def test_no_more_is_taken_at_once_than_may_be() -> None:
    sent = [b"%d" % number for number in range(DRAIN_MAX + 3)]
    found = batches(len(sent), said(*sent))
    assert found == [sent[:DRAIN_MAX], sent[DRAIN_MAX:]]


@pytest.mark.parametrize("later", [b"", b"later"])
def test_what_comes_while_a_batch_is_taken_is_the_next(later: bytes) -> None:
    assert batches(2, said(b"one"), [later]) == [[b"one"], [later]]


def test_what_is_awaited_is_counted_and_handed_to_nobody() -> None:
    token = bytes(range(TOKEN_BYTES))
    counted: Counter[int] = Counter()

    def await_token(datagrams: Datagrams, say: Say) -> None:
        datagrams.awaited[token] = counted
        say(token + b"x")
        say(b"other")

    assert batches(1, await_token) == [[b"other"]]
    assert counted == {TOKEN_BYTES + 1: 1}


def test_what_nobody_took_elsewhere_stops_nothing() -> None:
    """Linux tells by a later call of the socket that an ICMP message came for it."""
    nobody = Address.parse(LOCALHOST, free_port())

    def send_in_vain(datagrams: Datagrams, say: Say) -> None:
        datagrams.send(nobody, b"nobody is there")
        say(b"after")

    assert batches(1, send_in_vain) == [[b"after"]]


def test_what_comes_in_a_flood_gathers_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moderation, "INTERVAL_S_MAX", 0.3)
    monkeypatch.setattr(moderation, "GATHER", 1e9)
    flood = [b"flood"] * (moderation.BURST + 1)

    async def main() -> list[list[bytes]]:
        found: list[list[bytes]] = []
        with closing(Datagrams(port)) as datagrams, trio.fail_after(WAIT_S):
            for data in flood:
                sender.send(data)
            async with trio.open_nursery() as nursery:

                async def say_two() -> None:
                    await wait_all_tasks_blocked()
                    sender.send(b"one")
                    await wait_all_tasks_blocked()
                    sender.send(b"two")

                def take(batch: Batch) -> None:
                    found.append([data for _, data in batch])
                    if found[-1][-1] == b"two":
                        nursery.cancel_scope.cancel()
                    elif sum(map(len, found)) == len(flood):
                        nursery.start_soon(say_two)

                await datagrams.run(take)
        return found

    port = free_port()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.connect((LOCALHOST, port))
        assert trio.run(main)[-1] == [b"one", b"two"]


def test_a_socket_that_is_closed_in_a_flood_ends_its_task_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moderation, "INTERVAL_S_MAX", 0.1)
    monkeypatch.setattr(moderation, "GATHER", 1e9)
    taken: list[int] = []

    async def main(datagrams: Datagrams) -> None:
        with trio.fail_after(WAIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    datagrams.run, lambda batch: taken.append(len(batch))
                )
                while sum(taken) <= moderation.BURST:
                    await wait_all_tasks_blocked()
                await wait_all_tasks_blocked()
                datagrams.close()

    datagrams = Datagrams(free_port())
    # Alone, for whoever else is closed ends the others too.
    (ours,) = (one for one in datagrams._sockets.values() if one.family == AF_INET)
    for other in set(datagrams._sockets.values()) - {ours}:
        other.close()
    datagrams._sockets = {AF_INET: ours}
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for _ in range(moderation.BURST + 1):
            sender.sendto(b"flood", (LOCALHOST, ours.getsockname()[1]))
    with pytest.RaisesGroup(trio.ClosedResourceError, flatten_subgroups=True):
        trio.run(main, datagrams)
    assert sum(taken) == moderation.BURST + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has more than others")
def test_more_is_kept_for_a_busy_node_than_others_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = int(Path("/proc/sys/net/core/rmem_max").read_text())
    monkeypatch.setattr(datagrams_module, "BUFFER_BYTES", 2 * others)

    async def kept() -> list[int]:
        with closing(Datagrams(free_port())) as datagrams:
            sockets = datagrams._sockets.values()
            of = (socket.SOL_SOCKET, socket.SO_RCVBUF)
            return [one.getsockopt(*of) for one in sockets]

    # The kernel doubles it, for its own part.
    assert set(trio.run(kept)) == {4 * others}
