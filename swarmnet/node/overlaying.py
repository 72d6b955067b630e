"""From the rows of the networks that this node takes part in to its data plane and DNS.

Rows that change one endpoint cost one endpoint. What may change many of them (a deed, a
removal, a network's own row) has all of that network read anew.
"""

from collections.abc import Iterator
from typing import Final

from swarmnet.cnm.driver import check_options
from swarmnet.cnm.endpoint import (
    Endpoint,
    Publish,
    parse_publish,
)
from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.node.addressing import Addressing
from swarmnet.node.books import VNIS, network_of
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.desired import Place
from swarmnet.node.drivers import DRIVERS
from swarmnet.node.endpoints import KnownEndpoint, Moved
from swarmnet.node.endpoints import Place as EndpointPlace
from swarmnet.node.kernel_news import KernelOutput
from swarmnet.node.naming import Naming
from swarmnet.node.network_facts import NetworkFlag
from swarmnet.node.networks import KnownNetwork
from swarmnet.node.seat import Seat, decode_seat_untrusted
from swarmnet.tables.engine import Tables
from swarmnet.tables.facts import attachment_about
from swarmnet.tables.row import ATTACHMENT, ENDPOINT, NETWORK
from swarmnet.timers import earliest

ALONE_S: Final = 10.0
"""So long a node that knows of nobody else takes itself for one that has forgotten."""


class Overlaying:
    """Keeps a data plane in step with the rows. `carry` after every input.

    Without a seat there is no data plane, and nothing is done.
    """

    __slots__ = (
        "_addressing",
        "_alone_until",
        "_attachments",
        "_endpoints",
        "_has_waited",
        "_me",
        "_networks",
        "_nodes",
        "_stale",
        "_tables",
        "naming",
        "plane",
    )

    def __init__(
        self,
        addressing: Addressing,
        me: NodeId,
        tables: Tables,
        seat: Seat | None,
    ) -> None:
        self._me = me
        self._tables = tables
        self._addressing = addressing
        self._nodes: dict[Scope, dict[NodeId, None]] = {}
        self._stale: dict[Scope, None] = {}
        self._alone_until: float | None = None
        self._has_waited = False
        self.plane: Dataplane | None = None
        self.naming = Naming(me, tables)
        if seat is not None:
            place = Place(me.hex(), seat.vtep, seat.port, seat.mtu, seat.has_firewall)
            self.plane = Dataplane(place)
            self._attachments = tables.mark(CLUSTER, ATTACHMENT)
            self._networks = tables.mark(CLUSTER, NETWORK)
            self._endpoints = tables.mark(None, ENDPOINT)
            addressing.endpoints.follows_moves = True

    def handle_timeout(self, now: float) -> None:
        """Let the data plane do what is due."""
        if self._alone_until is not None and now >= self._alone_until:
            self._alone_until, self._has_waited = None, True
        if self.plane is not None:
            self.plane.handle_timeout(now)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        due = None if self.plane is None else self.plane.poll_timeout()
        return earliest(due, self._alone_until)

    def carry(self, now: float) -> list[KernelOutput]:
        """Tell the data plane what has changed; return what it wants done."""
        outputs: list[KernelOutput] = []
        if self.plane is not None:
            self._follow(now, self.plane)
            while (wanted := self.plane.poll_output()) is not None:
                outputs.append(wanted)
        return outputs

    def note_removal(self) -> None:
        """Some node was removed: none of its endpoints counts any more."""
        self._stale.update(dict.fromkeys(self._nodes))

    def _follow(self, now: float, plane: Dataplane) -> None:
        attached: dict[Scope, None] = {}
        is_renamed = False
        while (about := self._networks.poll()) is not None:
            self._note_network(Scope(about[1][1]))
            is_renamed = True
        if is_renamed:
            self.naming.rename(self._addressing.networks.names())
        while (about := self._attachments.poll()) is not None:
            attached[Scope(about[1][1])] = None
        for network in attached:
            if network in self._nodes or network in self._tables.scopes():
                self._stale[network] = None
        moved = self._addressing.endpoints.take_moved()
        for realm in moved.realms:
            if realm == VNIS:
                # Only with VNIs of its own is a network sound.
                self._stale.update(dict.fromkeys(self._nodes))
            owner = network_of(realm)
            if owner in self._nodes:
                self._stale[owner] = None
        for network in self._stale:
            self._read(now, plane, network)
        for place in moved.endpoints:
            if place[0] in self._nodes and place[0] not in self._stale:
                self._tell(now, plane, place)
        self._tell_names(moved)
        self._stale.clear()
        self.naming.settle(now)
        self._complete(now, plane)

    def _complete(self, now: float, plane: Dataplane) -> None:
        """Let what nobody wants go, once we know all that is wanted."""
        if plane.is_complete or not plane.is_started:
            return
        tables, addressing = self._tables, self._addressing
        scopes, networks = tables.scopes(), addressing.networks
        # No network goes while we take part in it.
        are_known = all(networks.get(one) for one in scopes if one != CLUSTER)
        is_whole = are_known and all(tables.is_informed(one) for one in scopes)
        if not (is_whole and tables.has_all and addressing.is_quiet):
            return
        if not self._may_have_forgotten(now):
            plane.complete(now)

    def _may_have_forgotten(self, now: float) -> bool:
        """Return whether others may be in our networks whom we do not know any more.

        A process that was killed may have kept nothing of those whom it had just met.
        """
        tables = self._tables
        is_alone = all(one == self._me for one in tables.rules.standing())
        if self._has_waited or not is_alone or len(tables.scopes()) == 1:
            self._alone_until = None
            return False
        if self._alone_until is None:
            self._alone_until = now + ALONE_S
        return True

    def _note_network(self, network: Scope) -> None:
        """Also others with its VNIs may count from now on, or no more."""
        networks = self._addressing.networks
        known = networks.get(network)
        vnis = [] if known is None else [one.vni for one in known.facts.subnets]
        for other in self._nodes:
            found = networks.get(other)
            subnets = () if found is None else found.facts.subnets
            if other == network or any(one.vni in vnis for one in subnets):
                self._stale[other] = None
        if network in self._tables.scopes():
            self._stale[network] = None

    def _read(self, now: float, plane: Dataplane, network: Scope) -> None:
        """Read a network anew, all of it."""
        known = self._addressing.networks.get(network)
        is_here = network in self._tables.scopes()
        if known is None or not is_here or not is_understood(known):
            self._nodes.pop(network, None)
            plane.drop_network(now, network.hex())
            self.naming.drop_network(network)
            return
        plane.set_network(now, network_value(known))
        before = self._nodes.get(network, {})
        nodes: dict[NodeId, None] = {}
        self._nodes[network] = nodes
        for node, attachment in self._attached(network):
            nodes[node] = None
            plane.attach(now, network.hex(), attachment)
        for node in before:
            if node not in nodes:
                plane.detach(now, network.hex(), node.hex())
        endpoints = list(self._addressing.endpoints.all(network))
        wanted = {
            endpoint_id(one, self._me): endpoint_value(one, self._me)
            for one in endpoints
            if one.is_effective
        }
        plane.set_endpoints(now, network.hex(), wanted)
        self.naming.set_network(now, known, endpoints)

    def _attached(self, network: Scope) -> Iterator[tuple[NodeId, Attachment]]:
        for row in self._tables.held(CLUSTER, (ATTACHMENT, bytes(network))):
            if row.is_deleted or self._tables.rules.show(row) is None:
                continue
            try:
                vtep, mtu = decode_seat_untrusted(attachment_about(row))
            except BadPacket:
                # Of a node that has no data plane.
                continue
            yield row.owner, Attachment(row.owner.hex(), vtep, mtu)

    def _tell_names(self, moved: Moved) -> None:
        """Look at endpoints that are no news to the data plane.

        Their owner may have died, or have come back.
        """
        while (about := self._endpoints.poll()) is not None:
            network, (_, key) = about
            if network not in self._nodes or network in self._stale:
                continue
            for row in self._tables.held(*about):
                place = (network, row.owner, key)
                if place not in moved.endpoints:
                    self._name(place)

    def _name(self, place: EndpointPlace) -> KnownEndpoint | None:
        """Let an endpoint have its names, or none; return it if it is known."""
        network, owner, key = place
        endpoints = self._addressing.endpoints
        known = None
        if endpoints.facts_of(place) is not None:
            known = endpoints.known(place)
        if known is None:
            self.naming.drop(network, owner, key)
        else:
            self.naming.put(known)
        return known

    def _tell(self, now: float, plane: Dataplane, place: EndpointPlace) -> None:
        network, owner, key = place
        known = self._name(place)
        if known is not None and known.is_effective:
            value = endpoint_value(known, self._me)
            plane.put_endpoint(now, network.hex(), value)
        else:
            number = _id_of(owner, key, self._me)
            plane.drop_endpoint(now, network.hex(), number)


