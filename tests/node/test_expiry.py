"""Expiry gates channels: who renews too late is not heard; what he signed stands."""

from dataclasses import replace

import pytest

from sim.pki import WALL_S
from swarmnet.crypto.certificate import Verdict, certify, chain
from swarmnet.ids import CLUSTER
from swarmnet.node.acquaintances import Acquaintances
from swarmnet.swim.outputs import Deliver, Payload, PayloadClass
from tests.node.table import Table

LIFE_S = 60
DAY_S = 86_400


def with_short_life(count: int, number: int) -> Table:
    """Return nodes that have joined; one of them has a certificate of a minute."""
    table = Table(0)
    pki, table.count = table.pki, count
    held = pki.chain(number)
    terms = replace(held.certificate.terms, not_after=int(WALL_S) + LIFE_S)
    signer = pki._authority.identity
    short = certify(held.certificate.subject, terms, signer.sign)
    pki._chains[number] = chain(short, held.issuer)
    for one in range(1, count + 1):
        table.start(one)
    for one in range(2, count + 1):
        table.join(one, 1)
    table.run(5.0)
    assert table.all_see(range(1, count + 1))
    return table


def said(table: Table, seen: int) -> list[tuple[int, bytes]]:
    """Return who was handed which payload since then."""
    return sorted(
        (number, note.payload.data)
        for number, note in table.notes[seen:]
        if isinstance(note, Deliver)
    )


def publish(table: Table, number: int, data: bytes) -> list[tuple[int, bytes]]:
    seen = len(table.notes)
    payload = Payload(b"key of " + data, CLUSTER, PayloadClass.NORMAL, data)
    table.nodes[number].publish(table.now, payload)
    table.run(2.0)
    return said(table, seen)


@pytest.mark.slow
def test_whose_certificate_expired_is_not_heard_under_its_sessions_either() -> None:
    table = with_short_life(3, 3)
    assert publish(table, 3, b"in time") == [(1, b"in time"), (2, b"in time")]
    # Its own clock is slow, and it goes on as before.
    for number in (1, 2):
        table.nodes[number].note_wall(table.now, WALL_S + DAY_S)
    table.nodes[3].note_wall(table.now, WALL_S)
    table.run(1.0)
    assert publish(table, 3, b"a day late") == []
    for number in (1, 2):
        counters = table.nodes[number].counters()
        assert counters["channel_uncertified"] > 0
        # What it signed when it might is still believed.
        assert table.directories[number].signer(table.id(3)) is not None
    assert publish(table, 1, b"among us") == [(2, b"among us")]


def test_what_is_wrong_with_a_stranger_is_told_by_its_certificates() -> None:
    table = with_short_life(2, 2)
    stranger = Table(1, seed=2)
    directory = table.directories[1]
    known = Acquaintances(
        directory,
        table.nodes[1]._acquaintances._proofs,
        table.pki.chain(1).encoded,
        WALL_S + DAY_S,
    )
    late, other = table.pki.chain(2).encoded, stranger.pki.chain(1).encoded
    good = table.pki.chain(1).encoded
    assert [known.introduce(each) for each in (late, other, b"\xc1", good)] == [
        Verdict.EXPIRED,
        Verdict.WRONG_CLUSTER,
        Verdict.MALFORMED,
        Verdict.GOOD,
    ]
    directory.trust.revoke_node(table.id(1))
    assert known.introduce(good) is Verdict.REVOKED
