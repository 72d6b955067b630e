import struct
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.kernel.address_codec import (
    FoundAddress,
    FoundRoute,
    decode_address_untrusted,
    decode_nsid_untrusted,
    decode_route_untrusted,
    dump_addresses,
    dump_routes,
    get_nsid,
    put_address,
    put_route,
    remove_address,
    remove_route,
    set_nsid,
)
from swarmnet.kernel.netlink import Request, attribute, attribute_u32
from swarmnet.kernel.state import Address, Route
from tests.kernel.hostile import check_cuts_and_flips, check_read_or_refused
from tests.kernel.oracle import heard_request, spoken

V4: Final = bytes((10, 0, 1, 2))
GATEWAY4: Final = bytes((10, 0, 1, 1))
NET4: Final = bytes((10, 0, 1, 0))
V6: Final = bytes((0xFD, *[0] * 14, 2))
GATEWAY6: Final = bytes((0xFD, *[0] * 14, 1))
NET6: Final = bytes((0xFD, *[0] * 15))
NEW, DELETE, DUMP = 0x501, 0x001, 0x301
SCOPE_LINK, SCOPE_NOWHERE = 253, 255


def address(kind: int, flags: int, fields: dict[str, int], **attrs: object) -> Any:
    return spoken("ifaddrmsg", kind, flags, fields, list(attrs.items()))


def route(kind: int, flags: int, fields: dict[str, int], **attrs: object) -> Any:
    return spoken("rtmsg", kind, flags, fields, list(attrs.items()))


@pytest.mark.parametrize(
    ("ip", "length", "family", "text"),
    [(V4, 24, 2, "10.0.1.2"), (V6, 64, 10, "fd00::2")],
)
def test_an_address_is_put_without_duplicate_detection_and_removed(
    ip: bytes, length: int, family: int, text: str
) -> None:
    value = Address("eth0", ip, length)
    fields = {"family": family, "prefixlen": length, "index": 5}
    both = {"IFA_LOCAL": text, "IFA_ADDRESS": text}
    put = heard_request("ifaddrmsg", put_address(5, value))
    assert put == address(20, NEW, fields, **both, IFA_FLAGS=2)
    remove = heard_request("ifaddrmsg", remove_address(5, value))
    assert remove == address(21, DELETE, fields, **both)


ROUTES: Final[list[tuple[Route, dict[str, int], dict[str, object]]]] = [
    (
        Route(NET4, 24, "eth0"),
        {"family": 2, "dst_len": 24, "scope": SCOPE_LINK},
        {"RTA_DST": "10.0.1.0", "RTA_OIF": 5},
    ),
    (
        Route(bytes(4), 0, "eth0", GATEWAY4),
        {"family": 2, "dst_len": 0, "scope": 0},
        {"RTA_OIF": 5, "RTA_GATEWAY": "10.0.1.1"},
    ),
    (
        Route(NET6, 64, "eth0", GATEWAY6),
        {"family": 10, "dst_len": 64, "scope": 0},
        {"RTA_DST": "fd00::", "RTA_OIF": 5, "RTA_GATEWAY": "fd00::1"},
    ),
]


@pytest.mark.parametrize(("value", "fields", "attrs"), ROUTES)
def test_a_route_is_put_and_removed_with_its_mark(
    value: Route, fields: dict[str, int], attrs: dict[str, object]
) -> None:
    fields |= {"table": 254, "proto": 77, "type": 1}
    put = heard_request("rtmsg", put_route(5, value))
    assert put == route(24, NEW, fields, **attrs)
    fields |= {"scope": SCOPE_NOWHERE}
    remove = heard_request("rtmsg", remove_route(5, value))
    assert remove == route(25, DELETE, fields, **attrs)


def test_dumps_are_asked_for_by_family() -> None:
    assert heard_request("ifaddrmsg", dump_addresses()) == address(22, DUMP, {})
    assert heard_request("ifaddrmsg", dump_addresses(2, 5)) == address(
        22, DUMP, {"family": 2, "index": 5}
    )
    assert heard_request("rtmsg", dump_routes(10)) == route(26, DUMP, {"family": 10})


