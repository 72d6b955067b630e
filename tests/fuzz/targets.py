"""Every decoder and every engine that sees bytes before their sender is known.

A target takes any bytes and returns; `BadPacket` is what it may raise inside.
Hypothesis drives them in `test_fuzz`; any other fuzzer can, too:

    python -m tests.fuzz.targets chain < some-file        one input from stdin
    python -m tests.fuzz.targets --write                  the corpus anew
"""

import sys
from collections.abc import Callable
from pathlib import Path

import dns.edns
import dns.message

from sim.pki import WALL_S, Pki
from swarmnet.crypto.admission import Admitter, Joiner
from swarmnet.crypto.certificate import (
    Role,
    decode_certificate_untrusted,
    decode_chain_untrusted,
    decode_root_untrusted,
)
from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.framing import Unframer, frame
from swarmnet.crypto.handover import unpack_handover_untrusted
from swarmnet.crypto.token import (
    Papers,
    Request,
    Token,
    Verifier,
    decode_papers_untrusted,
    decode_request_untrusted,
    decode_verifier_untrusted,
)
from swarmnet.dns.answering import Forward
from swarmnet.dns.forwarding import Exchange, Verdict
from swarmnet.errors import BadPacket, Refused
from swarmnet.node.envelope import (
    decode_certificates_untrusted,
    decode_wanted_untrusted,
)
from swarmnet.swim.codec import decode_frame_untrusted
from swarmnet.tables.codec import (
    decode_message_untrusted,
    decode_row_untrusted,
    encode_message,
)
from tests.crypto.peers import Peer, Table, address_of
from tests.crypto.test_token import Door, joiner
from tests.dns.world import World
from tests.tables.rows import true_messages, true_rows

Target = Callable[[bytes], None]
CORPUS = Path(__file__).parent / "corpus"
SOURCE = address_of(77)


def decoder(decode: Callable[[bytes], object]) -> Target:
    """Return the target of one decoder."""

    def target(data: bytes) -> None:
        try:
            decode(data)
        except BadPacket:
            return

    return target


def unframe(data: bytes) -> None:
    """Take bytes off a stream, in three pieces."""
    unframer = Unframer()
    third = len(data) // 3
    try:
        for piece in (data[:third], data[third : 2 * third], data[2 * third :]):
            list(unframer.receive(piece))
    except BadPacket:
        return


def token(data: bytes) -> None:
    """Read what somebody typed."""
    try:
        Token.parse(data.decode("utf-8", "replace"))
    except Refused:
        return


def channels(*, streamed: bool) -> Target:
    """Return the target of a running node's channels, which know one peer."""
    table = Table(2)
    hub, peer = table.peers
    peer.send(table.now, hub, b"hello")
    table.run()

    def target(data: bytes) -> None:
        receive = (
            hub.channels.receive_stream if streamed else hub.channels.receive_datagram
        )
        receive(table.now, SOURCE, data)
        hub.take(table.now)
        hub.sent.clear()

    return target


def admitter(data: bytes) -> None:
    """Give a manager bytes as a first message, and as a third."""
    door: Admitter = DOOR.admitter
    door.receive_message(0.0, WALL_S, 5, data)
    door.receive_message(0.0, WALL_S, 5, data)
    door.receive_closed(5)
    while door.poll_output() is not None:
        continue


def joining(data: bytes) -> None:
    """Give a joiner bytes as the manager's answer."""
    peer: Joiner = joiner(DOOR.token)
    peer.receive_message(WALL_S, data)
    while peer.poll_output() is not None:
        continue


def query(data: bytes) -> None:
    """Ask as a sandbox does, by datagram and by stream."""
    for is_stream in (False, True):
        answer = NAMES.raw(data, is_stream=is_stream)
        assert not isinstance(answer, bytes) or answer[:2] == data[:2]


def answer(data: bytes) -> None:
    """Answer as a server on the underlay does."""
    if EXCHANGE.judge(data) is not Verdict.STRANGE:
        assert EXCHANGE.finish(data)[:2] == EXCHANGE.forward.data[:2]


def queries() -> list[bytes]:
    """Return queries of several kinds, one of them with options of EDNS."""
    asked = [
        dns.message.make_query(name, kind, id=7).to_wire()
        for name, kind in (
            ("web.front.internal", "A"),
            ("_80._tcp.web", "SRV"),
            ("4.1.0.10.in-addr.arpa", "PTR"),
            ("example.com", "AAAA"),
        )
    ]
    cookie = dns.edns.GenericOption("COOKIE", bytes(8))
    network = dns.edns.ECSOption("192.0.2.0", 24)
    full = dns.message.make_query("web", "A", id=7, options=[cookie, network])
    return [*asked, full.to_wire()]


