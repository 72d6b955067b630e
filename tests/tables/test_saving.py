"""Storage holds what is needed to go on, at every moment, and before others know it."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import decode_message_untrusted, decode_row_untrusted
from swarmnet.tables.config import TableConfig
from swarmnet.tables.core import Seams
from swarmnet.tables.engine import Tables
from swarmnet.tables.messages import Page, Rows
from swarmnet.tables.outputs import Output, Save, Send, Spread, Unsave, Verify
from swarmnet.tables.row import ATTACHMENT, Row
from swarmnet.tables.stored import StoredRows
from tests.tables.rows import BLUE, E1, E2, NET, OTHER, attached_wire
from tests.tables.test_agreement import (
    Act,
    attach,
    delete,
    delete_durable,
    detach,
    mask,
    put,
    put_durable,
)
from tests.tables.wire import Place, Wire, node_id, proof

LEAVES: tuple[Act, ...] = (
    *(put, put, put, delete, put_durable, delete_durable, attach, attach, detach),
    lambda wire, number, _random: wire[number].leave(wire.now),
    lambda wire, number, _random: wire[number].introduce(wire.now, b"me"),
    mask,
    lambda wire, _number, random: wire.run(random.choice((1.0, 70.0))),
)


class Lone:
    """One node without others, and a storage that follows its outputs one by one."""

    def __init__(self, saved: dict[Place, bytes] | None = None, epoch: int = 1) -> None:
        self.saved: dict[Place, bytes] = dict(saved or {})
        stored = None if saved is None else StoredRows(own=tuple(saved.values()))
        seams = Seams(
            sign=lambda message: proof(node_id(1), message),
            may_write=lambda _owner, _table: True,
            tokens=lambda _now: 1e9,
            charge=lambda _now, _bytes: None,
            neighbours=lambda _scope: (),
            distance=lambda _node: None,
        )
        config = TableConfig(tombstone_life_s=20.0, collect_interval_s=10.0)
        self.tables = Tables(
            node_id(1), config, Random(1), seams, epoch=epoch, stored=stored
        )
        self.take(self.outputs())

    def outputs(self) -> list[Output]:
        found = []
        while (output := self.tables.poll_output()) is not None:
            found.append(output)
        return found

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            store(self.saved, output)

    def own(self) -> set[Row]:
        scopes = self.tables.scopes()
        rows = [one for scope in scopes for one in self.tables.rows(scope).values()]
        return {one for one in rows if one.owner == node_id(1)}


def store(saved: dict[Place, bytes], output: Output) -> None:
    """Let a storage do what an output asks of it."""
    if isinstance(output, Save):
        one = output.row
        saved[one.scope, one.table, one.key] = one.item
    if isinstance(output, Unsave):
        one = output.row
        if saved.get((one.scope, one.table, one.key)) == one.item:
            del saved[one.scope, one.table, one.key]


def own(wire: Wire, number: int) -> set[bytes]:
    """Return all rows of its own that a node holds, byte for byte."""
    scopes = wire[number].scopes()
    rows = [one for scope in scopes for one in wire[number].rows(scope).values()]
    return {one.item for one in rows if one.owner == node_id(number)}


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_storage_holds_at_every_moment_what_a_restart_needs(
    seed: int, length: int
) -> None:
    random = Random(seed)
    wire = Wire(3, seed, TableConfig(tombstone_life_s=20.0, collect_interval_s=10.0))
    for number in (1, 2, 3):
        wire[number].introduce(wire.now, b"me")
    wire.settle()
    for act in random.choices(LEAVES, k=length):
        try:
            act(wire, random.randint(1, 3), random)
        except Refused:
            continue
        wire.settle()
    for number in (1, 2, 3):
        before, scopes = own(wire, number), set(wire[number].scopes())
        saved = dict(wire.lives[number].saved)
        left = not wire[number].attached(NET) and NET in scopes
        wire.resume(number, saved)
        assert before >= own(wire, number)
        if not left:
            kept = {one for one in before if scope_of(one) in wire[number].scopes()}
            assert own(wire, number) == kept
        # Nothing is stored that is of no use: a durable row waits for its network.
        waiting = set(wire.lives[number].saved.values()) - own(wire, number)
        assert all(decode_row_untrusted(one, b"").is_durable for one in waiting)
        assert all(scope_of(one) not in wire[number].scopes() for one in waiting)


def scope_of(item: bytes) -> Scope:
    return decode_row_untrusted(item, b"").scope


def test_a_crash_between_any_two_outputs_loses_no_row_that_lives() -> None:
    lone = Lone()
    script: list[Callable[[], object]] = [
        lambda: lone.tables.introduce(0.0, b"me"),
        lambda: lone.tables.attach(0.0, NET),
        lambda: lone.tables.put(0.0, NET, E1, b"a"),
        lambda: lone.tables.put(0.0, NET, E1, b"b"),
        lambda: lone.tables.put(0.0, CLUSTER, BLUE, b"b", durable=True),
        lambda: lone.tables.attach(0.0, OTHER),
        lambda: lone.tables.put(0.0, OTHER, E2, b"c"),
        lambda: lone.tables.delete(0.0, NET, E1),
        lambda: lone.tables.detach(0.0, OTHER),
        lambda: lone.tables.leave(0.0),
    ]
    for step in script:
        before = lone.own()
        step()
        after = lone.own()
        outputs = lone.outputs()
        for cut in range(len(outputs) + 1):
            saved = dict(lone.saved)
            for output in outputs[:cut]:
                store(saved, output)
            again = Lone(saved, epoch=2).own()
            # Either as it was, or as it is: nothing is voided before that is written.
            assert again in (before, after), step
        lone.take(outputs)


def test_a_row_is_saved_before_anything_that_carries_it() -> None:
    wire = attached_wire(2)
    wire[1].put(wire.now, NET, E1, b"a")
    verbs = (
        lambda: wire[1].put(wire.now, NET, E2, b"a"),
        lambda: wire[1].delete(wire.now, NET, E1),
        lambda: wire[1].attach(wire.now, OTHER),
        lambda: wire[1].detach(wire.now, OTHER),
        lambda: wire[1].revoke(wire.now, node_id(9)),
        lambda: wire[1].introduce(wire.now, b"other"),
        lambda: wire[1].leave(wire.now),
    )
    wire.settle()
    saved = set(wire.lives[1].saved.values())
    for verb in verbs:
        verb()
        count = 0
        while (output := wire[1].poll_output()) is not None:
            if isinstance(output, Save):
                saved.add(output.row.item)
            carried = carried_by(output)
            count += len(carried)
            assert carried <= saved
        assert count > 0


def carried_by(output: Output) -> set[bytes]:
    """Return the rows of node 1 that an output would show to others."""
    if isinstance(output, Spread):
        return {output.row.item}
    message = (
        decode_message_untrusted(output.data) if isinstance(output, Send) else None
    )
    if isinstance(message, Rows | Page):
        rows = [decode_row_untrusted(item, b"") for item in message.items]
        return {one.item for one in rows if one.owner == node_id(1)}
    return set()


def test_what_was_recovered_is_saved_as_well() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire.kill(2)
    wire.start(2)
    wire[2].join(wire.now, [node_id(1)])
    wire.settle()
    assert {place[:2] for place in wire.lives[2].saved} == {(CLUSTER, BLUE[0])}
    wire.kill(2)
    wire.fate = lambda _mail: False
    wire.start(2, saved=True)
    assert BLUE[1] in wire[2].table(CLUSTER, BLUE[0])


def test_durable_rows_of_a_network_are_kept_until_we_are_in_it_again() -> None:
    wire = attached_wire(1)
    wire[1].put(wire.now, NET, BLUE, b"b", durable=True)
    wire[1].put(wire.now, NET, E1, b"a")
    wire.settle()
    wire[1].leave(wire.now)
    wire.settle()
    for _ in range(2):
        wire.kill(1)
        wire.start(1, saved=True)
        assert wire[1].scopes() == (CLUSTER,)
    wire[1].introduce(wire.now, b"back")
    wire.run(100_000.0)
    wire[1].attach(wire.now, NET)
    wire.settle()
    assert list(wire[1].table(NET, BLUE[0])) == [BLUE[1]]
    assert wire[1].table(NET, E1[0]) == {}
    assert wire[1].delete(wire.now, NET, BLUE).is_deleted


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_that_was_used_before_is_not_used_again(epoch: int) -> None:
    wire = attached_wire(1)
    wire[1].put(wire.now, NET, E1, b"a")
    wire.settle()
    wire.kill(1)
    wire.start(1, saved=True, epoch=epoch)
    assert wire[1].put(wire.now, NET, E1, b"b").version == (2, 1)


def test_a_command_is_out_without_a_verification() -> None:
    lone = Lone()
    lone.tables.attach(0.0, NET)
    kinds = [type(output) for output in lone.outputs()]
    assert (kinds[:2], Verify in kinds) == ([Save, Spread], False)
    assert ATTACHMENT in {one.table for one in lone.own()}
