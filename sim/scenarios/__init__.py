"""The scenarios: one small file each, and this table of them."""

from collections.abc import Mapping
from typing import Final

from sim.scenarios import crash, idle, update
from sim.scenarios.scenario import ScenarioKind

SCENARIOS: Final[Mapping[str, ScenarioKind]] = {
    kind.name: kind for kind in (update.KIND, crash.KIND, idle.KIND)
}
