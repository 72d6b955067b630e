"""`swarmnet check`: every attached host of a network tries the way to every other."""

from collections.abc import Sequence
from typing import Final

import trio

from swarmnet.doctor.exchange import exchange_as_json, went_untrusted
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.node.networks import KnownNetwork
from swarmnet.runtime.doctor.exchanging import exchange
from swarmnet.runtime.doctor.jobs import have_done
from swarmnet.runtime.doctor.taking_part import Job, Json
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Views

PAIRS_AT_ONCE: Final = 4
ROWS_AT_ONCE: Final = 16
NOT_TRIED: Final = {"ok": False, "rtt_s": None, "loss": None, "path_mtu": None}


async def check_network(life: Life, known: KnownNetwork) -> Json:
    """Return the pairs of hosts of a network, and how each went."""
    hosts = list(life.node.tables.attached(known.id))
    limit = trio.CapacityLimiter(ROWS_AT_ONCE)
    rows: dict[NodeId, Sequence[Json]] = {}

    async def fill(host: NodeId) -> None:
        async with limit:
            rows[host] = await _row(life, known, host, hosts)

    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(fill, host)
    return {
        "network": known.id.hex(),
        "name": Views(life).network(known)["name"],
        "mtu": Views(life).network(known)["mtu"],
        "hosts": [
            {"id": one.hex(), "name": life.name_of(one), "state": _state(life, one)}
            for one in hosts
        ],
        "pairs": [pair for host in hosts for pair in rows[host]],
    }


def _state(life: Life, node: NodeId) -> str:
    return Views(life).state(node)


async def _row(
    life: Life, known: KnownNetwork, host: NodeId, hosts: Sequence[NodeId]
) -> Sequence[Json]:
    """Return how it went from one host to all others."""
    if host == life.me:
        job = Job()
        await fill_row(life, known, job)
        return job.found
    found: dict[str, Json] = {}
    told = "it did not tell"
    try:
        question = {"what": "row", "network": known.id.hex()}
        async for pair in have_done(life, host, question):
            found[str(pair.get("to"))] = went_untrusted(pair)
    except Refused as refused:
        told = str(refused)
    return [
        {**_ends(life, host, other), **found[other.hex()]}
        if other.hex() in found
        else _failed(life, host, other, told)
        for other in hosts
        if other != host
    ]


def _failed(life: Life, host: NodeId, other: NodeId, why: str) -> Json:
    if not life.is_live(host) and host != life.me:
        why = f"{life.name_of(host)} is {_state(life, host)}"
    return {**_ends(life, host, other), **NOT_TRIED, "tcp": None, "reason": why}


def _ends(life: Life, host: NodeId, other: NodeId) -> Json:
    return {
        "from": host.hex(),
        "from_name": life.name_of(host),
        "to": other.hex(),
        "to_name": life.name_of(other),
    }


async def fill_row(life: Life, known: KnownNetwork, job: Job) -> None:
    """Try the way from this host to all others; tell each as soon as it is known."""
    limit = trio.CapacityLimiter(PAIRS_AT_ONCE)

    async def fill(other: NodeId) -> None:
        async with limit:
            job.found.append(await _pair(life, known, other))

    async with trio.open_nursery() as nursery:
        for other in life.node.tables.attached(known.id):
            if other != life.me:
                nursery.start_soon(fill, other)


async def _pair(life: Life, known: KnownNetwork, other: NodeId) -> Json:
    if not life.is_live(other):
        why = f"{life.name_of(other)} is {_state(life, other)}"
        return _failed(life, life.me, other, why)
    went = await exchange(life, other, known)
    port = life.standing.place.vxlan_port
    return {**_ends(life, life.me, other), **exchange_as_json(went, port)}
