"""IPv6 without an owner: golden values, what is never made, and the odds."""

from ipaddress import IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import NodeId
from swarmnet.ipam import hashed
from swarmnet.ipam.hashed import (
    ATTEMPT_MAX,
    INTERFACE_BITS,
    PREFIX_BITS,
    collision_odds,
    hashed_address,
    interface_id,
    network_prefix,
)
from swarmnet.ipam.spans import Span, Spans

NODE = NodeId(bytes(range(16)))
NETWORK = bytes(range(16, 32))
ENDPOINT = bytes(range(32, 48))


def test_the_hashes_of_today_are_those_of_tomorrow() -> None:
    """Golden: hosts of two versions must agree."""
    assert str(network_prefix(NETWORK)) == "fd2c:4343:a81a:ddda::/64"
    assert str(network_prefix(NETWORK, 1)) == "fd8f:bc6f:809a:b9a4::/64"
    assert f"{interface_id(NODE, ENDPOINT):016x}" == "a3d7099b3a73274e"
    assert f"{interface_id(NODE, ENDPOINT, 1):016x}" == "85ffa02e4690a6da"


@given(st.binary(min_size=1, max_size=32), st.integers(0, ATTEMPT_MAX))
def test_a_prefix_is_a_unique_local_64(network_id: bytes, attempt: int) -> None:
    prefix = network_prefix(network_id, attempt)
    assert prefix.prefixlen == 64
    assert prefix.subnet_of(IPv6Network("fd00::/8"))
    assert prefix == network_prefix(network_id, attempt)
    assert attempt == 0 or prefix != network_prefix(network_id, attempt - 1)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=32))
def test_an_address_lies_in_its_network_and_is_no_reserved_one(
    node: bytes, endpoint: bytes
) -> None:
    prefix = network_prefix(NETWORK)
    address = hashed_address(prefix, NodeId(node), endpoint)
    assert address in prefix
    assert int(address) - int(prefix.network_address) > 0xFFFF
    assert address != hashed_address(prefix, NodeId(node), endpoint, 1)


def test_ids_are_hashed_apart_from_each_other() -> None:
    """The same bytes, cut in two places, are two endpoints."""
    left = interface_id(NodeId(NODE + b"x"), ENDPOINT)
    assert left != interface_id(NODE, b"x" + ENDPOINT)


def test_a_reserved_identifier_is_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = interface_id(NODE, ENDPOINT)
    monkeypatch.setattr(hashed, "_RESERVED", Spans([Span(first, first)]))
    second = interface_id(NODE, ENDPOINT)
    assert second != first
    monkeypatch.setattr(hashed, "_RESERVED", Spans.of([first, second]))
    assert interface_id(NODE, ENDPOINT) not in (first, second)


@pytest.mark.parametrize(
    ("identifier", "reserved"),
    [
        (0x0, True),  # Subnet-router anycast, RFC 4291.
        (0x1, True),  # The gateway.
        (0xFFFF, True),
        (0x1_0000, False),
        (0x0200_5EFF_FDFF_FFFF, False),
        (0x0200_5EFF_FE00_0000, True),
        (0x0200_5EFF_FE00_5213, True),  # Proxy Mobile IPv6, RFC 6543.
        (0x0200_5EFF_FEFF_FFFF, True),  # IANA's own Ethernet block.
        (0x0200_5EFF_FF00_0000, False),
        (0xFDFF_FFFF_FFFF_FF7F, False),
        (0xFDFF_FFFF_FFFF_FF80, True),  # Subnet anycast, RFC 2526.
        (0xFDFF_FFFF_FFFF_FFFF, True),
        (0xFE00_0000_0000_0000, False),
    ],
)
def test_which_identifiers_are_reserved(identifier: int, reserved: bool) -> None:
    assert hashed._RESERVED.covers(identifier) == reserved


def test_the_bits_of_eui_64_are_hashed_like_all_others() -> None:
    """RFC 7136, section 5: every bit is one about half of the time."""
    found = [interface_id(NODE, n.to_bytes(2, "big")) for n in range(400)]
    ones = [sum(value >> bit & 1 for value in found) for bit in range(INTERFACE_BITS)]
    assert min(ones) > 140
    assert max(ones) < 260


@pytest.mark.parametrize(
    ("count", "bits", "odds"),
    [
        (1, 64, 0.0),
        (2, 1, 0.3934693),
        (23, 8, 0.6279),
        (1_000, PREFIX_BITS, 6.93e-12),
        (100_000, PREFIX_BITS, 6.94e-8),
        (10_000, INTERFACE_BITS, 2.71e-12),
        (1_000_000, INTERFACE_BITS, 2.71e-8),
    ],
)
def test_the_odds_are_those_of_birthdays(count: int, bits: int, odds: float) -> None:
    assert collision_odds(count, bits) == pytest.approx(odds, rel=5e-3)


def test_an_address_wants_a_whole_64() -> None:
    with pytest.raises(AssertionError):
        hashed_address(IPv6Network("fd00::/80"), NODE, ENDPOINT)
    with pytest.raises(AssertionError):
        network_prefix(NETWORK, ATTEMPT_MAX + 1)
