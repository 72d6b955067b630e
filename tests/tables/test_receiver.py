"""Rows from others: verified once, and only if they would be news."""

import pytest

from swarmnet.ids import CLUSTER
from swarmnet.tables import receiver
from swarmnet.tables.codec import encode_message
from swarmnet.tables.config import TableConfig
from swarmnet.tables.messages import Rows
from swarmnet.tables.outputs import Output, Spread, Verify
from swarmnet.tables.row import ENDPOINT, Row
from tests.tables.rows import (
    E1,
    E2,
    NET,
    OTHER,
    attached_wire,
    attachment,
    bodies,
    held,
    node_row,
    row,
)
from tests.tables.wire import Wire, node_id


def outputs(wire: Wire) -> list[Output]:
    """Take what node 1 wants done, and do none of it."""
    found = []
    while (output := wire[1].poll_output()) is not None:
        found.append(output)
    return found


def give(wire: Wire, *rows: Row) -> list[Output]:
    """Give rows to node 1 in one message; return what it wants done."""
    data = encode_message(Rows(CLUSTER, tuple(one.item for one in rows)))
    wire[1].receive(wire.now, node_id(2), data, streamed=True)
    return outputs(wire)


def test_a_row_is_verified_once_however_many_copies_come_meanwhile() -> None:
    wire = attached_wire(1)
    one = row(4, (1, 2))
    (verify,) = give(wire, one, one)
    assert isinstance(verify, Verify)
    assert (verify.sender, len(verify.claims)) == (node_id(2), 1)
    assert give(wire, one) == []
    wire[1].verified(wire.now, verify.number, [True])
    assert outputs(wire) == [Spread(one)]
    assert give(wire, one) == []
    assert wire[1].counters()["rows_known"] == 3


def test_what_is_no_news_is_never_verified() -> None:
    wire = attached_wire(1)
    wire.give(1, row(4, (1, 5)).item)
    no_news = [row(4, (1, 4)), row(4, (1, 2), E2, scope=OTHER), row(4, (0, 0), E2)]
    assert give(wire, *no_news) == []
    counters = wire[1].counters()
    names = ("rows_stale", "rows_out_of_scope", "rows_void")
    assert [counters[name] for name in names] == [1, 1, 1]


def test_a_forged_copy_keeps_no_true_one_away() -> None:
    wire = attached_wire(1)
    true = row(4, (1, 2))
    forged = true.body + bytes(64)
    wire[1].receive_row(wire.now, node_id(9), forged)
    wire[1].receive_row(wire.now, node_id(2), true.item)
    first, second = outputs(wire)
    assert isinstance(first, Verify)
    assert isinstance(second, Verify)
    wire[1].verified(wire.now, first.number, [False])
    wire[1].verified(wire.now, second.number, [True])
    assert held(wire, 1) == bodies(true)
    assert wire[1].counters()["rows_forged"] == 1


def test_the_word_of_a_stranger_is_dropped_until_he_is_known() -> None:
    wire = attached_wire(1)
    one = row(4, (1, 2))
    for verdict, want in ((None, set()), (True, bodies(one))):
        (verify,) = give(wire, one)
        assert isinstance(verify, Verify)
        wire[1].verified(wire.now, verify.number, [verdict])
        outputs(wire)
        assert held(wire, 1) == want
    assert wire[1].counters()["rows_of_strangers"] == 1


def test_what_others_depend_on_is_applied_before_them() -> None:
    wire = attached_wire(1)
    rows = [row(4, (1, 3)), attachment(4, (1, 2), (1, 2)), node_row(4, (1, 1))]
    (verify,) = give(wire, *rows)
    assert isinstance(verify, Verify)
    wire[1].verified(wire.now, verify.number, [True] * 3)
    assert [o.row for o in outputs(wire) if isinstance(o, Spread)] == rows[::-1]


def test_a_large_batch_is_not_relayed_and_digests_are_compared_instead() -> None:
    wire = attached_wire(2)
    wire.settle()
    rows = [row(4, (1, n + 1), (ENDPOINT, b"%d" % n)) for n in range(17)]
    (verify,) = give(wire, *rows)
    assert isinstance(verify, Verify)
    wire[1].verified(wire.now, verify.number, [True] * 17)
    assert not any(isinstance(output, Spread) for output in outputs(wire))
    wire.run(10.0)
    assert held(wire, 2) == bodies(*rows)


def test_no_more_rows_wait_than_there_may() -> None:
    wire = Wire(1, config=TableConfig(verifying_max=3))
    wire[1].attach(wire.now, NET)
    outputs(wire)
    (verify,) = give(
        wire, *(row(4, (1, n), (ENDPOINT, b"%d" % n)) for n in range(1, 9))
    )
    assert isinstance(verify, Verify)
    assert (len(verify.claims), wire[1].counters()["rows_put_off"]) == (3, 5)
    wire[1].verified(wire.now, verify.number, [True] * 3)
    assert len(give(wire, row(4, (1, 9), E1))) == 4


def test_what_is_too_short_for_a_row_is_not_even_hashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = attached_wire(2)
    monkeypatch.setattr(receiver, "hash_item", None)
    items = Rows(NET, (b"", bytes(64)))
    wire[1].receive(wire.now, node_id(2), encode_message(items), streamed=True)
    assert wire[1].counters()["bad_rows"] == 2


def test_of_a_network_that_was_left_no_row_is_held_anywhere() -> None:
    """Nor among those that came lately, by which copies are told."""
    wire = attached_wire(2)
    told = wire[2].put(wire.now, NET, E1, b"private")
    wire.settle()
    assert told.item in wire[1]._receiver._recent
    wire[1].detach(wire.now, NET)
    assert told.item not in wire[1]._receiver._recent
    wire.give(1, told.item)
    assert wire[1].counters()["rows_out_of_scope"] == 1
