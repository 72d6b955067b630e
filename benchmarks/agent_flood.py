"""What does an agent's answer to a member's probe cost, beside memberlist's?

Expected: two system calls of 3 to 5 us, AES-GCM twice for 2 us, msgpack and the rules
of membership in Python for some 10 us, so no more than memberlist, whose Go makes the
same calls and wakes a goroutine for each packet: 20 us. A trio loop that only opens,
decodes, answers and seals is flooded beside them: nothing written in Python can be
below that.

The flood comes from a second process, over loopback, by 400 members in turn, each with
a key, a certificate, a session and a port of its own: a node answers no member more
than 128 times a second. They agree with the node, as members do who are in sync, and
answer its own probes. CPU is all that the node's process has used, its other work
included, over the answers that came. memberlist has its defaults and an AES-256 key; on
one core, where it is cheapest. The loop speaks memberlist's form.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from typing import IO, Final

from benchmarks import golang
from benchmarks.agent_rest import cpu_ticks
from benchmarks.clusters import Agents, address_of, until
from benchmarks.flooder import IN_FLIGHT
from benchmarks.hosts import Ground, run_inside
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread

MEMBERS: Final = 400
RATES: Final = {
    1000: "1,000 a second",
    5000: "5,000 a second",
    0: "as fast as answered",
}
SETTLE_S: Final = 15.0
"""News of so many members goes on for 13 s after they have joined."""
LOOP: Final = "a bare trio loop"
KEY_BYTES: Final = 32
PEER_PORT: Final = 7947
LOOP_PORT: Final = 7948


@dataclass(frozen=True, slots=True)
class Size:
    """How many members probe, how often, each time for so long."""

    members: int
    rounds: int
    pour_s: float
    settle_s: float


FULL: Final = Size(MEMBERS, rounds=7, pour_s=2.0, settle_s=SETTLE_S)
QUICK: Final = Size(MEMBERS // 4, rounds=2, pour_s=1.0, settle_s=2.0)


@dataclass(slots=True)
class Flooded:
    """A node's process, its flooder, and what was found of it at each rate."""

    pid: int
    flooder: "subprocess.Popen[bytes]"
    cost_us: dict[int, list[float]] = field(default_factory=dict)
    per_s: dict[int, list[float]] = field(default_factory=dict)
    answered: dict[int, list[float]] = field(default_factory=dict)
    rested: list[float] = field(default_factory=list)
    bytes_: tuple[float, float] = (0.0, 0.0)
    """The mean of a probe and of an answer, as they stand in their datagrams."""

    def pour(self, rate: int, seconds: float) -> None:
        """Flood it once, and take note of what it cost."""
        before = cpu_ticks(self.pid)
        found = _ask(self.flooder, f"{rate} {seconds}")
        used_s = (cpu_ticks(self.pid) - before) / os.sysconf("SC_CLK_TCK")
        sent, answered = found["sent"], found["answered"]
        if not answered:
            raise RuntimeError(f"none of {sent} probes was answered")
        self.cost_us.setdefault(rate, []).append(used_s / answered * 1e6)
        self.per_s.setdefault(rate, []).append(answered / found["seconds"])
        self.answered.setdefault(rate, []).append(answered / sent)
        self.bytes_ = (found["sent_bytes"] / sent, found["answered_bytes"] / answered)

    def rest(self, seconds: float) -> None:
        """Take note of which share of a core it uses while nobody probes it."""
        before, began = cpu_ticks(self.pid), monotonic()
        sleep(seconds)
        used_s = (cpu_ticks(self.pid) - before) / os.sysconf("SC_CLK_TCK")
        self.rested.append(100 * used_s / (monotonic() - began))


def _ask(process: "subprocess.Popen[bytes]", line: str) -> dict[str, float]:
    assert process.stdin is not None, "it is a pipe"
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()
    found: dict[str, float] = json.loads(_line_of(process))
    return found


