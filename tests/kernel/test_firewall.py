"""A table as nft's text, and what leads from one table to another."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.kernel.firewall import (
    ELEMENTS_A_LINE,
    OURS,
    Set,
    Table,
    render,
    render_change,
    render_removal,
)
from swarmnet.kernel.operations import ChangeElements, PutTable, RemoveTable
from swarmnet.kernel.tables_difference import compare_tables

TABLE = Table(
    *OURS,
    sets=(
        Set("vnis", "typeof @th,96,24"),
        Set("ports", "typeof th dport : ip daddr", is_map=True),
    ),
    chains="chain x {\nth dport 80 drop\n}\n",
    elements={"vnis": {"1": None, "2": None}, "ports": {"80 : 10.0.0.1": None}},
)


def test_a_table_is_made_in_one_transaction_whatever_was_there() -> None:
    assert (
        render(TABLE)
        == """\
add table inet swarmnet
delete table inet swarmnet
table inet swarmnet {
set vnis {
typeof @th,96,24
}
map ports {
typeof th dport : ip daddr
}
chain x {
th dport 80 drop
}
}
add element inet swarmnet vnis { 1, 2 }
add element inet swarmnet ports { 80 : 10.0.0.1 }
"""
    )


def test_the_last_chain_ends_its_line() -> None:
    bare = replace(TABLE, chains="chain x {\n}", sets=(), elements={})
    assert render(bare).endswith("table inet swarmnet {\nchain x {\n}\n}\n")


def test_a_table_is_removed_though_none_may_be_there() -> None:
    text = "add table inet swarmnet\ndelete table inet swarmnet\n"
    assert render_removal(*OURS) == text


def test_what_is_removed_goes_first() -> None:
    removed = [("ports", "80 : 10.0.0.1"), ("vnis", "1"), ("vnis", "2")]
    added = [("ports", "80 : 10.0.0.2")]
    assert (
        render_change(*OURS, removed, added)
        == """\
delete element inet swarmnet ports { 80 : 10.0.0.1 }
delete element inet swarmnet vnis { 1, 2 }
add element inet swarmnet ports { 80 : 10.0.0.2 }
"""
    )


def test_many_elements_stand_on_many_lines() -> None:
    added = [("vnis", str(vni)) for vni in range(ELEMENTS_A_LINE + 1)]
    lines = render_change(*OURS, [], added).splitlines()
    assert [line.count(",") + 1 for line in lines] == [ELEMENTS_A_LINE, 1]
    assert lines[1] == f"add element inet swarmnet vnis {{ {ELEMENTS_A_LINE} }}"


def test_equal_tables_need_nothing() -> None:
    assert list(compare_tables("", {OURS: TABLE}, {OURS: TABLE})) == []


def test_a_table_that_is_not_there_is_put() -> None:
    assert list(compare_tables("", {OURS: TABLE}, {})) == [PutTable("", TABLE)]


def test_a_table_with_other_chains_or_sets_is_put() -> None:
    for other in (replace(TABLE, chains=""), replace(TABLE, sets=TABLE.sets[:1])):
        operations = list(compare_tables("", {OURS: TABLE}, {OURS: other}))
        assert operations == [PutTable("", TABLE)]


def test_elements_that_differ_are_changed() -> None:
    held = replace(TABLE, elements={"vnis": {"2": None, "3": None}})
    assert list(compare_tables("", {OURS: TABLE}, {OURS: held})) == [
        ChangeElements(
            "",
            TABLE,
            removed=(("vnis", "3"),),
            added=(("vnis", "1"), ("ports", "80 : 10.0.0.1")),
        )
    ]


def test_a_table_of_ours_that_nobody_wants_goes_and_others_stay() -> None:
    other = replace(TABLE, name="filter")
    held = {OURS: TABLE, ("inet", "filter"): other}
    assert list(compare_tables("", {}, held)) == [RemoveTable("", *OURS)]


elements = st.dictionaries(
    st.sampled_from(["vnis", "ports"]),
    st.dictionaries(st.sampled_from("abcdef"), st.none(), max_size=5),
)


@given(desired=elements, actual=elements)
def test_a_change_leads_from_any_elements_to_any(
    desired: dict[str, dict[str, None]], actual: dict[str, dict[str, None]]
) -> None:
    wanted, held = replace(TABLE, elements=desired), replace(TABLE, elements=actual)
    state = {(name, one): None for name, some in actual.items() for one in some}
    for operation in compare_tables("", {OURS: wanted}, {OURS: held}):
        assert isinstance(operation, ChangeElements)
        for gone in operation.removed:
            del state[gone]
        for new in operation.added:
            assert new not in state
            state[new] = None
    expected = {(name, one): None for name, some in desired.items() for one in some}
    assert state == expected
