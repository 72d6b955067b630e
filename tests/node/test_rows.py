"""Rows in whole nodes with real keys: who writes, who is told, and who is believed."""

import pytest

from swarmnet.crypto.certificate import Role
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.node.about import chain_of_untrusted, encode_about
from swarmnet.node.outputs import VerifySignatures
from swarmnet.node.verifying import INLINE_MAX
from swarmnet.swim.outputs import SendDatagram, SendStream
from swarmnet.tables.engine import Tables
from swarmnet.tables.facts import node_facts
from swarmnet.tables.outputs import Save
from swarmnet.tables.row import ENDPOINT, MASK, NETWORK, NODE, REVOCATION, Flag
from tests.node.table import Table

NET = Scope(b"a network's scope")
NAME = (ENDPOINT, b"web")


def joined(count: int) -> Table:
    """Return nodes that have joined through node 1, and settled."""
    table = Table(count, known=False)
    for number in range(2, count + 1):
        table.join(number, 1)
    table.run(3.0)
    assert table.all_see(range(1, count + 1))
    return table


def attach(table: Table, *numbers: int) -> None:
    """Let some nodes take part in a network, and all hear of it."""
    for number in numbers:
        table.command(number, lambda tables: tables.attach(table.now, NET))
    table.run(0.5)


def put(table: Table, number: int, key: bytes, value: bytes) -> None:
    """Let a node write an endpoint's row."""
    table.command(
        number, lambda tables: tables.put(table.now, NET, (ENDPOINT, key), value)
    )


@pytest.mark.slow
def test_every_node_holds_every_nodes_own_row_and_with_it_its_certificate() -> None:
    table = joined(4)
    for node in table.nodes.values():
        shown = node.tables.table(CLUSTER, NODE)
        assert sorted(shown) == sorted(table.id(n) for n in range(1, 5))
        for number in range(1, 5):
            facts = node_facts(shown[table.id(number)].row)
            assert facts is not None
            assert chain_of_untrusted(facts.about) == table.pki.chain(number).encoded


@pytest.mark.slow
def test_a_row_goes_to_those_in_its_network_and_to_nobody_else() -> None:
    table = joined(4)
    attach(table, 1, 2, 3)
    put(table, 1, b"web", b"10.0.0.1")
    table.run(0.1)
    for number in (1, 2, 3):
        shown = table.nodes[number].tables.table(NET, ENDPOINT)
        assert {key: one.row.value for key, one in shown.items()} == {
            b"web": b"10.0.0.1"
        }
    assert table.nodes[4].tables.scopes() == (CLUSTER,)


def test_a_row_is_given_out_to_be_saved_before_it_is_sent() -> None:
    table = joined(2)
    attach(table, 1, 2)
    node = table.nodes[1]
    node.command(
        table.now, lambda tables: tables.put(table.now, NET, (ENDPOINT, b"x"), b"y")
    )
    kinds = []
    while (output := node.poll_output()) is not None:
        kinds.append(type(output))
    assert kinds[0] is Save
    assert SendDatagram in kinds or SendStream in kinds


@pytest.mark.slow
def test_what_a_loss_kept_from_a_node_is_found_by_the_digests_on_probes() -> None:
    table = joined(3)
    attach(table, 1, 2, 3)
    table.drop = lambda _number, _send: True
    put(table, 1, b"web", b"10.0.0.1")
    table.run(0.2)
    assert table.nodes[3].tables.table(NET, ENDPOINT) == {}
    table.drop = lambda _number, _send: False
    table.run(10.0)
    assert b"web" in table.nodes[3].tables.table(NET, ENDPOINT)
    assert len({node.tables.digest(NET) for node in table.nodes.values()}) == 1


def test_many_rows_at_once_are_verified_by_whoever_drives_the_node() -> None:
    table = joined(2)
    attach(table, 1)
    for number in range(3 * INLINE_MAX):
        put(table, 1, b"%d" % number, b"value")
    table.run(0.5)
    asked = table.verified
    attach(table, 2)
    table.run(2.0)
    assert table.verified > asked
    assert len(table.nodes[2].tables.table(NET, ENDPOINT)) == 3 * INLINE_MAX


def test_a_workers_revocation_counts_for_nothing() -> None:
    table = joined(3)
    assert table.pki.chain(2).certificate.subject.role is Role.WORKER
    name = (REVOCATION, bytes(table.id(3)))
    for to in (1, 3):
        table.say(2, to, name, (Flag.DURABLE, b""))
    table.run(1.0)
    assert [row.table for row in table.nodes[1].tables.rows(CLUSTER).values()].count(
        REVOCATION
    ) == 1
    assert table.nodes[1].tables.table(CLUSTER, REVOCATION) == {}
    assert table.all_see(range(1, 4))


def test_a_leave_is_one_row_and_voids_all_others() -> None:
    table = joined(3)
    attach(table, 1, 2, 3)
    put(table, 1, b"web", b"10.0.0.1")
    table.run(0.2)
    table.nodes[1].leave(table.now)
    table.run(1.0)
    for number in (2, 3):
        assert table.nodes[number].tables.table(NET, ENDPOINT) == {}
        rows = table.nodes[number].tables.rows(NET).values()
        assert [row.owner for row in rows if row.owner == table.id(1)] == []


def test_an_about_that_is_none_holds_no_certificate() -> None:
    assert chain_of_untrusted(encode_about(b"chain")) == b"chain"
    for data in (b"", b"\x90", b"\xc0", b"\x91\x01", b"\x91\xc4"):
        assert chain_of_untrusted(data) is None
    assert isinstance(VerifySignatures(1, ()).claims, tuple)


def test_what_a_certificate_allows_is_asked_again_when_another_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have come by a handshake, without any row."""
    table = Table(2, known=False)
    asked: list[NodeId] = []
    monkeypatch.setattr(
        Tables, "note_roles", lambda _tables, _now, node: asked.append(node)
    )
    table.nodes[1]._acquaintances.introduce(table.pki.chain(2).encoded)
    table.nodes[1]._acquaintances.introduce(table.pki.chain(2).encoded)
    table.run(2.0)
    assert asked == [table.id(2)]


@pytest.mark.slow
def test_who_has_left_is_asked_for_nothing_in_its_networks_any_more() -> None:
    """Its masks stay until others have forgotten it; it does not die of them."""
    table = joined(3)
    attach(table, 1, 2, 3)
    table.command(
        2,
        lambda tables: tables.put(
            table.now, NET, (NETWORK, b"blue"), b"b", durable=True
        ),
    )
    table.run(0.5)
    table.command(
        1, lambda tables: tables.mask(table.now, NET, (NETWORK, b"blue"), table.id(2))
    )
    table.run(0.5)
    table.nodes[1].leave(table.now)
    with pytest.raises(Refused, match="attach to it first"):
        table.command(1, lambda tables: tables.put(table.now, NET, NAME, b"x"))
    table.command(2, lambda tables: tables.delete(table.now, NET, (NETWORK, b"blue")))
    table.run(5.0)
    assert table.nodes[1].states() != {}
    kinds = [row.table for row in table.nodes[3].tables.rows(NET).values()]
    assert MASK in kinds
