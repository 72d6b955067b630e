"""What fits into a network between all of its nodes."""

from ipaddress import ip_address

import pytest

from swarmnet.cnm.network import Attachment
from swarmnet.errors import Refused
from swarmnet.overlay.mtu import network_mtu, overhead_bytes


def at(vtep: str, mtu: int | None = None) -> Attachment:
    return Attachment(f"n{vtep}", ip_address(vtep), mtu)


@pytest.mark.parametrize(
    ("options", "attachments", "mtu"),
    [
        ({}, [], 1450),
        ({}, [at("10.0.0.1")], 1450),
        ({}, [at("fd00::1")], 1430),
        ({}, [at("10.0.0.1", 9000)], 8950),
        ({}, [at("10.0.0.1", 9000), at("10.0.0.2", 1500)], 1450),
        ({}, [at("10.0.0.1", 9000), at("10.0.0.2")], 1450),
        ({}, [at("10.0.0.1", 1500), at("fd00::1", 1500)], 1430),
        ({}, [at("fd00::1", 9000), at("10.0.0.1", 1400)], 1350),
        ({"mtu": "1300"}, [at("10.0.0.1", 1500)], 1300),
        ({"mtu": "9000"}, [at("10.0.0.1", 1500)], 9000),
        ({"multicast": "true"}, [at("10.0.0.1", 1500)], 1450),
    ],
)
def test_the_mtu_is_what_was_asked_for_or_what_fits_everywhere(
    options: dict[str, str], attachments: list[Attachment], mtu: int
) -> None:
    assert network_mtu(options, attachments) == mtu


def test_an_mtu_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="want a number"):
        network_mtu({"mtu": "big"}, [])


def test_ipv6_takes_twenty_bytes_more() -> None:
    assert [overhead_bytes(ip_address(one)) for one in ("10.0.0.1", "::1")] == [50, 70]
