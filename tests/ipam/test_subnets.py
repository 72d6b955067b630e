"""One subnet as users write it: defaults, what is reserved, and every refusal.

Tables marked CNI, swarmkit and Docker hold the cases of `containernetworking/plugins`
(host-local's range_test.go), `moby/swarmkit` (cnmallocator's networkallocator_test.go)
and `moby/moby` (defaultipam's allocator_test.go).
"""

from ipaddress import ip_address, ip_network

import pytest

from swarmnet.errors import Refused
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Subnet, parse_subnet, usable_span


def shown(subnet: Subnet, spans: Spans) -> list[str]:
    return [f"{subnet.address(s.first)}-{subnet.address(s.last)}" for s in spans]


def check_refused(message: str, cidr: str, **options: object) -> None:
    with pytest.raises(Refused) as refused:
        parse_subnet(cidr, **options)  # type: ignore[arg-type]
    assert str(refused.value) == message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("cidr", "gateway", "assignable"),
    [
        # CNI: sane defaults.
        ("192.0.2.0/24", "192.0.2.1", ["192.0.2.2-192.0.2.254"]),
        ("192.0.2.0/25", "192.0.2.1", ["192.0.2.2-192.0.2.126"]),
        # CNI: IPv6 has no broadcast address.
        (
            "2001:DB8:1::/64",
            "2001:db8:1::1",
            ["2001:db8:1::2-2001:db8:1:0:ffff:ffff:ffff:ffff"],
        ),
        # CNI: the smallest with a network and a broadcast address.
        ("10.0.0.0/30", "10.0.0.1", ["10.0.0.2-10.0.0.2"]),
        # Docker: both addresses of a /31 (RFC 3021), and of a /127 (RFC 6164).
        ("192.168.0.2/31", "192.168.0.2", ["192.168.0.3-192.168.0.3"]),
        ("fd00::/127", "fd00::", ["fd00::1-fd00::1"]),
        ("fd00::/126", "fd00::1", ["fd00::2-fd00::3"]),
        ("10.0.0.0/8", "10.0.0.1", ["10.0.0.2-10.255.255.254"]),
    ],
)
def test_the_defaults_of_a_subnet(
    cidr: str, gateway: str, assignable: list[str]
) -> None:
    subnet = parse_subnet(cidr)
    assert subnet == Subnet(ip_network(cidr), ip_address(gateway))
    assert shown(subnet, subnet.assignable()) == assignable
    assert subnet.claimable() == subnet.assignable()
    assert str(subnet) == str(ip_network(cidr))


@pytest.mark.parametrize(
    ("cidr", "usable"),
    [
        ("10.0.0.0/24", ("10.0.0.1", "10.0.0.254")),
        ("10.0.0.0/30", ("10.0.0.1", "10.0.0.2")),
        ("10.0.0.0/31", ("10.0.0.0", "10.0.0.1")),
        ("10.0.0.7/32", ("10.0.0.7", "10.0.0.7")),
        ("fd00::/64", ("fd00::1", "fd00::ffff:ffff:ffff:ffff")),
        ("fd00::/127", ("fd00::", "fd00::1")),
        ("fd00::7/128", ("fd00::7", "fd00::7")),
    ],
)
def test_what_a_host_may_have_of_a_prefix(cidr: str, usable: tuple[str, str]) -> None:
    first, last = map(ip_address, usable)
    assert usable_span(ip_network(cidr)) == Span(int(first), int(last))


@pytest.mark.parametrize("gateway", ["10.0.0.1", "10.0.0.254", "10.0.0.77"])
def test_a_gateway_may_be_any_host(gateway: str) -> None:
    subnet = parse_subnet("10.0.0.0/24", gateway=gateway)
    assert str(subnet.gateway) == gateway
    assert not subnet.assignable().covers(int(ip_address(gateway)))
    assert subnet.assignable().size == 253


