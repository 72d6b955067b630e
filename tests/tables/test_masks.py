"""Masks: another owner's durable row is hidden, until he deletes it himself."""

from random import Random

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import MaskWanted
from swarmnet.tables.row import MASK, NETWORK
from swarmnet.tables.stored import StoredRows
from tests.tables.rows import (
    BLUE,
    DELETED,
    DURABLE,
    E1,
    NET,
    attached_wire,
    attachment,
    mask_of,
    node_row,
    revocation,
    row,
)
from tests.tables.wire import Wire, delivered, lost, node_id


def masked_wire() -> Wire:
    """Return nodes of which the second has masked the first one's network."""
    wire = attached_wire()
    wire[1].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire[2].mask(wire.now, CLUSTER, BLUE, node_id(1))
    wire.settle()
    return wire


def networks(wire: Wire) -> list[list[bytes]]:
    """Return the keys of the networks that each node shows."""
    return [list(wire[number].table(CLUSTER, NETWORK)) for number in wire.lives]


def masks(wire: Wire) -> list[int]:
    """Return how many masks each node shows."""
    return [len(wire[number].table(CLUSTER, MASK)) for number in wire.lives]


def test_a_masked_row_is_hidden_everywhere_and_its_owner_asked_to_delete_it() -> None:
    wire = masked_wire()
    assert (networks(wire), masks(wire)) == ([[], [], []], [1, 1, 1])
    (row,) = [one for one in wire[1].rows(CLUSTER).values() if one.name == BLUE]
    assert wire.notes(1, MaskWanted) == [MaskWanted(row, row.version)]
    assert wire.notes(3, MaskWanted) == []


def test_once_the_owner_has_deleted_the_row_the_mask_goes_as_well() -> None:
    wire = masked_wire()
    wire[1].delete(wire.now, CLUSTER, BLUE)
    wire.settle()
    assert (networks(wire), masks(wire)) == ([[], [], []], [0, 0, 0])
    assert wire.agree()


def test_a_row_that_is_written_anew_is_shown_and_the_mask_goes() -> None:
    wire = masked_wire()
    wire[1].put(wire.now, CLUSTER, BLUE, b"new", durable=True)
    wire.settle()
    assert (networks(wire), masks(wire)) == ([[BLUE[1]]] * 3, [0, 0, 0])


def test_a_mask_whose_row_has_yet_to_come_again_is_not_lifted() -> None:
    """He who masks starts again with his own rows alone, and hears of others later."""
    wire = masked_wire()
    wire.kill(2)
    wire.fate = lost
    wire.start(2, saved=True)
    others = (node_row(7, (1, 1)), row(7, (1, 2), E1, scope=CLUSTER, flags=DURABLE))
    wire.give(2, *(one.item for one in others))
    wire.settle()
    assert len(wire[2].table(CLUSTER, MASK)) == 1
    wire.fate = delivered
    wire.probe()
    wire.probe()
    assert (networks(wire), masks(wire)) == ([[], [], []], [1, 1, 1])


@pytest.mark.slow
def test_a_mask_goes_when_what_it_masks_is_collected_unseen() -> None:
    wire = masked_wire()
    wire.fate = lambda mail: 2 not in (mail.source, mail.target)
    wire[1].delete(wire.now, CLUSTER, BLUE)
    wire.run(2 * 3600.0)
    wire.fate = delivered
    wire.probe()
    wire.run(60.0)
    assert masks(wire) == [0, 0, 0]
    assert wire.agree()


def test_a_mask_may_be_taken_back() -> None:
    wire = masked_wire()
    (mask,) = wire[2].table(CLUSTER, MASK)
    wire[2].delete(wire.now, CLUSTER, (MASK, mask))
    wire.settle()
    assert networks(wire) == [[BLUE[1]]] * 3


def test_of_two_masks_either_suffices() -> None:
    wire = masked_wire()
    (blue,) = [one for one in wire[1].rows(CLUSTER).values() if one.name == BLUE]
    wire.give(1, mask_of(7, (1, 1), blue).item)
    wire.settle()
    (mask,) = wire[2].table(CLUSTER, MASK)
    wire[2].delete(wire.now, CLUSTER, (MASK, mask))
    wire.settle()
    assert networks(wire) == [[], [], []]
    lifted = row(*(7, (1, 2), (MASK, mask)), scope=CLUSTER, flags=DURABLE | DELETED)
    wire.give(1, lifted.item)
    wire.settle()
    assert networks(wire) == [[BLUE[1]]] * 3


def test_only_a_durable_row_of_anothers_is_masked() -> None:
    wire = masked_wire()
    wire[1].put(wire.now, NET, E1, b"e")
    wire.settle()
    with pytest.raises(Refused, match="only others' durable rows are masked; delete"):
        wire[2].mask(wire.now, NET, E1, node_id(1))
    with pytest.raises(Refused, match="no such row; nothing is to be masked"):
        wire[2].mask(wire.now, NET, BLUE, node_id(1))
    with pytest.raises(Refused, match="delete it"):
        wire[1].mask(wire.now, CLUSTER, BLUE, node_id(1))
    with pytest.raises(Refused, match="not a row of ours; mask it"):
        wire[3].delete(wire.now, CLUSTER, BLUE)


def test_a_mask_counts_only_if_its_owner_takes_part_and_was_not_removed() -> None:
    blue = row(4, (1, 2), (NETWORK, b"blue"), b"value", flags=DURABLE)
    wire = attached_wire(1)
    wire.give(1, blue.item, mask_of(9, (1, 5), blue).item)
    assert list(wire[1].table(NET, NETWORK)) == [b"blue"]
    watch = wire[1].watch(NET, NETWORK)
    assert watch.poll() is not None
    wire.give(1, attachment(9, (1, 1)).item)
    assert wire[1].table(NET, NETWORK) == {}
    hidden = watch.poll()
    assert hidden is not None
    assert hidden.current is None
    wire.give(1, revocation(2, (1, 1), 9).item)
    assert list(wire[1].table(NET, NETWORK)) == [b"blue"]
    back = watch.poll()
    assert back is not None
    assert back.previous is None


def test_a_life_is_told_of_the_masks_that_the_one_before_did_not_obey() -> None:
    wire = attached_wire(2)
    wire[2].put(wire.now, NET, BLUE, b"b", durable=True)
    wire.settle()
    wire[1].mask(wire.now, NET, BLUE, node_id(2))
    wire.settle()
    held = [row.item for row in wire[2].rows(NET).values()]
    held += [row.item for row in wire[2].rows(CLUSTER).values()]
    own = tuple(wire.lives[2].saved.values())
    seams = wire._seams(2)
    again = Tables(
        node_id(2), wire.config, Random(1), seams, epoch=2, stored=StoredRows(own, held)
    )
    told = []
    while (output := again.poll_output()) is not None:
        told.append(output)
    wanted = [one for one in told if isinstance(one, MaskWanted)]
    assert [one.row.name for one in wanted] == [BLUE]
