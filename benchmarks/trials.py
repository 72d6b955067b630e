"""What is asked of clusters in real time, ours and their peers in turn.

Each trial is a cluster of its own, started and ended: what one costs at rest must not
disturb another. Ours and a peer take turns, so that what disturbs one disturbs both.
Times are by the system's monotonic clock, from when the member that acts says so.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from time import monotonic, sleep
from typing import Final

from benchmarks.asked import MS, Asked
from benchmarks.charts import Axis, Chart, Line, Whose
from benchmarks.crowd import Crowd, Kind
from benchmarks.lab import OURS
from benchmarks.values import Clock

WHOLE_S: Final = 180.0
"""A peer's member that a quick row of joins left out is found by its next full exchange
of state, of which two may pass it by."""
HEARD_S: Final = 10.0
DEAD_S: Final = 60.0
BETWEEN_S: Final = 1.0
"""Between two broadcasts: the first is passed on no more."""
POINTS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """How large a cluster is, how often it is asked, and how long it rests before."""

    count: int
    broadcasts: int
    kills: int
    settle_s: float
    rest_s: float = 0.0


@dataclass(slots=True)
class Found:
    """What was seen of one kind: times in s, None for never; % of a core; MiB."""

    whole: list[float | None] = field(default_factory=list)
    half: list[float | None] = field(default_factory=list)
    all: list[float | None] = field(default_factory=list)
    suspect: list[float | None] = field(default_factory=list)
    first: list[float | None] = field(default_factory=list)
    last: list[float | None] = field(default_factory=list)
    rested: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    informed: list[float] = field(default_factory=list)
    """When members heard, of all broadcasts; infinity for never."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Kinds that take turns at one trial, so many times each."""

    kinds: Sequence[Kind]
    trial: Trial
    rounds: int


def contested(contest: Contest) -> dict[str, Found]:
    """Let each kind have its turns; return what was seen, by the kind's name.

    A kind whose cluster does not come up is left out with a line on stderr.
    """
    found = {kind.name: Found() for kind in contest.kinds}
    for _ in range(contest.rounds):
        for kind in contest.kinds:
            try:
                tried(kind, contest.trial, found[kind.name])
            except RuntimeError as error:
                print(f"N={contest.trial.count}: {error}", file=sys.stderr)
    return {name: one for name, one in found.items() if one.whole}


def tried(kind: Kind, trial: Trial, found: Found) -> None:
    """Start a cluster, let all join, ask it everything, and end it.

    Raises:
        RuntimeError: it does not come up.
    """
    with Crowd(kind, trial.count) as crowd:
        found.whole.append(joined(crowd))
        sleep(trial.settle_s)
        if trial.rest_s:
            found.rested.append(rested(crowd, trial.rest_s))
            found.own.append(crowd.own_mib() / trial.count)
        for number in range(trial.broadcasts):
            _broadcast(crowd, number * 7 % trial.count, f"hello{number}", found)
            sleep(BETWEEN_S)
        for number in range(trial.kills):
            _kill(crowd, 1 + number % (trial.count - 1), found)


def joined(crowd: Crowd) -> float | None:
    """Let all join; return after how many s each saw all alive."""
    began = monotonic()
    crowd.tell_all("join")
    return _last(crowd, "whole", range(crowd.count), began, WHOLE_S)


def rested(crowd: Crowd, rest_s: float) -> float:
    """Return which share of a core a member uses while nothing is asked, in %."""
    used_s, began = crowd.used_s(), monotonic()
    sleep(rest_s)
    share = (crowd.used_s() - used_s) / (monotonic() - began)
    return 100 * share / crowd.count


