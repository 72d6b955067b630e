"""The simulated kernel passes the cases of all kernels."""

from types import ModuleType

import pytest

from sim.kernel.fake import FakeKernel
from tests.kernel import link_cases, place_cases, table_cases
from tests.kernel.kernel_cases import Case


def cases(*modules: ModuleType) -> list[tuple[str, Case]]:
    """Return the cases of some modules by their names, in the order of the files."""
    return [
        (name, value)
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("case_")
    ]


ALL = cases(link_cases, place_cases, table_cases)


@pytest.mark.parametrize("case", [c for _, c in ALL], ids=[name for name, _ in ALL])
def test_the_fake_kernel_passes_case(case: Case) -> None:
    kernel = FakeKernel()
    case(kernel)
    assert kernel.foreign_intact() == []
