"""Addresses: what is read, what is refused, and their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, unpack_address_untrusted


@pytest.mark.parametrize(
    ("host", "port", "packed_hex", "text"),
    [
        ("10.0.0.1", 7946, "0a0000011f0a", "10.0.0.1:7946"),
        ("0.0.0.0", 1, "000000000001", "0.0.0.0:1"),
        ("::1", 65535, "00" * 15 + "01ffff", "[::1]:65535"),
        ("2001:db8::2", 80, "20010db8" + "00" * 11 + "020050", "[2001:db8::2]:80"),
    ],
)
def test_an_address_has_this_form(
    host: str, port: int, packed_hex: str, text: str
) -> None:
    address = Address.parse(host, port)
    assert (address.pack().hex(), str(address)) == (packed_hex, text)
    assert unpack_address_untrusted(bytes.fromhex(packed_hex)) == address


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("localhost", 1, "address 'localhost': want an IPv4 or IPv6 address"),
        ("10.0.0.256", 1, "address '10.0.0.256': want an IPv4 or IPv6 address"),
        ("", 1, "address '': want an IPv4 or IPv6 address"),
        ("10.0.0.1", 0, "port 0: want 1 to 65535"),
        ("10.0.0.1", 65536, "port 65536: want 1 to 65535"),
        ("::1", -1, "port -1: want 1 to 65535"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(
    host: str, port: int, line: str
) -> None:
    with pytest.raises(Refused) as refused:
        Address.parse(host, port)
    assert str(refused.value) == line


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *((bytes(size), f"address of {size} bytes, want 6 or 18")
          for size in (*range(6), *range(7, 18), 19, 100)),
        (b"\x0a\0\0\1\0\0", "address with port 0"),
        (bytes(18), "address with port 0"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_address_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadPacket, match=reason):
        unpack_address_untrusted(data)


@given(st.binary(max_size=20))
def test_any_bytes_are_one_address_or_refused(data: bytes) -> None:
    try:
        address = unpack_address_untrusted(data)
    except BadPacket:
        return
    assert address.pack() == data


def test_addresses_are_ordered_by_host_then_port() -> None:
    rising = [
        Address.parse("10.0.0.1", 2),
        Address.parse("10.0.0.1", 3),
        Address.parse("10.0.0.2", 1),
    ]
    assert sorted([rising[2], rising[0], rising[1]]) == rising
