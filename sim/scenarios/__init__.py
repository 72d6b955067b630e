"""The scenarios: one small file each, and this table of them."""

from collections.abc import Mapping
from typing import Final

from sim.scenarios import (
    bootstrap,
    chaos,
    churn,
    crash,
    idle,
    leave,
    partition,
    restart,
    update,
)
from sim.scenarios.scenario import ScenarioKind

SCENARIOS: Final[Mapping[str, ScenarioKind]] = {
    module.KIND.name: module.KIND
    for module in (
        update,
        crash,
        leave,
        bootstrap,
        partition,
        churn,
        restart,
        idle,
        chaos,
    )
}
