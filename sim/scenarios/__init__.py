"""The scenarios: one small file each, and this table of them."""

from collections.abc import Mapping
from typing import Final

from sim.scenarios import (
    address_chaos,
    address_share,
    agent_restart,
    asymmetric,
    bootstrap,
    chaos,
    churn,
    coordinates,
    crash,
    drift,
    hostile_member,
    hostile_outsider,
    idle,
    leave,
    partition,
    pause,
    restart,
    scope,
    table_chaos,
    table_churn,
    table_join,
    table_sync,
    table_update,
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
        pause,
        asymmetric,
        coordinates,
        hostile_outsider,
        hostile_member,
        idle,
        chaos,
        table_update,
        table_churn,
        table_sync,
        table_join,
        scope,
        table_chaos,
        address_share,
        address_chaos,
        drift,
        agent_restart,
    )
}
