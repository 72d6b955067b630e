"""CPU and memory of one node, by the size of the cluster: rows, and their growth.

Bare membership stands beside memberlist's rules, both of them Python. The whole node
is ours as an agent runs it: certificates, sealed packets and a row of each member.
"""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.growth import Theory
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.measured import Measure, Measured
from benchmarks.one_node import Cost, cost_of, held_bytes
from benchmarks.values import Clock, Spread, spread
from sim.options import Options

STEADY: Final = 128
"""From so many members on the probe's period is a second (`swarmnet.swim.cadence`)."""
IDLE_S: Final = {3000: 10.0, 10_000: 5.0}
IDLE_SMALL_S: Final = (30.0, 10.0)
WHOLE: Final = {"channels": "on", "tables": "on"}
# The largest of a full and a quick run: each member costs keys and a certificate.
WHOLE_CPU_MAX: Final = (300, 30)
WHOLE_HELD_MAX: Final = (3000, 300)
MIB: Final = 2.0**20

Spreads = dict[int, Spread]
Costs = dict[int, Cost]


CPU: Final = Measure(
    *("cpu", "CPU at rest", "us/s", Theory.CONSTANT, STEADY),
    "of the engine alone, given its noted inputs again: a socket and a loop cost more",
)
WHOLE_CPU: Final = Measure(
    *("whole-cpu", "CPU at rest, whole node", "us/s", None, STEADY),
    "sealed packets; where there are more members than seconds most probes begin with"
    " a handshake, as beyond 7,200 members they always do",
)
HELD: Final = Measure(
    *("memory", "memory of a view", "B", Theory.LINEAR, 30),
    "what Python allocates, exactly; a cache of sketches' columns, 2 MB, is not in it",
)
WHOLE_HELD: Final = Measure(
    *("whole-memory", "memory of a whole node", "B", Theory.LINEAR, 30),
    "with a certificate and a row of each member; sessions are not in it, 5 kB each",
)
BEGIN: Final = Measure("begin", "simulator: all nodes made", "s", None)
SIMULATED: Final = Measure(
    *("simulator", "simulator: a second at rest", "s", None, STEADY),
    "one core of this machine",
)
PEAK: Final = Measure("peak", "simulator: peak memory", "MiB", None, STEADY)


def idle_s(size: int, *, quick: bool) -> float:
    """Return how many seconds to look at nothing: the larger the fewer, of more."""
    return IDLE_S.get(size, IDLE_SMALL_S[quick])


def node_costs(lab: Lab, sizes: Sequence[int]) -> list[Measured]:
    """Return CPU and memory of a view, both of a whole node, and the simulator's own.

    The last say how far it goes, and in what time.
    """
    few = [size for size in sizes if size <= WHOLE_CPU_MAX[lab.quick]]
    kept = [size for size in sizes if size <= WHOLE_HELD_MAX[lab.quick]]
    costs = (_costs(lab, OURS, {}, sizes), _costs(lab, PEER, {}, sizes))
    whole = _costs(lab, OURS, WHOLE, few)
    held = (_held(lab, OURS, {}, sizes), _held(lab, PEER, {}, sizes))
    whole_held = _held(lab, OURS, WHOLE, kept)
    return [
        _both(CPU, costs, lambda cost: cost.cpu_us_s),
        _both(WHOLE_CPU, (whole, {}), lambda cost: cost.cpu_us_s),
        Measured(HELD, Clock.WALL, *held),
        Measured(WHOLE_HELD, Clock.WALL, whole_held),
        _both(BEGIN, costs, lambda cost: (cost.begin_s,)),
        _both(SIMULATED, costs, lambda cost: (cost.wall_s,)),
        _both(PEAK, costs, lambda cost: (cost.peak_bytes / MIB,)),
    ]


def _costs(
    lab: Lab, profile: str, settings: dict[str, str], sizes: Sequence[int]
) -> Costs:
    found = {}
    for size in sizes:
        seconds = idle_s(size, quick=lab.quick)
        options = Options(
            "idle", size, profile=profile, duration_s=seconds, settings=settings
        )
        found[size] = lab.alone(f"one of {size}, {profile}", cost_of, options)
    return found


def _held(
    lab: Lab, profile: str, settings: dict[str, str], sizes: Sequence[int]
) -> Spreads:
    """Return what a node holds; a process for each, for it keeps what it has hashed."""
    found = {}
    for size in sizes:
        options = Options("idle", size, profile=profile, settings=settings)
        held = lab.alone(f"memory of one of {size}, {profile}", held_bytes, options)
        found[size] = spread(profile, [held])
    return found


def _both(
    measure: Measure,
    costs: tuple[Costs, Costs],
    values_of: Callable[[Cost], Sequence[float]],
) -> Measured:
    ours, peer = (
        {size: spread(name, values_of(cost)) for size, cost in of.items()}
        for name, of in zip((OURS, PEER), costs, strict=True)
    )
    return Measured(measure, Clock.WALL, ours, peer)
