"""Reads the metrics off a life: on the loop, so a little at a time.

Nothing is walked here that grows with endpoints or rows, but for counts of them. What
is read of one moment stands in one part; others have their turn between two parts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from platform import python_version
from time import monotonic
from typing import Final

import trio

from swarmnet import __version__
from swarmnet.ids import CLUSTER, Scope
from swarmnet.ipam.spans import Spans
from swarmnet.node.books import VNIS, PoolBook, pool_realm
from swarmnet.node.networks import KnownNetwork
from swarmnet.node.settling import Cause
from swarmnet.runtime import metrics as m
from swarmnet.runtime.drops import split
from swarmnet.runtime.health import in_sync, unreadiness
from swarmnet.runtime.life import Life
from swarmnet.swim.outputs import State
from swarmnet.swim.roundtrips import BOUNDS_S

STRETCH: Final = 10
"""Of so many networks the addresses are read at a stretch."""
Part = Callable[[m.Sheet, float], None]
"""Reads some of it, at a time."""


async def measure(life: Life | None) -> m.Sheet:
    """Return all that is to be told now; little where there is no cluster."""
    sheet = m.Sheet()
    sheet.put(m.BUILD, 1, __version__, python_version())
    sheet.put(m.READY, int(unreadiness(life, monotonic()) is None))
    longest_s = 0.0
    for part in () if life is None else _parts(life):
        await trio.sleep(0)
        began = monotonic()
        part(sheet, began)
        longest_s = max(longest_s, monotonic() - began)
    sheet.put(m.SCRAPE, longest_s)
    return sheet


def _parts(life: Life) -> Iterator[Part]:
    for read in (_self, _members, _probes, _relay, _counters, _networks):
        yield partial(read, life)
    networks = life.node.addressing.networks
    names, scopes = networks.names(), dict.fromkeys(life.node.tables.scopes())
    standing = networks.standing()
    attached = [one for one in standing if one.id in scopes]
    shown = attached[: m.NETWORKS_MAX]
    for start in range(0, len(shown), STRETCH):
        yield partial(_addresses, life, names, shown[start : start + STRETCH])
    yield from _pools(life, standing)
    for read in (_vnis, _waiting, _kernel):
        yield partial(read, life)


def _self(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    standing, driver, node = life.standing, life.driver, life.node
    cluster = life.directory.trust.cluster.hex()
    role = standing.role.name.lower()
    sheet.put(m.NODE, 1, life.me.hex(), standing.name, cluster, role)
    sheet.put(m.IN_SYNC, int(in_sync(node)))
    took = node.tables.last_convergence_s
    if took is not None:
        sheet.put(m.LAST_CONVERGENCE, took)
    chain = life.directory.chain(life.me)
    if chain is not None:
        sheet.put(m.CERTIFICATE, chain.certificate.terms.not_after)
    sheet.put(m.LAG, driver.lateness.lag_s)
    sheet.put(m.LATE, driver.lateness.total_s)
    sheet.put(m.SANDBOXES, len(life.sandboxes.all()))


def _members(life: Life, sheet: m.Sheet, now: float) -> None:
    """Count members as `status` does: ourselves too, and nobody who was removed."""
    del now
    node, revoked = life.node, life.directory.trust.is_revoked
    counts = Counter({state.name.lower(): 0 for state in State})
    degraded = node.swim.degraded()
    counts["degraded"] = 0
    counts["alive"] = 1
    for member, state in node.states().items():
        if revoked(member):
            continue
        is_degraded = state is State.ALIVE and member in degraded
        counts["degraded" if is_degraded else state.name.lower()] += 1
    sheet.put_all(m.MEMBERS, counts)


def _probes(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    spread = life.node.swim.round_trips()
    buckets = m.Buckets(BOUNDS_S, spread.counts, spread.total_s)
    sheet.put(m.ROUND_TRIP, buckets)
    counters = life.node.swim.counters()
    sheet.put(m.HEALTH, counters["health_score"])
    for metric, name in (
        (m.PROBES_FAILED, "probes_failed"),
        (m.ACCUSATIONS, "accusations"),
        (m.SUSPICIONS, "suspicions"),
        (m.REFUTATIONS, "refutations"),
        (m.DEATHS, "deaths"),
    ):
        sheet.put(metric, counters.get(name, 0))


def _relay(life: Life, sheet: m.Sheet, now: float) -> None:
    backlog = life.node.swim.backlog(now)
    sheet.put(m.BACKLOG, backlog.bytes)
    sheet.put(m.BACKLOG_AGE, backlog.age_s)
    traffic = life.node.traffic
    for direction, parts in (("sent", traffic.sent), ("received", traffic.received)):
        for part, count in parts.items():
            sheet.put(m.TRAFFIC, count, part, direction)


def _counters(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    told = {**life.node.counters(), **life.driver.counters()}
    drops, events = split({**told, **life.resolver.counters})
    sheet.put_all(m.DROPS, drops)
    sheet.put_all(m.EVENTS, events)


def _networks(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    tables, addressing = life.node.tables, life.node.addressing
    digests = [tables.digest(scope) for scope in tables.scopes()]
    sheet.put(m.ROWS, sum(size for _, size in filter(None, digests)))
    standing = addressing.networks.standing()
    scopes = dict.fromkeys(tables.scopes())
    sheet.put(m.NETWORKS, len(standing))
    sheet.put(m.ATTACHED, sum(one.id in scopes for one in standing))
    own = others = 0
    for scope in scopes:
        if scope != CLUSTER:
            mine, both = addressing.endpoints.counts(scope)
            own, others = own + mine, others + both - mine
    sheet.put_all(m.ENDPOINTS, {"self": own, "others": others})


def _addresses(
    life: Life,
    names: Mapping[Scope, str],
    networks: Sequence[KnownNetwork],
    sheet: m.Sheet,
    now: float,
) -> None:
    for known in networks:
        name = names.get(known.id, known.facts.name)
        for index, one in enumerate(known.facts.subnets):
            book = life.node.addressing.endpoints.book(known.id, index)
            if book is not None:
                counts, prefix = book.addresses.counts(now), str(one.subnet.prefix)
                sheet.put(m.ADDRESSES, counts.free, name, prefix, "free")
                sheet.put(m.ADDRESSES, counts.in_use, name, prefix, "used")
                sheet.put(m.ADDRESSES, counts.resting, name, prefix, "resting")


def _vnis(life: Life, sheet: m.Sheet, now: float) -> None:
    networks = life.node.addressing.networks
    owned = networks.usable().get(VNIS)
    if owned is not None:
        free = networks.vnis.free(now).size
        sheet.put_all(m.VNIS, {"free": free, "used": owned.size - free})


def _pools(life: Life, known: Sequence[KnownNetwork]) -> Iterator[Part]:
    """Read the pools: what of each the networks take is counted a few at a time."""
    networks = life.node.addressing.networks
    for index, pool in enumerate(networks.pools.pools):
        realm = pool_realm(index)
        owned, book = networks.usable().get(realm), networks.books.get(realm)
        if owned is None or not isinstance(book, PoolBook):
            continue
        used: list[int] = []
        for start in range(0, len(known), STRETCH):
            yield partial(_take, book, owned, known[start : start + STRETCH], used)
        yield partial(_pool, str(pool.prefix), owned.size, used)


def _take(
    book: PoolBook,
    owned: Spans,
    networks: Sequence[KnownNetwork],
    used: list[int],
    *_: object,
) -> None:
    for known in networks:
        for prefix in known.prefixes:
            numbers = book.numbers_of(prefix)
            if numbers is not None:
                used.append(owned.within(numbers).size)


def _pool(prefix: str, size: int, used: list[int], sheet: m.Sheet, now: float) -> None:
    del now
    # Networks that users laid over each other take the same twice.
    taken = min(size, sum(used))
    sheet.put(m.POOL, size - taken, prefix, "free")
    sheet.put(m.POOL, taken, prefix, "used")


def _waiting(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    waiting = {cause.name.lower(): 0 for cause in Cause}
    for wait in life.node.addressing.waits():
        waiting[wait.cause.name.lower()] += wait.held_back
    sheet.put_all(m.WAITING, waiting)


def _kernel(life: Life, sheet: m.Sheet, now: float) -> None:
    del now
    plane = life.plane
    for metric, name in (
        (m.DRIFT, "drifted"),
        (m.REFUSALS, "refused"),
        (m.MISSES, "misses"),
        (m.OVERRUNS, "overruns"),
    ):
        sheet.put(metric, plane.counters[name])
    sheet.put(m.REFUSED, sum(1 for _ in plane.failures()))
    sheet.put(m.SETTLED, int(plane.is_settled))
