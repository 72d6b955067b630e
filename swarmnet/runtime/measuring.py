"""Reads the metrics off a life: on the loop, so it must be quick.

Nothing is walked here that grows with endpoints or rows, but for counts of them.
"""

from collections import Counter
from collections.abc import Mapping
from platform import python_version
from time import monotonic

from swarmnet import __version__
from swarmnet.ids import CLUSTER, Scope
from swarmnet.node.books import VNIS, AddressBook, pool_realm
from swarmnet.node.networks import KnownNetwork
from swarmnet.node.settling import Cause
from swarmnet.runtime import metrics as m
from swarmnet.runtime.drops import split
from swarmnet.runtime.health import in_sync, unreadiness
from swarmnet.runtime.life import Life
from swarmnet.swim.outputs import State
from swarmnet.swim.roundtrips import BOUNDS_S


def measure(life: Life | None) -> m.Sheet:
    """Return all that is to be told now; little where there is no cluster."""
    began = monotonic()
    sheet = m.Sheet()
    sheet.put(m.BUILD, 1, __version__, python_version())
    sheet.put(m.READY, int(unreadiness(life, began) is None))
    if life is not None:
        for part in (_self, _members, _probes, _relay, _counters):
            part(sheet, life, began)
        for part in (_networks, _ranges, _kernel):
            part(sheet, life, began)
    sheet.put(m.SCRAPE, monotonic() - began)
    return sheet


def _self(sheet: m.Sheet, life: Life, now: float) -> None:
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


def _members(sheet: m.Sheet, life: Life, now: float) -> None:
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


def _probes(sheet: m.Sheet, life: Life, now: float) -> None:
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


def _relay(sheet: m.Sheet, life: Life, now: float) -> None:
    backlog = life.node.swim.backlog(now)
    sheet.put(m.BACKLOG, backlog.bytes)
    sheet.put(m.BACKLOG_AGE, backlog.age_s)
    traffic = life.node.traffic
    for direction, parts in (("sent", traffic.sent), ("received", traffic.received)):
        for part, count in parts.items():
            sheet.put(m.TRAFFIC, count, part, direction)


def _counters(sheet: m.Sheet, life: Life, now: float) -> None:
    del now
    drops, events = split({**life.node.counters(), **life.driver.counters()})
    sheet.put_all(m.DROPS, drops)
    sheet.put_all(m.EVENTS, events)


def _networks(sheet: m.Sheet, life: Life, now: float) -> None:
    node = life.node
    tables, addressing = node.tables, node.addressing
    digests = [tables.digest(scope) for scope in tables.scopes()]
    sheet.put(m.ROWS, sum(size for _, size in filter(None, digests)))
    standing = addressing.networks.standing()
    scopes = dict.fromkeys(tables.scopes())
    attached = [one for one in standing if one.id in scopes]
    sheet.put(m.NETWORKS, len(standing))
    sheet.put(m.ATTACHED, len(attached))
    own = others = 0
    for scope in scopes:
        if scope != CLUSTER:
            mine, all_of_it = addressing.endpoints.counts(scope)
            own, others = own + mine, others + all_of_it - mine
    sheet.put_all(m.ENDPOINTS, {"self": own, "others": others})
    names = addressing.networks.names()
    for known in attached[: m.NETWORKS_MAX]:
        _addresses(sheet, life, known, names, now)


def _addresses(
    sheet: m.Sheet,
    life: Life,
    known: KnownNetwork,
    names: Mapping[Scope, str],
    now: float,
) -> None:
    for index, one in enumerate(known.facts.subnets):
        book: AddressBook | None = life.node.addressing.endpoints.book(known.id, index)
        if book is None:
            continue
        counts = book.addresses.counts(now)
        found = {
            "free": counts.free,
            "used": counts.in_use,
            "resting": counts.resting,
        }
        name = names.get(known.id, known.facts.name)
        for use, count in found.items():
            sheet.put(m.ADDRESSES, count, name, str(one.subnet.prefix), use)


def _ranges(sheet: m.Sheet, life: Life, now: float) -> None:
    addressing = life.node.addressing
    networks = addressing.networks
    owned = networks.usable()
    if VNIS in owned:
        free = networks.vnis.free(now).size
        sheet.put_all(m.VNIS, {"free": free, "used": owned[VNIS].size - free})
    for index, pool in enumerate(networks.pools.pools):
        realm = pool_realm(index)
        if realm not in owned:
            continue
        free = networks.books[realm].free(now).size
        prefix = str(pool.prefix)
        sheet.put(m.POOL, free, prefix, "free")
        sheet.put(m.POOL, owned[realm].size - free, prefix, "used")
    waiting = {cause.name.lower(): 0 for cause in Cause}
    for wait in addressing.waits():
        waiting[wait.cause.name.lower()] += wait.held_back
    sheet.put_all(m.WAITING, waiting)


def _kernel(sheet: m.Sheet, life: Life, now: float) -> None:
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
