"""Every single-bit flip of every packet of an exchange: refused, and nothing changed.

After all flips of a packet the right one comes, and everything goes on as if nothing
had been.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.handover import Handover, unpack_handover_untrusted
from swarmnet.crypto.limits import Gate
from swarmnet.crypto.packets import Kind, decode_hint_untrusted, mac
from swarmnet.crypto.switchboard import Transmit
from tests.crypto.peers import (
    Mail,
    Peer,
    Table,
    agree,
    connected,
    kinds,
    pair,
    snapshot,
)

MAC2_BYTES: Final = 16
Stage = Callable[[], tuple[Table, Mail]]
"""Brings two peers to where one packet is on its way."""


def flips(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield `data` with each bit turned, of the bytes from `begin` to `end`."""
    for bit in range(8 * begin, 8 * (len(data) if end is None else end)):
        turned = bytearray(data)
        turned[bit // 8] ^= 1 << bit % 8
        yield bytes(turned)


def steps(table: Table, count: int) -> Mail:
    """Let so many packets arrive, and return the next one."""
    for _ in range(count):
        (mail,) = table.collect()
        table.deliver(mail)
    (mail,) = table.collect()
    return mail


def begin(*, streamed: bool, replayable: bool) -> Table:
    table, one, other = pair()
    one.send(table.now, other, b"payload", streamed=streamed, replayable=replayable)
    return table


def initiation(*, streamed: bool = False) -> tuple[Table, Mail]:
    table = begin(streamed=streamed, replayable=True)
    return table, steps(table, 0)


def response(*, streamed: bool = False) -> tuple[Table, Mail]:
    table = begin(streamed=streamed, replayable=False)
    return table, steps(table, 1)


def first_transport(*, streamed: bool = False) -> tuple[Table, Mail]:
    table = begin(streamed=streamed, replayable=False)
    return table, steps(table, 2)


def transport(*, streamed: bool = False) -> tuple[Table, Mail]:
    table, one, other = connected()
    one.send(table.now, other, b"payload", streamed=streamed, replayable=False)
    return table, steps(table, 0)


def meet(table: Table) -> None:
    one, other = table.peers
    parcel = Parcel(b"payload", other.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)


def opening() -> tuple[Table, Mail]:
    table, _, _ = pair()
    meet(table)
    return table, steps(table, 0)


def answer() -> tuple[Table, Mail]:
    table, _, _ = pair()
    meet(table)
    return table, steps(table, 1)


def closing() -> tuple[Table, Mail]:
    table, _, _ = pair()
    meet(table)
    table.deliver(steps(table, 1))
    (mail, late) = table.collect()
    assert late[1].data[0] == Kind.TRANSPORT
    return table, mail


def load(peer: Peer, now: float) -> None:
    """Let a peer have one handshake left, for who shows a cookie."""
    peer.board.gate = Gate(rate=0.001, burst=4.0)
    assert [peer.board.gate._handshakes.take(now) for _ in range(3)] == [True] * 3


def cookie() -> tuple[Table, Mail]:
    table, _, other = pair()
    load(other, table.now)
    table.peers[0].send(table.now, other, b"payload", replayable=False)
    return table, steps(table, 1)


def opening_cookie() -> tuple[Table, Mail]:
    table, _, other = pair()
    load(other, table.now)
    meet(table)
    return table, steps(table, 1)


STAGES: Final[dict[str, tuple[Stage, Kind]]] = {
    "initiation": (initiation, Kind.INITIATION),
    "initiation on a stream": (lambda: initiation(streamed=True), Kind.INITIATION),
    "response": (response, Kind.RESPONSE),
    "response on a stream": (lambda: response(streamed=True), Kind.RESPONSE),
    "first transport": (first_transport, Kind.TRANSPORT),
    "transport": (transport, Kind.TRANSPORT),
    "transport on a stream": (lambda: transport(streamed=True), Kind.TRANSPORT),
    "opening": (opening, Kind.OPENING),
    "answer": (answer, Kind.ANSWER),
    "closing": (closing, Kind.CLOSING),
    "cookie": (cookie, Kind.COOKIE),
    "opening's cookie": (opening_cookie, Kind.COOKIE),
}


def check_nothing_comes_of(table: Table, mail: Mail, turned: Sequence[bytes]) -> None:
    """None of the packets changes anything, or causes anything but a hint."""
    number, packet = mail
    before = [snapshot(peer) for peer in table.peers]
    heard = [list(peer.received) for peer in table.peers]
    for data in turned:
        table.deliver((number, replace(packet, data=data)))
        sent = table.collect()
        assert all(kind is Kind.HINT for _, kind in kinds(sent))
        for hint in sent:
            table.deliver(hint)
        assert table.collect() == []
    assert [snapshot(peer) for peer in table.peers] == before
    assert [peer.received for peer in table.peers] == heard


@pytest.mark.parametrize("name", STAGES)
def test_no_flip_of_a_bit_changes_anything_and_the_right_packet_is_still_taken(
    name: str,
) -> None:
    stage, kind = STAGES[name]
    table, mail = stage()
    data = mail[1].data
    assert data[0] == kind
    has_macs = kind in (Kind.INITIATION, Kind.OPENING)
    covered = len(data) - MAC2_BYTES if has_macs else len(data)
    check_nothing_comes_of(table, mail, list(flips(data, end=covered)))
    table.deliver(mail)
    table.wait(1.5)
    one, other = table.peers
    one.send(table.now, other, b"next", replayable=False)
    table.run()
    expected = [b"next"] if name == "closing" else [b"payload", b"next"]
    assert other.data == expected
    other.send(table.now, one, b"back")
    table.run()
    assert (one.data, agree(one, other)) == ([b"back"], True)


@pytest.mark.parametrize("name", ["initiation", "opening"])
def test_a_flip_in_mac2_is_not_seen_without_load_and_does_no_harm(name: str) -> None:
    # What mac2 covers is whole: it is the packet itself, which then has come.
    table, mail = STAGES[name][0]()
    data = mail[1].data
    turned = next(flips(data, begin=len(data) - MAC2_BYTES))
    table.deliver((mail[0], replace(mail[1], data=turned)))
    table.run()
    table.deliver(mail)
    table.wait(1.5)
    one, other = table.peers
    assert other.data == [b"payload"]
    other.send(table.now, one, b"back")
    table.run()
    one.send(table.now, other, b"next")
    table.run()
    assert (one.data, agree(one, other)) == ([b"back"], True)


def test_under_load_every_flip_in_mac2_is_answered_by_a_cookie_and_no_more() -> None:
    table, mail = cookie()
    one, other = table.peers
    table.deliver(mail)
    (shown,) = table.collect()
    before = [snapshot(peer) for peer in table.peers]
    data = shown[1].data
    for turned in flips(data, begin=len(data) - MAC2_BYTES):
        table.deliver((1, replace(shown[1], data=turned)))
        assert [kind for _, kind in kinds(table.collect())] == [Kind.COOKIE]
    assert [snapshot(peer) for peer in table.peers] == before
    table.deliver(shown)
    table.run()
    assert other.data == [b"payload"]
    assert agree(one, other)


def test_a_flip_in_a_hint_makes_it_another_or_nothing() -> None:
    table, one, other = connected()
    other.start()
    one.send(table.now, other, b"payload", replayable=False)
    mail = steps(table, 1)
    session = one.current(other)
    assert session is not None
    sent = session.datagrams.sent
    others = [
        data
        for data in flips(mail[1].data)
        if data[:4] != mail[1].data[:4]
        or decode_hint_untrusted(data)[0] != session.remote
        or decode_hint_untrusted(data)[1] >= sent
    ]
    # All but those that turn the number of the packet into that of one before it.
    assert len(others) >= 126
    check_nothing_comes_of(table, mail, others)
    table.deliver(mail)
    table.run()
    assert other.data == [b"payload"]


@pytest.mark.parametrize("stage", [initiation, response, answer])
def test_an_index_cannot_be_exchanged_though_mac1_be_made_anew(stage: Stage) -> None:
    table, mail = stage()
    _, other = table.peers
    data = mail[1].data
    for turned in flips(data, begin=4, end=8):
        made = remade(other, turned) if data[0] == Kind.INITIATION else turned
        check_nothing_comes_of(table, mail, [made])
    table.deliver(mail)
    table.run()
    assert other.data == [b"payload"]


def remade(target: Peer, data: bytes) -> bytes:
    """Return an initiation with a right mac1, which whoever knows the key can make."""
    checked = data[:-32]
    return checked + mac(target.board.own_label, checked) + data[-16:]


def test_the_index_of_an_answer_is_sealed() -> None:
    packed = Handover(index=7).pack()
    assert unpack_handover_untrusted(packed).index == 7
    table, mail = response()
    one, other = table.peers
    (session,) = other.channel(one).unconfirmed
    assert session.local.to_bytes(4, "big") not in mail[1].data
    assert isinstance(mail[1], Transmit)
