"""The commands `doctor` and `check`, as an agent carries them out."""

from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.doctor.exchange import check_exchange
from swarmnet.doctor.finding import Finding, Verdict, finding_untrusted, ok, skipped
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.runtime.doctor.alone import reach_alone
from swarmnet.runtime.doctor.exchanging import exchange
from swarmnet.runtime.doctor.here import examined
from swarmnet.runtime.doctor.host import examine
from swarmnet.runtime.doctor.jobs import have_done
from swarmnet.runtime.doctor.matrix import check_network
from swarmnet.runtime.doctor.underlay import try_path
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Json, Views, data_path_of

if TYPE_CHECKING:
    from swarmnet.runtime.agent import Agent

PEERS_MAX: Final = 16
"""So many members are tried if none is named: the nearest."""
PEERS_AT_ONCE: Final = 4
NETWORKS_MAX: Final = 4
"""Through so many networks that two hosts share the way is tried."""
STRANGER: Final = "it is no member of this host's cluster"


class DoctorCommands:
    """Looks at one agent's host and peers."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    async def doctor(self, address: str | None) -> Sequence[Json]:
        """Return the findings about this host, and about one peer or all of them.

        Raises:
            Refused: `address` is neither a member nor an address.
        """
        agent, life = self._agent, self._agent.life
        peer = None if address is None or life is None else member_of(life, address)
        away: list[Finding] = []
        if address is not None and peer is None:
            silence = STRANGER if life is not None else "this host is in no cluster"
            away = await trio.to_thread.run_sync(partial(reach_alone, address, silence))
        known = examined(agent.store, life, agent.notice)
        found = await trio.to_thread.run_sync(lambda: examine(known))
        if life is not None and peer == life.me:
            return [one.as_json() for one in found]
        if life is not None and address is None:
            away = await look_at_all(life)
        elif life is not None and peer is not None:
            away = await look_at(life, peer)
        return [one.as_json() for one in (*found, *away)]

    async def check(self, life: Life, reference: str | None) -> Sequence[Json]:
        """Return the matrix of one network, or of each that this host knows.

        Raises:
            Refused: there is no such network.
        """
        networks = life.node.addressing.networks.standing()
        if reference is not None:
            networks = [Views(life).find_network(reference)]
        return [await check_network(life, known) for known in networks]


def member_of(life: Life, text: str) -> NodeId | None:
    """Return the member of a name, an id, or an address; None if there is none."""
    views = Views(life)
    for node in views.node_names():
        address = life.address_of(node)
        known = [data_path_of(life, node)]
        if address is not None:
            known += [str(address), str(ip_address(address.host))]
        if text in known:
            return node
    try:
        return views.find_node(text)
    except Refused:
        return None


async def look_at_all(life: Life) -> list[Finding]:
    """Return what is found about the nearest members that live."""
    live = [one for one in life.node.states() if life.is_live(one) and one != life.me]
    near = sorted(live, key=lambda one: life.node.swim.distance(one) or 1.0)
    limit = trio.CapacityLimiter(PEERS_AT_ONCE)
    found: dict[NodeId, list[Finding]] = {one: [] for one in near[:PEERS_MAX]}

    async def look(peer: NodeId) -> None:
        async with limit:
            found[peer] = await look_at(life, peer)

    async with trio.open_nursery() as nursery:
        for peer in found:
            nursery.start_soon(look, peer)
    whole = [one for some in found.values() for one in some]
    if len(near) > PEERS_MAX:
        told = f"{PEERS_MAX} of {len(near)} members were tried, the nearest"
        whole.append(skipped("members tried", told, "swarmnet doctor ADDR"))
    return whole


async def look_at(life: Life, peer: NodeId) -> list[Finding]:
    """Return what is found about a member, on the way to it, and by itself."""
    name = life.name_of(peer) or peer.hex()
    found, is_answering = await try_path(life, peer)
    if not is_answering:
        return found
    found += await _through_networks(life, peer, name)
    try:
        async for value in have_done(life, peer, {"what": "host"}):
            one = finding_untrusted(value, name)
            # What it sees of others it says when it is asked itself.
            if one is not None and not value.get("node") and _is_bad(one):
                found.append(one)
    except Refused as refused:
        told = f"its own host was not looked at: {refused}"
        found.append(skipped("peer's host", told, "swarmnet doctor there", name))
    else:
        if not any(one.node == name and _is_bad(one) for one in found):
            found.append(ok("peer's host", "it finds nothing wrong with itself", name))
    return found


def _is_bad(one: Finding) -> bool:
    return one.verdict in (Verdict.WARN, Verdict.FAIL)


async def _through_networks(life: Life, peer: NodeId, name: str) -> list[Finding]:
    """Return how it goes through the networks that both take part in."""
    views, tables = Views(life), life.node.tables
    shared = [
        known
        for known in life.node.addressing.networks.standing()
        if views.is_attached(known.id) and peer in tables.attached(known.id)
    ]
    port, found = life.standing.place.vxlan_port, []
    for known in shared[:NETWORKS_MAX]:
        went = await exchange(life, peer, known)
        found.append(check_exchange(went, port, name))
    if not shared:
        told = "no network has sandboxes of both hosts"
        cure = "connect a sandbox of each to one network: swarmnet network connect"
        found.append(skipped("vxlan", told, cure, name))
    return found
