"""Cases of firewall tables, for kernels that have nftables."""

from dataclasses import replace

from swarmnet.kernel.firewall import OURS, Set, Table
from swarmnet.kernel.operations import (
    AddNamespace,
    ChangeElements,
    PutTable,
    RemoveTable,
)
from swarmnet.kernel.state import HOST, Namespace
from tests.kernel.kernel_cases import BOX, KernelLike, do, errors

TABLE = Table(
    *OURS,
    sets=(
        Set("ports", "type inet_service"),
        Set("ways", "type inet_service : ipv4_addr", is_map=True),
    ),
    chains="""chain incoming {
    type filter hook input priority 0; policy accept;
    udp dport @ports drop
}
""",
    elements={
        "ports": {"53": None, "80": None},
        "ways": {"80 : 10.0.0.1": None},
    },
)
CHANGED = replace(
    TABLE,
    elements={"ports": {"53": None, "443": None}, "ways": {"443 : 10.0.0.2": None}},
)
REMOVED = (("ports", "80"), ("ways", "80 : 10.0.0.1"))
ADDED = (("ports", "443"), ("ways", "443 : 10.0.0.2"))
ASKED = Namespace(tables={OURS: TABLE})


def held(kernel: KernelLike) -> Table | None:
    """Return our table as it is."""
    return kernel.read(BOX, ASKED).tables.get(OURS)


def case_a_table_comes_and_goes(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(BOX))
    assert held(kernel) is None
    do(kernel, PutTable(BOX, TABLE), PutTable(BOX, TABLE))
    assert held(kernel) == TABLE
    do(kernel, RemoveTable(BOX, *OURS), RemoveTable(BOX, *OURS))
    assert held(kernel) is None


def case_our_table_on_the_host_is_seen_without_asking(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(BOX), PutTable(BOX, TABLE), PutTable(HOST, TABLE))
    assert list(kernel.read(BOX).tables) == []
    assert list(kernel.read(HOST).tables) == [OURS]
    do(kernel, RemoveTable(HOST, *OURS))
    assert list(kernel.read(HOST).tables) == []


def case_other_chains_are_not_ours(kernel: KernelLike) -> None:
    other = replace(TABLE, chains=TABLE.chains.replace("drop", "accept"))
    do(kernel, AddNamespace(BOX), PutTable(BOX, other))
    assert held(kernel) == replace(TABLE, chains="", elements={})
    do(kernel, PutTable(BOX, TABLE))
    assert held(kernel) == TABLE


def case_elements_change_one_by_one(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(BOX), PutTable(BOX, TABLE))
    do(kernel, ChangeElements(BOX, CHANGED, REMOVED, ADDED))
    assert held(kernel) == CHANGED
    do(kernel, ChangeElements(BOX, CHANGED, (), ADDED))
    assert held(kernel) == CHANGED


def case_a_change_that_does_not_fit_puts_the_whole_table(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(BOX), ChangeElements(BOX, CHANGED, REMOVED, ADDED))
    assert held(kernel) == CHANGED
    do(kernel, ChangeElements(BOX, TABLE, (("ports", "81"),), ()))
    assert held(kernel) == TABLE
    taken = replace(CHANGED, elements={"ports": {}, "ways": {"80 : 10.0.0.9": None}})
    do(kernel, ChangeElements(BOX, taken, (), (("ways", "80 : 10.0.0.9"),)))
    assert held(kernel) == taken


def case_a_table_that_cannot_be_is_refused_whole(kernel: KernelLike) -> None:
    wrong = replace(TABLE, elements={"nosuch": {"1": None}})
    do(kernel, AddNamespace(BOX), PutTable(BOX, TABLE))
    assert errors(kernel, PutTable(BOX, wrong)) == ["ENOENT"]
    assert held(kernel) == TABLE
