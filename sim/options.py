"""What a run is asked for, and what it answers: both are plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from sim.checkers import Violation
from swarmnet.errors import Refused

NODES_MAX: Final = 20_000
DURATION_S_MAX: Final = 99_999.0
"""What the time column of a trace has room for."""
SEED_MAX: Final = 2**63 - 1

Figure = float | int | None
"""A number; None where what it waits for was never reached."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run. `nodes` and `duration_s` are the scenario's own where None.

    `settings` holds keys of the scenario and of the profile, as text.
    """

    scenario: str
    nodes: int | None = None
    seed: int = 1
    profile: str = "swarmnet"
    loss: float = 0.0
    latency: str = "lan"
    duration_s: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Something to draw: `points` of (virtual seconds, value), as steps.

    `x_label` says from when the seconds count.
    """

    title: str
    y_label: str
    points: tuple[tuple[float, float], ...]
    x_label: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. All but `wall_s` is a function of the options."""

    scenario: str
    profile: str
    nodes: int
    seed: int
    simulated_s: float
    wall_s: float
    events: int
    trace_hash: str
    violations: tuple[Violation, ...]
    coverage: Mapping[str, int]
    bytes_per_node_s: Mapping[str, float]
    figures: Mapping[str, Figure]
    curve: Curve | None = None
    failure: str | None = None
    """The traceback of an engine that raised."""

    def document(self) -> dict[str, object]:
        """Return the JSON document of `python -m sim run`."""
        return {
            "scenario": self.scenario,
            "profile": self.profile,
            "nodes": self.nodes,
            "seed": self.seed,
            "simulated_s": self.simulated_s,
            "wall_s": self.wall_s,
            "events": self.events,
            "trace_hash": self.trace_hash,
            "violations": [violation.document() for violation in self.violations],
            "coverage": dict(self.coverage),
            "bytes_per_node_s": dict(self.bytes_per_node_s),
            "figures": dict(self.figures),
        }


def check_numbers(options: Options, nodes_min: int) -> None:
    """Refuse numbers that no run can have.

    Raises:
        Refused: with the value, the bound and the cure.
    """
    nodes = options.nodes
    if nodes is not None and not nodes_min <= nodes <= NODES_MAX:
        raise Refused(
            f"nodes {nodes}: {options.scenario} wants {nodes_min} to {NODES_MAX}"
        )
    if not 0 <= options.seed <= SEED_MAX:
        raise Refused(f"seed {options.seed}: want 0 to {SEED_MAX}")
    if not 0 <= options.loss <= 1:
        raise Refused(f"loss {options.loss:g}: want a probability of 0 to 1")
    duration_s = options.duration_s
    if duration_s is not None and not (
        isfinite(duration_s) and 0 < duration_s <= DURATION_S_MAX
    ):
        raise Refused(
            f"duration {duration_s:g}: want more than 0, at most {DURATION_S_MAX:g} s"
        )
