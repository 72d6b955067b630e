import struct
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import NO_MAC
from swarmnet.kernel.entry_dump_codec import (
    FoundFdb,
    FoundNeighbours,
    decode_fdb_untrusted,
    decode_neighbours_untrusted,
)
from swarmnet.kernel.netlink import NLM_F_DUMP_INTR, attribute, attribute_u32, message
from tests.kernel.hostile import check_cuts_and_flips, check_read_or_refused

NDMSG: Final = struct.Struct("=BxxxiHBB")
AGE: Final = attribute(3, bytes(16))
DONE: Final = message(3, 2, 9, bytes(4))


def mac(number: int) -> bytes:
    return b"\x02\x42\x0a" + number.to_bytes(3, "big")


def vtep(number: int, size: int = 4) -> bytes:
    return number.to_bytes(size, "big")


def fdb(
    index: int,
    at: bytes,
    to: bytes,
    *more: bytes,
    state: int = 0xC0,
    nsid: int | None = 0,
    flags: int = 2,
) -> bytes:
    """Return an entry as the VXLAN driver tells it."""
    where = b"" if nsid is None else attribute_u32(10, nsid)
    parts = (where, attribute(2, at), attribute(1, to), *more, AGE)
    body = NDMSG.pack(7, index, state, 2, 1) + b"".join(parts)
    return message(28, flags, 9, body)


def station(port: int, at: bytes, state: int) -> bytes:
    """Return an entry as a bridge tells it."""
    parts = (attribute(2, at), attribute_u32(9, 2), attribute_u32(15, 0), AGE)
    return message(28, 2, 9, NDMSG.pack(7, port, state, 0, 0) + b"".join(parts))


def neighbour(
    index: int, ip: bytes, at: bytes, state: int = 0x80, kind: int = 1
) -> bytes:
    """Return a neighbour as a kernel tells it."""
    lladdr = attribute(2, at) if at else b""
    parts = (attribute(1, ip), lladdr, attribute_u32(4, 0), AGE)
    family = 2 if len(ip) == 4 else 10
    body = NDMSG.pack(family, index, state, 0, kind) + b"".join(parts)
    return message(28, 2, 9, body)


def found_fdb(*datagrams: bytes) -> FoundFdb:
    found = FoundFdb()
    for datagram in datagrams:
        decode_fdb_untrusted(datagram, found)
    return found


def found_neighbours(*datagrams: bytes) -> FoundNeighbours:
    found = FoundNeighbours()
    for datagram in datagrams:
        decode_neighbours_untrusted(datagram, found)
    return found


@pytest.mark.parametrize("size", [4, 16])
@pytest.mark.parametrize("nsid", [None, 0, 7])
def test_a_long_row_of_entries_is_read(size: int, nsid: int | None) -> None:
    pairs = {mac(i): vtep(i, size) for i in range(1, 50)}
    row = b"".join(fdb(3, at, to, nsid=nsid) for at, to in pairs.items())
    expected = FoundFdb(fdb={3: pairs})
    assert found_fdb(row) == expected
    assert found_fdb(row, DONE) == expected
    assert found_fdb(row + DONE) == expected


def test_entries_of_several_devices_stand_mixed_in_a_datagram() -> None:
    row = (
        fdb(3, mac(1), vtep(1)),
        fdb(3, mac(2), vtep(2)),
        fdb(4, mac(1), vtep(3, 16)),
        fdb(4, mac(2), vtep(4, 16)),
        fdb(5, mac(1), vtep(5), nsid=None),
        fdb(3, mac(3), vtep(6)),
        DONE,
    )
    assert found_fdb(b"".join(row)) == FoundFdb(
        fdb={
            3: {mac(1): vtep(1), mac(2): vtep(2), mac(3): vtep(6)},
            4: {mac(1): vtep(3, 16), mac(2): vtep(4, 16)},
            5: {mac(1): vtep(5)},
        }
    )


def test_those_that_get_what_is_for_all_keep_their_order() -> None:
    row = (
        fdb(3, mac(1), vtep(1)),
        fdb(3, NO_MAC, vtep(9)),
        fdb(3, NO_MAC, vtep(8)),
        fdb(3, mac(2), vtep(2)),
    )
    assert found_fdb(b"".join(row)) == FoundFdb(
        fdb={3: {mac(1): vtep(1), mac(2): vtep(2)}}, flood={3: [vtep(9), vtep(8)]}
    )


def test_a_mac_told_twice_has_the_last_destination() -> None:
    row = [fdb(3, mac(i), vtep(i)) for i in (1, 2, 3)]
    row[2:2] = [fdb(3, mac(2), vtep(7)), fdb(3, mac(2), vtep(8))]
    pairs = {mac(1): vtep(1), mac(2): vtep(8), mac(3): vtep(3)}
    assert found_fdb(b"".join(row)) == FoundFdb(fdb={3: pairs})


@pytest.mark.parametrize(
    "entry",
    [
        fdb(3, mac(2), vtep(2), attribute(6, b"\x12\xb6")),
        fdb(3, mac(2), vtep(2), attribute_u32(7, 99)),
        fdb(3, mac(2), vtep(2), attribute_u32(8, 1)),
        fdb(3, mac(2), vtep(2), state=0x02),
        fdb(3, mac(2), vtep(2), state=0x40),
    ],
)
def test_an_entry_in_a_form_that_we_do_not_write_is_odd(entry: bytes) -> None:
    row = fdb(3, mac(1), vtep(1)) + entry + fdb(3, mac(3), vtep(3))
    assert found_fdb(row) == FoundFdb(
        fdb={3: {mac(1): vtep(1), mac(2): vtep(2), mac(3): vtep(3)}},
        odd={3: {mac(2): None}},
    )


