"""What do frames between two hosts' boxes lose to the wire, ours and Docker's?

Expected: both are VXLAN over the same kernel, so the same but for noise, and both below
the wire itself, which is the physical limit here: no bridges and no VXLAN on the way,
and packets of 1,500 bytes, not 1,450. All three stand on switches of the same make with
the same MTUs; nothing on a data path is encrypted, and each takes its turn.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from benchmarks.clusters import UPLINK, Switch, address_of
from benchmarks.debian import said_missing
from benchmarks.docker import CannotRun
from benchmarks.hosts import Ground, run_inside
from benchmarks.lab import OURS, Lab
from benchmarks.overlays import FIRST, Overlay, both, cannot_run, is_missing
from benchmarks.throughput import (
    PINGS,
    ROUNDS,
    SECONDS,
    SHARE,
    Pair,
    in_turn,
    mbit_s,
    round_trip_us,
)
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

NAME: Final = "docker_throughput"
HOSTS: Final = 2
WIRE: Final = "the hosts' own link"
INNER: Final = "eth0"
"""What a box's link into the network is called, in ours and in Docker's."""


def _boxes(ground: Ground, overlay: Overlay) -> Pair:
    """Return the first boxes of two hosts, opened."""
    first, second = (
        ground.keep(os.open(overlay.inside(index, FIRST), os.O_RDONLY | os.O_CLOEXEC))
        for index in range(HOSTS)
    )
    return Pair(first, second, overlay.pair(1, FIRST).ip)


def _mtu(fd: int, link: str) -> int:
    found = json.loads(run_inside(fd, "ip", "-json", "link", "show", "dev", link))
    return int(found[0]["mtu"])


def measured(task: tuple[int, int, int]) -> list[Row]:
    """Measure the three in turn; no row where Docker does not run."""
    rounds, seconds, pings = task
    try:
        with ExitStack() as stack:
            ground = stack.enter_context(Ground())
            ours, theirs = stack.enter_context(both(ground, HOSTS))
            wire = Switch(ground, HOSTS)
            pairs = (
                _boxes(ground, ours),
                _boxes(ground, theirs),
                Pair(wire.hosts[0], wire.hosts[1], address_of(1)),
            )
            mtus = [
                _mtu(pair.first, link)
                for pair, link in zip(pairs, (INNER, INNER, UPLINK), strict=True)
            ]
            rates = in_turn(mbit_s, pairs, rounds, seconds)
            trips = in_turn(round_trip_us, pairs, rounds, pings)
            peer = theirs.name
    except CannotRun as why:
        cannot_run(NAME, why)
        return []
    assert mtus[0] == mtus[1], f"the MTUs of both overlays differ: {mtus}"
    note = f"MTU {mtus[0]} in both overlays, {mtus[2]} of the link; nothing encrypted"
    return list(_rows(peer, rates, trips, note))


def _rows(
    peer: str,
    rates: tuple[list[float], ...],
    trips: tuple[list[float], ...],
    note: str,
) -> Iterator[Row]:
    names = (OURS, peer, WIRE)
    measure = "TCP between boxes on two hosts"
    mine, *others = (
        spread(name, values, larger_is_better=True)
        for name, values in zip(names, rates, strict=True)
    )
    least = Target(Of.MEDIAN, SHARE * others[0].median, at_least=True)
    for other, wanted in zip(others, ((least,), ()), strict=True):
        yield Row(measure, "Mbit/s", Clock.WALL, mine, other, wanted, note=note)
    measure = "round trip between them"
    mine, *others = (
        spread(name, values) for name, values in zip(names, trips, strict=True)
    )
    most = Target(Of.MEDIAN, others[0].median / SHARE)
    for other, wanted in zip(others, ((most,), ()), strict=True):
        yield Row(measure, "us", Clock.WALL, mine, other, wanted, note=note)


def answer(lab: Lab) -> list[Row]:
    """Measure it in a process of its own."""
    if is_missing(NAME) or said_missing(NAME, "iperf3", "ping"):
        return []
    quick = lab.quick
    task = (ROUNDS[quick], SECONDS[quick], PINGS[quick])
    return lab.alone("docker", measured, task)


QUESTION: Final[Question] = question(NAME, __doc__, answer, needs_root=True)
