"""Invariant A: of two rows one is the greater, and the merge keeps that one."""

from functools import reduce
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.tables.facts import NodeFacts, supersedes
from swarmnet.tables.row import NODE, PROOF_BYTES, Flag, Row
from tests.tables.rows import E1, node_row, row, signed
from tests.tables.wire import Wire


def merged(one: Row, other: Row) -> Row:
    """Return the one of two that holds."""
    return one if supersedes(one, other) else other


small = st.integers(0, 2)
versions = st.tuples(st.integers(1, 2), st.integers(1, 3))
voids = st.tuples(st.integers(0, 1), st.integers(0, 2))
rows_of_one_endpoint = st.builds(
    lambda version, value, flags, lamport: row(
        4, version, E1, value, flags=flags, lamport=lamport
    ),
    versions,
    st.binary(max_size=1),
    st.sampled_from([Flag(0), Flag.DELETED, Flag.DURABLE, Flag(0x80)]),
    small,
)


own_words = st.builds(
    lambda version, collected, floor: node_row(4, version, NodeFacts(collected, floor)),
    *(versions, voids, voids),
)
pairs = st.one_of(
    st.tuples(rows_of_one_endpoint, rows_of_one_endpoint),
    st.tuples(own_words, own_words),
)
triples = st.one_of(
    st.tuples(*[rows_of_one_endpoint] * 3),
    st.tuples(*[own_words] * 3),
)


@given(pairs)
def test_of_two_rows_exactly_one_holds_unless_they_say_the_same(
    two: tuple[Row, Row],
) -> None:
    one, other = two
    assert supersedes(one, other) + supersedes(other, one) == (one.body != other.body)
    assert merged(one, other) == merged(other, one)
    assert merged(one, one) == one


@given(triples)
def test_the_merge_is_associative_and_never_goes_back(
    rows: tuple[Row, Row, Row],
) -> None:
    one, two, three = rows
    result = merged(merged(one, two), three)
    assert result == merged(one, merged(two, three))
    assert not any(supersedes(each, result) for each in (one, two, three))
    if one.table != NODE:
        assert (result.version, result.body) >= (one.version, one.body)


@given(st.lists(rows_of_one_endpoint, min_size=1, max_size=8), st.randoms())
def test_a_node_holds_the_greatest_row_whatever_the_order(
    rows: list[Row], random: Random
) -> None:
    best = reduce(merged, rows)
    shuffled = [*rows, *rows]
    random.shuffle(shuffled)
    wire = Wire(1)
    wire[1].attach(wire.now, best.scope)
    wire.give(1, *(one.item for one in shuffled))
    assert wire[1].rows(best.scope) == {best.hash128 & (2**64 - 1): best}


def test_the_boot_epoch_counts_before_the_sequence_and_both_before_the_bytes() -> None:
    small, large = row(4, (1, 9), value=b"z"), row(4, (2, 1), value=b"a")
    assert large.is_later(small)
    assert row(4, (1, 2), value=b"a").is_later(row(4, (1, 1), value=b"z"))
    assert row(4, (1, 1), value=b"b").is_later(row(4, (1, 1), value=b"a"))


def test_a_delete_wins_over_nothing_but_what_is_older() -> None:
    alive, deleted = row(4, (1, 2)), row(4, (1, 1), flags=Flag.DELETED)
    assert alive.is_later(deleted)
    assert row(4, (1, 3), flags=Flag.DELETED).is_later(alive)


def test_another_proof_of_the_same_body_is_no_other_row() -> None:
    one = node_row(4, (1, 1))
    wire = Wire(1)
    wire.give(1, one.item)
    digest = wire[1].digest(one.scope)
    twin = one.body + bytes(PROOF_BYTES)
    wire.give(1, twin)
    assert wire[1].digest(one.scope) == digest
    assert wire[1].counters()["rows_known"] == 1
    assert signed(4, one.body) == one
