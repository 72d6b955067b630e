"""Operations gathered in any order are done in one."""

from swarmnet.kernel.operations import (
    AddNamespace,
    PutFdb,
    PutNeighbour,
    RemoveFdb,
    RemoveLink,
    RemoveNamespace,
    RemoveNeighbour,
    RemoveTable,
)
from swarmnet.kernel.work import Phase, Work

MAC, IP, VTEP = bytes(6), bytes(4), bytes(4)
FDB = PutFdb("net/n", "vxlan0", MAC, VTEP)
NEIGHBOUR = PutNeighbour("net/n", "vxlan0", IP, MAC)
FDB_GONE = RemoveFdb("net/n", "vxlan0", MAC)
NEIGHBOUR_GONE = RemoveNeighbour("net/n", "vxlan0", IP)
TABLE_GONE = RemoveTable("", "inet", "swarmnet")


def removal(*links: tuple[str, str]) -> Work:
    """Return work that removes links, and the namespaces that they are in."""
    work = Work()
    for name in dict.fromkeys(name for name, _ in links):
        work.add(Phase.NAMESPACES_GONE, RemoveNamespace(name))
    for name, link in links:
        work.add(Phase.LINKS_GONE, RemoveLink(name, link))
    work.add(Phase.TABLES_GONE, TABLE_GONE)
    return work


def test_nobody_is_answered_for_before_he_is_reached_nor_after() -> None:
    work = Work()
    assert not work
    work.add(Phase.FORWARDING_GONE, FDB_GONE)
    work.add(Phase.NEIGHBOURS, NEIGHBOUR)
    work.add(Phase.NEIGHBOURS_GONE, NEIGHBOUR_GONE)
    work.add(Phase.FORWARDING, FDB)
    assert work
    assert work.ordered() == [FDB, NEIGHBOUR, NEIGHBOUR_GONE, FDB_GONE]
    assert work.additions() == [FDB, NEIGHBOUR]
    assert work.removals() == [NEIGHBOUR_GONE, FDB_GONE]


def test_what_is_in_the_way_goes_with_the_additions() -> None:
    work = Work()
    gone, added = RemoveLink("net/n", "br0"), AddNamespace("net/n")
    work.add(Phase.CLEARED, gone)
    work.add(Phase.NAMESPACES, added)
    assert (work.additions(), work.removals()) == ([added, gone], [])


def test_a_portion_takes_so_many_links_and_leaves_the_rest_with_its_namespace() -> None:
    work = removal(("net/a", "x"), ("net/a", "y"), ("net/b", "z"))
    operations, left = work.portion(2, is_last=True)
    assert operations == [
        RemoveLink("net/a", "x"),
        RemoveLink("net/a", "y"),
        RemoveNamespace("net/a"),
    ]
    assert list(left) == ["net/b", ""]


def test_the_last_portion_takes_the_filters_too() -> None:
    work = removal(("net/a", "x"))
    operations, left = work.portion(2, is_last=True)
    ended = [RemoveLink("net/a", "x"), RemoveNamespace("net/a"), TABLE_GONE]
    assert (operations, list(left)) == (ended, [])


def test_filters_stay_while_more_is_to_come() -> None:
    work = removal(("net/a", "x"))
    operations, left = work.portion(2, is_last=False)
    ended = [RemoveLink("net/a", "x"), RemoveNamespace("net/a")]
    assert (operations, list(left)) == (ended, [""])
