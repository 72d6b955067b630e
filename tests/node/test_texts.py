"""What users write and rows only pass on: what no row can say leaves nothing behind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from swarmnet.ids import Scope
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.network_facts import MAC_BYTES, TEXT_CHARACTERS_MAX, VALUE_BYTES_MAX
from tests.node.hosts import Hosts, Unmet
from tests.node.looks import everything

LONG = "x" * (TEXT_CHARACTERS_MAX + 1)
WIDE = "\N{GRINNING FACE}" * (VALUE_BYTES_MAX // 4)
"""Not too many characters, but too many bytes of UTF-8."""
HALVES = ("\ud800", "web\udfff", "\ud83d\ude00")

TOO_LONG = f"{len(LONG)} characters, want {TEXT_CHARACTERS_MAX} at most"
TOO_WIDE = f"bytes, want {VALUE_BYTES_MAX} at most"
NO_TEXT = "half a surrogate pair; want UTF-8"


def texts_of(
    field: str, too_wide: str = TOO_WIDE
) -> Sequence[tuple[dict[str, Any], str]]:
    """Return what is wrong in one field that holds a text."""
    return [
        ({field: LONG}, TOO_LONG),
        ({field: WIDE}, too_wide),
        *(({field: half}, NO_TEXT) for half in HALVES),
    ]


def wrong_of(
    field: str, wrap: object, too_wide: str = TOO_WIDE
) -> Sequence[tuple[dict[str, Any], str]]:
    """Return the same of one that holds several."""
    assert callable(wrap)
    found = texts_of(field, too_wide)
    return [({field: wrap(held[field])}, told) for held, told in found]


ENDPOINTS: Sequence[tuple[Mapping[str, Any], str]] = [
    *texts_of("sandbox"),
    *wrong_of("aliases", lambda text: (text,)),
    *wrong_of("aliases", lambda text: ("www", text)),
    *(({"name": half}, NO_TEXT) for half in HALVES),
    ({"sandbox": LONG[:400], "aliases": (LONG[:400], LONG[:400])}, TOO_WIDE),
    ({"aliases": ("www",) * 300}, TOO_WIDE),
    *(({"mac": bytes(n)}, "MAC .*want 6 bytes") for n in (0, 5, 7, 600)),
]


@pytest.mark.parametrize("is_new", [False, True], ids=["inside", "new there"])
def test_an_endpoint_that_no_row_can_say_is_refused_and_leaves_nothing(
    is_new: bool,
) -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24", ipv6=True)
    hosts.run(1.5)
    hosts.connect(1, network)
    if not is_new:
        hosts.connect(2, network)
    hosts.run(0.5)
    before = everything(hosts, 2)
    for options, message in ENDPOINTS:
        with pytest.raises(Unmet, match=message) as refused:
            connect(hosts, network, **options)
        assert everything(hosts, 2) == before, (options.keys(), message)
        # It can be shown, and a long text is not.
        assert len(str(refused.value).encode()) < 250 or "mac" in options
    most = {"sandbox": LONG[:-1], "mac": b"\2" * MAC_BYTES}
    with pytest.raises(Unmet, match=TOO_WIDE):
        connect(hosts, network, **most)
    box = connect(hosts, network, sandbox=LONG[:700], mac=b"\2" * MAC_BYTES)
    hosts.run(0.5)
    shown = hosts.effective(1, network)
    assert all(shown[str(address)] == hosts.id(2) for _, address in box.facts.addresses)


def connect(hosts: Hosts, network: Scope, **options: object) -> KnownEndpoint:
    """Let the second host make an endpoint; `options` are fields of `EndpointWish`."""
    wish = replace(EndpointWish(network, "web", "sandbox"), **options)  # type: ignore[arg-type]
    made = hosts.done(2, lambda a, now: a.connect(now, wish))
    assert isinstance(made, KnownEndpoint)
    return made


NETWORKS: Sequence[tuple[Mapping[str, Any], str]] = [
    *texts_of("driver", "want one of overlay"),
    *wrong_of("labels", lambda text: {"a": "b", "key": text}),
    *wrong_of("labels", lambda text: {"a": "b", text: "value"}),
    *wrong_of("options", lambda text: {"mtu": text}, "want a number from 68"),
    *wrong_of("options", lambda text: {text: "1400"}, "overlay has no such"),
    *wrong_of("auxiliaries", lambda text: {text: "10.9.0.9"}),
    *(({"auxiliaries": {"printer": half}}, NO_TEXT) for half in HALVES),
    *(({"name": half}, "want 1 to 63 letters") for half in HALVES),
    *(({"subnets": (half,)}, "want a CIDR") for half in HALVES),
    *(({"gateways": (half,)}, "want an IPv4 or IPv6 address") for half in HALVES),
    *(({"ip_ranges": (half,)}, "want a CIDR") for half in HALVES),
]


def test_a_network_that_no_row_can_say_is_refused_and_leaves_nothing() -> None:
    hosts = Hosts(2)
    hosts.create(1, "blue", "10.8.0.0/24")
    hosts.run(1.5)
    before = everything(hosts, 1)
    for options, message in NETWORKS:
        wanted = {"name": "green", "subnets": ("10.9.0.0/24",), **options}
        with pytest.raises(Unmet, match=message) as refused:
            hosts.create(1, wanted.pop("name"), *wanted.pop("subnets"), **wanted)
        assert everything(hosts, 1) == before, (options.keys(), message)
        assert len(str(refused.value).encode()) < 250
    made = hosts.create(1, "green", "10.9.0.0/24", labels={"key": LONG[:700]})
    hosts.run(0.5)
    assert made in hosts.names(2)