NAMES = World()
PASSED_ON = NAMES.raw(queries()[3])
assert isinstance(PASSED_ON, Forward)
EXCHANGE = Exchange(PASSED_ON, 4242)
DOOR = Door()
TARGETS: dict[str, Target] = {
    "frame": decoder(decode_frame_untrusted),
    "certificate": decoder(decode_certificate_untrusted),
    "chain": decoder(decode_chain_untrusted),
    "root": decoder(decode_root_untrusted),
    "papers": decoder(decode_papers_untrusted),
    "request": decoder(decode_request_untrusted),
    "verifier": decoder(decode_verifier_untrusted),
    "handover": decoder(unpack_handover_untrusted),
    "wanted": decoder(decode_wanted_untrusted),
    "certificates": decoder(decode_certificates_untrusted),
    "row": decoder(lambda data: decode_row_untrusted(data, b"key")),
    "sync": decoder(decode_message_untrusted),
    "unframe": unframe,
    "token": token,
    "datagram": channels(streamed=False),
    "stream": channels(streamed=True),
    "admitter": admitter,
    "joiner": joining,
    "query": query,
    "answer": answer,
}


def corpus(name: str) -> list[bytes]:
    """Return the inputs that a target begins with: one in hex a line."""
    text = (CORPUS / f"{name}.hex").read_text(encoding="ascii")
    return [bytes.fromhex(line) for line in text.splitlines()]


def recorded() -> dict[str, list[bytes]]:
    """Return true inputs of every target, made from fixed seeds."""
    pki = Pki(7)
    chain = pki.chain(1)
    table = Table(2, known=False)
    one, other = table.peers
    for peer, friend in ((one, other), (other, one)):
        peer.book.believed.add(friend.keys.public)
    meet(table, one, other)
    packets = [packet for _, packet in table.passed]
    hello = joiner(DOOR.token)
    first = hello.poll_output()
    assert first is not None
    first_data = getattr(first, "data", b"")
    answers = DOOR.answers(first_data)
    digest = DOOR.cluster.root.certificate.digest
    return {
        "frame": [bytes.fromhex("9101"), bytes.fromhex("9201920207")],
        "certificate": [chain.certificate.encode()],
        "chain": [chain.encoded],
        "root": [pki.root.encode()],
        "papers": [Papers(chain, (pki.root,)).encode()],
        "request": [
            Request(
                bytes(16),
                chain.certificate.subject.signing_public,
                bytes(64),
                "w",
                None,
            ).encode()
        ],
        "verifier": [Verifier.of(Role.WORKER, bytes(16)).encode()],
        "handover": [b"", b"\x00data", b"\x02"],
        "wanted": [bytes(32)],
        "certificates": [b"\x91\xc4\x01a"],
        "row": [row.item for row in true_rows()],
        "sync": [encode_message(message) for message in true_messages()],
        "unframe": [frame(b"packet") + frame(b"another")],
        "token": [Token(digest, bytes(16)).text().encode()],
        "datagram": [packet.data for packet in packets if not packet.streamed],
        "stream": [packet.data for packet in packets if packet.streamed],
        "admitter": [first_data],
        "joiner": answers,
        "query": queries(),
        "answer": [b"\x10\x92\x81\x80" + queries()[3][4:]],
    }


def meet(table: Table, one: Peer, other: Peer) -> None:
    """Let two strangers meet by stream and talk by datagram, then one restart."""
    where, since = other.address, table.now
    parcel = Parcel(b"hello", where, streamed=True, replayable=False, since=since)
    one.channels.send_to_address(table.now, parcel)
    table.run()
    one.send(table.now, other, b"datagram")
    table.run()
    other.start()
    other.knows(one)
    one.send(table.now, other, b"to one who restarted")
    table.run()


def main(arguments: list[str]) -> None:
    """Run one input from stdin, or write the corpus."""
    if arguments == ["--write"]:
        for name, inputs in recorded().items():
            lines = "".join(f"{one.hex()}\n" for one in inputs)
            (CORPUS / f"{name}.hex").write_text(lines, encoding="ascii")
    else:
        TARGETS[arguments[0]](sys.stdin.buffer.read())


if __name__ == "__main__":
    main(sys.argv[1:])
