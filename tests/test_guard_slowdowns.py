"""The guard: that a slowdown of each kind is caught."""

import time
from collections.abc import Iterator
from typing import Any, Final
from zlib import crc32

import pytest

from benchmarks.guard import host, membership, packets, rows
from benchmarks.guard.baseline import (
    judged_paths,
    judged_runs,
    read_baseline,
    this_version,
)
from benchmarks.guard.command import PATHS
from benchmarks.guard.counting import Prepare, work_of
from benchmarks.guard.runs import CASES, numbers_of
from swarmnet.crypto.session import Session
from swarmnet.dns.answering import Answering
from swarmnet.ids import NodeId
from swarmnet.ipam.addresses import Addresses
from swarmnet.node.networks import Networks
from swarmnet.node.plane import Plane
from swarmnet.node.rider import Riders
from swarmnet.swim import payloads, pinger, watch
from swarmnet.swim.codec import encode_ack, encode_message
from swarmnet.swim.core import Core
from swarmnet.swim.engine import Swim
from swarmnet.swim.intake import Intake
from swarmnet.swim.messages import Message
from swarmnet.swim.payloads import Kept, Payloads
from swarmnet.swim.prober import Prober
from swarmnet.swim.relay import Rank, Relay
from swarmnet.tables.engine import Tables
from tests.slow_code import added

KNOWN: Final = read_baseline()


def grown(name: str, prepare: Prepare) -> set[str]:
    """Return in what a path grew."""
    found = judged_paths(KNOWN, {name: work_of(prepare)}, this_version())
    return {one.unit for one in found if one.is_worse}


def test_an_added_loop_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = added(
        "def slow(real, names):\n"
        "    def answer(self, *args, **kwargs):\n"
        "        for _ in names(self):\n"
        "            pass\n"
        "        return real(self, *args, **kwargs)\n"
        "    return answer\n"
    )
    names = range(host.NAMES)
    monkeypatch.setattr(Answering, "answer", slow(Answering.answer, lambda _: names))
    assert grown("name answered", host.name_answered) == {"instructions"}


@pytest.mark.slow
def test_an_added_loop_over_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = added(
        "def slow(real):\n"
        "    def receive_row(self, now, sender, item):\n"
        "        for scope in self.scopes():\n"
        "            for row in self.rows(scope):\n"
        "                pass\n"
        "        real(self, now, sender, item)\n"
        "    return receive_row\n"
    )
    monkeypatch.setattr(Tables, "receive_row", slow(Tables.receive_row))
    assert "instructions" in grown("new row taken, 500 held", rows.row_taken)


def test_a_second_encoding_of_a_packet_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice = lambda *ack: (encode_ack(*ack), encode_ack(*ack))[1]  # noqa: E731
    monkeypatch.setattr(pinger, "encode_ack", twice)
    name = "sealed probe answered, 32 members"
    assert "instructions" in grown(name, membership.probe_answered)


def test_a_needless_call_into_c_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = added(
        "def slow(real, check):\n"
        "    def seal(self, data):\n"
        "        check(data)\n"
        "        return real(self, data)\n"
        "    return seal\n"
    )
    monkeypatch.setattr(Session, "seal", slow(Session.seal, crc32))
    found = grown("1,000 bytes sealed and opened", packets.sealed_and_opened)
    assert found == {"instructions", "calls of C"}


def test_one_more_copy_of_what_is_told_to_each_neighbour_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A call of a type, which no profiler tells of: seen by its few instructions alone.
    slow = added(
        "def slow(real):\n"
        "    def put(self, node, rank, about, item):\n"
        "        self.lane(node).put(rank, about, bytes(bytearray(item)))\n"
        "    return put\n"
    )
    monkeypatch.setattr(Relay, "put", slow(Relay.put))
    found = grown("payload relayed, and a copy", membership.payload_relayed)
    assert found == {"instructions"}