def _broadcast(crowd: Crowd, origin: int, name: str, found: Found) -> None:
    everybody = range(crowd.count)
    crowd.tell(origin, "say", origin, name)
    at = crowd.wait("heard", everybody, 0.0, HEARD_S, name)
    began = crowd.wait("said", (origin,), 0.0, HEARD_S, name)[origin]
    times = sorted(one - began for who, one in at.items() if who != origin)
    times += [inf] * (crowd.count - 1 - len(times))
    found.informed += times
    # Whoever says it is one of the half.
    found.half.append(_finite(times[(crowd.count + 1) // 2 - 2]))
    found.all.append(_finite(times[-1]))


def _kill(crowd: Crowd, victim: int, found: Found) -> None:
    """Kill a member, see how it is found out, and bring it back."""
    # Not in step with anybody's probes.
    sleep(random.random())
    others = [one for one in range(crowd.count) if one != victim]
    since = monotonic()
    crowd.tell(victim, "kill", victim)
    began = crowd.wait("killed", (victim,), since, DEAD_S, str(victim))[victim]
    dead = crowd.wait("dead", others, began, DEAD_S, str(victim))
    suspect = crowd.wait("suspect", others, began, 0.0, str(victim))
    found.suspect.append(min(suspect.values()) - began if suspect else None)
    found.first.append(min(dead.values()) - began if dead else None)
    is_last = len(dead) == len(others)
    found.last.append(max(dead.values()) - began if is_last else None)
    since = monotonic()
    crowd.tell(victim, "revive", victim)
    crowd.wait("whole", range(crowd.count), since, WHOLE_S)


def _last(
    crowd: Crowd, what: str, whom: Sequence[int], since: float, for_s: float
) -> float | None:
    at = crowd.wait(what, whom, since, for_s)
    return max(at.values()) - since if len(at) == len(whom) else None


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


# False alarms under loss


@dataclass(frozen=True, slots=True)
class Losing:
    """A cluster of this size loses this share of its UDP packets, for so long."""

    kinds: Sequence[Kind]
    count: int
    share: float
    for_s: float
    settle_s: float
    rounds: int


@dataclass(slots=True)
class Alarms:
    """Wrong views of death and members so taken for dead, per node-hour; CPU in %."""

    views: list[float] = field(default_factory=list)
    victims: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)


def alarmed(losing: Losing) -> dict[str, Alarms]:
    """Let each kind lose packets in turn; nobody dies, so each death is wrong."""
    found = {kind.name: Alarms() for kind in losing.kinds}
    for _ in range(losing.rounds):
        for kind in losing.kinds:
            try:
                _lose(kind, losing, found[kind.name])
            except RuntimeError as error:
                print(f"N={losing.count}: {error}", file=sys.stderr)
    return {name: one for name, one in found.items() if one.views}


def _lose(kind: Kind, losing: Losing, found: Alarms) -> None:
    node_hours = losing.count * losing.for_s / 3600
    with Crowd(kind, losing.count) as crowd:
        if joined(crowd) is None:
            raise RuntimeError(f"{kind.name}: not all see all within {WHOLE_S:g} s")
        sleep(losing.settle_s)
        since = monotonic()
        crowd.tell_all("lose", losing.share)
        found.used.append(rested(crowd, losing.for_s))
        wrong = crowd.seen("dead", since)
    found.views.append(len(wrong) / node_hours)
    found.victims.append(len({one.of for one in wrong}) / node_hours)


# What is made of it


def asked(all_share: float, dead_share: float) -> tuple[Asked, ...]:
    """Return what a `Found` holds: to all, and dead, at such shares of the peer's."""
    return (
        Asked("half", "100 bytes to half", "ms"),
        Asked("all", "100 bytes to all", "ms", all_share),
        Asked("suspect", "a kill until first suspected", "s"),
        Asked("first", "a kill until first held dead", "s"),
        Asked("last", "a kill until dead at all", "s", dead_share),
        Asked("whole", "all join: until all see all", "s"),
        Asked("rested", "CPU at rest, each", "% of a core"),
        Asked("own", "memory, each (PSS)", "MiB"),
    )


def curves(found: Mapping[str, Found], count: int) -> Chart:
    """Return which share of the members had heard of a broadcast, against time."""
    lines = [
        Line(name, Whose.OURS if name == OURS else Whose.PEER, _curve(one.informed))
        for name, one in found.items()
    ]
    return Chart(
        f"informed-{count}",
        f"100 bytes to {count} members",
        Clock.WALL,
        Axis("time since it was said", "ms", is_log=True),
        Axis("members that have heard", "%"),
        tuple(lines),
        note="all broadcasts of the run together",
    )


def _curve(informed: Sequence[float]) -> tuple[tuple[float, float], ...]:
    ranked = sorted(informed)
    last = len(ranked) - 1
    steps = max(1, min(last, POINTS_MAX - 1))
    places = dict.fromkeys(round(step * last / steps) for step in range(steps + 1))
    points = ((MS * ranked[at], 100 * (at + 1) / len(ranked)) for at in places)
    return tuple(point for point in points if isfinite(point[0]))
