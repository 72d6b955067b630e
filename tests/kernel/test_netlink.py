import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.kernel.netlink import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    RTM_NEWLINK,
    Part,
    Reply,
    Request,
    attribute,
    attribute_text,
    attribute_u8,
    attribute_u32,
    attributes_untrusted,
    encode,
    find_untrusted,
    message,
    nested,
    part_untrusted,
    reply_untrusted,
    split_untrusted,
    text_untrusted,
    u8_untrusted,
    u32_untrusted,
)
from tests.kernel.hostile import check_read_or_refused


def error(errno: int, request: bytes, *more: bytes) -> bytes:
    """Return the body of an NLMSG_ERROR."""
    return struct.pack("=i", -errno) + request + b"".join(more)


def test_a_request_is_numbered_and_asks_for_an_answer_if_told() -> None:
    request = Request(RTM_NEWLINK, 0x600, b"\1\2\3")
    header = struct.pack("=IHHII", 19, 16, 0x605, 7, 0)
    assert encode(request, 7, ack=True) == header + b"\1\2\3\0"
    header = struct.pack("=IHHII", 19, 16, 0x601, 7, 0)
    assert encode(request, 7, ack=False) == header + b"\1\2\3\0"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (attribute(3, b""), struct.pack("=HH", 4, 3)),
        (attribute(3, b"abcde"), struct.pack("=HH", 9, 3) + b"abcde\0\0\0"),
        (attribute_u8(3, 255), struct.pack("=HHB", 5, 3, 255) + b"\0\0\0"),
        (attribute_u32(3, 258), struct.pack("=HHI", 8, 3, 258)),
        (attribute_text(3, "br0"), struct.pack("=HH", 8, 3) + b"br0\0"),
        (
            nested(5, attribute_u8(1, 2), attribute_u32(2, 3)),
            struct.pack("=HHHHBxxxHHI", 20, 0x8005, 5, 1, 2, 8, 2, 3),
        ),
    ],
)
def test_an_attribute_is_padded_to_four_bytes(made: bytes, expected: bytes) -> None:
    assert made == expected


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40)))
def test_attributes_are_read_as_they_were_written(fields: dict[int, bytes]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in fields.items())
    assert attributes_untrusted(data) == fields
    assert attributes_untrusted(memoryview(data)) == fields


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40)))
def test_one_attribute_is_found_behind_what_comes_before(
    fields: dict[int, bytes],
) -> None:
    row = b"".join(attribute(kind, value) for kind, value in fields.items())
    found = {kind: find_untrusted(b"head" + row, 4, kind) for kind in fields}
    assert found == fields
    absent = next(kind for kind in range(0x4000) if kind not in fields)
    assert find_untrusted(memoryview(row), 0, absent) is None


def test_the_last_attribute_may_lack_its_padding() -> None:
    assert attributes_untrusted(attribute(1, b"abcde")[:-3]) == {1: b"abcde"}


def test_flags_of_an_attributes_kind_are_no_part_of_it() -> None:
    data = attribute(0x8005, b"a") + attribute(0x4006, b"b")
    assert attributes_untrusted(data) == {5: b"a", 6: b"b"}


@pytest.mark.parametrize(
    "data",
    [
        b"\1",
        struct.pack("=HH", 3, 1),
        struct.pack("=HH", 0, 1),
        struct.pack("=HH", 5, 1),
        attribute(1, b"abcd") + b"\0\0",
    ],
)
def test_attributes_that_go_astray_are_refused(data: bytes) -> None:
    with pytest.raises(BadPacket):
        attributes_untrusted(data)
    with pytest.raises(BadPacket):
        find_untrusted(data, 0, 7)


def test_a_value_of_another_width_is_refused() -> None:
    with pytest.raises(BadPacket):
        u32_untrusted(b"\1\2\3")
    with pytest.raises(BadPacket):
        u8_untrusted(b"\1\2")


def test_a_text_ends_with_its_first_zero() -> None:
    assert text_untrusted(b"ab\0cd") == "ab"
    assert text_untrusted(b"ab") == "ab"
    assert text_untrusted(b"\xffab") == "\N{REPLACEMENT CHARACTER}ab"


def test_a_datagram_holds_many_messages() -> None:
    data = message(16, 2, 5, b"abcde") + message(3, 0, 6, b"")
    found = list(split_untrusted(data))
    assert found == [(16, 2, 5, 16, 21), (3, 0, 6, 40, 40)]
    assert data[16:21] == b"abcde"


def test_a_datagram_cut_anywhere_gives_whole_messages_or_is_refused() -> None:
    data = message(16, 2, 5, b"abcd") + message(17, 0, 6, b"efgh")
    whole = {0: 0, 20: 1, 40: 2}
    for cut in range(len(data) + 1):
        if cut in whole:
            assert len(list(split_untrusted(data[:cut]))) == whole[cut]
            assert part_untrusted(data[:cut]).is_last is False
            continue
        for reads in (lambda d: list(split_untrusted(d)), part_untrusted):
            with pytest.raises(BadPacket):
                reads(data[:cut])


REQUEST = message(16, 0x605, 9, b"abcdefgh")
WORDS = attribute_text(NLMSGERR_ATTR_MSG, "no such thing")


@pytest.mark.parametrize(
    ("body", "flags", "expected"),
    [
        (error(0, REQUEST[:16]), NLM_F_CAPPED, Reply(9, 0)),
        (error(17, REQUEST), 0, Reply(9, 17)),
        (
            error(17, REQUEST, WORDS),
            NLM_F_ACK_TLVS,
            Reply(9, 17, "no such thing"),
        ),
        (
            error(17, REQUEST[:16], WORDS),
            NLM_F_ACK_TLVS | NLM_F_CAPPED,
            Reply(9, 17, "no such thing"),
        ),
    ],
)
def test_a_reply_names_its_request(body: bytes, flags: int, expected: Reply) -> None:
    assert reply_untrusted(body, flags) == expected


@pytest.mark.parametrize("cut", range(20))
def test_a_reply_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(BadPacket):
        reply_untrusted(error(17, REQUEST)[:cut], 0)


def test_a_part_of_a_dump_says_whether_it_is_the_last_and_of_one_moment() -> None:
    entry = message(16, NLM_F_MULTI, 5, b"abcd")
    torn = message(16, NLM_F_MULTI | NLM_F_DUMP_INTR, 5, b"abcd")
    done = message(NLMSG_DONE, NLM_F_MULTI, 5, struct.pack("=i", 0))
    failed = message(NLMSG_DONE, NLM_F_MULTI, 5, struct.pack("=i", -16))
    refused = message(NLMSG_ERROR, 0, 5, error(22, REQUEST))
    assert part_untrusted(entry) == Part(2, is_last=False, error=0)
    assert part_untrusted(torn + entry + done) == Part(0x12, is_last=True, error=0)
    assert part_untrusted(entry + failed) == Part(2, is_last=True, error=16)
    assert part_untrusted(refused) == Part(0, is_last=True, error=22)


READERS: list[Callable[[bytes], object]] = [
    attributes_untrusted,
    part_untrusted,
    text_untrusted,
    u8_untrusted,
    u32_untrusted,
    lambda data: find_untrusted(data, 2, 7),
    lambda data: list(split_untrusted(data)),
    lambda data: reply_untrusted(data, NLM_F_ACK_TLVS),
    lambda data: reply_untrusted(data, NLM_F_ACK_TLVS | NLM_F_CAPPED),
]


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in READERS:
        check_read_or_refused(read, data)
