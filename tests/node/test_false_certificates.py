"""Certificates that nobody asked for, and false ones, take neither time nor place."""

from dataclasses import replace

import pytest

from swarmnet.crypto.certificate import (
    Subject,
    Verdict,
    certify,
    chain,
    decode_chain_untrusted,
)
from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.node.about import encode_about
from swarmnet.node.envelope import encode_certificates, wrap_swim
from swarmnet.node.introductions import Introductions
from swarmnet.swim.codec import claim_of, encode_frame, encode_own_body
from swarmnet.swim.doubt import FORGERIES_MAX, WINDOW_S
from swarmnet.swim.outputs import SignerUnknown, State
from swarmnet.tables.codec import encode_body
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.row import NODE, Flag
from tests.node.table import Table, address

PEER, OTHER = NodeId(bytes(16)), NodeId(bytes(15) + b"\1")


def awaiting(author: NodeId) -> Introductions:
    """Return what waits for the certificate of one author."""
    waiting = Introductions()
    waiting.park(1.0, SignerUnknown(author, b"claim", PEER, address(1)))
    return waiting


def false_chain(table: Table, number: int) -> bytes:
    """Return a certificate of node 2 that puts it elsewhere, signed by a stranger."""
    held = table.pki.chain(2)
    terms = replace(held.certificate.terms, ring_serial=bytes((number,) * 8))
    stranger = Identity.generate(lambda size: bytes((number,) * size))
    made = certify(held.certificate.subject, terms, stranger.sign)
    return chain(made, held.issuer).encoded


def of_stranger(table: Table, number: int) -> bytes:
    """Return a certificate that a stranger made for himself."""
    held = table.pki.chain(2)
    own = Identity.generate(lambda size: bytes((number,) * size))
    keys = (own.signing_public, own.exchange_public)
    subject = Subject(*keys, "x", held.certificate.subject.role)
    made = certify(subject, held.certificate.terms, own.sign)
    return chain(made, held.issuer).encoded


def send(table: Table, message: bytes) -> None:
    """Let node 2 send node 1 an envelope."""
    node = table.nodes[2]
    parcel = Parcel(
        message, address(1), streamed=True, replayable=False, since=table.now
    )
    node._channels.send(table.now, table.id(1), parcel)
    node._settle(table.now)
    table._drain(2)
    table.run(0.1)


def test_a_certificate_that_nobody_waits_for_is_not_verified() -> None:
    table = Table(2)
    chains = [false_chain(table, 1), of_stranger(table, 7), b"no chain"]
    send(table, encode_certificates(chains))
    counters = table.nodes[1].counters()
    assert counters["certificates_unread"] == 3
    assert "certificates_bad" not in counters


def test_who_sends_false_ones_in_answer_to_our_questions_is_soon_not_read() -> None:
    table = Table(2)
    strangers = range(7, 7 + FORGERIES_MAX + 2)
    for number in strangers:
        subject = decode_chain_untrusted(of_stranger(table, number)).certificate.node
        body = encode_own_body(subject, (1, 0), State.ALIVE, (address(9), b""))
        send(table, wrap_swim(encode_frame([claim_of(body, bytes(64)).item])))
    table.run(0.1)
    chains = [of_stranger(table, number) for number in strangers]
    send(table, encode_certificates(chains))
    counters = table.nodes[1].counters()
    assert counters["certificates_bad"] == FORGERIES_MAX
    assert counters["certificates_unread"] == 2


def test_one_that_is_waited_for_is_worth_a_look_until_too_many_were_false() -> None:
    waiting = awaiting(OTHER)
    assert waiting.awaits(1.0, PEER, OTHER)
    assert not waiting.awaits(1.0, PEER, PEER)
    assert not waiting.awaits(1.0, PEER, None)
    for _ in range(FORGERIES_MAX):
        waiting.note_false(1.0, PEER)
    assert not waiting.awaits(1.0, PEER, OTHER)
    assert waiting.awaits(1.0, OTHER, OTHER)
    assert waiting.awaits(1.0 + WINDOW_S, PEER, OTHER)


def test_false_certificates_in_rows_are_looked_at_as_rarely_as_false_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(3)
    table.run(1.0)
    tried: list[bytes] = []
    learn = Directory.learn_untrusted

    def counted(directory: Directory, data: bytes, wall: float) -> Verdict:
        tried.append(data)
        return learn(directory, data, wall)

    monkeypatch.setattr(Directory, "learn_untrusted", counted)
    for number in range(100):
        give_node_row(table, number)
    assert len(tried) == FORGERIES_MAX
    table.run(WINDOW_S)
    give_node_row(table, 100)
    assert len(tried) == FORGERIES_MAX + 1


def give_node_row(table: Table, number: int) -> None:
    """Let node 2 give node 1 a row with a false certificate."""
    owner = NodeId(number.to_bytes(16, "big"))
    value = NodeFacts(about=encode_about(false_chain(table, number))).encode()
    place = (CLUSTER, (NODE, bytes(owner)))
    item = encode_body(owner, place, (1, 1), 1, (Flag(0), value)) + bytes(64)
    table.command(1, lambda rows: rows.receive_row(table.now, table.id(2), item))
