from collections import Counter

import pytest

from sim.faults import DRAWS, KINDS, check_name, draw_plan
from swarmnet.errors import Refused


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


@pytest.mark.parametrize("name", ["pause.1", "partition.3", "clog.7"])
def test_leaving_one_fault_out_shifts_no_other(name: str) -> None:
    whole = draw_plan(7, 16, 600.0)
    masked = draw_plan(7, 16, 600.0, without=(name,))
    assert masked == tuple(fault for fault in whole if fault.name != name)
    assert len(masked) == len(whole) - 1


def test_faults_are_numbered_within_their_kind_in_order_of_time() -> None:
    plan = draw_plan(7, 16, 600.0, without=("clog.2",))
    numbers: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for fault in plan:
        numbers[fault.kind].append(fault.number)
    assert numbers["pause"] == list(range(1, len(numbers["pause"]) + 1))
    assert numbers["clog"][:3] == [1, 3, 4]


@pytest.mark.parametrize("name", ["pause", "pause.3", "one_way.1", "pause.1000000"])
def test_a_name_is_a_kind_or_one_of_a_kind_drawn_or_not(name: str) -> None:
    check_name(name)
    faults = [fault for fault in draw_plan(1, 4, 99.0) if name.startswith(fault.kind)]
    kept = [f for f in draw_plan(1, 4, 99.0, without=(name,)) if f in faults]
    assert kept == [f for f in faults if name not in (f.kind, f.name)]


@pytest.mark.parametrize(
    "name",
    [
        *("rain", "rain.1", ".1", "", "."),
        *("pause.", "pause.0", "pause.03", "pause.-1", "pause.x", "pause.1.2"),
        *("pause.\u0663", "pause.\u00b2"),
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        check_name(name)
    assert str(caught.value).startswith(f"fault {name!r}: want crash, restart,")
    assert str(caught.value).endswith("; or one of a kind, as pause.3")


@pytest.mark.slow
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