def _id_of(owner: NodeId, key: bytes, me: NodeId) -> str:
    # Keys are unique for each owner alone; links are named by our own.
    return key.hex() if owner == me else f"{key.hex()}/{owner.hex()}"


def endpoint_id(known: KnownEndpoint, me: NodeId) -> str:
    """Return the id under which the data plane has an endpoint."""
    return _id_of(known.owner, known.id, me)


def endpoint_value(known: KnownEndpoint, me: NodeId) -> Endpoint:
    """Return an endpoint as drivers see it."""
    facts = known.facts
    addresses = tuple(address for _, address in facts.addresses)
    return Endpoint(
        id=endpoint_id(known, me),
        name=facts.name,
        node=known.owner.hex(),
        sandbox=facts.sandbox,
        addresses=addresses,
        mac=facts.station,
        publish=tuple(_published(facts.publish)) if known.owner == me else (),
    )


def _published(texts: tuple[str, ...]) -> Iterator[Publish]:
    for text in texts:
        try:
            yield parse_publish(text)
        except Refused:
            # Of a later version of us.
            continue


def is_understood(known: KnownNetwork) -> bool:
    """Return whether there is a driver for a network, and something to plan."""
    return known.facts.driver in DRIVERS and bool(known.facts.subnets)


def network_value(known: KnownNetwork) -> Network:
    """Return a network as drivers see it, without options that none of them knows."""
    facts = known.facts
    driver = DRIVERS[facts.driver]
    options = {}
    for key, value in facts.options.items():
        try:
            check_options(driver.name, driver.options, {key: value})
        except Refused:
            continue
        options[key] = value
    return Network(
        id=known.id.hex(),
        name=facts.name,
        subnets=tuple(
            Subnet(one.subnet.prefix, one.subnet.gateway, one.vni)
            for one in facts.subnets
        ),
        driver=facts.driver,
        is_internal=NetworkFlag.INTERNAL in facts.flags,
        options=options,
    )
