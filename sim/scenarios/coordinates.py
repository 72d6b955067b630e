"""Round trips that are known: how well network coordinates estimate them.

The wire is one of serf's five truth matrices, half of a round trip each way and no
jitter. What is judged is judged as there: over all pairs, |estimate - truth| / truth.
"""

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from sim.checkers import OTHERS
from sim.options import Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting
from sim.truths import TRUTHS, relative_errors
from swarmnet.errors import Refused
from swarmnet.swim.coordinates import Coordinate

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

NODES_MAX: Final = 1000
"""On a longer line the ends are over 10 s apart, which is no round trip any more."""
DECIMALS: Final = 9


@runtime_checkable
class Located(Protocol):
    """An engine that knows where it is."""

    def coordinate(self) -> Coordinate:
        """Return its present estimate."""


class Coordinates(Scenario):
    """Runs its whole duration; the figures are of its end."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._truth = TRUTHS[int(setting.keys["matrix"])](cluster.nodes)

    def begin(self) -> None:
        """Lay the wire, and boot all."""
        one_way_s = [[rtt_s / 2 for rtt_s in row] for row in self._truth]
        self.cluster.underlay.latency = lambda source, target: one_way_s[source][target]
        super().begin()

    def figures(self) -> dict[str, Figure]:
        """Return the errors of the estimates; None where nodes have no coordinates."""
        hosts = self.cluster.hosts
        engines: list[object] = [host.engine for host in hosts]
        located = [engine for engine in engines if isinstance(engine, Located)]
        if len(located) < len(engines):
            return dict.fromkeys(KIND.figures)
        where = [engine.coordinate() for engine in located]
        errors = relative_errors(
            self._truth, lambda i, j: where[i].distance_to(where[j])
        )
        return {
            "error_mean": round(sum(errors) / len(errors), DECIMALS),
            "error_max": round(max(errors), DECIMALS),
            "samples": min(_samples(host) for host in hosts),
        }


def _samples(host: "Host") -> int:
    engine = host.engine
    return 0 if engine is None else engine.counters()["coordinate_samples"]


def check_coordinates(profile: "Profile", _setting: Setting, nodes: int) -> None:
    """Refuse profiles that have no coordinates, and lines that are too long.

    Raises:
        Refused: one of these.
    """
    if profile.name in OTHERS:
        raise Refused(
            f"profile {profile.name!r}: has no coordinates; want --profile swarmnet"
        )
    if nodes > NODES_MAX:
        raise Refused(f"nodes {nodes}: coordinates wants 2 to {NODES_MAX}")


KIND: Final = ScenarioKind(
    name="coordinates",
    summary="known round trips: how well coordinates estimate them",
    nodes=25,
    nodes_min=2,
    duration_s=1000.0,
    figures={
        "error_mean": "relative error of estimated round trips, mean over the pairs",
        "error_max": "the same, the worst pair",
        "samples": "round trips measured by the node that measured fewest",
    },
    keys={
        "matrix": Key(
            "0 line, 1 grid, 2 split, 3 circle, 4 random", 0, 0, 4, whole=True
        ),
    },
    build=Coordinates,
    check=check_coordinates,
)
