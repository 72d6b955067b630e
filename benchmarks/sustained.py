"""How many payloads of 100 bytes a second does a cluster carry at 21 kB/s a node?

Expected: a payload with its key and frame is some 135 bytes. While less than half the
burst is left, the third ring gets only ids, so a node receives about 3 copies and some
ids, 470 bytes: 21,000 / 470 = 44 a second. memberlist spends 3 packets of 1,400 bytes
each 200 ms on 16 copies of a node's news: 21,000 / (16 * 100) = 13 a second.

The burst is spent first, under the default configuration: payloads of 1,000 bytes until
far less than half of it is left, then a pause until all hold them. Then the rate is
offered for a while, and only that while counts: the bytes received in it, and the age
at which its oldest payload was known to all. Whoever receives, and so sends, less than
21 kB/s in it draws on no burst. A payload that some node lacks one second after the
while is `never`. A load on 1,000 nodes costs minutes of CPU: two seeds there, twenty
at 100.
"""

from dataclasses import dataclass, replace
from typing import Final

from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from sim.cluster import Cluster
from sim.options import Options
from sim.run import registry
from sim.trace import Trace

PAYLOAD_BYTES: Final = 100
RATE_BYTES_S: Final = 21_000.0
AGE_S: Final = 1.0
PER_SECOND: Final = 40.0

START_S: Final = 2.0
SPENDERS: Final = 200
"""A hundred payloads at 5 copies are half the burst, a hundred at 3 and ids a third."""
SPENDER_BYTES: Final = 1000
SPENDERS_PER_S: Final = 200.0
PAUSE_S: Final = 3.0
WINDOW_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Case:
    """A rate offered to a size of cluster, with the seeds of a full and a quick run."""

    nodes: int
    rate_per_s: float
    seeds: tuple[int, int]


CASES: Final = (
    Case(100, 40.0, (20, 1)),
    Case(100, 60.0, (5, 0)),
    Case(1000, 40.0, (2, 0)),
)


@dataclass(frozen=True, slots=True)
class Load:
    """One run: `rate_per_s` payloads offered for `window_s` seconds."""

    profile: str
    nodes: int
    seed: int
    rate_per_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of a load. `age_s` is None if a payload was not known to all."""

    age_s: float | None
    received_bytes_s: float


def carry(load: Load) -> Carried:
    """Spend the burst, offer the load, and measure its window."""
    options = Options("update", load.nodes, load.seed, load.profile)
    profile = registry().profiles[load.profile]({})
    cluster = Cluster(options, profile, Trace(), load.nodes)
    world, random = cluster.world, cluster.random
    cluster.start_with_full_views()

    def publish(size_bytes: int) -> None:
        cluster.publish(random.choice(cluster.hosts), size_bytes)

    spenders = 0 if load.profile == PEER else SPENDERS
    for number in range(spenders):
        world.at(START_S + number / SPENDERS_PER_S, publish, SPENDER_BYTES)
    begin_s = START_S + spenders / SPENDERS_PER_S + (PAUSE_S if spenders else 0.0)
    count = round(load.rate_per_s * load.window_s)
    for number in range(count):
        world.at(begin_s + number / load.rate_per_s, publish, PAYLOAD_BYTES)
    world.run(begin_s, flush=cluster.flush)
    before = sum(host.received_bytes for host in cluster.hosts)
    world.run(begin_s + load.window_s, flush=cluster.flush)
    received = sum(host.received_bytes for host in cluster.hosts) - before
    world.run(begin_s + load.window_s + AGE_S, flush=cluster.flush)
    published = cluster.application.published[-count:]
    ages = [max(p.held.values()) - p.at_s for p in published]
    complete = all(len(p.held) == load.nodes for p in published)
    return Carried(
        age_s=max(ages) if complete else None,
        received_bytes_s=received / load.window_s / load.nodes,
    )


def answer(lab: Lab) -> list[Row]:
    """Offer the same rates to both, and show the age and the bytes."""
    return [row for case in CASES for row in _rows(lab, case)]


def _rows(lab: Lab, case: Case) -> list[Row]:
    seeds = lab.seeds(*case.seeds)
    if not seeds:
        return []
    loads = [
        Load(profile, case.nodes, seed, case.rate_per_s, WINDOW_S)
        for profile in (OURS, PEER)
        for seed in seeds
    ]
    carried = lab.map(f"sustained N={case.nodes}", carry, loads)
    ours, peer = carried[: len(seeds)], carried[len(seeds) :]
    measure = f"N={case.nodes}, {case.rate_per_s:g} per second"
    targeted = case.rate_per_s == PER_SECOND
    few = "; few seeds: each costs minutes of CPU" if case.nodes > 100 else ""
    age = Row(
        measure=f"{measure}: age of the oldest",
        unit="s",
        clock=Clock.VIRTUAL,
        ours=spread(OURS, [run.age_s for run in ours]),
        peer=spread(PEER, [run.age_s for run in peer]),
        targets=(Target(Of.WORST, AGE_S),) if targeted else (),
        note=f"unknown to some {AGE_S:g} s after the window is never{few}",
    )
    received = replace(
        age,
        measure=f"{measure}: received by a node",
        unit="B/s",
        ours=spread(OURS, [run.received_bytes_s for run in ours]),
        peer=spread(PEER, [run.received_bytes_s for run in peer]),
        targets=(Target(Of.WORST, RATE_BYTES_S),) if targeted else (),
        note=f"UDP payload, after the burst{few}",
    )
    return [age, received]


QUESTION: Final[Question] = question("sustained", __doc__, answer)
