from collections import Counter

import pytest

from sim.faults import DRAWS, KINDS, draw_plan


def test_every_kind_has_its_draw() -> None:
    assert list(DRAWS) == list(KINDS)


def test_a_long_plan_holds_every_kind() -> None:
    plan = draw_plan(1, 16, 3600.0)
    assert {fault.kind for fault in plan} == set(KINDS)
    assert list(plan) == sorted(plan, key=lambda fault: (fault.at_s, fault.kind))


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_a_kind_out_shifts_no_other(kind: str) -> None:
    whole = draw_plan(7, 16, 600.0)
    masked = draw_plan(7, 16, 600.0, without=(kind,))
    assert masked == tuple(fault for fault in whole if fault.kind != kind)


def test_intensity_scales_the_number_of_faults() -> None:
    calm = Counter(fault.kind for fault in draw_plan(1, 8, 6000.0, intensity=0.5))
    wild = Counter(fault.kind for fault in draw_plan(1, 8, 6000.0, intensity=2))
    assert 3 < wild.total() / calm.total() < 5


def test_every_fault_is_within_its_bounds() -> None:
    outside = [
        fault
        for fault in draw_plan(3, 10, 3000.0)
        if not (
            0 < fault.at_s < 3000
            and DRAWS[fault.kind].length_s[0]
            <= fault.length_s
            <= DRAWS[fault.kind].length_s[1]
            and sorted(fault.order) == list(range(10))
            and 1 <= len(fault.nodes) <= 10
        )
    ]
    assert outside == []
