"""The guard: what it counts, that a slowdown of each kind is caught, what it allows."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest

from benchmarks.cli import call
from benchmarks.guard import command, host, membership, packets, rows
from benchmarks.guard.baseline import (
    Baseline,
    Number,
    judged_paths,
    judged_runs,
    read_baseline,
    renewed,
    this_version,
    write_baseline,
)
from benchmarks.guard.command import PATHS
from benchmarks.guard.counting import OURS, Prepare, Work, counted, work_of
from benchmarks.guard.runs import CASES, numbers_of
from swarmnet.crypto.session import Session
from swarmnet.dns.answering import Answering
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.ipam.addresses import Addresses
from swarmnet.node.networks import Networks
from swarmnet.node.plane import Plane
from swarmnet.swim import payloads, pinger, watch
from swarmnet.swim.codec import encode_ack, encode_message
from swarmnet.swim.core import Core
from swarmnet.swim.engine import Swim
from swarmnet.swim.intake import Intake
from swarmnet.swim.messages import Message
from swarmnet.swim.payloads import Kept, Payloads
from swarmnet.swim.prober import Prober
from swarmnet.swim.relay import Rank
from swarmnet.tables.engine import Tables

KNOWN: Final = read_baseline()
BEFORE: Final = Baseline(
    calls={"one": 1000, "other": 1000, "third": 1000},
    instructions={
        "one": {(3, 11): 1000, (3, 12): 900},
        "other": {(3, 11): 2000, (3, 12): 1800},
        "third": {(3, 11): 3000, (3, 12): 2700},
    },
    runs={"run": {"packets": (100, 110), "all_s": (0.004, 0.005)}},
)


def added(text: str) -> Callable[..., Any]:
    """Return a function `slow(real)` of this text, counted as ours are."""
    space: dict[str, Any] = {}
    exec(compile(text, f"{OURS}added.py", "exec"), space)
    made: Callable[..., Any] = space["slow"]
    return made


def grown(name: str, prepare: Prepare) -> set[str]:
    """Return in what a path grew."""
    found = judged_paths(KNOWN, {name: work_of(prepare)}, this_version())
    return {one.unit for one in found if one.is_worse}


# Counting


def test_instructions_and_calls_of_ours_are_counted_and_nobody_else_s() -> None:
    loop = added("def slow(count):\n    for _ in range(count):\n        len('')\n")
    some, more = counted(lambda: loop(10)), counted(lambda: loop(20))
    assert more.calls - some.calls == 10
    each = (more.instructions - some.instructions) / 10
    assert each == round(each)
    assert 3 <= each <= 20
    assert counted(lambda: sorted(str(one) for one in range(9))) == Work(0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sealed probe answered, 32 members", "name answered"])
def test_a_path_costs_the_same_each_time_whatever_ran_before(name: str) -> None:
    assert work_of(PATHS[name]) == work_of(PATHS[name])


def test_what_is_counted_in_a_test_is_what_stands_in_the_file() -> None:
    if this_version() not in KNOWN.versions():
        pytest.skip("this Python has no counts of its own")
    for name in ("row taken that is held", "name answered again"):
        work = work_of(PATHS[name])
        found = list(judged_paths(KNOWN, {name: work}, this_version()))
        assert [one.is_worse or one.is_better for one in found] == [False, False]


def test_the_file_has_every_path_and_run_and_nothing_else() -> None:
    assert sorted(KNOWN.names()) == sorted([*PATHS, *CASES])
    assert KNOWN.versions() == [(3, 11), (3, 12), (3, 13)]


# Slowdowns


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


# What is allowed


def judged(work: Mapping[str, Work], version: tuple[int, int]) -> list[Number]:
    return list(judged_paths(BEFORE, work, version))


def worse(numbers: Iterable[Number]) -> list[str]:
    return [f"{one.what} {one.unit}" for one in numbers if one.is_worse]


def better(numbers: Iterable[Number]) -> list[str]:
    return [f"{one.what} {one.unit}" for one in numbers if one.is_better]


def test_a_path_may_grow_by_the_margin_and_no_more() -> None:
    little = {"one": Work(1010, 1004), "other": Work(1980, 996)}
    assert (worse(judged(little, (3, 11))), better(judged(little, (3, 11)))) == ([], [])
    much = {"one": Work(1011, 1005), "other": Work(1979, 995)}
    assert worse(judged(much, (3, 11))) == ["one instructions", "one calls of C"]
    assert better(judged(much, (3, 11))) == ["other instructions", "other calls of C"]


def test_each_version_of_python_has_counts_of_its_own() -> None:
    assert worse(judged({"one": Work(1000, 1000)}, (3, 12))) == ["one instructions"]


def test_a_python_without_counts_is_held_against_the_nearest_by_the_median_path() -> (
    None
):
    alike = {
        "one": Work(450, 1000),
        "other": Work(910, 1000),
        "third": Work(1340, 1000),
    }
    assert worse(judged(alike, (3, 14))) == []
    grew = {**alike, "one": Work(600, 1000)}
    assert worse(judged(grew, (3, 14))) == ["one instructions"]
    # The calls of C are the same on all.
    assert worse(judged({**alike, "one": Work(450, 1005)}, (3, 14))) == [
        "one calls of C"
    ]
    assert worse(judged({"one": Work(1000, 1000)}, (3, 10))) == []


def test_a_run_may_be_as_bad_as_other_seeds_are_and_a_little_more() -> None:
    assert worse(judged_runs(BEFORE, {"run": {"packets": 113, "all_s": 0.0051}})) == []
    found = list(judged_runs(BEFORE, {"run": {"packets": 114, "all_s": 0.0038}}))
    assert (worse(found), better(found)) == (["run packets"], ["run all_s"])
    never = judged_runs(BEFORE, {"run": {"all_s": float("inf")}})
    assert [one.line() for one in never] == [
        "run: never all_s, 0.004 before (+inf%; at most 0.00515)"
    ]


def test_what_was_never_agreed_to_is_worse() -> None:
    assert worse(judged({"new": Work(1, 1)}, (3, 11))) == [
        "new instructions",
        "new calls of C",
    ]
    assert worse(judged_runs(BEFORE, {"other": {"packets": 1}})) == ["other packets"]


def test_to_renew_keeps_what_other_versions_count(tmp_path: Path) -> None:
    work = {"one": Work(1100, 110), "fresh": Work(5, 5)}
    now = renewed(BEFORE, work, (3, 13), {"run": {"packets": (120, 130)}})
    assert now.instructions == {
        "one": {(3, 11): 1000, (3, 12): 900, (3, 13): 1100},
        "fresh": {(3, 13): 5},
    }
    file = tmp_path / "guard.json"
    assert read_baseline(file) == Baseline({}, {}, {})
    write_baseline(now, file)
    assert read_baseline(file) == now
    lines = file.read_text().splitlines()
    calls, counts = '"calls": 110', '"3.11": 1000, "3.12": 900, "3.13": 1100'
    assert f'"one": {{{calls}, "instructions": {{{counts}}}}},' in lines


def test_a_file_that_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "guard.json"
    for text in ("<<<<<<< HEAD", "[]", '{"paths": {"one": {}}}'):
        file.write_text(text)
        with pytest.raises(Refused, match=r"restore it, or remove it and run python"):
            read_baseline(file)


# The command


class Here:
    """Stands for workers: does their work in this process."""

    def __init__(self, jobs: int, *, is_forked: bool) -> None:
        del jobs, is_forked

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @staticmethod
    def map(
        action: Callable[[Any], object], tasks: Iterable[object]
    ) -> Iterator[object]:
        return map(action, tasks)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the command know one path and one run; return its file."""
    file = tmp_path / "guard.json"
    monkeypatch.setattr(command, "Workers", Here)
    name, run = "name answered again", "24 members join"
    monkeypatch.setattr(command, "PATHS", {name: PATHS[name]})
    case = replace(CASES[run], seeds=1)
    monkeypatch.setattr(command, "CASES", {run: case})
    monkeypatch.setattr(command, "read_baseline", lambda: read_baseline(file))
    monkeypatch.setattr(
        command, "write_baseline", lambda one: write_baseline(one, file)
    )
    return file


