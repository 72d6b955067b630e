"""MACs and published ports, as users write them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.cnm.endpoint import (
    Publish,
    check_alias,
    mac_of,
    parse_mac,
    parse_publish,
    show_mac,
)
from swarmnet.errors import Refused

MAC = bytes.fromhex("02420a000102")


@pytest.mark.parametrize(
    ("text", "ip", "ports", "protocol"),
    [
        ("8080:80", None, (8080, 80), "tcp"),
        ("8080:80/tcp", None, (8080, 80), "tcp"),
        ("53:53/udp", None, (53, 53), "udp"),
        ("1:65535", None, (1, 65535), "tcp"),
        ("127.0.0.1:8080:80", "127.0.0.1", (8080, 80), "tcp"),
        ("0.0.0.0:53:53/udp", "0.0.0.0", (53, 53), "udp"),
        ("[::1]:8080:80", "::1", (8080, 80), "tcp"),
        ("[fd00::1]:53:5353/udp", "fd00::1", (53, 5353), "udp"),
    ],
)
def test_a_published_port_is_read(
    text: str, ip: str | None, ports: tuple[int, int], protocol: str
) -> None:
    address = None if ip is None else ip_address(ip)
    assert parse_publish(text) == Publish(address, *ports, protocol)


@pytest.mark.parametrize(
    "text",
    [
        *("", "80", ":", ":80", "80:", "a:80", "80:b", "0:80", "80:0", "65536:80"),
        *("80:65536", "-1:80", "+80:80", " 80:80", "80:80 ", "8_0:80", "٨٠:80"),
        *("80:80/", "80:80/sctp", "80:80/TCP", "80:80/tcp/udp", "1:2:3:4"),
        *("1.2.3:80:80", "host:80:80", "::1:80:80", "[::1]80:80", "[::1:80:80"),
        *("[10.0.0:80:80", "[]:80:80", ":80:80", "10.0.0.1:80"),
        "9" * 5000 + ":80",
    ],
)
def test_what_is_no_published_port_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Refused, match=r"\Apublish [^\n]*: want|is no IP|protocol"):
        parse_publish(text)


@given(
    st.none() | st.ip_addresses(),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.sampled_from(["tcp", "udp"]),
)
def test_a_published_port_is_read_as_it_is_shown(
    ip: object, host_port: int, port: int, protocol: str
) -> None:
    address = None if ip is None else ip_address(str(ip))
    wish = Publish(address, host_port, port, protocol)
    assert parse_publish(str(wish)) == wish


@given(st.text())
def test_any_text_is_a_published_port_or_refused(text: str) -> None:
    try:
        found = parse_publish(text)
    except Refused:
        return
    assert 1 <= found.port <= 65535
    assert 1 <= found.host_port <= 65535


@pytest.mark.parametrize(
    "text",
    [
        *("02:42:0a:00:01:02", "02:42:0A:00:01:02", "02-42-0a-00-01-02"),
        *("2:42:a:0:1:2", "02:42:0a:00:01:2"),
    ],
)
def test_a_mac_is_read(text: str) -> None:
    assert parse_mac(text) == MAC


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "02:42:0a:00:01", "02:42:0a:00:01:02:03", "02420a000102"),
        *("02:42:0a:00:01:g2", "02:42:0a:00:01:100", "02:42:0a:00:01:", "::::::"),
        *(
            "02:42:0a:00:01:+2",
            "02:42:0a:00:01: 2",
            "02:42:0a:00:01:-2",
            "0x:1:2:3:4:5",
        ),
        *("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "3:0:0:0:0:1"),
        *("02:42:0a:00:01:٠٢", "02:42:0a:00:01:1_"),
    ],
)
def test_what_is_no_mac_of_one_station_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"\AMAC .*: want"):
        parse_mac(text)


@given(st.text())
def test_any_text_is_a_mac_or_refused(text: str) -> None:
    try:
        found = parse_mac(text)
    except Refused:
        return
    assert (len(found), found[0] & 1, any(found)) == (6, 0, True)


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_is_read_as_it_is_shown(mac: bytes) -> None:
    mac = bytes([mac[0] & 0xFE | 2, *mac[1:]])
    assert parse_mac(show_mac(mac)) == mac


def test_a_mac_is_made_of_the_first_ipv4_address() -> None:
    ipv4, ipv6 = ip_address("10.0.1.2"), ip_address("fd00::2")
    assert mac_of([ipv4]) == mac_of([ipv6, ipv4]) == MAC
    assert mac_of([ipv4, ip_address("10.0.1.3")]) == MAC


def test_macs_of_ipv6_addresses_alone_differ_and_stay_the_same() -> None:
    addresses = [ip_address(f"fd0{net}::{last}") for net in "12" for last in "234"]
    macs = [mac_of([one]) for one in addresses]
    assert len(dict.fromkeys(macs)) == len(addresses)
    assert macs[0].hex(":") == parse_mac(macs[0].hex(":")).hex(":")
    assert all(one.startswith(b"\x02\x42") for one in macs)


@pytest.mark.parametrize("text", ["www", "a.b", "_x", "UPPER", "bücher", "a" * 63])
def test_an_alias_that_can_be_asked_for_is_taken(text: str) -> None:
    try:
        check_alias(text)
    except Refused as refused:
        pytest.fail(str(refused))


@pytest.mark.parametrize(
    "text", ["", ".", "a.", "a..b", "a b", "a\n", "\x7f", "a" * 64, "a." * 90 + "a"]
)
def test_an_alias_that_nobody_can_ask_for_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="alias "):
        check_alias(text)
