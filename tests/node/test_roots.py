"""A second root reaches everybody by a row, all renew under it, and the first ends."""

from dataclasses import replace

import pytest

from sim.pki import WALL_S
from swarmnet.crypto.authority import RootKey
from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.withdrawal import decode_withdrawal_untrusted
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER
from swarmnet.node.outputs import RootsChanged
from swarmnet.tables.row import ROOT, Flag
from swarmnet.wire import pack
from tests.node.certified import Certified


def successor(table: Certified) -> RootKey:
    return table.certified.root_key.succeed(table.certified.keys.randbytes, table.wall)


def rotate(table: Certified) -> RootKey:
    """Let node 1 make another root, as `ca rotate` does."""
    made = successor(table)
    node = table.nodes[1]
    node.certify(table.now, lambda one: one.roots.add(table.now, made.certificate))
    table.authorities[1].root = made
    table._drain(1)
    return made


def withdraw(table: Certified, by: RootKey, ended: RootKey) -> None:
    word = by.withdraw(ended.certificate)
    node = table.nodes[1]
    node.certify(table.now, lambda one: one.roots.withdraw(table.now, word))
    table._drain(1)


def tops(table: Certified) -> set[bytes]:
    """Return under which roots nodes have their certificates."""
    return {table.held(number).top.terms.issuer for number in table.nodes}


@pytest.mark.slow
def test_all_renew_under_a_second_root_and_then_the_first_may_end() -> None:
    table = Certified(5)
    old = table.certified.root_key
    assert tops(table) == {old.certificate.key_id}
    new = rotate(table)
    table.run(0.5)
    for directory in table.directories.values():
        assert directory.trust.newest() == new.certificate
    table.run(60.0)
    assert tops(table) == {new.certificate.key_id}
    assert all(table.agree(number) for number in table.nodes)
    assert table.nodes[1].certification.behind() == []
    withdraw(table, new, old)
    table.run(5.0)
    for number, directory in table.directories.items():
        assert directory.trust.roots() == (new.certificate,)
        notes = [note for one, note in table.notes if one == number]
        told = [note for note in notes if isinstance(note, RootsChanged)][-1]
        assert told == RootsChanged(
            (new.certificate.encode(),), (old.certificate.key_id,)
        )
    assert table.all_see(range(1, 6))


@pytest.mark.slow
def test_who_was_away_learns_of_both_roots_when_it_is_back() -> None:
    table = Certified(4)
    table.drop = lambda number, sent: 4 in (number, sent.address.host[-1])
    new = rotate(table)
    table.run(60.0)
    assert table.nodes[1].certification.behind() == [table.id(4)]
    table.drop = lambda _number, _sent: False
    table.join(4, 1)
    table.run(60.0)
    assert tops(table) == {new.certificate.key_id}
    assert table.nodes[1].certification.behind() == []


@pytest.mark.slow
def test_what_goes_back_to_a_root_that_ended_is_void() -> None:
    table = Certified(4)
    old = table.certified.root_key
    new = rotate(table)
    table.stuck = {2}
    table.drop = lambda number, sent: 4 in (number, sent.address.host[-1])
    table.run(60.0)
    withdraw(table, new, old)
    table.run(5.0)
    late = table.held(1, 4)
    assert table.directories[1].trust.standing(late) is Verdict.ROOT_WITHDRAWN
    assert table.directories[1].signer(table.id(4)) is None
    assert table.directories[1].signer(table.id(3)) is not None


def test_a_root_that_no_root_vouches_for_is_nobodys() -> None:
    table = Certified(3)
    stranger = RootKey.make(table.certified.keys.randbytes, WALL_S)
    with pytest.raises(Refused, match="wrong cluster: make it as the successor"):
        table.nodes[1].certify(
            table.now, lambda one: one.roots.add(table.now, stranger.certificate)
        )
    name = (ROOT, stranger.certificate.key_id)
    value = pack((stranger.certificate.encode(), b""))
    for content in (value, b"\xc1", pack((b"\xc1", b"")), pack((value, b"\xc1"))):
        table.say(2, 1, name, (Flag.DURABLE, content))
    assert len(table.directories[1].trust.roots()) == 1


@pytest.mark.slow
def test_only_a_later_root_ends_one_whoever_passes_it_on() -> None:
    table = Certified(3)
    old = table.certified.root_key
    new = rotate(table)
    table.run(60.0)
    other = successor(table)
    true = new.withdraw(old.certificate)
    lies = [
        old.withdraw(new.certificate),
        other.withdraw(old.certificate),
        new.withdraw(new.certificate),
        replace(true, signature=bytes(64)),
    ]
    for lie in lies:
        ended = new if lie.ended == new.certificate.key_id else old
        value = pack((ended.certificate.encode(), lie.encode()))
        table.say(2, 1, (ROOT, lie.ended), (Flag.DURABLE, value))
        assert len(table.directories[1].trust.roots()) == 2
    with pytest.raises(Refused, match="have the newest root withdraw it"):
        withdraw(table, old, new)
    value = pack((old.certificate.encode(), true.encode()))
    table.say(3, 1, (ROOT, true.ended), (Flag.DURABLE, value))
    assert table.directories[1].trust.roots() == (new.certificate,)


def test_roots_are_found_in_whatever_order_their_rows_come() -> None:
    table = Certified(2)
    second = successor(table)
    third = second.succeed(table.certified.keys.randbytes, table.wall + 1)
    trust = table.directories[1].trust
    for root in (third, second):
        value = pack((root.certificate.encode(), b""))
        name = (ROOT, root.certificate.key_id)
        table.say(2, 1, name, (Flag.DURABLE, value))
    assert trust.newest() == third.certificate
    assert len(trust.roots()) == 3
    ended = third.withdraw(table.certified.root)
    assert trust.is_ended_by(ended), "by a root that goes back to it through another"
    assert list(table.nodes[1].tables.table(CLUSTER, ROOT))


@pytest.mark.parametrize("data", [b"", b"\xc1", pack((0, b"", b"", b"")), pack((1,))])
def test_what_is_no_withdrawal_is_a_bad_packet(data: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_withdrawal_untrusted(data)
