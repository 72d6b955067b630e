"""What members may have a node try: bounded, answered in parts, and never a crash."""

import socket
from collections import Counter
from contextlib import suppress
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.runtime.doctor.answers import QUESTIONS, answer_probe
from swarmnet.runtime.doctor.echoing import (
    HEADS,
    TCP_BYTES,
    Echo,
    listener,
    tcp_socket,
    udp_socket,
)
from swarmnet.runtime.doctor.exchanging import counts_untrusted
from swarmnet.runtime.doctor.taking_part import (
    COUNTED_MAX,
    ITEMS_MAX,
    JOBS_MAX,
    SHARE,
    Job,
    TakingPart,
)
from swarmnet.runtime.doctor.volleys import Volleys, send_through

A, B = NodeId(b"a" * 16), NodeId(b"b" * 16)
TOKEN = b"t" * 16
HERE = ip_address("127.0.0.1")


def served(test: Any) -> None:
    """Run a test with a node that takes part."""

    async def main() -> None:
        part = TakingPart()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(part.run)
            await trio.testing.wait_all_tasks_blocked()
            with trio.fail_after(10):
                await test(part)
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_jobs_are_bounded_for_each_member() -> None:
    async def test(part: TakingPart) -> None:
        async def wait(_: Job) -> None:
            await trio.sleep_forever()

        for _ in range(JOBS_MAX // SHARE):
            part.begin(A, wait)
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="8 of yours: try again"):
            part.begin(A, wait)
        part.begin(B, wait)

    served(test)


def test_what_a_job_finds_is_fetched_in_parts() -> None:
    async def test(part: TakingPart) -> None:
        async def work(job: Job) -> None:
            job.found += [{"n": n} for n in range(ITEMS_MAX + 5)]

        number = part.begin(A, work)
        await trio.testing.wait_all_tasks_blocked()
        first = part.report(number, 0)
        assert (first["done"], len(list(found_in(first)))) == (False, ITEMS_MAX)
        rest = part.report(number, ITEMS_MAX)
        assert (rest["done"], len(list(found_in(rest)))) == (True, 5)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="no such look"):
            part.report(number, 0)

    served(test)


def found_in(report: Any) -> Any:
    return report["found"]


@pytest.mark.parametrize("error", [Refused("too bad"), OSError(5, "too bad")])
def test_a_job_that_fails_says_so(error: Exception) -> None:
    async def test(part: TakingPart) -> None:
        async def work(_: Job) -> None:
            raise error

        number = part.begin(A, work)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="too bad"):
            part.report(number, 0)

    served(test)


def test_an_echo_answers_its_token_alone() -> None:
    async def test(part: TakingPart) -> None:
        echo = Echo(TOKEN, udp_socket(HERE), listener(HERE))
        part.serve(A, echo)
        volleys = Volleys(TOKEN, udp_socket(HERE), HERE)
        came = await volleys.send(echo.ports[0], [100, 100, 1400])
        assert {size: len(times) for size, times in came.items()} == {100: 2, 1400: 1}
        head = HEADS[4]
        assert part.came(TOKEN) == {100 - head: 2, 1400 - head: 1}
        assert counts_untrusted({"came": {"72": 2}}, head) == {100: 2}
        target = "127.0.0.1", echo.ports[1]
        assert await send_through(tcp_socket(HERE), target, TOKEN) == ""
        told = await send_through(tcp_socket(HERE), target, b"x" * 16)
        assert told != ""
        with udp_socket(HERE) as stranger:
            stranger.sendto(b"x" * 100, ("127.0.0.1", echo.ports[0]))
            stranger.setblocking(False)
            await volleys.send(echo.ports[0], [100])
            with pytest.raises(BlockingIOError):
                stranger.recv(100)
        volleys.close()
        with pytest.raises(Refused, match="no exchange"):
            part.came(b"u" * 16)

    served(test)


def test_nobody_listens() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        told = await send_through(tcp_socket(HERE), ("127.0.0.1", port), TOKEN)
        assert told == "Connection refused"

    trio.run(main)
    assert TCP_BYTES > 1500


@pytest.mark.parametrize("junk", [None, 3, -1, "x", "é", [], [1e99], {}, True, 10**40])
@pytest.mark.parametrize("ask", [*QUESTIONS, "else"])
def test_strange_questions_are_refused(ask: str, junk: Any) -> None:
    async def test(part: TakingPart) -> None:
        swim = SimpleNamespace(member=lambda _: None)
        networks = SimpleNamespace(names=dict, all=list)
        endpoints = SimpleNamespace(all=lambda *_: iter(()))
        addressing = SimpleNamespace(networks=networks, endpoints=endpoints)
        life: Any = SimpleNamespace(
            me=A,
            taking_part=part,
            datagrams=SimpleNamespace(awaited={}),
            address_of=lambda _: None,
            node=SimpleNamespace(swim=swim, addressing=addressing),
            standing=SimpleNamespace(name="n0"),
        )
        keys = ("token", "network", "versions", "sizes", "what", "job", "after")
        question = {"ask": ask, **dict.fromkeys(keys, junk)}
        with pytest.raises(Refused):
            await answer_probe(life, B, question)
        question = {"ask": ask, "token": TOKEN.hex(), "network": "00" * 16}
        question |= {"versions": junk, "sizes": junk, "what": "row", "first": junk}
        with suppress(Refused):
            assert await answer_probe(life, B, question)

    served(test)


@pytest.mark.parametrize(
    "junk",
    [None, [], 3, {"came": 3}, {"came": {"²": 1, "x": 1, "-1": 1, "1" * 5000: 1}}],
)
def test_strange_counts_are_none(junk: Any) -> None:
    assert counts_untrusted(junk, 28) == {}


def test_datagrams_are_counted_for_whoever_asked() -> None:
    async def test(part: TakingPart) -> None:
        awaited: dict[bytes, Counter[int]] = {}
        counted = part.await_datagrams(A, awaited, TOKEN)
        assert part.await_datagrams(A, awaited, TOKEN) is counted
        for number in range(COUNTED_MAX // SHARE - 1):
            part.await_datagrams(A, awaited, bytes([number]) * 16)
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="try again"):
            part.await_datagrams(A, awaited, b"y" * 16)
        part.await_datagrams(None, awaited, b"z" * 16)

    served(test)
