"""What hosts tell of each other's endpoints by DNS, and for how long."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from random import Random
from typing import ClassVar

import dns.message
import dns.rcode
import pytest

from swarmnet.dns.answering import Answering
from swarmnet.ids import Scope
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.naming import named_of
from tests.node.hosts import Hosts, texts

NONE = ["NXDOMAIN"]
ELSEWHERE = ["Forward"]
SOON_S = 0.2
"""Many times as long as a row takes."""


class NamedHosts(Hosts):
    """Three hosts with a data plane."""

    settings: ClassVar[Mapping[str, str]] = {"tables": "on", "kernel": "on"}

    def __init__(self) -> None:
        super().__init__(3)
        self.network = self.create(1, "front")
        self.run(2.0)

    def told(self, number: int, name: str, kind: str = "A") -> list[str]:
        """Return what the sandbox `here` is told on a host."""
        answering = Answering(self.engine(number).inner.names, Random(1))
        query = dns.message.make_query(name, kind)
        data = answering.answer(self.now, "here", query.to_wire())
        if not isinstance(data, bytes):
            return [type(data).__name__]
        answer = dns.message.from_wire(data)
        code = dns.rcode.to_text(answer.rcode())
        return [code, *sorted(str(rd) for rrset in answer.answer for rd in rrset)]


@pytest.fixture(scope="module")
def made() -> tuple[NamedHosts, KnownEndpoint]:
    hosts = NamedHosts()
    for number in (1, 2, 3):
        hosts.connect(number, hosts.network, "here")
    web = hosts.connect(
        *(2, hosts.network, "Web"), aliases=("All", "www"), publish=("8080:80",)
    )
    hosts.run(SOON_S)
    return hosts, web


def test_names_and_aliases_are_told_on_every_host(
    made: tuple[NamedHosts, KnownEndpoint],
) -> None:
    hosts, web = made
    for number in (1, 2, 3):
        for name in ("web", "www", "all", "web.front", "web.front.internal"):
            assert hosts.told(number, name) == ["NOERROR", *texts(web)]
        assert hosts.told(number, "web", "AAAA") == ["NOERROR"]
        assert len(hosts.told(number, "here")) == 1 + 3
        assert hosts.told(number, "_80._tcp.web", "SRV") == [
            "NOERROR",
            "0 0 80 web.front.internal.",
        ]


@pytest.mark.slow
def test_a_name_comes_and_goes_with_its_row() -> None:
    hosts = NamedHosts()
    hosts.connect(1, hosts.network, "here")
    hosts.run(SOON_S)
    for number in (2, 3):
        db = hosts.connect(number, hosts.network, "db")
        hosts.run(SOON_S)
        assert hosts.told(1, "db") == ["NOERROR", *texts(db)]
        hosts.disconnect(number, db)
        hosts.run(SOON_S)
        assert hosts.told(1, "db") == ELSEWHERE
        assert hosts.told(1, "db.front.internal") == NONE


@pytest.mark.slow
def test_the_names_of_a_dead_node_are_hidden_and_return_with_it() -> None:
    hosts = NamedHosts()
    hosts.connect(1, hosts.network, "here")
    web = hosts.connect(2, hosts.network, "web")
    hosts.run(SOON_S)
    assert hosts.told(1, "web") == ["NOERROR", *texts(web)]
    hosts.partition((1, 3), (2,))
    hosts.run_until(lambda: hosts.all_see(1, 3), 60.0)
    assert hosts.told(1, "web") == NONE
    reverse = ip_address(texts(web)[0]).reverse_pointer
    assert hosts.told(1, reverse, "PTR") == NONE
    hosts.heal()
    hosts.run_until(lambda: hosts.told(1, "web") == ["NOERROR", *texts(web)], 60.0)
    assert hosts.told(1, reverse, "PTR") == ["NOERROR", "web.front.internal."]
    hosts.remove_node(1, 2)
    hosts.run_until(lambda: hosts.told(1, "web") == ELSEWHERE, 10.0)


def test_the_names_of_a_node_that_left_are_gone() -> None:
    hosts = NamedHosts()
    hosts.connect(1, hosts.network, "here")
    hosts.connect(2, hosts.network, "web")
    hosts.leave(2)
    hosts.run(SOON_S)
    assert hosts.told(1, "web") == ELSEWHERE


def test_a_process_that_begins_waits_for_names_that_may_be_on_their_way() -> None:
    hosts = NamedHosts()
    hosts.connect(1, hosts.network, "here")
    web = hosts.connect(2, hosts.network, "web")
    hosts.run(SOON_S)
    before = hosts.crash(1)
    new = hosts.connect(2, hosts.network, "new")
    hosts.run(SOON_S)
    hosts.restart(1, continued=before)
    assert hosts.told(1, "web") == ["NOERROR", *texts(web)]
    assert hosts.told(1, "new") == ["Held"]
    assert hosts.told(1, "example.com") == ELSEWHERE
    hosts.run_until(lambda: hosts.told(1, "new") == ["NOERROR", *texts(new)], 5.0)
    assert hosts.told(1, "nobody") in (ELSEWHERE, ["Held"])
    hosts.run_until(lambda: hosts.told(1, "nobody") == ELSEWHERE, 5.0)


def test_a_network_that_was_made_twice_is_told_under_the_name_it_is_shown_by() -> None:
    hosts = NamedHosts()
    hosts.partition((1,), (2, 3))
    hosts.run(0.1)
    ours, theirs = hosts.create(1, "twice"), hosts.create(2, "twice")
    hosts.heal()
    hosts.run_until(lambda: len(hosts.names(3)) == 3 == len(hosts.names(1)), 60.0)
    shown: dict[Scope, str] = hosts.names(3)
    assert sorted(map(len, (shown[ours], shown[theirs]))) == [5, 14]
    for number, network in ((3, ours), (3, theirs)):
        hosts.connect(number, network, "here")
        hosts.run(SOON_S)
        assert len(hosts.told(number, f"here.{shown[network]}.internal")) == 2


def test_an_endpoint_whose_row_names_nothing_has_its_id() -> None:
    hosts = NamedHosts()
    here = hosts.connect(1, hosts.network, "here")
    nobody = replace(
        here, facts=replace(here.facts, name="", sandbox="", aliases=("",))
    )
    assert named_of(nobody, hosts.id(1)).names == (here.id.hex(),)


def test_an_address_that_is_only_claimed_has_no_name() -> None:
    hosts = Hosts(1)
    network = hosts.create(1, "front")
    here = hosts.connect(1, network, "web")
    claimed = replace(here, is_effective=False)
    assert named_of(here, hosts.id(1)).addresses != ()
    assert named_of(claimed, hosts.id(1)).addresses == ()
    dormant = named_of(replace(here, is_dormant=True), hosts.id(1))
    assert dormant.is_hidden
    assert dormant.addresses == named_of(here, hosts.id(1)).addresses
