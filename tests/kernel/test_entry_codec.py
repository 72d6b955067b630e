import struct
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import (
    NO_MAC,
    NeighbourEvent,
    decode_event_untrusted,
    dump_fdb,
    dump_neighbours,
    encode_entries,
    put_station,
    remove_station,
)
from swarmnet.kernel.netlink import split_untrusted
from swarmnet.kernel.operations import (
    EntryOperation,
    PutFdb,
    PutFlood,
    PutNeighbour,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
)
from tests.kernel.hostile import check_cuts_and_flips, check_read_or_refused
from tests.kernel.oracle import heard, heard_request, spoken

MAC: Final = bytes.fromhex("02420a000001")
TEXT_MAC: Final = "02:42:0a:00:00:01"
TEXT_NO_MAC: Final = "00:00:00:00:00:00"
V4: Final = bytes((10, 99, 0, 1))
V6: Final = bytes((0xFD, *[0] * 14, 1))
WHERE: Final = ("net/a", "vxlan0")
NEW, DELETE = 28, 29
CREATE_REPLACE, CREATE_APPEND, REMOVE = 0x501, 0xC01, 0x001
FDB: Final = {"family": 7, "ifindex": 3, "state": 0xC0, "flags": 2}

CASES: Final[list[tuple[EntryOperation, int, int, dict[str, int], dict[str, str]]]] = [
    (
        PutFdb(*WHERE, MAC, V4),
        NEW,
        CREATE_REPLACE,
        FDB,
        {"NDA_LLADDR": TEXT_MAC, "NDA_DST": "10.99.0.1"},
    ),
    (
        PutFdb(*WHERE, MAC, V6),
        NEW,
        CREATE_REPLACE,
        FDB,
        {"NDA_LLADDR": TEXT_MAC, "NDA_DST": "fd00::1"},
    ),
    (RemoveFdb(*WHERE, MAC), DELETE, REMOVE, FDB, {"NDA_LLADDR": TEXT_MAC}),
    (
        PutFlood(*WHERE, V4),
        NEW,
        CREATE_APPEND,
        FDB,
        {"NDA_LLADDR": TEXT_NO_MAC, "NDA_DST": "10.99.0.1"},
    ),
    (
        RemoveFlood(*WHERE, V6),
        DELETE,
        REMOVE,
        FDB,
        {"NDA_LLADDR": TEXT_NO_MAC, "NDA_DST": "fd00::1"},
    ),
    (
        PutNeighbour(*WHERE, V4, MAC),
        NEW,
        CREATE_REPLACE,
        {"family": 2, "ifindex": 3, "state": 0x80},
        {"NDA_DST": "10.99.0.1", "NDA_LLADDR": TEXT_MAC},
    ),
    (
        PutNeighbour(*WHERE, V6, MAC),
        NEW,
        CREATE_REPLACE,
        {"family": 10, "ifindex": 3, "state": 0x80},
        {"NDA_DST": "fd00::1", "NDA_LLADDR": TEXT_MAC},
    ),
    (
        RemoveNeighbour(*WHERE, V4),
        DELETE,
        REMOVE,
        {"family": 2, "ifindex": 3},
        {"NDA_DST": "10.99.0.1"},
    ),
    (
        RemoveNeighbour(*WHERE, V6),
        DELETE,
        REMOVE,
        {"family": 10, "ifindex": 3},
        {"NDA_DST": "fd00::1"},
    ),
]


@pytest.mark.parametrize(("operation", "kind", "flags", "fields", "attrs"), CASES)
def test_an_entry_is_written_as_others_write_it(
    operation: EntryOperation,
    kind: int,
    flags: int,
    fields: dict[str, int],
    attrs: dict[str, str],
) -> None:
    (message,) = encode_entries([operation], 3, 1)
    expected = spoken("ndmsg", kind, flags, fields, list(attrs.items()))
    assert heard("ndmsg", message) == expected


