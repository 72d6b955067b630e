"""How soon after an endpoint comes or goes do other hosts' kernels know, beside Docker?

Expected: ours within milliseconds, mostly before the call returns, for the row leaves
before the local kernel is programmed. Docker 20.10 gossips every 200 ms, so its entries
come some 110 ms after its veth stands on the bridge, which the call takes 230 ms to
bring about. Hosts alike, the calls by API, on the host that is Docker's manager (the
nearer way: a worker asks it for the address); entries are those that the kernel of
another host announces. A box that is connected runs already, so what the start of a
container costs is only in what is made from nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Final

from benchmarks.announcements import Watch
from benchmarks.charts import Axis, Chart, Line, Whose
from benchmarks.clusters import WAIT_S
from benchmarks.docker import CannotRun
from benchmarks.hosts import Ground
from benchmarks.lab import Lab
from benchmarks.overlays import Overlay, both, cannot_run, is_missing
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

NAME: Final = "docker_entries"
ROUNDS: Final = (30, 10)
HOSTS: Final = 3
PAUSE_S: Final = 0.3
"""Longer than Docker's gossip tick, so that what went before is over."""
MEASURES: Final = {
    "call": "connect: the call",
    "called": "connect: its start to both entries elsewhere",
    "returned": "connect: its return to both entries elsewhere",
    "ported": "connect: port on the bridge to both elsewhere",
    "gone": "disconnect: its start to both entries gone",
    "ran": "new box: start to both entries elsewhere",
    "ran_ported": "new box: port on the bridge to both elsewhere",
    "removed": "box removed: start to both entries gone",
}
CURVE: Final = "called"
NOTES: Final = {
    "call": "Docker by its own defaults: gossip sealed as ours is, no data path sealed",
    "returned": "negative: before the call returned",
    "ported": "negative: before this host's own kernel had its port",
    "ran": "Docker: create and start, with a process; ours: sandbox and connect",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One overlay, watched on the host where boxes come and go, and on another."""

    overlay: Overlay
    here: Watch
    there: Watch
    found_ms: dict[str, list[float]] = field(default_factory=dict)

    def note(self, measure: str, began: float, ended: float) -> None:
        """Keep one measure, from its beginning to its end."""
        self.found_ms.setdefault(measure, []).append((ended - began) * 1e3)

    def connect(self, box: str) -> None:
        """Let a box that runs come into the network, and go again."""
        overlay = self.overlay
        overlay.open(0, box)
        sleep(PAUSE_S)
        began = monotonic()
        overlay.connect(0, box)
        ended, pair = monotonic(), overlay.pair(0, box)
        known = self.there.wait(pair, began, WAIT_S, is_there=True)
        self.note("call", began, ended)
        self.note("called", began, known)
        self.note("returned", ended, known)
        self.note("ported", self._port(began), known)
        sleep(PAUSE_S)
        self._leave("gone", box, overlay.disconnect)
        overlay.remove(0, box)

    def run(self, box: str) -> None:
        """Make a box in the network, and remove it."""
        sleep(PAUSE_S)
        began = monotonic()
        self.overlay.run(0, box)
        pair = self.overlay.pair(0, box)
        known = self.there.wait(pair, began, WAIT_S, is_there=True)
        self.note("ran", began, known)
        self.note("ran_ported", self._port(began), known)
        sleep(PAUSE_S)
        self._leave("removed", box, self.overlay.remove)

    def _port(self, since: float) -> float:
        port = self.here.seen.port(since)
        assert port is not None, "the call has returned"
        return port

    def _leave(self, measure: str, box: str, by: Callable[[int, str], None]) -> None:
        pair = self.overlay.pair(0, box)
        began = monotonic()
        by(0, box)
        gone = self.there.wait(pair, began, WAIT_S, is_there=False)
        self.note(measure, began, gone)


def _watched(stack: ExitStack, overlay: Overlay) -> Side:
    here, there = Watch(overlay.space(0)), Watch(overlay.space(1))
    for watch in (here, there):
        stack.callback(watch.close)
    return Side(overlay, here, there)


def measured(rounds: int) -> list[Row | Chart]:
    """Let boxes come and go on both, in turn; no row where Docker does not run."""
    try:
        with ExitStack() as stack:
            ground = stack.enter_context(Ground())
            overlays = stack.enter_context(both(ground, HOSTS))
            sides = [_watched(stack, one) for one in overlays]
            _in_turn(sides, rounds)
    except CannotRun as why:
        cannot_run(NAME, why)
        return []
    return [*_rows(*sides), _curves(sides)]


def _in_turn(sides: Sequence[Side], rounds: int) -> None:
    for number in range(rounds):
        for side in sides[:: 1 if number % 2 else -1]:
            side.connect(f"c{number}")
            side.run(f"r{number}")


def _rows(ours: Side, theirs: Side) -> Iterator[Row]:
    for key, measure in MEASURES.items():
        mine = spread(ours.overlay.name, ours.found_ms[key])
        peer = spread(theirs.overlay.name, theirs.found_ms[key])
        wanted = (Target(Of.MEDIAN, peer.median),)
        note = NOTES.get(key, "")
        yield Row(measure, "ms", Clock.WALL, mine, peer, wanted, note=note)


def _curves(sides: Sequence[Side]) -> Chart:
    """Show in which share of the runs the other kernel knew by when."""
    lines = []
    for side, whose in zip(sides, (Whose.OURS, Whose.PEER), strict=True):
        times = sorted(side.found_ms[CURVE])
        points = [(at, rank / len(times)) for rank, at in enumerate(times, 1)]
        lines.append(Line(side.overlay.name, whose, tuple(points)))
    return Chart(
        "known",
        "The call that connects a box, until another host's kernel has its entries",
        Clock.WALL,
        Axis("time since the call began", "ms", is_log=True),
        Axis("share of the runs", "of 1"),
        tuple(lines),
        note=f"{len(sides[0].found_ms[CURVE])} runs each",
    )


def answer(lab: Lab) -> list[Row | Chart]:
    """Measure both in a process of their own."""
    if is_missing(NAME):
        return []
    return lab.alone("docker", measured, ROUNDS[lab.quick])


QUESTION: Final[Question] = question(NAME, __doc__, answer, needs_root=True)
