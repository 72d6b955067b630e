"""Commands about networks and sandboxes: each happens wholly, or leaves nothing."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

import trio

from swarmnet.cnm.endpoint import (
    IP,
    check_alias,
    parse_ip,
    parse_mac,
    parse_publish,
)
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.node.addressing import Addressing
from swarmnet.node.attached import interface_of, is_addressed
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.creating import NetworkWish
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.overlay.naming import box_of, namespace_of
from swarmnet.runtime.checking import (
    check_address,
    check_mac,
    check_namespace,
    check_ports,
)
from swarmnet.runtime.life import Life
from swarmnet.runtime.showing import describe_failure
from swarmnet.runtime.views import Json, Views, addresses_of

KERNEL_S: Final = 10.0
"""So long at most until the kernel holds what was connected."""
LOOK_AGAIN_S: Final = 0.25
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConnectWish:
    """A connection as a user wishes it, in texts."""

    sandbox: str
    ip: str | None = None
    ip6: str | None = None
    mac: str | None = None
    aliases: Sequence[str] = ()
    publish: Sequence[str] = ()


class NetworkCommands:
    """Carries out commands on one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._views = Views(life)

    async def _submit(self, verb: Callable[[Addressing, float], int]) -> object:
        """Carry a command out to its end, whoever still waits for it.

        Given up half way, nobody could tell whether it has happened.
        """
        self._life.store.check_room()
        result: object = None
        with trio.CancelScope(shield=True):
            result = await self._life.driver.command(
                lambda node, now: node.allocate(now, lambda a: verb(a, now))
            )
        return result  # noqa: RET504 - a scope may swallow, for all a checker knows

    # Networks

    async def create(self, wish: NetworkWish) -> Json:
        """Make a network; return its id and name.

        Raises:
            Refused: what is wished for cannot be; nothing has changed.
        """
        network = await self._submit(lambda a, now: a.create(now, wish))
        assert isinstance(network, bytes), "it is the id"
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            await self._submit(lambda a, now: a.remove(now, Scope(network)))
            raise
        return {"id": network.hex(), "name": wish.name}

    async def inspect(self, reference: str) -> Json:
        """Return a network, whole.

        Raises:
            Refused: it is unknown.
        """
        known = self._views.find_network(reference)
        if self._views.is_attached(known.id):
            return self._views.network_whole(known)
        inquiring = self._life.inquiring
        peers = inquiring.attached(known.id)
        if not peers and not self._life.node.tables.attached(known.id):
            return {**self._views.network(known), "endpoints": [], "nodes": []}
        try:
            found = await inquiring.ask(
                peers, {"ask": "network", "network": known.id.hex()}
            )
        except Refused as refused:
            raise Refused(
                f"network {known.facts.name}: this host takes no part in it, and"
                f" {refused}: ask on a host that does"
            ) from None
        return found if isinstance(found, dict) else {}

    async def remove(self, reference: str) -> Json:
        """Remove a network that nobody takes part in.

        Raises:
            Refused: it is unknown, or has endpoints.
        """
        known = self._views.find_network(reference)
        await self._check_empty(known)
        await self._submit(lambda a, now: a.remove(now, known.id))
        return {"id": known.id.hex(), "name": known.facts.name}

    async def _check_empty(self, known: KnownNetwork) -> None:
        """Refuse to remove a network that has endpoints, and name them."""
        try:
            shown = (await self.inspect(known.id.hex())).get("endpoints")
        except Refused:
            # Nobody who knows answers: who takes part in it is known here.
            shown = None
        found = [
            f"{one['name']} on {one['node_name'] or one['node']}"
            for one in (shown if isinstance(shown, list) else ())
        ]
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise Refused(
                f"network {known.facts.name}: has endpoints"
                f" {', '.join(found[:5])}{more}; disconnect them first"
            )

    async def connect(self, reference: str, wish: ConnectWish) -> Json:
        """Connect a sandbox to a network, in the kernel too.

        Raises:
            Refused: what is wished for cannot be; nothing has changed.
        """
        sandbox = self._life.sandboxes.find(wish.sandbox)
        if self._life.sandboxes.is_gone(sandbox):
            raise Refused(
                f"sandbox {sandbox.name}: its namespace is gone; adopt it anew"
            )
        known = self._views.find_network(reference)
        wanted = self._endpoint_wish(known, sandbox, wish)
        for address in (wanted.ip4, wanted.ip6):
            if address is not None:
                await check_address(self._life, known, address)
        if wanted.mac is not None:
            await check_mac(self._life, known, wanted.mac)
        made = await self._submit(lambda a, now: a.connect(now, wanted))
        assert isinstance(made, KnownEndpoint), "it is the endpoint"
        try:
            interface = await self._until(
                lambda: self._interface(made), known.id, sandbox.name
            )
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._undo(known.id, made.id)
            raise
        return self._connected(known, made, interface)

    def _endpoint_wish(
        self, known: KnownNetwork, sandbox: Sandbox, wish: ConnectWish
    ) -> EndpointWish:
        check_ports(self._life, wish.publish)
        for alias in wish.aliases:
            check_alias(alias)
        ip4 = _address(wish.ip, IPv4Address, "--ip")
        ip6 = _address(wish.ip6, IPv6Address, "--ip6")
        return EndpointWish(
            network=known.id,
            name=sandbox.name[:63],
            sandbox=sandbox.name,
            ip4=ip4,
            ip6=ip6,
            aliases=tuple(wish.aliases),
            mac=None if wish.mac is None else parse_mac(wish.mac),
            publish=tuple(str(parse_publish(one)) for one in wish.publish),
        )

    def _interface(self, made: KnownEndpoint) -> str | None:
        held, sandbox = self._life.plane.held(), made.facts.sandbox
        interface = interface_of(held, sandbox, made.id.hex())
        if interface is None:
            return None
        addresses = [address for _, address in made.facts.addresses]
        is_done = is_addressed(held, sandbox, interface, addresses)
        return interface if is_done else None

    def _connected(
        self, known: KnownNetwork, made: KnownEndpoint, interface: str
    ) -> Json:
        first = made.facts.addresses[0][0]
        gateway = known.facts.subnets[first].subnet.gateway
        return {
            "endpoint": made.id.hex(),
            "network": known.id.hex(),
            "sandbox": made.facts.sandbox,
            "interface": interface,
            "mac": self._views.endpoint(made)["mac"],
            **addresses_of(made),
            "gateway": None if gateway is None else str(gateway),
        }

    async def disconnect(self, reference: str, sandbox: str) -> Json:
        """Disconnect a sandbox from a network, in the kernel too.

        Raises:
            Refused: it is not in it.
        """
        self._life.store.check_room()
        box = self._life.sandboxes.find(sandbox)
        known = self._views.find_network(reference)
        endpoints = self._life.node.addressing.endpoints.all(known.id, self._life.me)
        found = [one for one in endpoints if one.facts.sandbox == box.name]
        if not found:
            raise Refused(
                f"sandbox {box.name}: is not in network {known.facts.name}; nothing to"
                " disconnect"
            )
        await self._undo(known.id, found[0].id)
        with suppress(Refused):
            # It is tried again, and told, for as long as it takes.
            await self._until(lambda: self._is_gone(found[0]), known.id, box.name)
        return {
            "endpoint": found[0].id.hex(),
            "network": known.id.hex(),
            "sandbox": box.name,
        }

    def _is_gone(self, one: KnownEndpoint) -> bool | None:
        held = self._life.plane.held()
        name = interface_of(held, one.facts.sandbox, one.id.hex())
        return True if name is None else None

    async def _undo(self, network: Scope, endpoint: bytes) -> None:
        await self._life.driver.command(
            lambda node, now: node.allocate(
                now, lambda a: a.disconnect(now, network, endpoint)
            )
        )

    async def _until(
        self,
        look: Callable[[], T | None],
        network: Scope,
        sandbox: str,
    ) -> T:
        """Wait until the kernel is as it should be, and return what `look` sees.

        Raises:
            Refused: it will not be.
        """
        with trio.move_on_after(KERNEL_S):
            while True:
                found = look()
                if found is not None:
                    return found
                moved = self._life.plane_moved
                with trio.move_on_after(LOOK_AGAIN_S):
                    await moved.wait()
        raise Refused(
            f"the kernel does not take it: {self._why(network, sandbox)}: see the"
            " agent's log"
        )

    def _why(self, network: Scope, sandbox: str) -> str:
        names = (namespace_of(network.hex()), box_of(sandbox))
        for failure in self._life.plane.failures():
            if failure.operation.namespace in names:
                return describe_failure(failure)
        return f"not done within {KERNEL_S:.0f} s"

    # Sandboxes

    async def make_sandbox(self, name: str) -> Json:
        """Make a sandbox, in the kernel too.

        Raises:
            Refused: the name is in use, or the kernel refuses.
        """
        life = self._life
        life.store.check_room()
        sandbox = life.sandboxes.make(name)
        life.set_sandbox(sandbox)
        try:
            await self._until(lambda: self._pin_of(name), Scope(b""), name)
            await life.resolver.follow()
        except BaseException:
            life.sandboxes.drop(name)
            life.drop_sandbox(name)
            raise
        return {"name": name, "netns": life.netns_of(name)}

    def _pin_of(self, name: str) -> bool | None:
        held = self._life.plane.held().namespaces
        return True if box_of(name) in held else None

    async def adopt_sandbox(self, name: str, netns: str) -> Json:
        """Take up a namespace that others made.

        Raises:
            Refused: the name is in use, or there is no such namespace.
        """
        self._life.store.check_room()
        check_namespace(self._life, netns)
        self._life.set_sandbox(self._life.sandboxes.adopt(name, netns))
        return {"name": name, "netns": netns}

    async def remove_sandbox(self, reference: str) -> Json:
        """Remove a sandbox that has no endpoints.

        Raises:
            Refused: it is unknown, or has endpoints.
        """
        life = self._life
        sandbox = life.sandboxes.find(reference)
        names = self._views.network_names()
        inside = self._views.endpoints_in(sandbox.name)
        if inside:
            shown = ", ".join(names.get(one.network, "?") for one in inside)
            raise Refused(
                f"sandbox {sandbox.name}: is in network {shown}; disconnect it first"
            )
        life.sandboxes.drop(sandbox.name)
        life.drop_sandbox(sandbox.name)
        with suppress(Refused):
            await self._until(lambda: self._unpinned(sandbox.name), Scope(b""), "")
        return {"name": sandbox.name}

    def _unpinned(self, name: str) -> bool | None:
        held = self._life.plane.held().namespaces
        return None if box_of(name) in held else True


def _address(text: str | None, kind: type[T], option: str) -> T | None:
    if text is None:
        return None
    found: IP = parse_ip(option, text)
    if not isinstance(found, kind):
        wants = "IPv4" if kind is IPv4Address else "IPv6"
        raise Refused(f"{option} {text}: want an {wants} address")
    return found
