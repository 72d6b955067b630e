"""Who holds an address or a name, by which row, and whether this kernel agrees."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import trio

from swarmnet.cnm.endpoint import IP, parse_mac
from swarmnet.dns.lookup import TOP
from swarmnet.doctor.sandboxes import removal_of, told_of
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.runtime.comparing import compare
from swarmnet.runtime.doctor.by_hand import search_of
from swarmnet.runtime.life import Life
from swarmnet.runtime.validity import validity
from swarmnet.runtime.views import Json, Views, data_path_of, iso_time


class Explaining:
    """Explains by one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._views = Views(life)

    async def explain(self, what: str) -> Sequence[Json]:
        """Return all that is known under an address or a name.

        Raises:
            Refused: nobody holds it.
        """
        inside = [one for one in self._life.node.tables.scopes() if one != CLUSTER]
        found = [*self._cluster_things(what)]
        for network in inside:
            found += await self._inside(what, network)
        for network in self._views.network_names():
            if network not in inside and not found:
                found += await self._ask(what, network)
        found += await self._by_hand(what)
        if not found:
            raise Refused(f"{what[:60]}: nobody holds it, as far as is known here")
        return found

    async def inside(self, what: str, network: Scope) -> Sequence[Json]:
        """Return what endpoints of one network are meant; nothing if none are.

        Of a network that this host takes no part in, as one says that does.
        """
        if self._views.is_attached(network):
            return await self._inside(what, network)
        return await self._ask(what, network)

    async def explain_inside(self, what: str, network: Scope) -> Sequence[Json]:
        """Return what endpoints of one network a member means, which asks us.

        Raises:
            Refused: this node takes no part in it.
        """
        if not self._views.is_attached(network):
            raise Refused(f"network {network.hex()}: this node takes no part in it")
        return await self._inside(what, network)

    async def _inside(self, what: str, network: Scope) -> Sequence[Json]:
        endpoints = list(self._endpoints(what, network))
        return [await self._endpoint(what, one) for one in endpoints]

    async def _ask(self, what: str, network: Scope) -> Sequence[Json]:
        """Return what somebody says who takes part; nothing if nobody answers."""
        inquiring = self._life.inquiring
        question = {"ask": "explain", "network": network.hex(), "what": what}
        try:
            found = await inquiring.ask(inquiring.attached(network), question)
        except Refused:
            return []
        return found if isinstance(found, list) else []

    async def _by_hand(self, what: str) -> Sequence[Json]:
        """Return where an address is set that no row puts there, on this host."""
        if _ip(what) is None:
            return []
        found = await trio.to_thread.run_sync(search_of(self._life).run)
        return [
            {
                "what": what,
                "kind": "set by hand",
                "network_name": one.network,
                "sandbox": one.where,
                "kernel": {
                    "agrees": False,
                    "detail": told_of(one),
                    "cure": removal_of(one),
                },
            }
            for one in found
            if _same(what, (one.address,))
        ]

    # What is of the cluster

    def _cluster_things(self, what: str) -> Iterator[Json]:
        life, views = self._life, self._views
        for node, name in views.node_names().items():
            address = life.address_of(node)
            host = None if address is None else str(ip_address(address.host))
            paths = (host, data_path_of(life, node))
            if what in (name, node.hex()) or _same(what, paths):
                yield {"what": what, "kind": "node", **views.node(node)}
        networks = life.node.addressing.networks
        names = views.network_names()
        for known in networks.standing():
            if what in (names.get(known.id), known.id.hex()):
                yield self._network(what, "network", known)
            gateways = [str(one.subnet.gateway) for one in known.facts.subnets]
            if _same(what, gateways):
                yield self._network(what, "gateway", known)

    def _network(self, what: str, kind: str, known: KnownNetwork) -> Json:
        return {
            "what": what,
            "kind": kind,
            "network": known.id.hex(),
            "network_name": self._views.network_names().get(known.id),
            **self._owned(known.owner),
            "row": {"epoch": known.row.epoch, "sequence": known.row.sequence},
        }

    def _owned(self, owner: NodeId) -> Json:
        return {
            "owner": owner.hex(),
            "owner_name": self._life.name_of(owner),
            "owner_state": self._views.state(owner),
        }

    # Endpoints

    def _endpoints(self, what: str, network: Scope) -> Iterator[KnownEndpoint]:
        ip, mac, said = _ip(what), _mac(what), what.rstrip(".").lower()
        head = name_within(said, self._views.network_names().get(network, ""))
        for one in self._life.node.addressing.endpoints.all(network):
            facts = one.facts
            addresses = [address for _, address in facts.addresses]
            names = (facts.name, facts.sandbox, *facts.aliases, one.id.hex())
            is_named = any(name.lower() in (said, head) for name in names)
            if ip in addresses or mac == facts.station or is_named:
                yield one

    async def _endpoint(self, what: str, one: KnownEndpoint) -> Json:
        life = self._life
        since = life.feed.since.get((one.network, one.owner, one.id))
        shown = self._views.endpoint(one)
        return {
            "what": what,
            "kind": "endpoint",
            "network": one.network.hex(),
            "network_name": self._views.network_names().get(one.network),
            "endpoint": one.id.hex(),
            "sandbox": one.facts.sandbox,
            **self._owned(one.owner),
            "row": {"epoch": one.row.epoch, "sequence": one.row.sequence},
            "since": None if since is None else iso_time(since),
            "since_before": iso_time(life.feed.begun) if since is None else None,
            **{key: shown[key] for key in ("ipv4", "ipv6", "mac", "aliases", "state")},
            "vtep": data_path_of(life, one.owner),
            "address": validity(life, one),
            "kernel": await compare(life, one),
        }


def name_within(what: str, network: str) -> str | None:
    """Return what a name as DNS tells it has before the network's, in lower case.

    None if it is not below the network.
    """
    told = what.lower()
    for end in (f".{network.lower()}.{TOP}", f".{network.lower()}"):
        head = told.removesuffix(end)
        if head != told:
            return head
    return None


def _ip(text: str) -> IP | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _mac(text: str) -> bytes | None:
    try:
        return parse_mac(text)
    except Refused:
        return None


def _same(what: str, addresses: Sequence[str | None]) -> bool:
    """Return whether an address is among others, however it is written."""
    ip = _ip(what)
    return ip is not None and str(ip) in addresses
