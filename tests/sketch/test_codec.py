"""The bytes of cells and range messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.sketch import (
    CELLS_MAX,
    MESSAGE_BYTES_MAX,
    Cell,
    Sketch,
    decode_cells_untrusted,
    element,
    encode_cells,
)
from swarmnet.sketch.codec import (
    SPACE_END,
    Fingerprint,
    Ids,
    Range,
    RangeMessage,
    RangeWriter,
    Skip,
    decode_ranges_untrusted,
)

COUNTS = st.integers(-(2**31) + 1, 2**31 - 1)
CELLS = st.builds(Cell, COUNTS, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
STARTS = st.integers(0, CELLS_MAX - 20)

# Cell 1 of 10 elements is expected to hold 6 and holds 5; cell 2 holds 5 as expected.
THREE_CELLS = (Cell(10, 1, 2), Cell(5, 2**64 - 1, 2**32 - 1), Cell(5, 0, 0))
THREE_CELLS_HEX = (
    "0000000000000001" "00000002" "14"
    "ffffffffffffffff" "ffffffff" "01"
    "0000000000000000" "00000000" "00"
)  # fmt: skip

KEY = bytes(range(16))
MESSAGE = RangeMessage(
    KEY,
    (
        Skip(0x0102 << 48),
        Fingerprint(0x80 << 56, 300, b"8 bytes!"),
        Ids(SPACE_END, (0x80 << 56, 2**64 - 1)),
    ),
)
MESSAGE_HEX = (
    "000102030405060708090a0b0c0d0e0f"
    "02" "0102"
    "11" "80" "ac02" "3820627974657321"
    "20" "02" "8000000000000000" "ffffffffffffffff"
)  # fmt: skip


def write(key: bytes, ranges: tuple[Range, ...], limit_bytes: int = 10_000) -> bytes:
    writer = RangeWriter(key, limit_bytes)
    for item in ranges:
        if isinstance(item, Skip):
            writer.skip(item.upper)
        else:
            assert writer.put(item)
    message = writer.finish()
    assert message is not None
    return message


def test_cells_have_these_bytes() -> None:
    assert encode_cells(THREE_CELLS).hex() == THREE_CELLS_HEX
    assert decode_cells_untrusted(bytes.fromhex(THREE_CELLS_HEX)) == THREE_CELLS


@given(st.lists(CELLS, max_size=20), STARTS)
def test_cells_come_back_as_they_were(cells: list[Cell], start: int) -> None:
    encoded = encode_cells(cells, start)
    assert decode_cells_untrusted(encoded, start) == tuple(cells)
    assert len(encoded) <= 17 * len(cells)


def test_cells_cut_anywhere_are_fewer_cells_or_refused() -> None:
    encoded = bytes.fromhex(THREE_CELLS_HEX)
    for cut in range(len(encoded)):
        if cut % 13 == 0:
            assert decode_cells_untrusted(encoded[:cut]) == THREE_CELLS[: cut // 13]
        else:
            with pytest.raises(BadPacket):
                decode_cells_untrusted(encoded[:cut])


@pytest.mark.slow
@pytest.mark.parametrize("start", [0, 64])
def test_the_counts_of_ten_thousand_elements_take_little_more_than_a_byte(
    start: int,
) -> None:
    elements = [element(b"", n.to_bytes(2, "big")) for n in range(10_000)]
    sketch = Sketch(128)
    for number in elements:
        sketch.add(number)
    assert len(encode_cells(sketch.cells(start, start + 45), start)) <= 600


@pytest.mark.parametrize(
    ("data", "start", "reason"),
    [
        (b"", -1, "cells from -1"),
        (b"", CELLS_MAX + 1, "cells from 2049"),
        (bytes(13), CELLS_MAX, "more than 2048 cells"),
        (bytes(13 * (CELLS_MAX + 1)), 0, "more than 2048 cells"),
        (bytes(12) + b"\x80\x00", 0, "shortest form"),
        (bytes(12) + b"\x80\x80\x80\x80\x10", 0, "count 2147483648"),
        (bytes(12) + b"\xff\xff\xff\xff\xff\xff", 0, "varint above"),
        (bytes(12) + b"\x80" * 10, 0, "varint above"),
    ],
)
def test_bytes_that_are_no_cells_are_refused(
    data: bytes, start: int, reason: str
) -> None:
    with pytest.raises(BadPacket, match=reason):
        decode_cells_untrusted(data, start)


@given(st.binary(max_size=200), STARTS)
def test_any_bytes_are_cells_in_their_only_form_or_refused(
    data: bytes, start: int
) -> None:
    try:
        cells = decode_cells_untrusted(data, start)
    except BadPacket:
        return
    assert encode_cells(cells, start) == data


def test_a_range_message_has_these_bytes() -> None:
    assert write(KEY, MESSAGE.ranges).hex() == MESSAGE_HEX
    assert decode_ranges_untrusted(bytes.fromhex(MESSAGE_HEX)) == MESSAGE


def test_a_range_message_cut_anywhere_has_fewer_ranges_or_is_refused() -> None:
    encoded = bytes.fromhex(MESSAGE_HEX)
    whole = {16: 0, 19: 1, 31: 2}
    for cut in range(len(encoded)):
        if cut in whole:
            expected = RangeMessage(KEY, MESSAGE.ranges[: whole[cut]])
            assert decode_ranges_untrusted(encoded[:cut]) == expected
        else:
            with pytest.raises(BadPacket):
                decode_ranges_untrusted(encoded[:cut])


@pytest.mark.parametrize(
    ("ranges_hex", "reason"),
    [
        ("09" + "01" * 9, "bound of 9 bytes"),
        ("02" "0100", "ends in a zero byte"),
        ("01" "02" "01" "02", "before it starts"),
        ("01" "02" "01" "01", "before it starts"),
        ("00" "01" "ff", "beyond the end"),
        ("30", "mode 3"),
        ("f0", "mode 15"),
        ("10" + "ff" * 10 + "00" * 8, "varint above"),
        ("20" "02" + "00" * 8, "varint above 1"),
        ("20" "02" + "00" * 16, "element 0 out of order"),
        ("21" "80" "01" "8000000000000000", "out of order or range"),
        ("01" "02" "20" "01" "0100000000000000", "out of order or range"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_ranges_are_refused(ranges_hex: str, reason: str) -> None:
    with pytest.raises(BadPacket, match=reason):
        decode_ranges_untrusted(KEY + bytes.fromhex(ranges_hex))


def test_a_range_message_has_a_greatest_length() -> None:
    with pytest.raises(BadPacket, match="65536 bytes of ranges"):
        decode_ranges_untrusted(bytes(MESSAGE_BYTES_MAX + 1))


def test_adjacent_skips_become_one_and_the_last_is_left_out() -> None:
    ranges = (Skip(1), Skip(2), Ids(3, ()), Skip(4))
    assert decode_ranges_untrusted(write(KEY, ranges)).ranges == (Skip(2), Ids(3, ()))


def test_a_full_message_still_has_room_to_say_how_far_it_came() -> None:
    writer = RangeWriter(KEY, 256)
    uppers = [n << 40 | 1 for n in range(1, 100)]
    fitted = [writer.put(Fingerprint(upper, 1, bytes(8))) for upper in uppers]
    writer.skip(SPACE_END - 1)
    writer.put_tail(2**64 - 1, bytes(8))
    message = writer.finish()
    assert message is not None
    assert (fitted.count(True), len(message)) == (11, 242)
    assert len(decode_ranges_untrusted(message).ranges) == 13