def test_one_more_call_of_what_is_slow_inside_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = added(
        "def slow(real, wait):\n"
        "    def receive(self, now, route, claim):\n"
        "        wait(0.0)\n"
        "        return real(self, now, route, claim)\n"
        "    return receive\n"
    )
    monkeypatch.setattr(Intake, "receive", slow(Intake.receive, time.sleep))
    found = grown("claim admitted, 64 members", membership.claim_admitted)
    assert found == {"calls of C"}


@pytest.mark.slow
def test_a_search_through_all_that_is_in_use_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = added(
        "def slow(real):\n"
        "    def allocate(self, now, owner):\n"
        "        any(n == -1 for n in range(2000))\n"
        "        return real(self, now, owner)\n"
        "    return allocate\n"
    )
    monkeypatch.setattr(Addresses, "allocate", slow(Addresses.allocate))
    assert "instructions" in grown("address given, 2,000 in use", host.address_given)


def grown_numbers(name: str) -> set[str]:
    """Return in what a run grew."""
    found = judged_runs(KNOWN, {name: numbers_of(CASES[name])})
    return {one.unit for one in found if one.is_worse}


@pytest.mark.slow
def test_one_more_copy_in_gossip_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Payloads._spread

    def spread(self: Payloads, now: float, kept: Kept, number: int, rank: Rank) -> None:
        real(self, now, kept, number, rank)
        rings = self._scopes.rings(kept.payload.scope)
        assert rings is not None
        taken = rings.neighbours()
        more: Iterator[NodeId] = (
            one for one in self._core.roster.members() if one not in taken
        )
        about = payloads._about(kept.payload)
        self._relay.put(next(more), rank, about, kept.item)

    monkeypatch.setattr(Payloads, "_spread", spread)
    assert "copies_per_node" in grown_numbers("a payload to 64 members")


@pytest.mark.slow
def test_one_more_packet_for_each_probe_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = pinger.Pinger.ping

    def ping(self: Any, now: float, target: NodeId, *, streamed: bool = False) -> int:
        real(self, now, target, streamed=streamed)
        return real(self, now, target, streamed=streamed)

    monkeypatch.setattr(pinger.Pinger, "ping", ping)
    name = "32 members at rest, 3 s"
    assert grown_numbers(name) == {"packets", "received_bytes"}


@pytest.mark.slow
def test_longer_messages_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def padded(message: Message) -> bytes:
        packed = encode_message(message)  # One field more, which a reader passes over.
        return bytes([packed[0] + 1]) + packed[1:] + b"\xc4\x08" + bytes(8)

    for module in (pinger, watch):
        monkeypatch.setattr(module, "encode_message", padded)
    assert grown_numbers("32 members at rest, 3 s") == {"received_bytes"}


@pytest.mark.slow
def test_news_that_takes_longer_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # One ring alone: fewer copies, and many more hops.
    monkeypatch.setattr(Core, "last_whole_ring", lambda _core, _now: 0)
    assert "all_s" in grown_numbers("a payload to 64 members")


LOOP: Final = (
    "def slow(real):\n"
    "    def call(*args, **kwargs):\n"
    "        for _ in range(20):\n"
    "            pass\n"
    "        return real(*args, **kwargs)\n"
    "    return call\n"
)
"""Some 60 instructions more."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("owner", "method", "name"),
    [
        (Prober, "probe", "64 members: one lives 10 s, probes answered"),
        (Prober, "receive_ack", "64 members: one lives 10 s, probes answered"),
        (Swim, "poll_timeout", "64 members: one lives 10 s, probes answered"),
        (Prober, "handle_unanswered", "64 members: one lives 10 s, in silence"),
        (Riders, "rider_for", "sealed probe asked, 32 members"),
        (watch.Watch, "receive", "4 members, two quiet seconds"),
        (Networks, "_read", "a newcomer takes 100 rows"),
        (Plane, "poll_timeout", "a network between 2 hosts"),
        (Plane, "poll_output", "a network between 2 hosts"),
    ],
)
def test_what_a_node_does_at_rest_and_for_each_row_is_watched(
    owner: type, method: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, added(LOOP)(getattr(owner, method)))
    assert "instructions" in grown(name, PATHS[name])
