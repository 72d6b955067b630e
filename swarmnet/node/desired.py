"""What this host's kernel should hold, kept up as networks, endpoints and facts change.

Each network is planned by its driver, alone; a plan is made anew only when something
changed that it rests on. A remote endpoint changes no plan: the entries in it are those
of the network's book. Sandboxes, and the host's own namespace, get a part from each
network and one from the gateway, put together here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarmnet.cnm.endpoint import IP, Endpoint
from swarmnet.cnm.host import VXLAN_PORT, HostFacts, SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.cnm.network import Attachment, Network
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.node.box_names import Box, name_box
from swarmnet.node.followed import Followed
from swarmnet.node.way_out import Inside, plan_table, plan_way_out
from swarmnet.overlay.driver import Kept, NetworkPlan, Overlay, attachment_of
from swarmnet.overlay.entries import EntryBook, Sort
from swarmnet.overlay.facts import (
    foreign_prefixes,
    gateway_prefix,
    mtu_towards,
    sandbox_facts,
)
from swarmnet.overlay.gateway import GatewayPlan
from swarmnet.overlay.naming import box_of
from swarmnet.overlay.parts import join

LINK_LOCAL: Final = b"\xfe\x80"
_GATEWAY_PART: Final = "gateway"
_TABLE_PART: Final = "table"


@dataclass(frozen=True, slots=True)
class Place:
    """What is configured of a host: who it is, and where its frames come from.

    `mtu` None: that of the link with the address `vtep`. Without a firewall nothing is
    filtered, masqueraded or published.
    """

    node: str
    vtep: IP
    port: int = VXLAN_PORT
    mtu: int | None = None
    has_firewall: bool = True


class Desired:
    """The desired state of one host.

    Verbs take news and never fail; `update` then says which namespaces may differ.
    `namespaces` is the whole, by key. `held` is what the kernel is believed to hold.
    """

    __slots__ = (
        "_boxes",
        "_changed",
        "_driver",
        "_facts",
        "_gateway",
        "_held",
        "_host",
        "_inside",
        "_is_gateway_stale",
        "_named",
        "_parts",
        "_place",
        "_stale",
        "_touched",
        "_unnamed",
        "is_complete",
        "namespaces",
        "networks",
    )

    def __init__(self, place: Place, held: Host | None = None) -> None:
        self._place = place
        self._held = held or Host()
        self._driver = Overlay()
        self._boxes: dict[str, Sandbox] = {}
        # What was seen of sandboxes; None of one that was not there.
        self._facts: dict[str, SandboxFacts | None] = {}
        self._named: dict[str, SandboxFacts] = {}
        self._unnamed: dict[str, None] = {}
        self._inside: dict[str, dict[tuple[str, str], Endpoint]] = {}
        self._parts: dict[str, dict[str, Namespace]] = {}
        self._stale: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._is_gateway_stale = True
        self.is_complete = False
        self._gateway = GatewayPlan()
        self._host = HostFacts(
            *(place.node, place.vtep, place.mtu, place.port), sandboxes=self._named
        )
        self.networks: dict[str, Followed] = {}
        self.namespaces: dict[str, Namespace] = {}

    # What is known

    def set_sandbox(self, sandbox: Sandbox) -> None:
        """Take note of a sandbox. One of others must be looked at before it is used."""
        if self._boxes.get(sandbox.name) != sandbox:
            self._boxes[sandbox.name] = sandbox
            self._facts.pop(sandbox.name, None)
            self._touch_box(sandbox.name)

    def drop_sandbox(self, name: str) -> None:
        """Forget a sandbox: its endpoints are here no more."""
        if self._boxes.pop(name, None):
            self._facts.pop(name, None)
            self._touch_box(name)

    def sandbox(self, name: str) -> Sandbox | None:
        return self._boxes.get(name)

    def set_network(self, network: Network) -> None:
        """Take note of a network; of one that changed all is planned anew."""
        known = self.networks.get(network.id)
        if known is None:
            self.networks[network.id] = Followed(network, Kept(self._book(network)))
        elif known.network != network:
            known.network = network
            self._renew_book(known)
            for endpoint in known.local.values():
                self._touch_box(endpoint.sandbox)
        else:
            return
        self._stale[network.id] = None
        self._is_gateway_stale = True

    def _renew_book(self, followed: Followed) -> None:
        """Write a network's book anew: something that all of it rests on changed."""
        before = followed.book
        followed.kept.book = self._book(followed.network)
        for attachment in before.attachments().values():
            followed.book.attach(attachment)
        for endpoint in before.endpoints():
            followed.book.put(endpoint)

    def drop_network(self, network: str) -> None:
        """Forget a network and all of its endpoints."""
        followed = self.networks.get(network)
        if followed is None:
            return
        for endpoint in list(followed.local):
            self.drop_endpoint(network, endpoint)
        self._replace_plan(network, followed, NetworkPlan())
        del self.networks[network]
        self._changed.pop(network, None)
        self._stale.pop(network, None)
        self._is_gateway_stale = True

    def attach(self, network: str, attachment: Attachment) -> None:
        """Take note of a node that takes part in a network."""
        followed = self.networks[network]
        before = followed.book.attachments().get(attachment.node)
        followed.book.attach(attachment)
        if followed.book.attachments().get(attachment.node) != before:
            self._stale[network] = None

    def detach(self, network: str, node: str) -> None:
        """Forget a node that takes part in a network no more."""
        self.networks[network].book.detach(node)
        self._stale[network] = None

    def put_endpoint(self, network: str, endpoint: Endpoint) -> None:
        """Take note of an endpoint, ours or another host's."""
        followed = self.networks[network]
        if endpoint.node != self._place.node:
            if endpoint.id in followed.local:
                self.drop_endpoint(network, endpoint.id)
            followed.book.put(endpoint)
            self._changed[network] = None
            return
        if followed.local.get(endpoint.id) != endpoint:
            self.drop_endpoint(network, endpoint.id)
            followed.local[endpoint.id] = endpoint
            self._follow_local(network, endpoint, is_gone=False)

    def drop_endpoint(self, network: str, endpoint: str) -> None:
        """Forget an endpoint."""
        followed = self.networks[network]
        followed.book.drop(endpoint)
        self._changed[network] = None
        known = followed.local.pop(endpoint, None)
        if known is not None:
            self._follow_local(network, known, is_gone=True)

    def note(self, name: str, space: Namespace | None) -> None:
        """Take facts from what was read of a namespace; None: there is none."""
        if name == HOST and space is not None:
            self._note_host(space)
        elif name.startswith("box/"):
            self._note_box(name.removeprefix("box/"), space)

    def _note_host(self, space: Namespace) -> None:
        host, place = self._host, self._place
        mtu = place.mtu or mtu_towards(space, place.vtep)
        held, routes = gateway_prefix(space), tuple(foreign_prefixes(space))
        if (mtu, held, routes) == (host.mtu, host.gateway, host.routes):
            return
        self._is_gateway_stale = True
        self._host = HostFacts(
            *(host.node, host.vtep, mtu, host.port),
            sandboxes=self._named,
            routes=routes,
            gateway=held,
        )
        if mtu != host.mtu:
            for network, followed in self.networks.items():
                self._renew_book(followed)
                self._stale[network] = None

    def _note_box(self, name: str, space: Namespace | None) -> None:
        sandbox = self._boxes.get(name)
        if sandbox is None:
            return
        facts = None if space is None else sandbox_facts(space)
        if facts is None and sandbox.netns is None:
            # We make it.
            facts = SandboxFacts()
        if name in self._facts and facts == self._facts[name]:
            return
        self._facts[name] = facts
        self._touch_box(name)

    # What has to be planned anew

    def _touch_box(self, name: str) -> None:
        self._unnamed[name] = None
        self._touched[box_of(name)] = None
        for network, _ in self._inside.get(name, ()):
            self._stale[network] = None

    def _follow_local(self, network: str, endpoint: Endpoint, *, is_gone: bool) -> None:
        inside = self._inside.setdefault(endpoint.sandbox, {})
        if is_gone:
            inside.pop((network, endpoint.id), None)
            if not inside:
                del self._inside[endpoint.sandbox]
        else:
            inside[network, endpoint.id] = endpoint
        self._stale[network] = None
        self._touch_box(endpoint.sandbox)

    def _book(self, network: Network) -> EntryBook:
        return EntryBook(network, attachment_of(self._host))

    # The plans

    def take_changed(self) -> list[str]:
        """Return the networks whose books have changed keys, once."""
        changed, self._changed = list(self._changed), {}
        return changed

    def knows(self, namespace: str, sort: Sort, about: bytes) -> bool:
        """Return whether another host's endpoint has a MAC or IP."""
        followed = self.networks.get(namespace.removeprefix("net/"))
        return followed is not None and followed.book.knows(sort, about)

    def is_local(self, namespace: str, about: bytes) -> bool:
        """Return whether a MAC or IP is of this host's part of a network.

        A VXLAN device misses those too: everybody on the bridge asks it. Nor is anybody
        missed under a multicast or a link-local address.
        """
        if about[:2] == LINK_LOCAL or (len(about) == 6 and about[0] & 1):
            return True
        space = self.namespaces.get(namespace, Namespace())
        if about in space.stations or any(one.ip == about for one in space.addresses):
            return True
        followed = self.networks.get(namespace.removeprefix("net/"))
        local = {} if followed is None else followed.local
        return any(ip.packed == about for e in local.values() for ip in e.addresses)

    def update(self) -> dict[str, None]:
        """Plan what changed; return the namespaces that may be different now."""
        for name in self._unnamed:
            self._name_interfaces(name)
        for network in self._changed:
            if network not in self._stale:
                self.networks[network].follow_stations()
        for network in self._stale:
            followed = self.networks[network]
            local, kept = list(followed.local.values()), followed.kept
            plan = self._driver.plan_with(followed.network, local, kept, self._host)
            self._replace_plan(network, followed, plan)
        if self._is_gateway_stale:
            self._plan_host()
        self._unnamed.clear()
        self._stale.clear()
        self._is_gateway_stale = False
        touched, self._touched = self._touched, {}
        for name in touched:
            self._join(name)
        return touched

    def _name_interfaces(self, name: str) -> None:
        """Give every interface in a sandbox a name that it keeps."""
        facts, given = self._facts.get(name), self._named.pop(name, None)
        if given is not None:
            self._is_gateway_stale |= GATEWAY in given.interfaces
        if facts is None:
            return
        box = Box(
            facts,
            given,
            self._inside.get(name, {}),
            self._gateway.namespaces.get(box_of(name)),
            needs_gateway=self._needs_gateway(name),
        )
        named = name_box(box, self._held, is_complete=self.is_complete)
        self._named[name] = named
        self._is_gateway_stale |= GATEWAY in named.interfaces

    def _needs_gateway(self, name: str) -> bool:
        return any(
            not self.networks[network].network.is_internal
            for network, _ in self._inside.get(name, ())
        )

    def _replace_plan(
        self, network: str, followed: Followed, plan: NetworkPlan
    ) -> None:
        before, followed.plan = followed.plan, plan
        for name in before.namespaces:
            if name not in plan.namespaces:
                self._set_part(name, network, None)
        for name, part in plan.namespaces.items():
            self._set_part(name, network, part)
        if (before.vteps, before.warnings) != (plan.vteps, plan.warnings):
            self._is_gateway_stale = True

    def _set_part(self, name: str, source: str, part: Namespace | None) -> None:
        parts = self._parts.setdefault(name, {})
        before = parts.pop(source, None)
        # Most parts are kept as they are; the same entries may be of another book.
        is_kept = before is part or before == part
        if not is_kept or (part is not None and part.entries):
            self._touched[name] = None
        if part is not None:
            parts[source] = part
        if not parts:
            del self._parts[name]

    def _join(self, name: str) -> None:
        parts = self._parts.get(name, {})
        if name == HOST:
            self.namespaces[name] = join(Namespace(), parts.values())
        elif name.startswith("net/"):
            # One network, one part.
            self.namespaces.pop(name, None)
            self.namespaces.update((name, part) for part in parts.values())
        elif name.removeprefix("box/") in self._named:
            sandbox = self._boxes[name.removeprefix("box/")]
            base = Namespace(is_pinned=sandbox.netns is None)
            # In an order that the next life has too.
            self.namespaces[name] = join(base, [parts[one] for one in sorted(parts)])
        else:
            self.namespaces.pop(name, None)

    def _plan_host(self) -> None:
        before = self._gateway
        sandboxes = Inside(self._named, self._inside)
        self._gateway = GatewayPlan()
        if self._place.has_firewall:
            networks = self.networks.values()
            self._gateway = plan_way_out(networks, sandboxes, self._host)
        for name in before.namespaces:
            if name not in self._gateway.namespaces:
                self._set_part(name, _GATEWAY_PART, None)
        for name, part in self._gateway.namespaces.items():
            self._set_part(name, _GATEWAY_PART, part)
        table = Namespace()
        if self._place.has_firewall:
            networks, port = self.networks.values(), self._place.port
            table = plan_table(networks, self._gateway, port)
        self._set_part(HOST, _TABLE_PART, table)

    def warnings(self) -> Iterator[str]:
        """Yield what a user should know of networks, sandboxes and the gateway."""
        for followed in self.networks.values():
            yield from followed.plan.warnings
        yield from self._gateway.warnings
        if not self._place.has_firewall and self.namespaces:
            yield (
                "nftables: not on this machine: VXLAN is not filtered, and there is no"
                " gateway to the outside; install the package nftables"
            )
        for name in self._boxes:
            is_gone = name in self._facts and self._facts[name] is None
            if is_gone and self._inside.get(name):
                yield f"sandbox {name}: its namespace is gone: adopt it, or remove it"
