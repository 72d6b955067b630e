"""Which names addresses have, and what becomes of their reverse names otherwise."""

from ipaddress import ip_address

import pytest

from tests.dns.world import FRONT, World, named

NONE = ["NXDOMAIN"]
EMPTY = ["NOERROR"]
ELSEWHERE = ["Forward"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.1.4", ["NOERROR", "web.front.internal."]),
        ("fd00::4", ["NOERROR", "web.front.internal."]),
        ("10.0.2.3", ["NOERROR", "inner.back.internal."]),
        ("10.0.1.6", NONE),
        ("10.0.1.99", ELSEWHERE),
        ("10.77.0.1", ELSEWHERE),
        ("8.8.8.8", ELSEWHERE),
    ],
)
def test_the_name_of_an_address(address: str, expected: list[str]) -> None:
    assert World().says(ip_address(address).reverse_pointer, "PTR") == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.1.4", EMPTY), ("fd00::4", EMPTY), ("10.0.1.6", NONE), ("8.8.8.8", None)],
)
def test_a_reverse_name_of_ours_is_never_asked_elsewhere(
    address: str, expected: list[str] | None
) -> None:
    for kind in ("A", "AAAA", "ANY", "TXT"):
        found = World().says(ip_address(address).reverse_pointer, kind)
        assert found == (expected or ELSEWHERE)


def test_of_two_with_an_address_the_one_that_is_not_hidden_has_it() -> None:
    world = World()
    world.book.put(FRONT.id, named("7", "new", at=("10.0.1.6",)))
    assert world.says("6.1.0.10.in-addr.arpa", "PTR") == [
        "NOERROR",
        "new.front.internal.",
    ]
    assert world.says("dead") == NONE


def test_an_address_of_a_network_that_a_sandbox_is_not_in_has_no_name() -> None:
    assert World().says("4.1.0.10.in-addr.arpa", "PTR", box="inner") == NONE


@pytest.mark.parametrize("name", ["4.1.0.in-addr.arpa", "x.y.in-addr.arpa", "web"])
def test_a_pointer_that_is_no_address_is_asked_elsewhere(name: str) -> None:
    assert World().says(name, "PTR") == (EMPTY if name == "web" else ELSEWHERE)
