from collections.abc import Iterator

import pytest

from tests.kernel.real import RealNamespace


@pytest.fixture
def host() -> Iterator[RealNamespace]:
    """A namespace that stands for a host's own."""
    namespace = RealNamespace()
    yield namespace
    namespace.close()


@pytest.fixture
def inside() -> Iterator[RealNamespace]:
    """A namespace that stands for a network's."""
    namespace = RealNamespace()
    yield namespace
    namespace.close()
