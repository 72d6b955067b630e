"""Options of networks, and names of sandboxes."""

import pytest

from swarmnet.cnm.driver import DriverScope, Option, check_options
from swarmnet.cnm.options import parse_mtu, parse_switch
from swarmnet.cnm.sandbox import check_sandbox_name
from swarmnet.errors import Refused

KNOWN = {
    "mtu": Option("mtu", "size", parse_mtu),
    "fast": Option("fast", "speed", lambda text: parse_switch("fast", text)),
}


@pytest.mark.parametrize(
    ("text", "mtu"), [("68", 68), ("1450", 1450), ("65535", 65535)]
)
def test_an_mtu_is_read(text: str, mtu: int) -> None:
    assert parse_mtu(text) == mtu


@pytest.mark.parametrize(
    "text",
    [
        "",
        "67",
        "65536",
        "-1450",
        "+1450",
        "1450.0",
        " 1450",
        "1_450",
        "١٤٥٠",
        "x",
        "9" * 5000,
    ],
)
def test_what_is_no_mtu_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="want a number from 68 to 65535"):
        parse_mtu(text)


@pytest.mark.parametrize(
    ("text", "is_on"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("0", False)],
)
def test_a_switch_is_on_or_off(text: str, is_on: bool) -> None:
    assert parse_switch("fast", text) is is_on


@pytest.mark.parametrize("text", ["", "yes", "on", "2", "true "])
def test_what_is_no_switch_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"option fast=.*: want true or false"):
        parse_switch("fast", text)


def test_options_are_checked_one_by_one() -> None:
    check_options("x", KNOWN, {})
    check_options("x", KNOWN, {"mtu": "1400", "fast": "1"})
    with pytest.raises(Refused, match="option mtu=1"):
        check_options("x", KNOWN, {"fast": "1", "mtu": "1"})
    with pytest.raises(Refused, match="driver x has no such; it has: mtu, fast"):
        check_options("x", KNOWN, {"encrypted": ""})
    with pytest.raises(Refused, match="it has: none"):
        check_options("x", {}, {"mtu": "1400"})


def test_a_driver_is_for_one_host_or_for_all() -> None:
    assert [str(one) for one in DriverScope] == ["local", "global"]


@pytest.mark.parametrize("name", ["a", "web.1", "A_b-c", "0", "x" * 128])
def test_a_sandbox_may_be_called(name: str) -> None:
    check_sandbox_name(name)
    assert name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "-x", "_x", "a/b", "a b", "a\n", "ä", "a\0", "x" * 129],
)
def test_a_sandbox_may_not_be_called(name: str) -> None:
    with pytest.raises(Refused, match="want 1 to 128 letters"):
        check_sandbox_name(name)
