"""Hosts for the tests: network namespaces of their own, never this machine's."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import in_thread, run_in
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from tests.runtime.kernel_world import WORLD

IS_ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        if "make_host" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if not IS_ROOT:
            item.add_marker(pytest.mark.skip(reason="only root makes namespaces"))


def ran(namespace: int, *command: str) -> str:
    """Run a command inside a network namespace; return what it prints."""

    def run() -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    return run_in(namespace, run)


def printed(kernel: Kernel, namespace: str, *command: str) -> str:
    """Run a command inside a namespace of a kernel; return what it prints."""
    fd = kernel.open(namespace)
    try:
        return ran(fd, *command)
    finally:
        os.close(fd)


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A run directory; what is pinned in it is let go of at the end."""
    folder = Path(tempfile.mkdtemp(prefix="swarmnet-test-"))
    folder.chmod(0o755)
    yield folder
    rest = Namespaces(folder)
    for key in rest.names():
        rest.remove(key)
    rest.close()
    shutil.rmtree(folder)


@pytest.fixture
def make_host() -> Iterator[Callable[[], int]]:
    """Makes namespaces that stand for hosts; gives descriptors of them."""
    made: list[int] = []

    def make() -> int:
        made.append(in_thread(make_namespace))
        return made[-1]

    yield make
    for fd in made:
        os.close(fd)


@pytest.fixture
def host(make_host: Callable[[], int]) -> int:
    """A namespace that stands for a host."""
    return make_host()


@pytest.fixture
def make_kernel(run_dir: Path) -> Iterator[Callable[[int], Kernel]]:
    made: list[Kernel] = []

    def make(host: int) -> Kernel:
        made.append(Kernel(run_dir, None, host=f"/proc/self/fd/{host}"))
        return made[-1]

    yield make
    for kernel in made:
        kernel.close()


@pytest.fixture
def kernel(make_kernel: Callable[[int], Kernel], host: int) -> Kernel:
    return make_kernel(host)


@pytest.fixture
def world(kernel: Kernel) -> Kernel:
    assert kernel.apply(WORLD) == []
    return kernel