def test_a_destination_for_all_with_a_port_of_its_own_is_odd() -> None:
    found = found_fdb(fdb(3, NO_MAC, vtep(2), attribute(6, b"\x12\xb6")))
    assert found == FoundFdb(fdb={3: {}}, flood={3: [vtep(2)]}, odd={3: {NO_MAC: None}})


def test_a_message_that_says_the_dump_was_torn_is_read_like_the_others() -> None:
    row = (
        fdb(3, mac(1), vtep(1)),
        fdb(3, mac(2), vtep(2), flags=2 | NLM_F_DUMP_INTR),
        fdb(3, mac(3), vtep(3)),
    )
    pairs = {mac(i): vtep(i) for i in (1, 2, 3)}
    assert found_fdb(b"".join(row)) == FoundFdb(fdb={3: pairs})


def test_a_bridges_entries_are_static_learned_or_its_own() -> None:
    group = attribute(2, bytes.fromhex("333300000001"))
    listens = message(28, 2, 9, NDMSG.pack(7, 2, 0x80, 2, 0) + group)
    row = (
        station(4, mac(1), 0x40),
        station(4, mac(2), 0x02),
        station(4, mac(3), 0x80),
        station(2, mac(4), 0x80),
        listens,
        fdb(3, mac(1), vtep(1)),
    )
    assert found_fdb(b"".join(row)) == FoundFdb(
        fdb={3: {mac(1): vtep(1)}},
        stations={4: {mac(1): 0x40, mac(2): 0x02}},
        own={4: {mac(3): None}, 2: {mac(4): None}},
    )


@pytest.mark.parametrize("size", [4, 16])
def test_a_long_row_of_neighbours_is_read(size: int) -> None:
    pairs = {vtep(i, size): mac(i) for i in range(1, 50)}
    row = b"".join(neighbour(3, ip, at) for ip, at in pairs.items())
    assert found_neighbours(row, DONE) == FoundNeighbours(permanent={3: pairs})


def test_neighbours_are_permanent_or_passing_or_passed_over() -> None:
    row = (
        neighbour(3, vtep(1), mac(1)),
        neighbour(3, vtep(2), mac(2)),
        neighbour(3, vtep(3), mac(3), state=0x04),
        neighbour(3, vtep(4), mac(4)),
        neighbour(3, vtep(5), b"", state=0x01),
        neighbour(3, vtep(6), mac(6), state=0x40),
        neighbour(3, vtep(7), mac(7), state=0x20),
        neighbour(3, vtep(8), mac(8), kind=3),
        neighbour(4, vtep(1), mac(9)),
        fdb(3, mac(1), vtep(1)),
    )
    assert found_neighbours(b"".join(row)) == FoundNeighbours(
        permanent={
            3: {vtep(i): mac(i) for i in (1, 2, 4, 8)},
            4: {vtep(1): mac(9)},
        },
        passing={3: {vtep(3): mac(3)}},
    )


def test_nothing_is_found_in_nothing() -> None:
    assert found_fdb(b"", DONE) == FoundFdb()
    assert found_neighbours(b"", DONE) == FoundNeighbours()


def test_a_row_that_is_cut_gives_the_whole_entries_before_that() -> None:
    row = b"".join(fdb(3, mac(i), vtep(i)) for i in (1, 2, 3))
    found = FoundFdb()
    with pytest.raises(BadPacket):
        decode_fdb_untrusted(row[:-1], found)
    assert found == FoundFdb(fdb={3: {mac(1): vtep(1), mac(2): vtep(2)}})


ROWS: Final = (
    b"".join(fdb(3, mac(i), vtep(i)) for i in (1, 2)),
    station(4, mac(1), 0x40) + fdb(3, NO_MAC, vtep(1)) + DONE,
    b"".join(neighbour(3, vtep(i, 16), mac(i)) for i in (1, 2)),
)


def read_both(data: bytes) -> Sequence[object]:
    return found_fdb(data), found_neighbours(data)


def test_dumps_cut_or_changed_anywhere_are_read_or_refused() -> None:
    for row in ROWS:
        check_cuts_and_flips(found_fdb, row)
        check_cuts_and_flips(found_neighbours, row)


@given(st.binary(max_size=200), st.sampled_from(ROWS))
def test_any_bytes_are_read_as_a_dump_or_refused(data: bytes, row: bytes) -> None:
    check_read_or_refused(read_both, data)
    check_read_or_refused(read_both, row + data)


ENTRIES: Final = st.builds(
    fdb,
    st.integers(3, 4),
    st.integers(0, 6).map(lambda n: mac(n) if n else NO_MAC),
    st.integers(1, 3).map(vtep),
    state=st.sampled_from([0xC0, 0xC0, 0xC0, 0x02]),
    nsid=st.sampled_from([0, 0, None]),
)


@given(st.lists(ENTRIES, max_size=20))
def test_a_row_is_read_as_its_entries_are_one_by_one(entries: list[bytes]) -> None:
    assert found_fdb(b"".join(entries)) == found_fdb(*entries)
