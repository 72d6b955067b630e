"""What the kernel refuses is shown by `status`, a few of it, with what helps."""

from types import SimpleNamespace
from typing import cast

from swarmnet.kernel.operations import Failure, PutFdb
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import REFUSALS_SHOWN, Views

NET = "net/" + "ab" * 16


def refusals(count: int) -> list[str]:
    failures = [
        Failure(PutFdb(NET, "vxlan0", bytes([2, 0, 0, 0, 0, n]), bytes(4)), "ENOSPC")
        for n in range(count)
    ]
    plane = SimpleNamespace(failures=lambda: iter(failures))
    life = SimpleNamespace(plane=plane, node=None)
    return list(Views(cast("Life", life)).refusals())


def test_a_refusal_is_shown_with_its_entry_its_error_and_its_cure() -> None:
    assert refusals(0) == []
    (told,) = refusals(1)
    assert told.startswith("the kernel refuses PutFdb ")
    assert "ENOSPC: the table is full" in told
    assert "ip link delete it" in told


def test_of_many_refusals_some_are_shown_and_the_rest_counted() -> None:
    *_, last = found = refusals(REFUSALS_SHOWN + 3)
    assert len(found) == REFUSALS_SHOWN + 1
    assert last == "the kernel refuses 3 operations more: swarmnet doctor"
