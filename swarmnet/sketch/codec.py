"""The bytes of cells and of range messages, the one file here that reads raw bytes.

Numbers are big-endian or varints (LEB128). Every field has one form only, the shortest;
whatever else arrives is refused as a bad packet.

    cells     one cell after the other: element XOR (8), checksum XOR (4), varint count
    message   key (16), then ranges that follow one another from element 0 upwards
    range     mode · 16 + length of the bound (1), bound (0 to 8), body of the mode
      0 skip          nothing
      1 fingerprint   varint count, fingerprint (8)
      2 ids           varint count, elements (8 each), ascending

A bound is the exclusive end of its range, cut of trailing zero bytes; the empty bound
is 2^64 and ends the message. What lies beyond the last range is skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.sketch.cells import Cell
from swarmnet.sketch.mapping import CELLS_MAX

RANGE_KEY_BYTES: Final = 16
FINGERPRINT_BYTES: Final = 8
MESSAGE_BYTES_MAX: Final = 65_535
COUNT_MAX: Final = 2**31 - 1
SPACE_END: Final = 2**64

_SKIP: Final = 0
_FINGERPRINT: Final = 1
_IDS: Final = 2


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing left to say about the elements below `upper`."""

    upper: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The sender holds `count` elements below `upper`, and this is their hash."""

    upper: int
    count: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Ids:
    """All elements below `upper` that the sender holds, ascending."""

    upper: int
    elements: tuple[int, ...]


Range = Skip | Fingerprint | Ids


@dataclass(frozen=True, slots=True)
class RangeMessage:
    """Ranges that follow one another, with the key of their fingerprints."""

    key: bytes
    ranges: tuple[Range, ...]


class _Reader:
    """Takes fields off the front of untrusted bytes; raises only BadPacket."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise BadPacket(f"{length} bytes wanted, {self.left} left")
        self._at += length
        return self._data[self._at - length : self._at]

    def integer(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def varint(self, maximum: int) -> int:
        value = 0
        shift = 0
        while True:
            byte = self.integer(1)
            value |= (byte & 0x7F) << shift
            if value > maximum or shift > maximum.bit_length():
                raise BadPacket(f"varint above {maximum}")
            if byte < 0x80:
                break
            shift += 7
        if byte == 0 and shift:
            raise BadPacket("varint is not in its shortest form")
        return value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _expected_count(first: int, start: int, index: int) -> int:
    """Scale the run's first count by rho(index) / rho(start).

    Counts stray from it by about their root, so most differences fit one byte.
    """
    return first * (start + 2) // (index + 2) if index > start else 0


def encode_cells(cells: Sequence[Cell], start: int = 0) -> bytes:
    """Return the bytes of consecutive cells, the first of which has index `start`.

    About 13.2 bytes a cell for 10,000 elements, 17 at most. `start` is not in the
    bytes: both sides know where they continue.
    """
    encoded = bytearray()
    first = cells[0].count if cells else 0
    for index, cell in enumerate(cells, start):
        assert abs(cell.count) <= COUNT_MAX, f"count {cell.count}"
        encoded += cell.element_xor.to_bytes(8, "big")
        encoded += cell.checksum_xor.to_bytes(4, "big")
        stray = cell.count - _expected_count(first, start, index)
        encoded += _varint(stray << 1 if stray >= 0 else ~(stray << 1))
    return bytes(encoded)


def decode_cells_untrusted(data: bytes, start: int = 0) -> tuple[Cell, ...]:
    """Read `encode_cells`'s form; `start` may come from the network as well.

    Raises:
        BadPacket: the bytes are no cells, or one lies outside 0 to `CELLS_MAX`.
    """
    if not 0 <= start <= CELLS_MAX:
        raise BadPacket(f"cells from {start}, at most {CELLS_MAX}")
    reader = _Reader(data)
    cells: list[Cell] = []
    first = 0
    while reader.left:
        index = start + len(cells)
        if index >= CELLS_MAX:
            raise BadPacket(f"more than {CELLS_MAX} cells")
        element_xor = reader.integer(8)
        checksum_xor = reader.integer(4)
        folded = reader.varint(4 * COUNT_MAX)
        stray = folded >> 1 if folded & 1 == 0 else ~(folded >> 1)
        count = stray + _expected_count(first, start, index)
        if abs(count) > COUNT_MAX:
            raise BadPacket(f"count {count}, at most {COUNT_MAX}")
        if not cells:
            first = count
        cells.append(Cell(count, element_xor, checksum_xor))
    return tuple(cells)


def _encode_range(item: Range) -> bytes:
    bound = b""
    if item.upper < SPACE_END:
        bound = item.upper.to_bytes(8, "big").rstrip(b"\0")
    match item:
        case Skip():
            mode, body = _SKIP, b""
        case Fingerprint():
            mode, body = _FINGERPRINT, _varint(item.count) + item.value
        case Ids():
            ids = b"".join(element.to_bytes(8, "big") for element in item.elements)
            mode, body = _IDS, _varint(len(item.elements)) + ids
    return bytes((mode << 4 | len(bound),)) + bound + body


class RangeWriter:
    """Builds one message of at most `limit_bytes`, range by range.

    It always keeps room for a last range, a fingerprint up to the end of the space, so
    that a message that is full can still say how far it came.
    """

    # A skip (1 + 8), then mode (1), no bound, count (at most 10) and fingerprint (8).
    _TAIL_BYTES: Final = 9 + 1 + 10 + FINGERPRINT_BYTES

    def __init__(self, key: bytes, limit_bytes: int) -> None:
        assert len(key) == RANGE_KEY_BYTES, f"range key of {len(key)} bytes, want 16"
        self._encoded = bytearray(key)
        self._room_bytes = limit_bytes - len(key) - self._TAIL_BYTES
        self._pending_skip = b""

    def skip(self, upper: int) -> None:
        """Say nothing more below `upper`; adjacent skips become one."""
        self._pending_skip = _encode_range(Skip(upper))

    def put(self, item: Range) -> bool:
        """Add a range and return True, or return False if the message is full."""
        encoded = self._pending_skip + _encode_range(item)
        if len(encoded) > self._room_bytes:
            return False
        self._room_bytes -= len(encoded)
        self._encoded += encoded
        self._pending_skip = b""
        return True

    def put_tail(self, count: int, value: bytes) -> None:
        """Add the range, up to the end of the space, that room was kept for."""
        tail = _encode_range(Fingerprint(SPACE_END, count, value))
        self._encoded += self._pending_skip + tail

    def finish(self) -> bytes | None:
        """Return the message, or None if it would skip everything."""
        if len(self._encoded) == RANGE_KEY_BYTES:
            return None
        return bytes(self._encoded)


def _read_range(reader: _Reader, lower: int) -> Range:
    mode, length = divmod(reader.integer(1), 16)
    if length > 8:
        raise BadPacket(f"bound of {length} bytes, at most 8")
    bound = reader.take(length)
    if bound.endswith(b"\0"):
        raise BadPacket("bound ends in a zero byte")
    upper = int.from_bytes(bound.ljust(8, b"\0"), "big") if bound else SPACE_END
    if upper <= lower:
        raise BadPacket(f"range ends at {upper}, before it starts at {lower}")
    if mode == _SKIP:
        return Skip(upper)
    if mode == _FINGERPRINT:
        count = reader.varint(SPACE_END - 1)
        return Fingerprint(upper, count, reader.take(FINGERPRINT_BYTES))
    if mode == _IDS:
        return Ids(upper, _read_ids(reader, lower, upper))
    raise BadPacket(f"range of mode {mode}")


def _read_ids(reader: _Reader, lower: int, upper: int) -> tuple[int, ...]:
    count = reader.varint(reader.left // 8)
    elements: list[int] = []
    for _ in range(count):
        element = reader.integer(8)
        if not lower <= element < upper:
            raise BadPacket(f"element {element} out of order or range")
        elements.append(element)
        lower = element + 1
    return tuple(elements)


def decode_ranges_untrusted(data: bytes) -> RangeMessage:
    """Read what a `RangeWriter` wrote.

    Raises:
        BadPacket: the bytes are no such message, or more than `MESSAGE_BYTES_MAX`.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise BadPacket(f"{len(data)} bytes of ranges, at most {MESSAGE_BYTES_MAX}")
    reader = _Reader(data)
    key = reader.take(RANGE_KEY_BYTES)
    ranges: list[Range] = []
    lower = 0
    while reader.left:
        if lower == SPACE_END:
            raise BadPacket("ranges beyond the end of the space")
        ranges.append(_read_range(reader, lower))
        lower = ranges[-1].upper
    return RangeMessage(key, tuple(ranges))
