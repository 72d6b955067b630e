"""What a life shows of itself, as JSON: nodes, networks, endpoints, sandboxes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

from swarmnet.cnm.endpoint import show_mac
from swarmnet.cnm.network import Attachment
from swarmnet.crypto.certificate import Role
from swarmnet.dns.resolv_conf import ADDRESS
from swarmnet.doctor.standing import cure_of_refusal
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.network_facts import NetworkFlag, name_apart
from swarmnet.node.networks import KnownNetwork
from swarmnet.node.seat import decode_seat_untrusted
from swarmnet.overlay.mtu import network_mtu
from swarmnet.runtime.health import in_sync
from swarmnet.runtime.life import Life
from swarmnet.runtime.showing import describe_failure
from swarmnet.swim.outputs import State
from swarmnet.tables.facts import attachment_about
from swarmnet.tables.row import ATTACHMENT

Json = Mapping[str, object]
Key = TypeVar("Key", bound=bytes)
REFUSALS_SHOWN: Final = 5


def pick(what: str, reference: str, names: Mapping[Key, str | None]) -> Key:
    """Return whom a reference means: a name, an id, or the beginning of one id.

    Raises:
        Refused: nobody, or several.
    """
    named = [key for key, name in names.items() if name == reference]
    if len(named) == 1:
        return named[0]
    fits = [key for key in names if reference and key.hex().startswith(reference)]
    if not named and len(fits) == 1:
        return fits[0]
    found = named or fits
    if not found:
        raise Refused(f"{what} {reference[:60]}: unknown; see {what} ls")
    shown = ", ".join(key.hex() for key in found[:5])
    raise Refused(f"{what} {reference[:60]}: may be {shown}; give more of the id")


class Views:
    """Reads one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._node = life.node

    # Nodes

    def node_names(self) -> dict[NodeId, str | None]:
        """Return all nodes that were not removed, ourselves first."""
        life = self._life
        revoked = life.directory.trust.is_revoked
        others = [one for one in self._node.states() if not revoked(one)]
        return {one: life.name_of(one) for one in (life.me, *others)}

    def find_node(self, reference: str) -> NodeId:
        """Return the node that is meant.

        Raises:
            Refused: none, or several.
        """
        return pick("node", reference, self.node_names())

    def nodes(self) -> list[Json]:
        """Return `node ls`."""
        return [self.node(one) for one in self.node_names()]

    def node(self, node: NodeId) -> Json:
        """Return one node."""
        life, swim = self._life, self._node.swim
        role, version = self.role(node), swim.incarnation(node)
        address = life.address_of(node)
        rtt = None if node == life.me else swim.distance(node)
        return {
            "id": node.hex(),
            "name": life.name_of(node),
            "self": node == life.me,
            "role": None if role is None else role.name.lower(),
            "state": self.state(node),
            "address": None if address is None else str(address),
            "data_path_address": data_path_of(life, node),
            "incarnation": None if version is None else version[1],
            "boot_epoch": None if version is None else version[0],
            "rtt_s": None if rtt is None else round(rtt, 6),
        }

    def node_whole(self, node: NodeId) -> Json:
        """Return `node inspect`."""
        chain = self._life.directory.chain(node)
        certificate: Json | None = None
        if chain is not None:
            terms = chain.certificate.terms
            certificate = {
                "not_before": iso_time(terms.not_before),
                "not_after": iso_time(terms.not_after),
                "issuer": terms.issuer.hex(),
            }
        attached = self._node.tables.rules.attached
        networks = [scope.hex() for scope, nodes in attached.items() if node in nodes]
        return {**self.node(node), "certificate": certificate, "networks": networks}

    def role(self, node: NodeId) -> Role | None:
        """Return a node's role, or None if it is not known."""
        chain = self._life.directory.chain(node)
        return None if chain is None else chain.certificate.subject.role

    def state(self, node: NodeId) -> str:
        """Return a member's state, as this node sees it."""
        if node == self._life.me:
            return "alive"
        swim = self._node.swim
        member = swim.member(node)
        if member is None:
            return "unknown"
        is_degraded = member.state is State.ALIVE and node in swim.degraded()
        return "degraded" if is_degraded else member.state.name.lower()

    # Networks

    def network_names(self) -> dict[Scope, str]:
        """Return what each network is shown as.

        Those that go are none, but for those in which sandboxes of ours are left.
        """
        names = self._node.addressing.networks.names()
        for known in self._left_behind():
            name = known.facts.name
            is_used = name in names.values()
            names[known.id] = name_apart(name, known.id) if is_used else name
        return names

    def _left_behind(self) -> list[KnownNetwork]:
        """Return the networks that go though sandboxes of ours are in them.

        Whoever removed them could not know: we were cut off, or just connected one.
        """
        addressing = self._node.addressing
        return [
            known
            for known in addressing.networks.all()
            if known.is_removing and addressing.endpoints.mine(known.id)
        ]

    def find_network(self, reference: str) -> KnownNetwork:
        """Return the network that is meant.

        Raises:
            Refused: none, or several.
        """
        found = pick("network", reference, dict(self.network_names()))
        known = self._node.addressing.networks.get(found)
        assert known is not None, "it has a name"
        return known

    def networks(self) -> list[Json]:
        """Return `network ls`."""
        networks, names = self._node.addressing.networks, self.network_names()
        found = [(networks.get(one), name) for one, name in names.items()]
        return [self._network(one, name) for one, name in found if one is not None]

    def network(self, known: KnownNetwork) -> Json:
        """Return one network."""
        name = self.network_names().get(known.id, known.facts.name)
        return self._network(known, name)

    def _network(self, known: KnownNetwork, name: str) -> Json:
        facts = known.facts
        return {
            "id": known.id.hex(),
            "name": name,
            "driver": facts.driver,
            "scope": "global",
            "vni": facts.subnets[0].vni if facts.subnets else None,
            "subnets": [
                {
                    "subnet": str(one.subnet.prefix),
                    "gateway": _text(one.subnet.gateway),
                    "vni": one.vni,
                }
                for one in facts.subnets
            ],
            "mtu": network_mtu(facts.options, self._attachments(known.id)),
            "internal": NetworkFlag.INTERNAL in facts.flags,
            "labels": dict(facts.labels),
            "options": dict(facts.options),
        }

    def is_attached(self, network: Scope) -> bool:
        """Return whether this node takes part in a network."""
        return network in self._node.tables.scopes()

    def network_whole(self, known: KnownNetwork) -> Json:
        """Return `network inspect`, of a network that this node takes part in."""
        endpoints = self._node.addressing.endpoints.all(known.id)
        return {
            **self.network(known),
            "endpoints": [self.endpoint(one) for one in endpoints],
            "nodes": [one.hex() for one in self._node.tables.attached(known.id)],
        }

    def _attachments(self, network: Scope) -> Iterable[Attachment]:
        tables = self._node.tables
        for row in tables.held(CLUSTER, (ATTACHMENT, bytes(network))):
            if row.is_deleted or tables.rules.show(row) is None:
                continue
            try:
                vtep, mtu = decode_seat_untrusted(attachment_about(row))
            except BadPacket:
                continue
            yield Attachment(row.owner.hex(), vtep, mtu)

    # Endpoints and sandboxes

    def endpoint(self, one: KnownEndpoint) -> Json:
        """Return one endpoint."""
        if not one.is_effective:
            state = "void"
        else:
            state = "dormant" if one.is_dormant else "active"
        return {
            "id": one.id.hex(),
            "name": one.facts.name,
            "sandbox": one.facts.sandbox,
            "node": one.owner.hex(),
            "node_name": self._life.name_of(one.owner),
            "mac": show_mac(one.facts.station),
            **addresses_of(one),
            "aliases": list(one.facts.aliases),
            "state": state,
        }

    def endpoints_in(self, sandbox: str) -> list[KnownEndpoint]:
        """Return our endpoints in a sandbox."""
        own = self._life.own_endpoints()
        return [one for one in own if one.facts.sandbox == sandbox]

    def sandboxes(self, netns_of: Mapping[str, str]) -> list[Json]:
        """Return `sandbox ls`; `netns_of` says where those are that we made."""
        names = self.network_names()
        inside: dict[str, list[KnownEndpoint]] = {}
        for known in self._life.own_endpoints():
            inside.setdefault(known.facts.sandbox, []).append(known)
        return [
            {
                "name": one.name,
                "netns": one.netns or netns_of.get(one.name),
                "adopted": one.netns is not None,
                "dns": ADDRESS if self._life.resolver.serves(one.name) else None,
                "endpoints": [
                    {
                        "network": names.get(known.network, known.network.hex()),
                        "mac": self.endpoint(known)["mac"],
                        **addresses_of(known),
                    }
                    for known in inside.get(one.name, ())
                ],
            }
            for one in self._life.sandboxes.all()
        ]

    # All of it

    def status(self, version: str) -> Json:
        """Return `status`."""
        life, node = self._life, self._node
        addressing = node.addressing
        states = [self.state(one) for one in self.node_names()]
        kinds = ("alive", "degraded", "suspect", "dead")
        return {
            "node": life.me.hex(),
            "name": life.standing.name,
            "role": life.standing.role.name.lower(),
            "cluster": life.directory.trust.cluster.hex(),
            "address": str(life.standing.place.address),
            "data_path_address": str(life.standing.place.vtep),
            "version": version,
            "members": {kind: states.count(kind) for kind in kinds},
            "networks": len(addressing.networks.standing()),
            "in_sync": in_sync(node),
            "last_convergence_s": node.tables.last_convergence_s,
            "warnings": list(dict.fromkeys([*self.warnings(), *self.refusals()])),
        }

    def refusals(self) -> Iterable[str]:
        """Yield what the kernel refuses, the first of it, and what helps."""
        failures = list(self._life.plane.failures())
        for one in failures[:REFUSALS_SHOWN]:
            told = describe_failure(one)
            yield f"the kernel refuses {told}: {cure_of_refusal(told)}"
        more = len(failures) - REFUSALS_SHOWN
        if more > 0:
            yield f"the kernel refuses {more} operations more: swarmnet doctor"

    def warnings(self) -> Iterable[str]:
        """Yield what a user should know."""
        life, node = self._life, self._node
        for told in (life.trouble, life.fenced_by, life.no_firewall):
            if told is not None:
                yield told
        try:
            life.store.check_room()
        except Refused as refused:
            yield str(refused)
        if by := node.disowned_by():
            yield life.disowned(by)
        if life.standing.sealed is not None and life.standing.root is None:
            yield "the root's key is sealed: no manager can be made here; unlock it"
        yield from node.addressing.networks.warnings()
        for known in self._left_behind():
            name = self.network_names()[known.id]
            own = [one for one in life.own_endpoints() if one.network == known.id]
            inside = ", ".join(sorted({one.facts.sandbox for one in own}))
            yield (
                f"network {name}: was removed while {inside} joined it, and goes when"
                f" that is out: swarmnet network disconnect {name} SANDBOX"
            )
        yield from life.plane.desired.warnings()
        yield from life.resolver.warnings()
        yield from node.certification.renewing.warnings()
        for wait in node.addressing.waits():
            if wait.held_back:
                missing = ", ".join(self._name(one) for one in wait.missing[:5])
                yield (
                    f"{wait.cause.name.lower()} of {wait.subject.hex()}: holds back"
                    f" {wait.held_back} numbers until these have spoken: {missing}"
                )

    def _name(self, node: NodeId) -> str:
        return self._life.name_of(node) or node.hex()


def addresses_of(one: KnownEndpoint) -> Json:
    """Return an endpoint's addresses of both families."""
    found: dict[str, object] = {"ipv4": None, "ipv6": None}
    for _, address in one.facts.addresses:
        found["ipv4" if address.version == 4 else "ipv6"] = str(address)
    return found


def data_path_of(life: Life, node: NodeId) -> str | None:
    """Return a node's data-path address, as it says itself; None: unknown."""
    member = life.node.swim.member(node)
    try:
        meta = b"" if member is None else member.claim.meta
        return str(decode_seat_untrusted(meta)[0])
    except BadPacket:
        return None


def iso_time(unix_s: float) -> str:
    """Return a date as ISO 8601 has it, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
