"""Deeds of one granter about one realm: which of too many count, all agree about."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.ipam.deeds import STEP, Deed, Grant
from swarmnet.ipam.estate import Proposal
from swarmnet.ipam.lives import Lives
from swarmnet.ipam.ownership import Holding
from swarmnet.ipam.spans import Span
from swarmnet.node.books import subnet_realm
from swarmnet.node.networks import Networks
from swarmnet.node.range_rows import DEED_KEY, DEEDS_MAX
from swarmnet.node.realms import Realms
from swarmnet.node.routes import Routes
from swarmnet.tables.row import RANGE
from tests.node.hosts import Hosts

FIRST = 1 << 61
"""Above all numbers that are drawn, so that what hosts grant themselves counts."""
COUNT = DEEDS_MAX + 20
NOBODY = NodeId(b"\xee" * 16)

Order = Callable[[list[int]], Sequence[int]]


def shuffled(places: list[int]) -> Sequence[int]:
    return Random(7).sample(places, len(places))


def deed(hosts: Hosts, realm: bytes, place: int) -> Deed:
    """Return a deed of the second host's about one number, to nobody who lives."""
    number = FIRST + place * STEP
    grants = (Grant(number, Span(512 + place, 512 + place), NOBODY),)
    return Deed(realm, hosts.id(2), (0, 0), None, number, grants)


def write(hosts: Hosts, one: Deed) -> None:
    """Let the second host write a deed, whatever it thinks of it."""
    name = (RANGE, DEED_KEY + one.number.to_bytes(8, "big"))
    engine, value = hosts.engine(2), one.encode()
    engine.command(
        hosts.now, lambda t: t.put(hosts.now, CLUSTER, name, value, durable=True)
    )
    hosts.run(0.002)


def counted(hosts: Hosts, number: int, realm: bytes) -> list[int]:
    """Return the places of those that count at a host."""
    held = hosts.addressing(number).realms.get(realm)
    assert held is not None
    return places_of(hosts, held.ownership.deeds())


def places_of(hosts: Hosts, deeds: object) -> list[int]:
    assert isinstance(deeds, dict)
    numbers = sorted(n for granter, n in deeds if granter == hosts.id(2))
    return [(n - FIRST) // STEP for n in numbers if n >= FIRST]


def written(order: Order) -> tuple[Hosts, Scope, bytes]:
    """Return two hosts, one of which has written more deeds than count."""
    hosts = Hosts(2)
    network = hosts.create(2, "blue", "10.8.0.0/16")
    hosts.run(1.5)
    realm = subnet_realm(network, 0)
    for place in order(list(range(COUNT))):
        write(hosts, deed(hosts, realm, place))
    hosts.run(3.0)
    return hosts, network, realm


@pytest.mark.slow
@pytest.mark.parametrize("order", [list, reversed, shuffled])
def test_of_too_many_deeds_the_same_count_whatever_came_first(order: Order) -> None:
    hosts, _, realm = written(order)
    places = counted(hosts, 2, realm)
    assert DEEDS_MAX - 3 <= len(places) < DEEDS_MAX
    assert places == list(range(len(places)))
    assert counted(hosts, 1, realm) == places
    assert hosts.agree()
    # Once one of them is deleted the next one counts.
    name = (RANGE, DEED_KEY + FIRST.to_bytes(8, "big"))
    hosts.engine(2).command(hosts.now, lambda t: t.delete(hosts.now, CLUSTER, name))
    hosts.run(1.0)
    for number in (1, 2):
        assert counted(hosts, number, realm) == [*places[1:], len(places)]
    assert hosts.agree()


@pytest.mark.slow
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not yet open"])
def test_the_same_count_for_who_hears_of_them_before_what_they_are_about(
    is_open: bool,
) -> None:
    hosts, _, realm = written(list)
    tables, me = hosts.engine(1).tables, hosts.id(1)
    realms = Realms(me, tables, Random(1), Lives(1, is_first=True))
    networks = Networks(tables, realms, Routes(me, tables))
    for reader in (networks, realms) if is_open else (realms, networks):
        assert isinstance(reader, Networks | Realms)
        reader.update()
    held = realms.get(realm)
    assert held is not None
    wanted = counted(hosts, 2, realm)
    assert places_of(hosts, held.ownership.deeds()) == wanted
    theirs = hosts.addressing(2).realms.get(realm)
    assert theirs is not None
    assert held.ownership.holdings() == theirs.ownership.holdings()


@pytest.mark.slow
def test_who_has_written_as_many_as_count_writes_no_more_and_nothing_falls_back() -> (
    None
):
    hosts = Hosts(2)
    network = hosts.create(2, "blue", "10.8.0.0/16")
    hosts.run(1.5)
    realm = subnet_realm(network, 0)
    for place in range(DEEDS_MAX - 4):
        write(hosts, deed(hosts, realm, place))
    before, wrote = holdings(hosts, realm), 0
    for batch in range(10):
        some = [proposal(hosts, realm, batch * 4 + n) for n in range(4)]
        try:
            hosts.addressing(2).realms.write(hosts.now, some)
        except Refused:
            break
        wrote += len(some)
    assert wrote <= 4
    rows = hosts.engine(2).tables.rows(CLUSTER).values()
    mine = [r for r in rows if r.table == RANGE and r.key.startswith(DEED_KEY)]
    assert sum(realm in r.value for r in mine if r.owner == hosts.id(2)) <= DEEDS_MAX
    # What was granted before stays granted.
    after = {(one.span, one.owner) for one in holdings(hosts, realm)}
    assert {(o.span, o.owner) for o in before if o.owner == NOBODY} <= after


def holdings(hosts: Hosts, realm: bytes) -> list[Holding]:
    held = hosts.addressing(2).realms.get(realm)
    assert held is not None
    return held.ownership.holdings()


def proposal(hosts: Hosts, realm: bytes, place: int) -> Proposal:
    """Return a deed that the second host may write, with a number below the others."""
    number = (place + 1) * STEP
    grants = (Grant(number, Span(2048 + 2 * place, 2048 + 2 * place), NOBODY),)
    return Proposal(realm, hosts.id(2), None, number, grants)
