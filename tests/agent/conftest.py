"""Clusters of agents for the tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.disks import Disk
from tests.agent.hosts import Host, World

IS_ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        item.add_marker(pytest.mark.slow)
        if not IS_ROOT:
            item.add_marker(pytest.mark.skip(reason="only root makes namespaces"))


@pytest.fixture
def make_world() -> Iterator[Callable[[int], World]]:
    """Makes hosts on a switch; no agent runs yet."""
    made: list[World] = []

    def make(count: int) -> World:
        made.append(World(count))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def make_disk() -> Iterator[Callable[[Host], Disk]]:
    """Makes a small disk for the data of a host."""
    made: list[Disk] = []

    def make(host: Host) -> Disk:
        made.append(Disk(host))
        return made[-1]

    yield make
    for disk in made:
        disk.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """A cluster of three, shared by a module's cases: each cleans up behind itself."""
    world = World(3)
    try:
        world.begin()
        yield world
    finally:
        world.close()
