"""In which subnet of a network an address is."""

from ipaddress import ip_address, ip_network

import pytest

from swarmnet.cnm.network import Network, Subnet

SUBNETS = ("10.0.1.0/24", "fd00::/64", "10.0.1.0/25", "0.0.0.0/1")
NETWORK = Network("n", "n", tuple(Subnet(ip_network(one)) for one in SUBNETS))


@pytest.mark.parametrize(
    ("address", "index"),
    [
        *(("10.0.1.0", 0), ("10.0.1.200", 0), ("10.0.2.1", 3), ("128.0.0.1", None)),
        *(("fd00::1", 1), ("fd00:0:0:1::", None), ("::a00:101", None)),
    ],
)
def test_the_first_subnet_that_holds_an_address_is_its(
    address: str, index: int | None
) -> None:
    assert NETWORK.subnet_of(ip_address(address)) == index