def _line_of(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line that a process says.

    Raises:
        RuntimeError: it has ended.
    """
    source: IO[bytes] | None = process.stdout
    assert source is not None, "it is a pipe"
    line = source.readline()
    if not line:
        raise RuntimeError(f"a process of the flood ended: {process.args!r}")
    return line


class Field:
    """One host with nodes on it, and their flooders; a context that ends all."""

    def __init__(self, agents: Agents, stack: ExitStack, members: int) -> None:
        self._agents, self._stack, self._members = agents, stack, members
        run_inside(agents.switch.hosts[0], "ip", "link", "set", "lo", "up")

    def ours(self) -> Flooded:
        """Return an agent with all its members."""
        agents = self._agents
        agents.start(0)
        body = {"name": "n0", "advertise_addr": address_of(0)}
        token = agents.call(0, "POST", "init", body)["tokens"]["worker"]
        flooder = self._flooder("swarmnet", 7946, token)
        until("all", lambda: agents.alive(0) == 1 + self._members)
        return Flooded(agents.processes[0].pid, flooder)

    def other(self, port: int, *command: str) -> Flooded:
        """Return a server that speaks memberlist's form."""
        key = token_hex(KEY_BYTES)
        server = self._start(*command, address_of(0), str(port), key)
        _line_of(server)
        return Flooded(server.pid, self._flooder("memberlist", port, key))

    def _flooder(
        self, dialect: str, port: int, secret: str
    ) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "benchmarks.flooder", dialect)
        where = (address_of(0), str(port), secret, str(self._members))
        flooder = self._start(*command, *where)
        _line_of(flooder)
        return flooder

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        started = self._agents.switch.talk(0, *command)
        # Its exit waits for it, once it is killed, and closes its pipes.
        self._stack.enter_context(started)
        self._stack.callback(started.kill)
        return started


@contextmanager
def flooded(members: int, program: Path | None) -> Iterator[dict[str, Flooded]]:
    """Give what is to be flooded, by name, each with its flooder ready."""
    with Ground() as ground, Agents(ground, 1) as agents, ExitStack() as stack:
        field_ = Field(agents, stack, members)
        found = {OURS: field_.ours()}
        if program is not None:
            one_core = ("env", "GOMAXPROCS=1", str(program))
            found[PEER] = field_.other(PEER_PORT, *one_core)
        loop = (sys.executable, "-m", "benchmarks.drain_loop")
        found[LOOP] = field_.other(LOOP_PORT, *loop)
        yield found


def measured(size: Size) -> list[Row]:
    """Flood all in turn at each rate, so that what disturbs one disturbs all."""
    with ExitStack() as stack:
        program = None
        if not golang.said_missing("agent_flood"):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            program = golang.build(PEER, Path(folder))
        found = stack.enter_context(flooded(size.members, program))
        sleep(size.settle_s)
        for _ in range(size.rounds):
            for one in found.values():
                one.rest(size.pour_s)
            for rate, one in product(RATES, found.values()):
                one.pour(rate, size.pour_s)
    return [*costs(found, size.members), *_answers(found), _at_rest(found)]


def costs(found: Mapping[str, Flooded], members: int) -> Iterator[Row]:
    """Yield ours beside memberlist's, then the loop's; without it ours beside that."""
    for rate, how in RATES.items():
        spreads = {name: spread(name, one.cost_us[rate]) for name, one in found.items()}
        peer = spreads.get(PEER)
        measure = f"CPU per answered probe, {members} members, {how}"
        yield Row(
            measure,
            "us",
            Clock.WALL,
            spreads[OURS],
            peer or spreads[LOOP],
            () if peer is None else (Target(Of.MEDIAN, peer.median),),
            note=_sizes(found),
        )
        if peer is not None:
            bare = f"{measure}: {LOOP}"
            yield Row(bare, "us", Clock.WALL, spreads[LOOP], peer)


def _sizes(found: Mapping[str, Flooded]) -> str:
    """Return how large probes and answers are: both are sealed by AES-GCM."""
    sizes = (f"{name} {a:.0f} and {b:.0f} B" for name, (a, b) in _bytes(found))
    return f"probe and answer, sealed: {', '.join(sizes)}"


def _bytes(found: Mapping[str, Flooded]) -> Iterator[tuple[str, tuple[float, float]]]:
    return ((name, one.bytes_) for name, one in found.items() if name != LOOP)


def _answers(found: dict[str, Flooded]) -> Iterator[Row]:
    """Yield how many were answered: of those offered, and a second."""
    for rate, how in RATES.items():
        if rate:
            measure, unit, of = f"answered of {how}", "", "answered"
        else:
            measure, unit, of = f"answers, {IN_FLIGHT} probes in flight", "/s", "per_s"
        spreads: dict[str, Spread] = {
            name: spread(name, getattr(one, of)[rate], larger_is_better=True)
            for name, one in found.items()
        }
        yield Row(measure, unit, Clock.WALL, spreads[OURS], spreads.get(PEER))


def _at_rest(found: dict[str, Flooded]) -> Row:
    spreads = {name: spread(name, one.rested) for name, one in found.items()}
    measure, unit = "CPU while nobody probes", "% of a core"
    return Row(measure, unit, Clock.WALL, spreads[OURS], spreads.get(PEER))


def answer(lab: Lab) -> list[Row]:
    """Measure all in a process of their own."""
    return lab.alone("flood", measured, QUICK if lab.quick else FULL)


QUESTION: Final[Question] = question("agent_flood", __doc__, answer, needs_root=True)
