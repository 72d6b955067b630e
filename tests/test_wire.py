"""The byte codec under all messages: canonical out, total in."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import U64_MAX
from swarmnet.wire import (
    Value,
    array,
    blob,
    join_u64,
    natural,
    pack,
    pack_bytes,
    pack_sequence,
    pack_small,
    split_u64_untrusted,
    unpack_array_untrusted,
)

VALUES: st.SearchStrategy[Value] = st.recursive(
    st.integers(-(2**63), U64_MAX)
    | st.binary(max_size=20)
    | st.text(max_size=10)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("fields", "packed_hex"),
    [
        ([], "90"),
        ([0, 127, 128, 255], "94" "00" "7f" "cc80" "ccff"),
        ([256, 2**16, 2**32], "93" "cd0100" "ce00010000" "cf0000000100000000"),
        ([U64_MAX, -1], "92" "cfffffffffffffffff" "ff"),
        ([b"", b"ab", "ab"], "93" "c400" "c4026162" "a26162"),
        ([None, True, False], "93" "c0" "c3" "c2"),
        ([1.5, [1, [2]]], "92" "cb3ff8000000000000" "92" "01" "91" "02"),
    ],
)  # fmt: skip
def test_fields_have_these_bytes(fields: list[Value], packed_hex: str) -> None:
    assert pack(fields).hex() == packed_hex
    assert unpack_array_untrusted(bytes.fromhex(packed_hex)) == fields


@given(st.lists(VALUES, max_size=6))
def test_an_array_reads_back_as_it_was_packed(fields: list[Value]) -> None:
    assert unpack_array_untrusted(pack(fields)) == fields


@given(st.lists(VALUES, max_size=6), st.integers(0, 127))
def test_packed_items_are_joined_without_packing_them_again(
    fields: list[Value], first: int
) -> None:
    items = [pack([field]) for field in fields]
    whole = pack_sequence(first, items)
    assert unpack_array_untrusted(whole) == [first, *([field] for field in fields)]


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_an_array_cut_anywhere_is_refused(fields: list[Value]) -> None:
    data = pack(fields)
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            unpack_array_untrusted(data[:cut])


@given(st.binary(max_size=80))
def test_any_bytes_are_an_array_or_refused(data: bytes) -> None:
    try:
        fields = unpack_array_untrusted(data)
    except BadPacket:
        return
    assert isinstance(fields, list)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pack([1]) + b"\0",
        b"\x01",
        b"\x80",
        b"\xc4\x01a",
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
        b"\x91\xdb\xff\xff\xff\xff",
        b"\x91\xa1\xff",
        b"\x91\x81\x90\xc0",
        b"\x91\x81\x01\xc0",
        b"\x91\xc1",
        b"\x91\xc7\x0d\xff" + bytes(13),
    ],
)
def test_bytes_that_are_no_array_are_refused(data: bytes) -> None:
    with pytest.raises(BadPacket):
        unpack_array_untrusted(data)


@pytest.mark.parametrize("depth", [100, 500, 520, 1000, 1030, 3000])
def test_deeply_nested_fields_are_read_or_refused(depth: int) -> None:
    try:
        (value,) = unpack_array_untrusted(b"\x91" * (depth + 1) + b"\x90")
    except BadPacket:
        assert depth > 500
        return
    for _ in range(depth):
        assert isinstance(value, list)
        (value,) = value
    assert value == []


@pytest.mark.parametrize("value", [0, 1, 127, U64_MAX])
def test_an_integer_in_its_range_is_natural(value: int) -> None:
    assert natural(value) == value


@pytest.mark.parametrize("value", [-1, 2**64, 1.0, True, None, b"1", "1", []])
def test_what_is_no_integer_in_range_is_refused(value: object) -> None:
    with pytest.raises(BadPacket, match="want an integer from 0 to"):
        natural(value)


def test_a_natural_number_has_the_given_maximum() -> None:
    assert natural(3, 3) == 3
    with pytest.raises(BadPacket, match="want an integer from 0 to 3"):
        natural(4, 3)


@pytest.mark.parametrize(
    ("size", "fits"), [(1, False), (2, True), (4, True), (5, False)]
)
def test_bytes_have_a_bounded_length(size: int, fits: bool) -> None:
    if fits:
        assert blob(bytes(size), 4, 2) == bytes(size)
        return
    with pytest.raises(BadPacket, match="want 2 to 4 bytes"):
        blob(bytes(size), 4, 2)


@pytest.mark.parametrize("value", ["text", 1, None, [1], bytearray(3)])
def test_what_is_not_bytes_is_refused(value: object) -> None:
    with pytest.raises(BadPacket, match="want 0 to 4 bytes"):
        blob(value, 4)


@pytest.mark.parametrize("value", [[], [1], None, b"ab", (1, 2)])
def test_what_is_no_array_of_so_many_fields_is_refused(value: object) -> None:
    with pytest.raises(BadPacket, match="at least 2 fields"):
        array(value, 2)


@given(st.lists(st.integers(0, U64_MAX), max_size=20))
def test_u64s_take_eight_bytes_each(values: list[int]) -> None:
    data = join_u64(values)
    assert len(data) == 8 * len(values)
    assert split_u64_untrusted(data) == tuple(values)


@pytest.mark.parametrize("size", [1, 7, 9, 15])
def test_u64s_in_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(BadPacket, match=f"{size} bytes, want a multiple of 8"):
        split_u64_untrusted(bytes(size))


def test_small_forms_are_those_of_msgpack() -> None:
    assert [pack_small(n) for n in (0, 127)] == [msgpack.packb(0), msgpack.packb(127)]
    assert pack_bytes(bytes(300)) == msgpack.packb(bytes(300))
