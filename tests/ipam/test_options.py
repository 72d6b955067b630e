"""Several subnets and their options: which belongs to which, as in Docker's client."""

import pytest

from swarmnet.errors import Refused
from swarmnet.ipam.options import Plan, parse_subnets
from swarmnet.ipam.pools import AnySubnet
from swarmnet.ipam.subnets import parse_subnet


def test_every_option_goes_to_the_subnet_that_holds_it() -> None:
    plan = parse_subnets(
        ["192.168.0.0/16", "10.1.0.0/24", "fd00:1::/64"],
        gateways=["fd00:1::ff", "192.168.3.100"],
        ip_ranges=["192.168.2.0/24"],
        auxiliaries={"r1": "10.1.0.5", "r2": "192.168.1.6", "r3": "10.1.0.6"},
    )
    assert plan == Plan(
        (
            parse_subnet(
                "192.168.0.0/16",
                gateway="192.168.3.100",
                ip_range="192.168.2.0/24",
                auxiliaries={"r2": "192.168.1.6"},
            ),
            parse_subnet(
                "10.1.0.0/24", auxiliaries={"r1": "10.1.0.5", "r3": "10.1.0.6"}
            ),
            parse_subnet("fd00:1::/64", gateway="fd00:1::ff"),
        )
    )


def test_two_subnets_without_options_have_gateways_of_their_own() -> None:
    """swarmkit: TestAllocateWithTwoSubnetsNoGateway."""
    plan = parse_subnets(["192.168.1.0/24", "192.168.2.0/24"])
    gateways = [str(subnet.gateway) for subnet in plan.subnets]
    assert gateways == ["192.168.1.1", "192.168.2.1"]


def test_subnets_of_any_place_are_left_to_the_pools() -> None:
    plan = parse_subnets(["::/65", "10.1.0.0/24", "0.0.0.0/25"], has_gateway=False)
    assert plan == Plan(
        (parse_subnet("10.1.0.0/24", has_gateway=False),),
        (AnySubnet(6, 65), AnySubnet(4, 25)),
    )
    assert parse_subnets([]) == Plan()


@pytest.mark.parametrize(
    ("cidrs", "options", "message"),
    [
        (
            ["10.0.0.0/16", "10.0.1.0/24"],
            {},
            "subnet 10.0.1.0/24: overlaps 10.0.0.0/16 of the same network: want subnets"
            " that share no address",
        ),
        (
            ["10.0.0.0/24"],
            {"gateways": ["10.0.1.1"]},
            "gateway 10.0.1.1: in no subnet of this network (10.0.0.0/24): name it too",
        ),
        (
            [],
            {"gateways": ["10.0.1.1"]},
            "gateway 10.0.1.1: in no subnet of this network (none is named): name it"
            " too",
        ),
        (
            ["10.0.0.0/24"],
            {"gateways": ["10.0.0.1", "10.0.0.2"]},
            "gateway 10.0.0.2: subnet 10.0.0.0/24 has 10.0.0.1: want one",
        ),
        (
            ["10.0.0.0/24"],
            {"ip_ranges": ["10.0.0.0/25", "10.0.0.128/25"]},
            "ip-range 10.0.0.128/25: subnet 10.0.0.0/24 has 10.0.0.0/25: want one",
        ),
        (
            ["10.0.0.0/24", "10.0.1.0/24"],
            {"ip_ranges": ["10.0.0.0/23"]},
            "ip-range 10.0.0.0/23: in no subnet of this network (10.0.0.0/24,"
            " 10.0.1.0/24): name it too",
        ),
        (
            ["10.0.0.0/24"],
            {"auxiliaries": {"dns": "fd00::5"}},
            "auxiliary address 'dns' fd00::5: in no subnet of this network"
            " (10.0.0.0/24): name it too",
        ),
        (
            ["10.0.0.0/24"],
            {"ip_ranges": ["10.0.0.0"]},
            "ip-range '10.0.0.0': want a CIDR, such as 10.1.0.0/24",
        ),
        (["10.0.0.1/24"], {}, "subnet 10.0.0.1/24: host bits set: want 10.0.0.0/24"),
    ],
)
def test_what_fits_nowhere_or_twice_is_refused(
    cidrs: list[str], options: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_subnets(cidrs, **options)  # type: ignore[arg-type]
    assert str(refused.value) == message
