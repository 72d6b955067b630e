"""What do a cut cable and a killed daemon cost those who are healthy, beside Docker?

Expected: ours keeps the entries of a host that is not heard of, so nothing is lost by
a killed agent, and frames pass as soon as a cable is back; what was made meanwhile
comes with the first talk. Docker 20.10 drops a silent node's entries after 5 s, which
stops the traffic of its healthy containers, and has them all back some 22 s after the
cable (by a first run of this). Hosts alike, cut and killed at one moment.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic, sleep, time
from typing import Final

from benchmarks.announcements import Pair, Watch
from benchmarks.clusters import POLL_S
from benchmarks.debian import said_missing
from benchmarks.docker import CannotRun
from benchmarks.hosts import Ground
from benchmarks.lab import Lab
from benchmarks.overlays import Overlay, both, cannot_run, is_missing
from benchmarks.pinging import Pings
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

NAME: Final = "docker_failures"
HOSTS: Final = 3
BOX: Final = "watched"
FAR: Final = HOSTS - 1
"""The host whose cable is cut. The first is Docker's manager."""
KILLED: Final = 1
SETTLE_S: Final = 3.0
BACK_S: Final = 2.0
BACK_MAX_S: Final = 120.0
"""What is not back by then never comes back."""
PING_S: Final = 0.01
MEND_PING_S: Final = 0.05
BEFORE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked: worlds made anew, cuts of each and their length, pings."""

    worlds: int
    cuts: int
    cut_s: float
    pings: int


FULL: Final = Size(3, 2, 30.0, 2000)
QUICK: Final = Size(1, 1, 15.0, 1200)


@dataclass(slots=True)
class Found:
    """What became of one overlay, a value a run; None is never. Times are in s."""

    name: str
    dropped_s: list[float | None] = field(default_factory=list)
    passed_s: list[float | None] = field(default_factory=list)
    whole_s: list[float | None] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    stopped_s: list[float | None] = field(default_factory=list)


class Side:
    """One overlay with a box on each host, of which all entries are watched."""

    def __init__(self, overlay: Overlay, stack: ExitStack, found: Found) -> None:
        self.overlay, self.found = overlay, found
        self._stack = stack
        self._watches = [Watch(overlay.space(index)) for index in range(HOSTS)]
        for watch in self._watches:
            stack.callback(watch.close)
        self._boxes: list[tuple[int, Pair]] = []
        for index in range(HOSTS):
            self.put(index, BOX)
        self._number = 0
        self._cut = 0.0
        self._pings: list[Pings] = []
        self.mended = 0.0

    def put(self, index: int, box: str) -> None:
        """Put a box into the network, whose entries are to be everywhere."""
        self.overlay.run(index, box)
        self._boxes.append((index, self.overlay.pair(index, box)))

    def is_whole(self) -> bool:
        """Say whether every kernel has the entries of all boxes of other hosts."""
        return all(
            self._watches[index].seen.holds(pair)
            for index in range(HOSTS)
            for owner, pair in self._boxes
            if index != owner
        )

    def cut(self) -> None:
        """Pull the cable of the last host."""
        self.overlay.switch.cut(FAR)
        self._cut = monotonic()

    def add(self) -> None:
        """Make what the last host can hear of only when its cable is back."""
        self._number += 1
        self.put(0, f"meanwhile{self._number}")

    def listen(self) -> None:
        """Ping from the box on the last host to those on the others."""
        inside = self.overlay.inside(FAR, BOX)
        self._pings = [self._ping(inside, to, MEND_PING_S) for to in range(FAR)]

    def mend(self) -> None:
        """Put the cable back; note when the others had dropped the host's entries."""
        self.found.dropped_s.append(self._dropped())
        self.overlay.switch.mend(FAR)
        self.mended = monotonic()

    def _ping(
        self, inside: str, to: int, every_s: float, count: int | None = None
    ) -> Pings:
        """Ping the box of a host from a namespace, until the end at most."""
        address = self._boxes[to][1].ip
        pings = Pings(inside, address, every_s, count)
        self._stack.callback(pings.kill)
        return pings

    def _dropped(self) -> float | None:
        """Return how long after the cut both others had dropped the entries."""
        gone = [
            watch.seen.moved(self._boxes[FAR][1], self._cut, is_there=False)
            for watch in self._watches[:FAR]
        ]
        known = [at - self._cut for at in gone if at is not None]
        return max(known) if len(known) == len(gone) else None

    def back(self, whole_s: float | None) -> None:
        """Note when all was whole, and when pings passed; they end."""
        # Both clocks run alike, so a time since 1970 is one since the cable was back.
        began = time() - (monotonic() - self.mended)
        answers = [one.interrupted().values() for one in self._pings]
        firsts = [min((at for at in of if at > began), default=None) for of in answers]
        known = [at - began for at in firsts if at is not None]
        self.found.whole_s.append(whole_s)
        self.found.passed_s.append(max(known) if len(known) == len(firsts) else None)

    def flood(self, count: int) -> None:
        """Ping from the first host's box that of the host whose daemon is killed."""
        inside = self.overlay.inside(0, BOX)
        self._pings = [self._ping(inside, KILLED, PING_S, count)]

    def killed(self, at: float, count: int) -> None:
        """Wait for the last ping, and note how many were lost, and since when."""
        answers = self._pings[0].ended()
        self.found.lost.append(float(count - len(answers)))
        # One that is answered nearly to the end has not stopped.
        has_stopped = count - max(answers, default=0) > BEFORE_S / PING_S
        last = max(answers.values(), default=at)
        self.found.stopped_s.append(last - at if has_stopped else None)


