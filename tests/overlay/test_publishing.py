"""Which map a published port stands in, and who has it when two want it."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.overlay.publishing import Publisher, publish

FOUR, SIX = IPv4Address("172.18.0.2"), IPv6Address("fd73::2")


def sandbox(name: str, *texts: str, ipv6: bool = False) -> Publisher:
    ports = tuple(parse_publish(text) for text in texts)
    address = FOUR if name == "a" else FOUR + 1
    return Publisher(name, address, SIX if ipv6 else None, ports)


def filled(*publishers: Publisher) -> dict[str, list[str]]:
    elements = publish(publishers).elements
    return {name: list(some) for name, some in elements.items() if some}


@pytest.mark.parametrize(
    ("text", "ipv6", "expected"),
    [
        ("8080:80", False, {"any4": ["tcp . 8080 : 172.18.0.2 . 80"]}),
        ("53:5353/udp", False, {"any4": ["udp . 53 : 172.18.0.2 . 5353"]}),
        (
            "8080:80",
            True,
            {
                "any4": ["tcp . 8080 : 172.18.0.2 . 80"],
                "any6": ["tcp . 8080 : fd73::2 . 80"],
            },
        ),
        (
            "10.0.0.1:8080:80",
            True,
            {"bound4": ["10.0.0.1 . tcp . 8080 : 172.18.0.2 . 80"]},
        ),
        (
            "[fd00:0::1]:8080:80/udp",
            True,
            {"bound6": ["fd00::1 . udp . 8080 : fd73::2 . 80"]},
        ),
        ("0.0.0.0:8080:80", True, {"any4": ["tcp . 8080 : 172.18.0.2 . 80"]}),
        ("[::]:8080:80", True, {"any6": ["tcp . 8080 : fd73::2 . 80"]}),
    ],
)
def test_a_port_stands_in_the_map_of_its_kind(
    text: str, ipv6: bool, expected: dict[str, list[str]]
) -> None:
    assert filled(sandbox("a", text, ipv6=ipv6)) == expected


def test_of_two_sandboxes_that_want_a_port_the_first_has_it() -> None:
    publishers = [sandbox("a", "8080:80"), sandbox("b", "8080:80", "8081:80")]
    assert filled(*publishers) == {
        "any4": ["tcp . 8080 : 172.18.0.2 . 80", "tcp . 8081 : 172.18.0.3 . 80"]
    }
    assert publish(publishers).warnings == (
        "publish 8080:80/tcp: not for sandbox b: sandbox a has that port",
    )


def test_a_clash_in_both_families_is_told_once() -> None:
    publishers = [sandbox("a", "80:80", ipv6=True), sandbox("b", "80:81", ipv6=True)]
    assert len(publish(publishers).warnings) == 1


def test_the_same_port_of_two_protocols_or_addresses_is_no_clash() -> None:
    ports = ("53:53/udp", "53:53/tcp", "10.0.0.1:53:53/tcp", "10.0.0.2:53:53/tcp")
    assert publish([sandbox("a", *ports)]).warnings == ()


def test_a_sandbox_that_says_it_twice_has_it_once() -> None:
    assert publish([sandbox("a", "80:80", "80:80")]).warnings == ()
    assert publish([sandbox("a", "80:80", "80:81")]).warnings == (
        "publish 80:81/tcp: not for sandbox a: sandbox a has that port",
    )


@pytest.mark.parametrize(
    ("text", "ipv6", "why"),
    [
        ("[fd00::1]:80:80", False, "it has no IPv6 address"),
        ("[::1]:80:80", True, "the kernel leads nothing away from ::1"),
    ],
)
def test_what_cannot_be_published_is_told(text: str, ipv6: bool, why: str) -> None:
    publishers = [sandbox("a", text, ipv6=ipv6)]
    assert filled(*publishers) == {}
    warning = f"publish {parse_publish(text)}: not for sandbox a: {why}"
    assert publish(publishers).warnings == (warning,)
