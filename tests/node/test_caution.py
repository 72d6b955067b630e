"""Before all is known that is wanted, little is removed and nobody shut out."""

from dataclasses import replace

import pytest

from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import (
    ChangeElements,
    Operation,
    PutTable,
    RemoveAddress,
    RemoveFdb,
    RemoveLink,
    RemoveNamespace,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
    RemoveTable,
)
from swarmnet.kernel.state import HOST, Address, Host, Namespace, Route
from swarmnet.kernel.work import Phase, Work
from swarmnet.node.caution import Caution
from swarmnet.overlay.filtering import SETS

NET, BOX = "net/n", "box/a"
MAC, IP = bytes(6), bytes(4)


def wanted(*links: str) -> Namespace:
    return Namespace(links={one: Link(one, Kind.VETH, 1500) for one in links})


def passed(
    caution: Caution, phase: Phase, *operations: Operation, held: Host | None = None
) -> list[Operation]:
    """Return what is let through of these operations."""
    work = Work()
    for one in operations:
        work.add(phase, one)
    return list(caution.filter(work, held or Host()))


REMOVALS: list[Operation] = [
    RemoveNamespace(NET),
    RemoveLink(NET, "v1"),
    RemoveAddress(NET, Address("v1", IP, 24)),
    RemoveRoute(NET, Route(IP, 24, "v1")),
    RemoveStation(NET, "v1", MAC),
]


@pytest.mark.parametrize("operation", REMOVALS)
def test_what_was_wanted_in_this_life_may_go_and_nothing_else(
    operation: Operation,
) -> None:
    caution = Caution()
    assert passed(caution, Phase.LINKS_GONE, operation) == []
    caution.note(BOX, wanted("v1"))
    assert passed(caution, Phase.LINKS_GONE, operation) == []
    caution.note(NET, wanted("v1"))
    caution.note(NET, wanted())
    assert passed(caution, Phase.LINKS_GONE, operation) == [operation]


@pytest.mark.parametrize(
    "operation",
    [
        RemoveLink(NET, "v2"),
        RemoveFdb(NET, "vxlan0", MAC),
        RemoveNeighbour(NET, "vxlan0", IP),
        RemoveStation(NET, "vxlan0", MAC),
        RemoveTable(HOST, *OURS),
    ],
)
def test_what_others_may_still_want_stays(operation: Operation) -> None:
    caution = Caution()
    caution.note(NET, wanted("v1", "vxlan0"))
    caution.note(HOST, Namespace(tables={OURS: Table(*OURS)}))
    assert passed(caution, Phase.LINKS_GONE, operation) == []


def test_what_is_in_the_way_goes_all_the_same() -> None:
    gone = RemoveLink(NET, "v1")
    assert passed(Caution(), Phase.CLEARED, gone) == [gone]


def table(*vteps: str, **more: str) -> Table:
    """Return our table, which lets in these, and says more in other sets."""
    elements: dict[str, dict[str, None]] = {one.name: {} for one in SETS}
    elements["vteps4"] = dict.fromkeys(vteps)
    elements["any4"] = dict.fromkeys(more.values())
    return Table(*OURS, SETS, "chain c {}", elements)


def holding(one: Table) -> Host:
    return Host({HOST: Namespace(tables={OURS: one})})


def test_whoever_was_let_in_stays_let_in() -> None:
    before, after = table("1", "2", port="80"), table("2", "3", port="81")
    change = ChangeElements(
        *(HOST, after),
        removed=(("vteps4", "1"), ("any4", "80")),
        added=(("vteps4", "3"), ("any4", "81")),
    )
    (found,) = passed(Caution(), Phase.TABLES, change, held=holding(before))
    assert found == replace(
        change, table=table("1", "2", "3", port="81"), removed=(("any4", "80"),)
    )
    put = PutTable(HOST, after)
    (whole,) = passed(Caution(), Phase.TABLES, put, held=holding(before))
    assert whole == PutTable(HOST, table("1", "2", "3", port="81"))


def test_a_change_that_only_shuts_out_is_none() -> None:
    change = ChangeElements(HOST, table(), removed=(("vteps4", "1"),))
    assert passed(Caution(), Phase.TABLES, change, held=holding(table("1"))) == []


def test_where_no_table_is_one_is_put_and_one_that_is_not_understood_stays() -> None:
    put = PutTable(HOST, table("1"))
    assert passed(Caution(), Phase.TABLES, put) == [put]
    other = replace(table(), chains="", elements={})
    assert passed(Caution(), Phase.TABLES, put, held=holding(other)) == []
