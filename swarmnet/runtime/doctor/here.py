"""What an agent knows of its own host, for the doctor to compare with what it finds."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from time import time
from typing import Final

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.doctor.matching import IP
from swarmnet.doctor.standing import StandingFacts
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.overlay.mtu import overhead_bytes
from swarmnet.runtime.doctor.by_hand import search_of
from swarmnet.runtime.doctor.host import Examined
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.life import Life
from swarmnet.runtime.showing import describe_failure
from swarmnet.runtime.store import Store
from swarmnet.runtime.unwell import members_of
from swarmnet.runtime.views import Views, data_path_of, iso_time

RECENT_S: Final = 600.0
"""For so long it is told that others changed what is ours."""


def examined(store: Store, life: Life | None, notice: str | None) -> Examined:
    """Return what is to be looked at here; `notice` says why it is in no cluster."""
    folder = str(store.folder)
    if life is None:
        return Examined(folder, agent=os.getpid(), notice=notice)
    place, addressing = life.standing.place, life.node.addressing
    networks = addressing.networks
    inside = [one for one in networks.standing() if Views(life).is_attached(one.id)]
    return Examined(
        folder,
        agent=os.getpid(),
        standing=standing_of(life),
        address=ip_address(place.address.host),
        port=place.address.port,
        vtep=place.vtep,
        vxlan_port=place.vxlan_port,
        vnis=tuple(part.vni for one in inside for part in one.facts.subnets),
        peers=tuple(_peers(life)),
        published=tuple(_published(life)),
        networks=tuple(
            (networks.names().get(one.id, one.facts.name), prefix)
            for one in networks.standing()
            for prefix in one.prefixes
        ),
        pools=tuple(one.prefix for one in networks.pools.pools),
        mtus=shared_mtus(life, life.me),
        is_full=store.is_full,
        spaces=partial(_spaces, life.kernel),
        by_hand=search_of(life).run,
    )


def standing_of(life: Life) -> StandingFacts:
    """Return how a node stands in its cluster."""
    views = Views(life)
    terms = life.standing.chain.certificate.terms
    return StandingFacts(
        name=life.standing.name,
        now=time(),
        not_before=terms.not_before,
        not_after=terms.not_after,
        role=life.standing.role.name.lower(),
        members=[facts for _, facts in members_of(life)],
        warnings=list(views.warnings()),
        refusals=[describe_failure(one) for one in life.plane.failures()],
        drifts=list(_drifts(life)),
    )


def shared_mtus(life: Life, node: NodeId) -> list[tuple[str, int, int]]:
    """Return the networks that this node and another take part in.

    Of each its name, its MTU, and what encapsulation takes besides, in bytes.
    """
    views, tables = Views(life), life.node.tables
    overhead = overhead_bytes(life.standing.place.vtep)
    found = []
    for known in life.node.addressing.networks.standing():
        if node in tables.attached(known.id) and views.is_attached(known.id):
            shown = views.network(known)
            mtu = shown["mtu"]
            assert isinstance(mtu, int), mtu
            found.append((str(shown["name"]), mtu, overhead))
    return found


def _drifts(life: Life) -> Iterator[str]:
    names = {one.hex(): name for one, name in Views(life).network_names().items()}
    for event in life.news.drifts:
        at, namespace = event["time"], str(event["namespace"])
        if isinstance(at, float) and time() - at < RECENT_S:
            kind, _, key = namespace.partition("/")
            shown = f"network {names.get(key, key)}" if kind == "net" else namespace
            yield (
                f"{shown}: somebody changed what is ours, {event['count']} put right at"
                f" {iso_time(at)}: {event['first']}"
            )


def _published(life: Life) -> Iterator[tuple[str, int]]:
    for known in life.own_endpoints():
        for text in known.facts.publish:
            with suppress(Refused):
                port = parse_publish(text)
                yield port.protocol, port.port


def _peers(life: Life) -> Iterator[tuple[IP, IP | None]]:
    for node in life.node.states():
        address, path = life.address_of(node), data_path_of(life, node)
        if address is not None and node != life.me:
            vtep = None if path is None else ip_address(path)
            yield ip_address(address.host), vtep


def _spaces(kernel: Kernel) -> Iterator[tuple[str, int]]:
    """Yield the namespaces that we pinned; the caller closes them."""
    for name in kernel.names(clear=False):
        with suppress(OSError):
            yield kernel.path_of(name), kernel.open(name)
