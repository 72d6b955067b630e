"""The checker of ownership: whom a clone has survived gives nothing out any more."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sim.estates import Estates, _Uses
from swarmnet.ipam.spans import Span, Spans

REALM = b"realm"


def looked_at(*, clone_runs: bool, original_runs: bool) -> list[str]:
    """Return the rules broken when node B owns what A, and no clone of A, owned."""
    broken: list[str] = []

    def violate(checker: str, node: int, message: str) -> None:
        assert (node, bool(message)) == (0, True)
        broken.append(checker)

    checkers = SimpleNamespace(guards=[], violate=violate)
    names_and_lives = ((b"B", True), (b"A", original_runs), (b"A", clone_runs))
    hosts = [
        SimpleNamespace(index=index, node=node, up=up)
        for index, (node, up) in enumerate(names_and_lives)
    ]
    cluster: Any = SimpleNamespace(checkers=checkers, hosts=hosts, nodes=2)
    estates = Estates(cluster)
    usable = {REALM: Spans([Span(98, 98)])}
    estates._uses = {0: _Uses(), 1: _Uses(), 2: _Uses()}
    estates._uses[1].usable = usable
    networks = SimpleNamespace(usable=lambda: {REALM: Spans([Span(98, 98)])})
    addressing = SimpleNamespace(networks=networks, realms={})
    host = cast("Any", hosts[0])
    estates._look_at_realms(host, cast("Any", addressing), estates._uses[0])
    return broken


@pytest.mark.parametrize(
    ("clone_runs", "original_runs"), [(False, True), (True, True), (False, False)]
)
def test_what_a_node_that_may_come_back_owns_is_its_own(
    clone_runs: bool, original_runs: bool
) -> None:
    found = looked_at(clone_runs=clone_runs, original_runs=original_runs)
    assert found == ["address_owners"]


def test_whose_clone_runs_after_it_has_passed_on_what_it_owned() -> None:
    assert looked_at(clone_runs=True, original_runs=False) == []
