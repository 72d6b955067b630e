"""How many simulated seconds pass in a second on one core, and in how much memory?

Expected: a quiet node costs four datagrams a second, two sent and two answered, and the
timers around them: some 100 us of Python. So 1,000 nodes need 0.1 s for a second, and
time grows with N. Every node holds a record of every other: at 100 bytes or less, 5,000
nodes need 25 million of them, 2.5 GB; so memory grows with the square of N.
"""

import resource
from math import log
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from sim.options import Options
from sim.run import run

SPEED: Final = 10.0
MEMORY_GIB: Final = 8.0
DURATION_S: Final = (60.0, 20.0)
"""As long as the scenario runs by itself, or a third; the largest size gets a sixth."""
LARGE: Final = 5000
SIZES: Final = ((250, 1000, LARGE), (250, 1000))
ROUNDS: Final = (20, 1)
"""Runs of 1,000 nodes, full and quick; other sizes have three and one."""
STATUS: Final = Path("/proc/self/status")


def peak_gib() -> float:
    """Return the most memory that this process has held, in GiB.

    Linux keeps `ru_maxrss` over an exec, so that a child would report its parent's.
    """
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = STATUS.read_text(encoding="ascii").splitlines()
    words = next(line for line in lines if line.startswith("VmHWM:")).split()
    return int(words[1]) / 2**20


def timed(options: Options) -> tuple[float, float]:
    """Run once; return simulated seconds per second, set-up included, and GiB."""
    began = perf_counter()
    simulated_s = run(options).simulated_s
    return simulated_s / (perf_counter() - began), peak_gib()


def growth(values: dict[int, float]) -> float:
    """Return the exponent b of N**b between the smallest and the largest N."""
    low, high = min(values), max(values)
    return log(values[high] / values[low]) / log(high / low)


def answer(lab: Lab) -> list[Row]:
    """Measure `idle` at some sizes, each run in a process of its own."""
    rows = []
    costs: dict[int, float] = {}
    peaks: dict[int, float] = {}
    for nodes in SIZES[lab.quick]:
        repeats = len(lab.seeds(*(ROUNDS if nodes == 1000 else (3, 1))))
        ours = _measure(lab, OURS, nodes, repeats)
        peer = _measure(lab, PEER, nodes, repeats)
        costs[nodes] = 1 / spread("", [speed for speed, _ in ours]).median
        peaks[nodes] = max(gib for _, gib in ours)
        rows += _rows(nodes, ours, peer)
    return [*rows, _growth("wall clock", costs), _growth("memory", peaks)]


def _measure(
    lab: Lab, profile: str, nodes: int, repeats: int
) -> list[tuple[float, float]]:
    duration_s = DURATION_S[lab.quick] / (1 if nodes < LARGE else 6)
    options = Options("idle", nodes=nodes, profile=profile, duration_s=duration_s)
    label = f"idle N={nodes} {profile}, alone"
    return [lab.alone(label, timed, options) for _ in range(repeats)]


def _rows(
    nodes: int, ours: list[tuple[float, float]], peer: list[tuple[float, float]]
) -> list[Row]:
    speed = (Target(Of.MEDIAN, SPEED, at_least=True),) if nodes == 1000 else ()
    memory = (Target(Of.WORST, MEMORY_GIB),) if nodes == LARGE else ()
    rates = [[rate for rate, _ in runs] for runs in (ours, peer)]
    peaks = [[gib for _, gib in runs] for runs in (ours, peer)]
    return [
        Row(
            measure=f"idle N={nodes}: simulated seconds per second",
            unit="s/s",
            clock=Clock.WALL,
            ours=spread(OURS, rates[0], larger_is_better=True),
            peer=spread(PEER, rates[1], larger_is_better=True),
            targets=speed,
            note="one core, set-up included",
        ),
        Row(
            measure=f"idle N={nodes}: peak memory",
            unit="GiB",
            clock=Clock.WALL,
            ours=spread(OURS, peaks[0]),
            peer=spread(PEER, peaks[1]),
            targets=memory,
        ),
    ]


def _growth(what: str, values: dict[int, float]) -> Row:
    return Row(
        measure=f"growth of {what}: exponent of N, {min(values)} to {max(values)}",
        unit="",
        clock=Clock.WALL,
        ours=spread(OURS, [growth(values)]),
        note="between the medians" if what == "wall clock" else "between the peaks",
    )


QUESTION: Final[Question] = question("simulator", __doc__, answer)