@pytest.mark.slow
def test_the_command_agrees_to_what_is_and_then_finds_nothing(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["guard"]) == 1
    captured = capsys.readouterr()
    assert "instructions, not counted before" in captured.err
    assert "run python -m benchmarks guard --renew" in captured.err
    assert call(["guard", "--renew"]) == 0
    assert "no instructions before" in capsys.readouterr().out
    assert call(["guard"]) == 0
    assert capsys.readouterr() == ("1 paths and 1 runs cost what they did\n", "")
    assert call(["guard", "--all"]) == 0
    assert "at most" in capsys.readouterr().out
    assert small.exists()


@pytest.mark.slow
def test_the_command_names_the_path_the_counts_and_the_cure(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["guard", "--renew"]) == 0
    agreed = read_baseline(small)
    name = "name answered again"
    half = {name: {this_version(): agreed.instructions[name][this_version()] // 2}}
    write_baseline(replace(agreed, instructions=half, calls={name: 1000}), small)
    capsys.readouterr()
    assert call(["guard"]) == 1
    captured = capsys.readouterr()
    grew = f"grew: {name}: {2 * half[name][this_version()]:,} instructions, "
    assert captured.err.startswith(grew)
    assert "(+100.0%; at most " in captured.err
    assert captured.err.endswith("run python -m benchmarks guard --renew\n")
    assert captured.out.startswith(f"less: {name}: 80 calls of C, 1,000 before (-92.0%")
