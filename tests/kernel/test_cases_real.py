"""Linux passes the cases of all kernels, in namespaces of its own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import in_thread
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from swarmnet.runtime.nft import Nft, find_nft
from tests.kernel import link_cases, place_cases, table_cases
from tests.kernel.kernel_cases import Case
from tests.kernel.test_cases_fake import cases

NFT = find_nft()
ALL = cases(link_cases, place_cases)
TABLES = cases(table_cases)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root makes network namespaces"
)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A kernel whose host is an empty namespace; nothing of it stays."""
    host = in_thread(make_namespace)
    firewall = None if NFT is None else Nft(NFT)
    with tempfile.TemporaryDirectory(prefix="swarmnet-cases-") as folder:
        run_dir = Path(folder) / "run"
        made = Kernel(run_dir, firewall, host=f"/proc/self/fd/{host}")
        os.close(host)
        yield made
        made.close()
        rest = Namespaces(run_dir)
        for key in rest.names():
            rest.remove(key)
        rest.clean()
        rest.close()


@pytest.mark.parametrize("case", [c for _, c in ALL], ids=[name for name, _ in ALL])
def test_linux_passes_case(case: Case, kernel: Kernel) -> None:
    case(kernel)
    assert kernel.apply([]) == []


@pytest.mark.skipif(NFT is None, reason="nftables is not installed")
@pytest.mark.parametrize(
    "case", [c for _, c in TABLES], ids=[name for name, _ in TABLES]
)
def test_linux_passes_case_of_tables(case: Case, kernel: Kernel) -> None:
    case(kernel)
    assert kernel.apply([]) == []