def test_a_namespace_is_named_by_a_descriptor() -> None:
    generic = struct.pack("=Bxxx", 0)
    fd = struct.pack("=HHI", 8, 3, 9)
    any_id = struct.pack("=HHi", 8, 1, -1)
    assert set_nsid(9) == Request(88, 0, generic + any_id + fd)
    assert set_nsid(9, 4) == Request(88, 0, generic + struct.pack("=HHi", 8, 1, 4) + fd)
    assert get_nsid(9) == Request(90, 0, generic + fd)
    assert decode_nsid_untrusted(set_nsid(9).body) == -1
    assert decode_nsid_untrusted(set_nsid(9, 4).body) == 4


def test_an_address_is_read_as_it_was_written() -> None:
    for ip, length in ((V4, 24), (V6, 128)):
        body = put_address(5, Address("eth0", ip, length)).body
        assert decode_address_untrusted(body) == FoundAddress(5, ip, length, 0, 2)


def test_the_peers_address_is_not_taken_for_ours() -> None:
    body = struct.pack("=BBBBI", 2, 32, 0x80, 0, 5)
    body += attribute(1, GATEWAY4) + attribute(2, V4)
    assert decode_address_untrusted(body) == FoundAddress(5, V4, 32, 0, 0x80)


@pytest.mark.parametrize("value", [case[0] for case in ROUTES])
def test_a_route_is_read_as_it_was_written(value: Route) -> None:
    found = decode_route_untrusted(put_route(5, value).body)
    to = value.destination, value.length
    assert found == FoundRoute(5, *to, value.via, 77, 0)


def other_route(*, at: int = 4, byte: int = 254, more: bytes = b"") -> bytes:
    """Return a route with another byte in its header, or more attributes."""
    body = put_route(5, ROUTES[0][0]).body
    return body[:at] + bytes((byte,)) + body[at + 1 :] + more


@pytest.mark.parametrize(
    "body",
    [
        other_route(byte=255),
        other_route(byte=0, more=attribute_u32(15, 1000)),
        other_route(at=0, byte=129),
        other_route(at=2, byte=8),
        other_route(at=3, byte=4),
        other_route(at=7, byte=2),
        other_route(at=9, byte=2),
        other_route(more=attribute(9, b"")),
        other_route(more=attribute(18, bytes(18))),
    ],
)
def test_a_route_that_we_cannot_tell_is_passed_over(body: bytes) -> None:
    assert decode_route_untrusted(body) is None


def test_the_attribute_names_the_table_where_both_do() -> None:
    body = other_route(byte=252, more=attribute_u32(15, 254) + attribute_u32(6, 7))
    assert decode_route_untrusted(body) == FoundRoute(5, NET4, 24, None, 77, 7)


def test_an_address_of_another_family_is_passed_over() -> None:
    assert decode_address_untrusted(struct.pack("=BBBBI", 129, 0, 0, 0, 1)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("=BBBBI", 2, 24, 0, 0, 5),
        struct.pack("=BBBBI", 2, 24, 0, 0, 5) + attribute(2, V6),
    ],
)
def test_an_address_without_one_is_refused(body: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_address_untrusted(body)


def test_a_route_whose_addresses_are_of_another_length_is_refused() -> None:
    with pytest.raises(BadPacket):
        decode_route_untrusted(other_route(more=attribute(1, V6)))
    with pytest.raises(BadPacket):
        decode_nsid_untrusted(bytes(4))


READERS: Final = (
    (decode_address_untrusted, put_address(5, Address("eth0", V4, 24)).body),
    (decode_route_untrusted, put_route(5, ROUTES[2][0]).body),
    (decode_nsid_untrusted, set_nsid(9).body),
)


def test_bodies_cut_or_changed_anywhere_are_read_or_refused() -> None:
    for read, body in READERS:
        check_cuts_and_flips(read, body)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read, body in READERS:
        check_read_or_refused(read, data)
        check_read_or_refused(read, body[:12] + data)