def test_without_a_gateway_its_address_is_an_endpoints() -> None:
    subnet = parse_subnet("192.168.0.2/31", has_gateway=False)
    assert subnet.gateway is None
    assert shown(subnet, subnet.assignable()) == ["192.168.0.2-192.168.0.3"]
    one = parse_subnet("10.0.0.7/32", has_gateway=False)
    assert shown(one, one.assignable()) == ["10.0.0.7-10.0.0.7"]


def test_what_names_no_address_gets_one_of_the_ip_range() -> None:
    subnet = parse_subnet(
        "172.28.0.0/16", ip_range="172.28.5.0/24", gateway="172.28.5.254"
    )
    assert shown(subnet, subnet.assignable()) == [
        "172.28.5.0-172.28.5.253",
        "172.28.5.255-172.28.5.255",
    ]
    assert shown(subnet, subnet.claimable()) == [
        "172.28.0.1-172.28.5.253",
        "172.28.5.255-172.28.255.254",
    ]


def test_the_default_gateway_lies_in_the_ip_range_as_dockers_does() -> None:
    subnet = parse_subnet("172.28.0.0/16", ip_range="172.28.5.0/24")
    assert str(subnet.gateway) == "172.28.5.0"
    low = parse_subnet("172.28.0.0/16", ip_range="172.28.0.0/24")
    assert str(low.gateway) == "172.28.0.1"


def test_an_ip_range_may_be_the_whole_subnet() -> None:
    subnet = parse_subnet("172.18.0.0/16", ip_range="172.18.0.0/16")
    assert subnet.assignable() == parse_subnet("172.18.0.0/16").assignable()


def test_auxiliary_addresses_are_nobody_elses() -> None:
    subnet = parse_subnet(
        "10.0.0.0/29", auxiliaries={"router": "10.0.0.5", "dns": "10.0.0.3"}
    )
    assert subnet.auxiliaries == (
        ("dns", ip_address("10.0.0.3")),
        ("router", ip_address("10.0.0.5")),
    )
    assert shown(subnet, subnet.assignable()) == [
        "10.0.0.2-10.0.0.2",
        "10.0.0.4-10.0.0.4",
        "10.0.0.6-10.0.0.6",
    ]


def test_the_default_gateway_passes_over_auxiliary_addresses() -> None:
    subnet = parse_subnet("10.0.0.0/29", auxiliaries={"router": "10.0.0.1"})
    assert str(subnet.gateway) == "10.0.0.2"


@pytest.mark.parametrize(
    ("cidr", "address", "reserved"),
    [
        ("10.0.0.0/29", "10.0.0.0", "the network address"),
        ("10.0.0.0/29", "10.0.0.1", "the gateway"),
        ("10.0.0.0/29", "10.0.0.2", None),
        ("10.0.0.0/29", "10.0.0.4", "the auxiliary address 'dns'"),
        ("10.0.0.0/29", "10.0.0.7", "the broadcast address"),
        ("10.0.0.0/29", "10.0.0.8", None),
        ("10.0.0.4/31", "10.0.0.5", None),
        ("fd00::/64", "fd00::", "the subnet-router anycast address"),
        ("fd00::/64", "fd00::ffff:ffff:ffff:ffff", None),
    ],
)
def test_a_reservation_says_as_what(
    cidr: str, address: str, reserved: str | None
) -> None:
    auxiliaries = {"dns": "10.0.0.4"} if cidr == "10.0.0.0/29" else {}
    subnet = parse_subnet(cidr, auxiliaries=auxiliaries)
    assert subnet.reservation(int(ip_address(address))) == reserved


@pytest.mark.parametrize(
    ("cidr", "meant"),
    [
        # CNI: host bits.
        ("192.0.2.12/24", "192.0.2.0/24"),
        ("2001:DB8:1::24:19ff:fee1:c44a/64", "2001:db8:1::/64"),
        ("2001:DB8:24:19ff::/63", "2001:db8:24:19fe::/63"),
        ("192.168.127.0/23", "192.168.126.0/23"),
    ],
)
def test_host_bits_are_refused_with_the_network_meant(cidr: str, meant: str) -> None:
    check_refused(f"subnet {cidr}: host bits set: want {meant}", cidr)


