"""Every message's bytes: golden hex, round trips, and cuts at every byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import U64_MAX, Address, NodeId, Scope
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import (
    FRAME_OVERHEAD_BYTES,
    Frame,
    claim_of,
    decode_frame_untrusted,
    encode_accusation_body,
    encode_frame,
    encode_message,
    encode_own_body,
    payload_news,
)
from swarmnet.swim.coordinates import (
    DIMENSIONS,
    HEIGHT_S_MIN,
    Coordinate,
)
from swarmnet.swim.messages import (
    Ack,
    ClaimNews,
    Compare,
    Digest,
    Have,
    Join,
    Message,
    Nack,
    PayloadNews,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import Payload, PayloadClass, State
from tests.swim.worlds import address, alive, frame, left, node, suspect

DIGEST = Digest(bytes(range(16)), 300)
DIGEST_HEX = "c410000102030405060708090a0b0c0d0e0fcd012c"
NODE_2 = "c410" + "00" * 15 + "02"
NODE_3 = "c410" + "00" * 15 + "03"
AT_2 = "c4060a0000021f0a"
NEWS = Payload(b"key", Scope(b"net"), PayloadClass.NORMAL, b"data")
PROOF = bytes.fromhex("0102030405060708")
PROOF_HEX = "c4080102030405060708"
ABOUT_2 = (address(2), b"m")
ALIVE = claim_of(encode_own_body(node(2), (1, 7), State.ALIVE, ABOUT_2), PROOF)
LEFT = claim_of(encode_own_body(node(2), (1, 8), State.LEFT, ABOUT_2), PROOF)
SUSPECT = claim_of(encode_accusation_body(node(2), (1, 7), node(3)), PROOF)
HERE = Coordinate((0.5, -0.25, *[0.0] * 6), 1.0, 0.125, 0.0625)
HERE_HEX = "3f000000be800000" + "00000000" * 6 + "3f8000003e0000003d800000"

GOLDEN: list[tuple[Message, str]] = [
    (Ping(1, DIGEST), "94" "01" "01" + DIGEST_HEX),
    (Ack(2**32), "92" "02" "cf0000000100000000"),
    (Ack(7, HERE), "93" "02" "07" "c42c" + HERE_HEX),
    (Nack(127), "92" "03" "7f"),
    (
        PingRequest(5, node(2), address(2), 0.4),
        "95" "04" "05" + NODE_2 + AT_2 + "cd0190",
    ),
    (
        ClaimNews(ALIVE),
        "93" "05" "c422" "97" "01" "00" + NODE_2 + "01" "07" + AT_2 + "c4016d"
        + PROOF_HEX,
    ),
    (
        ClaimNews(LEFT),
        "93" "05" "c422" "97" "01" "03" + NODE_2 + "01" "08" + AT_2 + "c4016d"
        + PROOF_HEX,
    ),
    (
        ClaimNews(SUSPECT),
        "93" "05" "c429" "96" "01" "01" + NODE_2 + "01" "07" + NODE_3 + PROOF_HEX,
    ),
    (
        payload_news(NEWS),
        "92" "06" "c412" "94" "c4036e6574" "c4036b6579" "01" "c40464617461",
    ),
    (Have((1,), False), "93" "07" "c408" "0000000000000001" "00"),
    (
        Have((1, U64_MAX), True),
        "93" "07" "c410" "0000000000000001" "ffffffffffffffff" "01",
    ),
    (Want((258,)), "92" "08" "c408" "0000000000000102"),
    (Compare(DIGEST), "93" "09" + DIGEST_HEX),
    (SketchOffer(b"cells"), "92" "0a" "c405" "63656c6c73"),
    (WantClaims((3,)), "92" "0b" "c408" "0000000000000003"),
    (Ranges(b"r"), "92" "0c" "c401" "72"),
    (Join(), "91" "0d"),
    (Welcome(DIGEST), "93" "0e" + DIGEST_HEX),
]  # fmt: skip
NAMES = [
    *("ping", "ack", "ack-from-here", "nack", "ping-request"),
    *("alive", "left", "suspect", "payload"),
    *(
        "have",
        "reminder",
        "want",
        "compare",
        "sketch-offer",
        "want-claims",
        "ranges",
        "join",
    ),
    "welcome",
]

U64 = st.integers(0, U64_MAX)
NODES = st.builds(NodeId, st.binary(min_size=16, max_size=16))
ADDRESSES = st.builds(
    Address,
    st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    st.integers(1, 65535),
)
DIGESTS = st.builds(Digest, st.binary(min_size=16, max_size=16), U64)
IDS = st.lists(U64, max_size=20).map(tuple)
BLOBS = st.binary(max_size=300)
PROOFS = st.binary(max_size=128)
OWN_BODIES = st.builds(
    encode_own_body,
    NODES,
    st.tuples(U64, U64),
    st.sampled_from([State.ALIVE, State.LEFT]),
    st.tuples(ADDRESSES, st.binary(max_size=512)),
)
ACCUSATION_BODIES = (
    st.tuples(NODES, st.tuples(U64, U64), NODES)
    .filter(lambda parts: parts[0] != parts[2])
    .map(lambda parts: encode_accusation_body(*parts))
)
CLAIMS = st.builds(claim_of, OWN_BODIES | ACCUSATION_BODIES, PROOFS)
PAYLOADS = st.builds(
    Payload,
    st.binary(min_size=1, max_size=64),
    st.builds(Scope, st.binary(max_size=32)),
    st.sampled_from(PayloadClass),
    BLOBS,
)
COORDINATES = st.builds(
    Coordinate,
    st.tuples(*[st.floats(-3.0, 3.0, width=32)] * DIMENSIONS),
    st.floats(0.0, 1.5, width=32),
    st.floats(-5.0, 5.0, width=32),
    st.floats(HEIGHT_S_MIN, 10.0, width=32),
)
WAITS = st.integers(1, 60_000).map(lambda wait_ms: wait_ms / 1000)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Ping, U64, DIGESTS),
    st.builds(Ack, U64, st.none() | COORDINATES),
    st.builds(Nack, U64),
    st.builds(PingRequest, U64, NODES, ADDRESSES, WAITS),
    st.builds(ClaimNews, CLAIMS),
    st.builds(payload_news, PAYLOADS),
    st.builds(Have, IDS, st.booleans()),
    st.builds(Want, IDS),
    st.builds(Compare, DIGESTS),
    st.builds(SketchOffer, BLOBS.filter(len)),
    st.builds(WantClaims, IDS.filter(len)),
    st.builds(Ranges, BLOBS),
    st.just(Join()),
    st.builds(Welcome, DIGESTS),
)


@pytest.mark.parametrize(("message", "expected"), GOLDEN, ids=NAMES)
def test_a_message_has_these_bytes(message: Message, expected: str) -> None:
    assert encode_message(message).hex() == expected


@pytest.mark.parametrize(("message", "golden"), GOLDEN, ids=NAMES)
def test_these_bytes_are_the_message(message: Message, golden: str) -> None:
    data = bytes.fromhex("9201" + golden)
    assert decode_frame_untrusted(data) == Frame((message,), 0)


def test_the_parts_of_a_claim_are_read_back() -> None:
    read = [
        (c.subject, c.version, c.state, c.author, c.address, c.meta, c.proof)
        for c in (ALIVE, LEFT, SUSPECT)
    ]
    two, three, at = node(2), node(3), address(2)
    assert read == [
        (two, (1, 7), State.ALIVE, two, at, b"m", PROOF),
        (two, (1, 8), State.LEFT, two, at, b"m", PROOF),
        (two, (1, 7), State.SUSPECT, three, None, b"", PROOF),
    ]


@given(st.lists(MESSAGES, max_size=6))
def test_every_frame_reads_back_as_it_was_written(sent: list[Message]) -> None:
    assert decode_frame_untrusted(frame(*sent)) == Frame(tuple(sent), 0)


@given(MESSAGES)
def test_what_was_read_is_written_as_the_same_bytes(message: Message) -> None:
    (read,) = decode_frame_untrusted(frame(message)).messages
    assert encode_message(read) == encode_message(message)


@pytest.mark.parametrize(
    ("wait_s", "read_s"),
    [(0.0, 0.001), (0.0004, 0.001), (0.3996, 0.4), (4.0, 4.0), (61.0, 60.0)],
)
def test_a_wait_is_told_in_milliseconds_from_one_to_a_minute(
    wait_s: float, read_s: float
) -> None:
    asked = PingRequest(5, node(2), address(2), wait_s)
    (read,) = decode_frame_untrusted(frame(asked)).messages
    assert read == PingRequest(5, node(2), address(2), read_s)


@pytest.mark.parametrize("message", [message for message, _ in GOLDEN], ids=NAMES)
def test_a_frame_cut_anywhere_is_refused(message: Message) -> None:
    data = frame(Ack(1), message)
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            decode_frame_untrusted(data[:cut])


@pytest.mark.parametrize("claim", [ALIVE, LEFT, SUSPECT], ids=["alive", "left", "sus"])
def test_a_claim_whose_body_is_cut_anywhere_is_refused(claim: Claim) -> None:
    for cut in range(len(claim.body)):
        with pytest.raises(BadPacket):
            claim_of(claim.body[:cut], claim.proof)


@given(st.lists(MESSAGES, max_size=40))
def test_a_frame_adds_no_more_than_its_stated_overhead(sent: list[Message]) -> None:
    items = [encode_message(message) for message in sent]
    assert len(encode_frame(items)) <= sum(map(len, items)) + FRAME_OVERHEAD_BYTES


def test_a_frame_of_thousands_keeps_its_stated_overhead() -> None:
    items = [encode_message(Ack(1))] * 60_000
    assert len(encode_frame(items)) == 60_000 * len(items[0]) + FRAME_OVERHEAD_BYTES


@given(PAYLOADS)
def test_a_payload_that_was_read_is_carried_by_the_bytes_in_which_it_came(
    payload: Payload,
) -> None:
    sent = payload_news(payload)
    (read,) = decode_frame_untrusted(encode_frame([sent.item])).messages
    assert isinstance(read, PayloadNews)
    assert read == sent
    assert read.payload.body == sent.item[-len(read.payload.body) :]
    assert payload_news(read.payload) == sent


def test_equal_claims_have_equal_bytes_and_hashes() -> None:
    assert alive(1) == alive(1)
    assert hash(alive(1)) == hash(alive(1))
    others = [alive(2), alive(1, 2), left(1), suspect(1, 2), alive(1, meta=b"m")]
    assert [alive(1) == other for other in others] == [False] * 5


def test_a_payload_message_is_read_with_its_own_bytes() -> None:
    item = bytes.fromhex("9206c40994c400c4016b00c400")
    payload = Payload(b"k", Scope(b""), PayloadClass.URGENT, b"")
    (read,) = decode_frame_untrusted(encode_frame([item])).messages
    assert read == PayloadNews(payload, item)
