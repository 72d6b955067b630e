"""Names of others: passed on to the host's servers, in time; from inside, nowhere."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import pytest

from swarmnet.dns.forwarding import ANSWER_S
from tests.agent.hosts import Host, World, until
from tests.agent.names import RESOLVER, Answer, Upstream, asked, inside, records, told

FIRST, SECOND, THIRD = "127.0.0.53", "127.0.0.11", "127.0.0.54"
"""The host's own; the second is where sandboxes have their resolver."""
MANY: Final = tuple(f"192.0.2.{number}" for number in range(1, 120))
SLACK_S: Final = 2.0


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One host; `a` is in `web`, `inner` in `closed`, which is internal."""
    world = World(1)
    host = world[0]
    host.resolv_conf = host.log.parent / "resolv.conf"
    try:
        serve_by(host, FIRST)
        world.begin()
        host.post("networks", name="web")
        host.post("networks", name="closed", internal=True)
        host.sandbox("a", "web")
        host.sandbox("inner", "closed")
        yield world
    finally:
        world.close()


def serve_by(host: Host, *servers: str) -> None:
    """Name the host's servers."""
    assert host.resolv_conf is not None
    lines = [f"nameserver {one}\n" for one in servers]
    host.resolv_conf.write_text(f"# {monotonic()}\n{''.join(lines)}search lan\n")


def good(*texts: str) -> Answer:
    return lambda query, _: records(query, *texts)


def failing(code: str) -> Answer:
    return lambda query, _: records(query, code=code)


def silent(query: dns.message.Message, by_tcp: bool) -> None:
    return None


@pytest.mark.parametrize("server", [FIRST, SECOND])
def test_what_is_not_ours_is_asked_of_the_host_s_server(
    world: World, server: str
) -> None:
    host = world[0]
    serve_by(host, server)
    with Upstream(host, server, good("192.0.2.1")) as upstream:
        for name in ("example.com", "nas", "metadata.google.internal"):
            assert told(host, "a", name) == ["NOERROR", "192.0.2.1"]
        assert told(host, "a", "1.2.3.10.in-addr.arpa", "PTR")[0] == "NOERROR"
        assert told(host, "a", "a.web.internal")[0] == "NOERROR"
        assert told(host, "a", "nobody.web.internal") == ["NXDOMAIN"]
        assert upstream.asked["a.web.internal"] == 0
        assert upstream.asked["nobody.web.internal"] == 0
        assert upstream.asked["example.com"] == 1


def test_from_an_internal_network_nobody_is_asked(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)
    with Upstream(host, FIRST, good("192.0.2.1")) as upstream:
        assert told(host, "inner", "example.com") == ["NXDOMAIN"]
        assert told(host, "inner", "nobody") == ["NXDOMAIN"]
        assert told(host, "inner", "inner")[0] == "NOERROR"
        assert not upstream.asked


def test_edns_is_passed_on(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)
    with Upstream(host, FIRST, good("192.0.2.1")) as upstream:
        asked(host, "a", "example.com")
        asked(host, "a", "example.com", payload=1400)
        assert upstream.payloads == [0, 1400]


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED"])
def test_with_a_failure_the_next_is_asked_at_once(world: World, code: str) -> None:
    host = world[0]
    serve_by(host, FIRST, THIRD)
    with ExitStack() as both:
        both.enter_context(Upstream(host, FIRST, failing(code)))
        both.enter_context(Upstream(host, THIRD, good("192.0.2.3")))
        began = monotonic()
        assert told(host, "a", "example.com") == ["NOERROR", "192.0.2.3"]
        assert monotonic() - began < SLACK_S


def test_that_there_is_no_such_name_is_an_answer(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST, THIRD)
    with ExitStack() as both:
        both.enter_context(Upstream(host, FIRST, failing("NXDOMAIN")))
        other = both.enter_context(Upstream(host, THIRD, good("192.0.2.3")))
        assert told(host, "a", "example.com") == ["NXDOMAIN"]
        assert not other.asked


def test_one_that_is_silent_is_passed_over_and_asked_last_then(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST, THIRD)
    with ExitStack() as both:
        first = both.enter_context(Upstream(host, FIRST, silent))
        both.enter_context(Upstream(host, THIRD, good("192.0.2.3")))
        began = monotonic()
        assert told(host, "a", "one.example") == ["NOERROR", "192.0.2.3"]
        assert ANSWER_S / 2 - 0.1 < monotonic() - began < ANSWER_S + SLACK_S
        began = monotonic()
        assert told(host, "a", "two.example") == ["NOERROR", "192.0.2.3"]
        assert monotonic() - began < SLACK_S
        assert (first.asked["one.example"], first.asked["two.example"]) == (1, 0)


def test_when_nobody_answers_it_fails_in_time(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)
    with Upstream(host, FIRST, silent):
        began = monotonic()
        assert told(host, "a", "example.com") == ["SERVFAIL"]
        assert ANSWER_S - 0.1 < monotonic() - began < 5.0 + SLACK_S
    serve_by(host, FIRST, SECOND, THIRD)
    began = monotonic()
    assert told(host, "a", "example.com") == ["SERVFAIL"]
    assert monotonic() - began < SLACK_S


def test_many_names_that_nobody_answers_do_not_hold_up_ours(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)
    with Upstream(host, FIRST, silent):
        flood(host, 600)
        began = monotonic()
        assert told(host, "a", "a")[0] == "NOERROR"
        assert monotonic() - began < SLACK_S
        # More than may wait are told at once that they have to ask again.
        assert told(host, "a", "more.example") == ["SERVFAIL"]
        assert monotonic() - began < SLACK_S
    serve_by(host, FIRST)
    with Upstream(host, FIRST, good("192.0.2.1")):
        found = ["NOERROR", "192.0.2.1"]
        until("there is room", lambda: told(host, "a", "x.example") == found)


def flood(host: Host, count: int) -> None:
    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(count):
                query = dns.message.make_query(f"{number}.example", "A")
                sock.sendto(query.to_wire(), (RESOLVER, 53))

    inside(host, "a", send)


def test_what_does_not_fit_is_had_by_tcp(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)

    def cut(query: dns.message.Message, by_tcp: bool) -> dns.message.Message:
        if by_tcp:
            return records(query, *MANY)
        answer = records(query)
        answer.flags |= dns.flags.TC
        return answer

    with Upstream(host, FIRST, cut):
        answer = asked(host, "a", "big.example")
        assert answer.flags & dns.flags.TC
        answer = asked(host, "a", "big.example", by_tcp=True)
        assert len(answer.answer[0]) == len(MANY)
    with Upstream(host, FIRST, good(*MANY)):
        # It takes no heed of what fits.
        answer = asked(host, "a", "big.example")
        assert answer.flags & dns.flags.TC
        assert answer.answer == []
        answer = asked(host, "a", "big.example", payload=4096)
        assert len(answer.answer[0]) == len(MANY)


def test_a_made_up_answer_is_passed_over(world: World) -> None:
    host = world[0]
    serve_by(host, FIRST)

    def forged(query: dns.message.Message, _: bool) -> dns.message.Message:
        answer = records(query, "203.0.113.66")
        answer.id ^= 1
        return answer

    with Upstream(host, FIRST, forged):
        assert told(host, "a", "example.com") == ["SERVFAIL"]


def test_the_search_list_of_the_host_is_a_sandbox_s_too(world: World) -> None:
    host = world[0]
    text = (host.run_dir / "resolv.conf").read_text()
    assert text.splitlines()[1:] == [
        "nameserver 127.0.0.11",
        "search lan",
        "options ndots:0",
    ]
