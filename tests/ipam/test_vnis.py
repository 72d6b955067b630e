"""VNIs: their bounds, serial order, and the cases of Docker's overlay manager.

From `moby/moby`: ovmanager_test.go (one for every subnet, also those that are named);
from `moby/libnetwork`: the end of idm_test.go's TestAllocateInRange.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.vnis import VNI_FIRST, VNI_LAST, Vnis

ALL = Spans([Span(0, 2**32)])


def owning(first: int, last: int) -> Vnis:
    vnis = Vnis()
    assert vnis.hold(Spans([Span(first, last)])) == ()
    return vnis


def test_the_space_is_above_dockers_and_ends_with_vxlans() -> None:
    vnis = Vnis()
    vnis.hold(ALL)
    assert vnis.free == Spans([Span(VNI_FIRST, VNI_LAST)])
    assert (VNI_FIRST, VNI_LAST) == (1_048_576, 16_777_215)


def test_vnis_ascend_from_the_first_that_is_owned() -> None:
    vnis = owning(0, VNI_LAST)
    assert [vnis.allocate("blue") for _ in range(3)] == [
        VNI_FIRST,
        VNI_FIRST + 1,
        VNI_FIRST + 2,
    ]
    other = owning(2**21, 2**22 - 1)
    assert other.allocate("red") == 2**21
    assert (vnis.last, other.last) == (VNI_FIRST + 2, 2**21)


def test_a_vni_is_used_again_only_after_all_others() -> None:
    vnis = owning(2**20, 2**20 + 3)
    assert [vnis.allocate("a") - 2**20 for _ in range(2)] == [0, 1]
    assert vnis.release(2**20, "a")
    assert vnis.release(2**20 + 1, "a")
    assert [vnis.allocate("b") - 2**20 for _ in range(3)] == [2, 3, 0]


def test_another_life_goes_on_behind_the_last() -> None:
    vnis = Vnis(last=2**20 + 5)
    vnis.hold(ALL)
    assert vnis.restore(2**20 + 6, "blue") is None
    assert vnis.restore(2**20 + 6, "red") == "blue"
    assert vnis.allocate("green") == 2**20 + 7


def test_the_named_vnis_are_the_networks() -> None:
    vnis = owning(VNI_FIRST, VNI_LAST)
    vnis.claim(VNI_FIRST, "testnetwork")
    vnis.claim(VNI_FIRST + 1, "testnetwork")
    assert vnis.user(VNI_FIRST + 1) == "testnetwork"
    assert vnis.allocate("other") == VNI_FIRST + 2
    assert vnis.release(VNI_FIRST, "testnetwork")
    assert not vnis.release(VNI_FIRST, "testnetwork")
    assert not vnis.release(VNI_FIRST + 1, "other")


@pytest.mark.parametrize(
    ("vni", "message"),
    [
        (0, "VNI 0: want 1048576 to 16777215"),
        (4096, "VNI 4096: want 1048576 to 16777215"),
        (VNI_FIRST - 1, "VNI 1048575: want 1048576 to 16777215"),
        (VNI_LAST + 1, "VNI 16777216: want 1048576 to 16777215"),
        (-5, "VNI -5: want 1048576 to 16777215"),
        (VNI_FIRST, "VNI 1048576: in use by network blue; choose another"),
        (VNI_LAST, "VNI 16777215: in a range of node b; ask there, or leave it out"),
    ],
)
def test_a_named_vni_is_refused_for_a_reason(vni: int, message: str) -> None:
    vnis = owning(VNI_FIRST, VNI_LAST - 1)
    vnis.claim(VNI_FIRST, "network blue")
    with pytest.raises(Refused) as refused:
        vnis.claim(vni, "network red", owner="node b")
    assert str(refused.value) == message
    assert vnis.user(vni) != "network red"


def test_the_owner_of_a_vni_may_be_unknown() -> None:
    with pytest.raises(Refused, match="in a range of another node"):
        Vnis().claim(VNI_FIRST, "network red")


def test_exhaustion_says_how_many_there_are() -> None:
    vnis = owning(VNI_LAST, VNI_LAST)
    assert vnis.allocate("blue") == VNI_LAST
    with pytest.raises(Exhausted) as refused:
        vnis.allocate("red")
    assert str(refused.value) == (
        "VNIs: all 1 of this node are in use, of 1048576 to 16777215: remove a network,"
        " or create it on another host"
    )


def test_lost_vnis_are_reported() -> None:
    vnis = owning(VNI_FIRST, VNI_FIRST + 1)
    vnis.allocate("blue")
    assert vnis.hold(Spans([Span(VNI_FIRST + 1, VNI_LAST)])) == (VNI_FIRST,)
    assert vnis.free == Spans([Span(VNI_FIRST + 1, VNI_LAST)])


@given(st.lists(st.booleans(), max_size=40))
def test_no_vni_has_two_networks(steps: list[bool]) -> None:
    vnis, used = owning(VNI_FIRST, VNI_FIRST + 5), list[int]()
    for n, takes in enumerate(steps):
        if takes and len(used) < 6:
            vni = vnis.allocate(f"n{n}")
            assert vni not in used
            used.append(vni)
        elif used:
            vni = used.pop(0)
            assert vnis.release(vni, vnis.user(vni) or "")
        assert vnis.free.size == 6 - len(used)
