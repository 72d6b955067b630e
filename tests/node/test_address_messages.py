"""What nodes say to each other about addresses: total to read, and harmless to take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ipam.asking import Reason
from swarmnet.node.address_messages import (
    SUBJECT_BYTES_MAX,
    WORD_BYTES_MAX,
    AddressMessage,
    Answer,
    Asked,
    Inquiry,
    Matter,
    Refusal,
    decode_address_message_untrusted,
    encode_address_message,
)
from swarmnet.node.envelope import ADDRESSES
from swarmnet.wire import Value, pack, unpack_array_untrusted
from tests.node.hosts import Hosts

u64 = st.integers(0, (1 << 64) - 1)
realms = st.binary(min_size=1, max_size=32)
subjects = st.binary(min_size=1, max_size=SUBJECT_BYTES_MAX)
matters = st.sampled_from(Matter)
messages = st.one_of(
    st.builds(Asked, realms, st.none() | u64, u64, st.booleans()),
    st.builds(Refusal, realms, st.none() | u64, st.sampled_from(Reason)),
    st.builds(Inquiry, matters, subjects),
    st.builds(Answer, matters, subjects, st.binary(max_size=WORD_BYTES_MAX)),
)


@given(messages)
def test_a_message_reads_as_it_was_written(message: AddressMessage) -> None:
    data = encode_address_message(message)
    assert decode_address_message_untrusted(data) == message
    assert len(data) < 128


@given(messages, st.lists(u64 | st.binary(max_size=9), min_size=1, max_size=3))
def test_fields_of_a_later_version_are_passed_over(
    message: AddressMessage, added: list[int | bytes]
) -> None:
    fields: list[Value] = unpack_array_untrusted(encode_address_message(message))  # type: ignore[assignment]
    assert decode_address_message_untrusted(pack([*fields, *added])) == message


@given(
    st.binary(max_size=60)
    | st.lists(
        st.none() | st.booleans() | st.integers(-1, 9) | st.floats() | st.binary(),
        max_size=6,
    ).map(pack)
)
def test_any_bytes_give_a_message_or_none_or_bad_packet(data: bytes) -> None:
    check_total(data)


@given(messages, st.data())
def test_a_message_with_a_flaw_or_a_cut_is_read_safely(
    message: AddressMessage, data: st.DataObject
) -> None:
    broken = bytearray(encode_address_message(message))
    broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    check_total(bytes(broken))
    check_total(bytes(broken[: data.draw(st.integers(0, len(broken)))]))


def check_total(data: bytes) -> None:
    try:
        found = decode_address_message_untrusted(data)
    except BadPacket:
        return
    if found is not None:
        again = decode_address_message_untrusted(encode_address_message(found))
        assert again == found


GOLDEN: list[tuple[str, AddressMessage]] = [
    ("9500c4017607 09c2", Asked(b"v", 7, 9)),
    ("9400c40176c009", Asked(b"v", None, 9)),
    ("9500c40176c009c3", Asked(b"v", None, 9, ahead=True)),
    ("9401c40176c001", Refusal(b"v", None, Reason.NONE_FREE)),
    ("9401c401760706", Refusal(b"v", 7, Reason.KEPT)),
    ("930200c40161", Inquiry(Matter.DEEDS, b"a")),
    ("930201c40161", Inquiry(Matter.ABSENT, b"a")),
    ("940301c40161c40101", Answer(Matter.ABSENT, b"a", b"\1")),
]


@pytest.mark.parametrize(("data", "message"), GOLDEN)
def test_known_bytes_read_as_they_always_did(
    data: str, message: AddressMessage
) -> None:
    assert decode_address_message_untrusted(bytes.fromhex(data)) == message


LATER: list[list[Value]] = [
    [4, b"v", 7, 9],
    [200, 1, 1],
    [2, 2, b"a"],
    [3, 77, b"a", b"b"],
    [2, "deeds", b"a"],
]


@pytest.mark.parametrize("fields", LATER)
def test_a_kind_or_a_matter_of_a_later_version_is_passed_over(
    fields: list[Value],
) -> None:
    assert decode_address_message_untrusted(pack(fields)) is None


BAD: list[list[Value]] = [
    [],
    [0, b"v"],
    [-1, b"v", 7, 9],
    [None, b"v", 7, 9],
    [True, b"v", 7, 9],
    [0, b"v", 7],
    [0, b"", 7, 9],
    [0, bytes(33), 7, 9],
    [0, "v", 7, 9],
    [0, b"v", -1, 9],
    [0, b"v", 7.0, 9],
    [0, b"v", 7, None],
    [1, b"v", 7, 0],
    [1, b"v", 7, 9],
    [1, b"v", 7, b"1"],
    [2, 0, b""],
    [2, 0, bytes(SUBJECT_BYTES_MAX + 1)],
    [2, False, b"a"],
    [3, 0, b"a"],
    [3, 0, b"a", bytes(WORD_BYTES_MAX + 1)],
    [3, 0, b"a", 1],
]


@pytest.mark.parametrize("fields", BAD)
def test_what_is_none_is_refused(fields: list[Value]) -> None:
    with pytest.raises(BadPacket):
        decode_address_message_untrusted(pack(fields))


@pytest.mark.slow
@given(st.lists(st.binary(max_size=40) | messages.map(encode_address_message)))
def test_whatever_a_member_says_the_other_goes_on(said: list[bytes]) -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(1.5)
    peer, engine = hosts.id(2), hosts.engine(1)
    source = hosts.address(2)
    for data in said:
        engine.receive_datagram(hosts.now, peer, source, ADDRESSES + data)
        hosts.run(0.01)
    assert hosts.connect(1, network).is_effective


def test_what_cannot_be_read_is_counted_and_what_is_of_a_later_version() -> None:
    hosts = Hosts(2)
    engine = hosts.engine(1)
    for data in (b"", b"junk", pack((9, 1, 1)), pack((2, 9, b"a"))):
        source = hosts.address(2)
        engine.receive_datagram(hosts.now, hosts.id(2), source, ADDRESSES + data)
    counters = engine.counters()
    assert counters["bad_address_messages"] == 2
    assert counters["unknown_address_messages"] == 2
