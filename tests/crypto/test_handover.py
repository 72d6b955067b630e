"""What stands inside a handshake's messages: golden bytes, round trips, any bytes."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.handover import (
    HANDOVER_OVERHEAD_BYTES,
    INDEX_BYTES,
    Handover,
    unpack_handover_untrusted,
)
from swarmnet.errors import BadPacket

FULL: Final = Handover(b"data", b"chain", more=True, index=0x01020304, new=True)


@pytest.mark.parametrize(
    ("handover", "expected"),
    [
        (Handover(), "00"),
        (Handover(b"data"), "00 64617461"),
        (Handover(b"data", b"chain"), "01 0005 636861696e 64617461"),
        (Handover(b"data", more=True), "02 64617461"),
        (Handover(b"data", index=0x01020304), "04 01020304 64617461"),
        (Handover(index=0), "04 00000000"),
        (Handover(new=True), "08"),
        (Handover(disowned=True), "10"),
        (FULL, "0f 01020304 0005 636861696e 64617461"),
    ],
)
def test_the_bytes_are_these_and_come_back_as_they_were(
    handover: Handover, expected: str
) -> None:
    packed = handover.pack()
    assert packed.hex() == expected.replace(" ", "")
    assert unpack_handover_untrusted(packed) == handover


def test_the_overheads_are_these() -> None:
    assert len(Handover(b"data").pack()) == 4 + HANDOVER_OVERHEAD_BYTES
    with_index = Handover(b"data", index=7).pack()
    assert len(with_index) == 4 + HANDOVER_OVERHEAD_BYTES + INDEX_BYTES


def test_nothing_at_all_is_an_empty_handover() -> None:
    assert unpack_handover_untrusted(b"") == Handover()


def test_unknown_flags_are_passed_over() -> None:
    packed = bytearray(FULL.pack())
    packed[0] |= 0xE0
    assert unpack_handover_untrusted(bytes(packed)) == FULL


def test_a_handover_cut_before_its_data_is_bad() -> None:
    packed = FULL.pack()
    for end in range(1, len(packed) - 4):
        with pytest.raises(BadPacket):
            unpack_handover_untrusted(packed[:end])
    assert unpack_handover_untrusted(packed[:-4]).data == b""


@pytest.mark.parametrize("data", ["01", "0100", "010000", "01000061", "0100026a", "04"])
def test_what_is_announced_and_not_there_is_bad(data: str) -> None:
    with pytest.raises(BadPacket):
        unpack_handover_untrusted(bytes.fromhex(data))


@given(
    st.builds(
        Handover,
        data=st.binary(max_size=200),
        chain=st.binary(max_size=700),
        more=st.booleans(),
        index=st.none() | st.integers(0, 2**32 - 1),
        new=st.booleans(),
    )
)
def test_any_handover_comes_back_as_it_was(handover: Handover) -> None:
    assert unpack_handover_untrusted(handover.pack()) == handover


@given(st.binary(max_size=100))
def test_any_bytes_are_a_handover_or_bad(data: bytes) -> None:
    try:
        handover = unpack_handover_untrusted(data)
    except BadPacket:
        return
    assert len(handover.data) + len(handover.chain) <= len(data)
