"""Where a node is: as its user says, as its default route says, or refused."""

from ipaddress import ip_address, ip_interface

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.state import Address as KernelAddress
from swarmnet.kernel.state import Namespace, Route
from swarmnet.runtime.locating import find_place, parse_address


def host(*, default: str | None = "eth0", **links: str) -> Namespace:
    """Return a host with an address on each link, maybe several by commas."""
    addresses: dict[KernelAddress, None] = {}
    for name, texts in links.items():
        for text in texts.split(","):
            one = ip_interface(text)
            found = KernelAddress(name, one.ip.packed, one.network.prefixlen)
            addresses[found] = None
    routes: dict[Route, None] = {}
    if default is not None:
        routes[Route(bytes(4), 0, default, bytes(4), 3)] = None
    return Namespace(
        links={name: Link(name, Kind.OTHER, mtu=1500) for name in links},
        addresses=addresses,
        routes=routes,
    )


def test_the_default_route_says_where_a_host_is() -> None:
    found = find_place(
        host(lo="127.0.0.1/8", eth0="192.0.2.7/24", eth1="10.1.1.1/8"), None, None, None
    )
    assert str(found.address) == "192.0.2.7:7946"
    assert (found.vtep, found.vxlan_port) == (ip_address("192.0.2.7"), 4789)


def test_ipv4_goes_before_ipv6_on_one_link() -> None:
    found = find_place(host(eth0="2001:db8::7/64,192.0.2.7/24"), None, None, None)
    assert str(found.address) == "192.0.2.7:7946"


def test_without_a_default_route_the_only_address_is_taken() -> None:
    found = find_place(host(default=None, eth0="2001:db8::7/64"), None, None, None)
    assert str(found.address) == "[2001:db8::7]:7946"


@pytest.mark.parametrize(
    "space",
    [
        host(eth0="192.0.2.7/24,192.0.2.8/24"),
        host(default=None, eth0="192.0.2.7/24", eth1="198.51.100.1/24"),
    ],
)
def test_several_that_may_be_meant_are_refused_and_listed(space: Namespace) -> None:
    with pytest.raises(Refused, match=r"several may be meant: 192\.0\.2\.7 \(eth0\), "):
        find_place(space, None, None, None)


def test_what_is_said_holds_and_the_data_path_is_this_hosts_own() -> None:
    space = host(eth0="192.0.2.7/24", eth1="10.1.1.1/8")
    found = find_place(space, "203.0.113.1:9000", "10.1.1.1", 4790)
    assert found.address == Address(bytes([203, 0, 113, 1]), 9000)
    assert (str(found.vtep), found.vxlan_port) == ("10.1.1.1", 4790)
    with pytest.raises(Refused, match=r"10\.9\.9\.9: no link of this host has it"):
        find_place(space, "203.0.113.1", "10.9.9.9", None)
    with pytest.raises(Refused, match="no link of this host has it"):
        find_place(space, "203.0.113.1", None, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.1", "192.0.2.1:7946"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("2001:db8::1", "[2001:db8::1]:7946"),
        ("[2001:db8::1]", "[2001:db8::1]:7946"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
    ],
)
def test_addresses_are_read_as_users_write_them(text: str, shown: str) -> None:
    assert str(parse_address("address", text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "host", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x"),
        *("[2001:db8::1", "[2001:db8::1]80", "fe80::1%eth0", "192.0.2.1:\u0661"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^address"):
        parse_address("address", text)
