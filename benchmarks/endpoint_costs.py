"""CPU and memory of so many rows, and of so many endpoints in a kernel's plan."""

import gc
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import process_time
from typing import Final, TypeVar

from benchmarks.hosts import BOTH, HERE, THERE, VTEP_HERE, endpoint_of, network_of
from benchmarks.one_node import forget_columns
from benchmarks.shelves import NETWORK, Author, drain, hold, tables_of
from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.host import HostFacts, SandboxFacts
from swarmnet.cnm.network import NetworkView
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import Entries, Host, Namespace, connected_route
from swarmnet.overlay.driver import Overlay, attachment_of
from swarmnet.overlay.entries import EntryBook, book_of
from swarmnet.tables.engine import Tables

AUTHORS: Final = 100
BATCH: Final = 250
ROUNDS: Final = 5
DIGESTS: Final = 2000
PREFIX: Final = "10.0.0.0/8"
SANDBOX: Final = "s1"

Made = TypeVar("Made")
Costs = dict[str, list[float]]
"""Microseconds of CPU, by what they are of."""


def _authors() -> list[Author]:
    return [Author(number, signs=False) for number in range(10, 10 + AUTHORS)]


def _fill(tables: Tables, authors: list[Author], first: int, count: int) -> None:
    """Give a node rows, page by page."""
    for start in range(first, first + count, BATCH):
        end = min(start + BATCH, first + count)
        hold(tables, [authors[n % AUTHORS].endpoint(n) for n in range(start, end)])


def traced_bytes(count: int) -> float:
    """Return what a node's tables hold with so many rows, as Python allocates it.

    The columns of sketches are not in it: see `one_node.forget_columns`.
    """
    tables = tables_of(1)[1]
    authors = _authors()
    # Whatever is kept of a first row is there before.
    _fill(tables, authors, 0, 1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _fill(tables, authors, 1, count)
    forget_columns()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(tables.rows(NETWORK)) == 1 + count
    return float(held)


def row_cost(count: int) -> Costs:
    """Return the CPU of one row more, and of a digest that agrees."""
    tables = tables_of(1)[1]
    peer = tables_of(2)[0]
    authors = _authors()
    _fill(tables, authors, 0, count)
    applied = []
    for turn in range(ROUNDS):
        first = count + turn * BATCH
        items = [authors[n % AUTHORS].endpoint(n) for n in range(first, first + BATCH)]
        applied.append(_timed(partial(hold, tables, items))[0] / BATCH)

    def compare() -> None:
        for _ in range(DIGESTS):
            digest = tables.digest(NETWORK)
            assert digest is not None
            tables.receive_digest(1.0, peer, NETWORK, digest)
        drain(1.0, tables)

    compared = [_timed(compare)[0] / DIGESTS for _ in range(ROUNDS)]
    return {"apply": applied, "digest": compared}


def plan_cost(count: int) -> Costs:
    """Return the CPU of planning so many endpoints, and of comparing with a kernel.

    They are another host's, in a network of one subnet; one is of this host.
    """
    network = network_of(1, PREFIX)
    others = [endpoint_of(2 + number, THERE, network) for number in range(count)]
    mine = endpoint_of(1, HERE, network, sandbox=SANDBOX)
    facts = SandboxFacts(interfaces={mine.id: "eth0"})
    host = HostFacts(HERE, VTEP_HERE, 1500, sandboxes={SANDBOX: facts})
    view = NetworkView(network, BOTH, [mine, *others])
    found: Costs = {"plan": [], "reconcile": [], "agree": [], "put": []}
    for _ in range(ROUNDS):
        took, plan = _timed(lambda: Overlay().plan(view, host))
        found["plan"].append(took)
        desired = Host(dict(plan.namespaces))
        took, operations = _timed(partial(reconcile, desired, Host({})))
        found["reconcile"].append(took)
        assert len(operations) > 2 * count
        held = Host({name: _copy(one) for name, one in desired.namespaces.items()})
        took, left = _timed(partial(reconcile, desired, held))
        found["agree"].append(took)
        assert left == [], left[:3]
        book = book_of(network, attachment_of(host), BOTH, others)
        more = [endpoint_of(2 + count + n, THERE, network) for n in range(BATCH)]
        found["put"].append(_timed(partial(_put, book, more))[0] / BATCH)
    return found


def _put(book: EntryBook, endpoints: Sequence[Endpoint]) -> None:
    for one in endpoints:
        book.put(one)


def _copy(namespace: Namespace) -> Namespace:
    """Return what a kernel then holds: entries of its own, and its own routes."""
    entries = {
        name: Entries(_apart(one.fdb), _apart(one.neighbours), one.flood)
        for name, one in namespace.entries.items()
    }
    routes = {connected_route(one): None for one in namespace.addresses}
    return replace(namespace, entries=entries, routes={**namespace.routes, **routes})


def _apart(entries: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {bytes(bytearray(k)): bytes(bytearray(v)) for k, v in entries.items()}


def _timed(action: Callable[[], Made]) -> tuple[float, Made]:
    """Return the microseconds of CPU of an action, and what it makes."""
    gc.collect()
    began = process_time()
    made = action()
    return (process_time() - began) * 1e6, made