@pytest.mark.parametrize(
    "cidr",
    [
        *("", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/24"),
        *("10.0.0.0/255.255.255.0", "10.0.0.0/24/24", "10.0.0.0/24\n", " 10.0.0.0/24"),
        *("fd00::/129", "fd00::", "fd00:::/64", "fd00::%eth0/64", "web", "10.0.0.0/٢٤"),
    ],
)
def test_what_is_no_cidr_is_refused(cidr: str) -> None:
    message = f"subnet {cidr!r}: want a CIDR, such as 10.1.0.0/24"
    check_refused(message, cidr)


@pytest.mark.parametrize(
    ("cidr", "part", "meaning"),
    [
        ("0.0.0.0/8", "0.0.0.0/8", "unspecified"),
        ("0.0.0.0/32", "0.0.0.0/8", "unspecified"),
        ("127.1.0.0/16", "127.0.0.0/8", "loopback"),
        ("169.254.7.0/24", "169.254.0.0/16", "link-local"),
        ("160.0.0.0/4", "169.254.0.0/16", "link-local"),
        ("224.1.0.0/16", "224.0.0.0/4", "multicast"),
        ("239.0.0.0/8", "224.0.0.0/4", "multicast"),
        ("255.255.255.0/24", "255.255.255.255/32", "the limited broadcast address"),
    ],
)
def test_addresses_with_another_meaning_are_refused(
    cidr: str, part: str, meaning: str
) -> None:
    cure = "want another, such as 10.1.0.0/24"
    check_refused(f"subnet {cidr}: {part} in it is {meaning}: {cure}", cidr)


@pytest.mark.parametrize(
    ("cidr", "part", "meaning"),
    [
        ("::/128", "::/128", "unspecified"),
        ("::1/128", "::1/128", "loopback"),
        ("::ffff:10.0.0.0/120", "::ffff:0:0/96", "IPv4-mapped"),
        ("fe80::/64", "fe80::/10", "link-local"),
        ("ff02::/16", "ff00::/8", "multicast"),
    ],
)
def test_ipv6_addresses_with_another_meaning_are_refused(
    cidr: str, part: str, meaning: str
) -> None:
    part = str(ip_network(part))
    cure = "want another, such as fd00:1::/64"
    check_refused(f"subnet {cidr}: {part} in it is {meaning}: {cure}", cidr)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_everything_is_no_subnet(cidr: str) -> None:
    check_refused(f"subnet {cidr}: that is every address: want /1 or longer", cidr)


@pytest.mark.parametrize(
    ("cidr", "options", "message"),
    [
        # CNI and swarmkit: a gateway outside.
        (
            "10.0.0.0/24",
            {"gateway": "192.168.1.1"},
            "gateway 192.168.1.1: outside subnet 10.0.0.0/24: want 10.0.0.1 to"
            " 10.0.0.254",
        ),
        # CNI: a gateway of the other family.
        (
            "10.0.0.0/24",
            {"gateway": "2001:db8::1"},
            "gateway 2001:db8::1: is IPv6, but subnet 10.0.0.0/24 is IPv4: want one"
            " family",
        ),
        (
            "10.0.0.0/24",
            {"gateway": "10.0.0.0"},
            "gateway 10.0.0.0: is the network address of 10.0.0.0/24: want 10.0.0.1 to"
            " 10.0.0.254",
        ),
        (
            "10.0.0.0/24",
            {"gateway": "10.0.0.255"},
            "gateway 10.0.0.255: is the broadcast address of 10.0.0.0/24: want 10.0.0.1"
            " to 10.0.0.254",
        ),
        (
            "10.0.0.0/24",
            {"gateway": "router"},
            "gateway 'router': want an IPv4 or IPv6 address",
        ),
        (
            "fd00::/64",
            {"gateway": "fd00::1%eth0"},
            "gateway 'fd00::1%eth0': want an address without a zone",
        ),
        (
            "10.0.0.0/24",
            {"gateway": "10.0.0.1", "has_gateway": False},
            "gateway '10.0.0.1': this network has none; leave it out",
        ),
        (
            "10.0.0.0/24",
            {"ip_range": "10.0.1.0/25"},
            "ip-range 10.0.1.0/25: want a part of subnet 10.0.0.0/24",
        ),
        (
            "10.0.0.0/24",
            {"ip_range": "10.0.0.0/23"},
            "ip-range 10.0.0.0/23: want a part of subnet 10.0.0.0/24",
        ),
        (
            "10.0.0.0/24",
            {"ip_range": "10.0.0.5/25"},
            "ip-range 10.0.0.5/25: host bits set: want 10.0.0.0/25",
        ),
        (
            "10.0.0.0/24",
            {"ip_range": "fd00::/64"},
            "ip-range fd00::/64: is IPv6, but subnet 10.0.0.0/24 is IPv4: want one"
            " family",
        ),
        (
            "10.0.0.0/24",
            {"auxiliaries": {"dns": "10.0.1.9"}},
            "auxiliary address 'dns' 10.0.1.9: outside subnet 10.0.0.0/24: want"
            " 10.0.0.1 to 10.0.0.254",
        ),
        (
            "10.0.0.0/24",
            {"auxiliaries": {"dns": "10.0.0.255"}},
            "auxiliary address 'dns' 10.0.0.255: is the broadcast address of"
            " 10.0.0.0/24: want 10.0.0.1 to 10.0.0.254",
        ),
        (
            "10.0.0.0/24",
            {"auxiliaries": {"a": "10.0.0.9", "b": "10.0.0.9"}},
            "auxiliary address 'b' 10.0.0.9: is 'a' already; want two addresses",
        ),
        (
            "10.0.0.0/24",
            {"auxiliaries": {"a": "10.0.0.9"}, "gateway": "10.0.0.9"},
            "gateway 10.0.0.9: is the auxiliary address 'a' already; want two"
            " addresses",
        ),
        # swarmkit: a /32 is no subnet; its one address is the gateway.
        (
            "1.1.1.1/32",
            {},
            "subnet 1.1.1.1/32: gateway and auxiliary addresses leave none for an"
            " endpoint: want a larger one",
        ),
        (
            "10.0.0.0/31",
            {"auxiliaries": {"a": "10.0.0.1"}},
            "subnet 10.0.0.0/31: gateway and auxiliary addresses leave none for an"
            " endpoint: want a larger one",
        ),
        (
            "10.0.0.0/24",
            {"ip_range": "10.0.0.9/32"},
            "ip-range 10.0.0.9/32: gateway and auxiliary addresses leave none for an"
            " endpoint: want a larger one",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(
    cidr: str, options: dict[str, object], message: str
) -> None:
    check_refused(message, cidr, **options)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "10.0.1.1",
            "address 10.0.1.1: outside subnet 10.0.0.0/24: want 10.0.0.1 to 10.0.0.254",
        ),
        (
            "fd00::1",
            "address fd00::1: is IPv6, but subnet 10.0.0.0/24 is IPv4: want one family",
        ),
    ],
)
def test_an_address_becomes_an_integer_only_of_its_own_subnet(
    address: str, message: str
) -> None:
    subnet = parse_subnet("10.0.0.0/24")
    with pytest.raises(Refused) as refused:
        subnet.number(ip_address(address))
    assert str(refused.value) == message
    assert subnet.number(ip_address("10.0.0.7")) == int(ip_address("10.0.0.7"))
    assert subnet.address(subnet.number(ip_address("10.0.0.7"))) == ip_address(
        "10.0.0.7"
    )
