"""What makes a host unready, and a process unwell."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from swarmnet.kernel.operations import Failure, RemoveLink
from swarmnet.node.dataplane import Dataplane
from swarmnet.runtime.health import (
    LAG_S_MAX,
    UNSETTLED_S_MAX,
    Lateness,
    Settledness,
    illness,
    unreadiness,
)


@dataclass
class Plane:
    """As much of a data plane as is looked at."""

    is_settled: bool = False
    is_started: bool = True
    is_complete: bool = False
    refused: list[Failure] = field(default_factory=list)

    def failures(self) -> Any:
        return iter(self.refused)


def fault(held: Settledness, now: float, plane: Plane) -> str | None:
    return held.fault(now, cast("Dataplane", plane))


def test_a_kernel_counts_once_all_was_done_that_is_wanted() -> None:
    held, plane = Settledness(), Plane()
    assert "being programmed" in (fault(held, 0.0, plane) or "")
    plane.is_complete = True
    assert "being programmed" in (fault(held, 1.0, plane) or "")
    plane.is_settled = True
    assert fault(held, 2.0, plane) is None


def test_a_look_at_the_kernel_is_no_fault_unless_it_does_not_end() -> None:
    held, plane = Settledness(), Plane(is_settled=True, is_complete=True)
    assert fault(held, 0.0, plane) is None
    plane.is_settled = False
    assert fault(held, 1.0, plane) is None
    assert fault(held, 1.0 + UNSETTLED_S_MAX, plane) is None
    assert "for 11 s" in (fault(held, 2.0 + UNSETTLED_S_MAX, plane) or "")
    plane.is_settled = True
    assert fault(held, 20.0, plane) is None


def test_what_the_kernel_refuses_is_said() -> None:
    held, plane = Settledness(), Plane(is_settled=True, is_complete=True)
    held.note(0.0, cast("Dataplane", plane))
    plane.is_settled = False
    plane.refused.append(Failure(RemoveLink("", "x"), "EBUSY", "device busy"))
    assert "refuses something: device busy" in (fault(held, 0.1, plane) or "")


def test_a_loop_that_was_held_up_is_unwell_until_it_is_looked_at_anew() -> None:
    lateness = Lateness()
    life: Any = SimpleNamespace(driver=SimpleNamespace(lateness=lateness))
    lateness.note(LAG_S_MAX)
    assert illness(life) is None
    lateness.note(LAG_S_MAX + 1)
    lateness.note(0.5)
    assert "held up for 3.0 s" in (illness(life) or "")
    lateness.begin()
    assert illness(life) is None
    assert lateness.total_s == 2 * LAG_S_MAX + 1.5


def test_without_a_cluster_a_process_is_well_and_its_host_not_ready() -> None:
    assert illness(None) is None
    assert "in no cluster" in (unreadiness(None, 0.0) or "")
