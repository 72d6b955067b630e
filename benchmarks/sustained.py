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
while is `never`. A load on 1,000 nodes costs minutes of CPU, hence the few seeds.
"""

from dataclasses import dataclass, replace
from typing import Final

from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread
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

OFFERED: Final = {OURS: (40.0, 50.0), PEER: (10.0, 20.0, 40.0)}


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

    @property
    def holds(self) -> bool:
        """Say whether the cluster carried the load within its bounds."""
        in_time = self.age_s is not None and self.age_s <= AGE_S
        return in_time and self.received_bytes_s <= RATE_BYTES_S


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
    """Offer rising rates to both, then show the age and the bytes at 40 a second."""
    nodes = 100 if lab.quick else 1000
    loads = [
        Load(profile, nodes, seed, rate, WINDOW_S)
        for profile, rates in OFFERED.items()
        for rate in rates
        for seed in lab.seeds(2, 1)
    ]
    carried = dict(
        zip(loads, lab.map(f"sustained N={nodes}", carry, loads), strict=True)
    )
    at_40 = {
        name: [
            result
            for load, result in carried.items()
            if load.profile == name and load.rate_per_s == PER_SECOND
        ]
        for name in OFFERED
    }
    row = Row(
        measure=f"N={nodes}: highest rate offered and carried",
        unit="1/s",
        clock=Clock.VIRTUAL,
        ours=_highest(OURS, carried),
        peer=_highest(PEER, carried),
        targets=(Target(Of.WORST, PER_SECOND, at_least=True),),
        note="offered: " + "; ".join(_offered(name) for name in OFFERED),
    )
    ages = [spread(name, [c.age_s for c in runs]) for name, runs in at_40.items()]
    received = [
        spread(name, [c.received_bytes_s for c in runs]) for name, runs in at_40.items()
    ]
    return [
        row,
        replace(
            row,
            measure=f"N={nodes}, 40 per second: age of the oldest",
            unit="s",
            ours=ages[0],
            peer=ages[1],
            targets=(Target(Of.WORST, AGE_S),),
            note=f"a payload unknown to some {AGE_S:g} s after the window is never",
        ),
        replace(
            row,
            measure=f"N={nodes}, 40 per second: received by a node",
            unit="B/s",
            ours=received[0],
            peer=received[1],
            targets=(Target(Of.WORST, RATE_BYTES_S),),
            note="UDP payload, after the burst",
        ),
    ]


def _offered(name: str) -> str:
    return f"{name} {', '.join(f'{rate:g}' for rate in OFFERED[name])}"


def _highest(name: str, carried: dict[Load, Carried]) -> Spread:
    """Return per seed the highest rate that held; 0 if none did."""
    best: dict[int, float] = {}
    for load, result in carried.items():
        if load.profile == name:
            rate = load.rate_per_s if result.holds else 0.0
            best[load.seed] = max(best.get(load.seed, 0.0), rate)
    return spread(name, list(best.values()), larger_is_better=True)


QUESTION: Final[Question] = question("sustained", __doc__, answer)