def cut(sides: Sequence[Side], cut_s: float) -> None:
    """Cut the cable of a host in both worlds, and put it back."""
    _wait_whole(sides)
    sleep(SETTLE_S)
    for side in sides:
        side.cut()
    sleep(cut_s / 2)
    for side in sides:
        side.add()
    sleep(cut_s / 2)
    for side in sides:
        side.listen()
    sleep(BEFORE_S)
    for side in sides:
        side.mend()
    found = _wait_whole(sides)
    sleep(BEFORE_S)
    for side, whole_s in zip(sides, found, strict=True):
        side.back(whole_s)


def _wait_whole(sides: Sequence[Side]) -> list[float | None]:
    """Return how long after its cable was back each was whole; None: it never was."""
    began = monotonic()
    found: list[float | None] = [None] * len(sides)
    while None in found and monotonic() - began < BACK_MAX_S:
        for place, side in enumerate(sides):
            if found[place] is None and side.is_whole():
                found[place] = monotonic() - side.mended
        sleep(POLL_S)
    return found


def kill(sides: Sequence[Side], pings: int) -> None:
    """Kill a daemon in both worlds under pings to a box of its host."""
    _wait_whole(sides)
    sleep(SETTLE_S)
    for side in sides:
        side.flood(pings)
    sleep(BEFORE_S)
    times = []
    for side in sides:
        side.overlay.kill(KILLED)
        times.append(time())
    for side, at in zip(sides, times, strict=True):
        side.killed(at, pings)


def measured(size: Size) -> list[Row]:
    """Cut and kill in worlds made anew; no row where Docker does not run."""
    found: list[Found] = []
    try:
        for _ in range(size.worlds):
            _in_new_worlds(size, found)
    except CannotRun as why:
        cannot_run(NAME, why)
        return []
    ours, theirs = found
    return list(_rows(ours, theirs, size))


def _in_new_worlds(size: Size, found: list[Found]) -> None:
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        overlays = stack.enter_context(both(ground, HOSTS))
        found += [] if found else [Found(one.name) for one in overlays]
        pairs = zip(overlays, found, strict=True)
        sides = [Side(one, stack, of) for one, of in pairs]
        for _ in range(size.cuts):
            cut(sides, size.cut_s)
        kill(sides, size.pings)


def _rows(ours: Found, theirs: Found, size: Size) -> Iterator[Row]:
    def row(measure: str, unit: str, of: str, *wanted: float, note: str = "") -> Row:
        mine = spread(ours.name, getattr(ours, of))
        peer = spread(theirs.name, getattr(theirs, of))
        targets = tuple(Target(Of.WORST, limit) for limit in wanted)
        return Row(measure, unit, Clock.WALL, mine, peer, targets, note=note)

    kept = "never: what is kept costs nothing, and serves when the host is back"
    dropped = "cable cut until the others dropped its entries"
    yield row(dropped, "s", "dropped_s", note=kept)
    back = f"cable back after {size.cut_s:g} s"
    there = "pings from the host's box to those of the others, and back"
    yield row(f"{back}: pings pass", "s", "passed_s", BACK_S, note=there)
    whole = "those of a box made on another host meanwhile, too"
    everywhere = f"{back}: all entries everywhere"
    yield row(everywhere, "s", "whole_s", BACK_S, note=whole)
    lost = (
        f"of {size.pings}, one every {PING_S * 1e3:g} ms, killed after {BEFORE_S:g} s"
    )
    yield row("pings lost to a box of a killed daemon", "", "lost", 0.0, note=lost)
    yield row("kill -9 of a daemon until its boxes are cut off", "s", "stopped_s")


def answer(lab: Lab) -> list[Row]:
    """Measure both in a process of their own."""
    if is_missing(NAME) or said_missing(NAME, "ping"):
        return []
    return lab.alone("docker", measured, QUICK if lab.quick else FULL)


QUESTION: Final[Question] = question(NAME, __doc__, answer, needs_root=True)