def test_entries_are_numbered_one_after_the_other() -> None:
    messages = encode_entries([case[0] for case in CASES], 3, 41)
    found = [each for message in messages for each in split_untrusted(message)]
    assert [sequence for _, _, sequence, _, _ in found] == list(range(41, 50))
    assert [len(message) % 4 for message in messages] == [0] * len(CASES)


def test_the_bytes_of_an_fdb_entry_are_these() -> None:
    (message,) = encode_entries([PutFdb(*WHERE, MAC, V4)], 3, 7)
    assert message == (
        struct.pack("=IHHII", 48, 28, 0x501, 7, 0)
        + struct.pack("=BxxxiHBB", 7, 3, 0xC0, 2, 0)
        + struct.pack("=HH6sxx", 10, 2, MAC)
        + struct.pack("=HH4s", 8, 1, V4)
    )


def test_no_entries_are_no_messages() -> None:
    assert encode_entries([], 3, 1) == []


def test_an_address_of_neither_family_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        encode_entries([PutFdb(*WHERE, MAC, b"\1\2\3")], 3, 1)


def oracle(kind: int, flags: int, *fields: int, **attrs: object) -> Any:
    """Return what pyroute2 says for family, ifindex, state and flags."""
    names = ("family", "ifindex", "state", "flags")
    named = dict(zip(names, fields, strict=True))
    return spoken("ndmsg", kind, flags, named, list(attrs.items()))


def test_a_station_is_put_and_removed_at_its_port() -> None:
    put, remove = put_station(4, MAC), remove_station(4, MAC)
    assert heard_request("ndmsg", put) == oracle(
        NEW, CREATE_REPLACE, 7, 4, 0x40, 4, NDA_LLADDR=TEXT_MAC
    )
    assert heard_request("ndmsg", remove) == oracle(
        DELETE, REMOVE, 7, 4, 0x40, 4, NDA_LLADDR=TEXT_MAC
    )


def test_dumps_are_asked_for_by_link() -> None:
    requests = [dump_fdb(), dump_fdb(3), dump_neighbours(2), dump_neighbours(10, 3)]
    assert [heard_request("ndmsg", each) for each in requests] == [
        oracle(30, 0x301, 7, 0, 0, 0),
        oracle(30, 0x301, 7, 3, 0, 0),
        oracle(30, 0x301, 2, 0, 0, 0),
        oracle(30, 0x301, 10, 0, 0, 0, NDA_IFINDEX=3),
    ]


def events(operations: Sequence[EntryOperation]) -> list[NeighbourEvent]:
    """Return messages of ours, read as though a kernel had told them."""
    return [
        decode_event_untrusted(kind, message[start:end])
        for message in encode_entries(operations, 3, 1)
        for kind, _, _, start, end in split_untrusted(message)
    ]


def test_what_happens_to_entries_is_read() -> None:
    operations = [CASES[at][0] for at in (0, 2, 4, 6)]
    assert events(operations) == [
        NeighbourEvent(NEW, 3, 7, None, MAC, V4, 0xC0, 2),
        NeighbourEvent(DELETE, 3, 7, None, MAC, None, 0xC0, 2),
        NeighbourEvent(DELETE, 3, 7, None, NO_MAC, V6, 0xC0, 2),
        NeighbourEvent(NEW, 3, 10, V6, MAC, None, 0x80, 0),
    ]


def test_a_bridges_entry_names_the_bridge() -> None:
    body = put_station(4, MAC).body + struct.pack("=HHI", 8, 9, 2)
    found = decode_event_untrusted(NEW, body)
    assert found == NeighbourEvent(NEW, 4, 7, None, MAC, None, 0x40, 4, master=2)


def test_events_cut_or_changed_anywhere_are_read_or_refused() -> None:
    def read(data: bytes) -> object:
        return decode_event_untrusted(NEW, data)

    for message in encode_entries([case[0] for case in CASES], 3, 1):
        check_cuts_and_flips(read, message[16:])
    with pytest.raises(BadPacket):
        read(b"")


@given(st.binary(max_size=100))
def test_any_bytes_are_read_as_an_event_or_refused(data: bytes) -> None:
    check_read_or_refused(lambda d: decode_event_untrusted(30, d), data)
