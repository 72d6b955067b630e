"""The simulated kernel and Linux, given one history, hold the same after each step."""

from dataclasses import replace
from random import Random

import pytest

from sim.kernel.fake import FakeKernel
from swarmnet.kernel.operations import (
    AddNamespace,
    Operation,
    RemoveLink,
    RemoveNamespace,
)
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.runtime.kernel import Kernel
from tests.kernel.kernel_cases import KernelLike
from tests.kernel.states import BOXES, desired_host
from tests.kernel.test_cases_real import kernel, pytestmark

__all__ = ["kernel", "pytestmark"]

STEPS = 4
GIVEN = ("br", "eth")
"""Links so named have a MAC in `states`."""


def held(kernel: KernelLike, desired: Host) -> Host:
    """Read every namespace that there is."""
    keys = (HOST, *kernel.names())
    return Host({key: kernel.read(key, desired.namespaces.get(key)) for key in keys})


def without_drawn_macs(host: Host) -> dict[str, Namespace]:
    """Return what a host holds, but for the MACs that the kernel drew itself."""
    return {
        key: replace(
            space,
            links={
                name: link if name.startswith(GIVEN) else replace(link, mac=None)
                for name, link in space.links.items()
            },
        )
        for key, space in host.namespaces.items()
    }


def cut_short(random: Random, operations: list[Operation]) -> list[Operation]:
    """Leave some operations out, and sometimes shuffle them.

    Linux ends a namespace some time after it was let go of, with all that is left in
    it; so nothing is left there.
    """
    ends = any(isinstance(one, RemoveNamespace) for one in operations)
    some = [
        one
        for one in operations
        if isinstance(one, RemoveLink | RemoveNamespace) or random.random() < 0.9
    ]
    if not ends and random.random() < 0.3:
        random.shuffle(some)
    return some


def failures(kernel: KernelLike, operations: list[Operation]) -> list[object]:
    """Do them; return what failed and why."""
    return [
        (one.operation, one.error.replace("ENOTSUP", "EOPNOTSUPP"))
        for one in kernel.apply(operations)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_both_kernels_hold_the_same_after_each_step(seed: int, kernel: Kernel) -> None:
    random = Random(seed)
    fake = FakeKernel()
    boxes: list[Operation] = [AddNamespace(box) for box in BOXES]
    assert (kernel.apply(boxes), fake.apply(boxes)) == ([], [])
    for _ in range(STEPS):
        desired = desired_host(random, has_table=False)
        operations = reconcile(desired, held(fake, desired))
        some = cut_short(random, operations)
        assert failures(kernel, some) == failures(fake, some)
        real, simulated = held(kernel, desired), held(fake, desired)
        assert without_drawn_macs(real) == without_drawn_macs(simulated)
