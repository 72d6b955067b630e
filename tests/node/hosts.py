"""Hosts that are given commands about addresses, and looked at, by their numbers.

`create`, `connect` and so on run until the command has happened, and raise `Unmet` with
the reason where it has not.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import Final

from sim.profiles.tabled import Note
from swarmnet.ids import NodeId, Scope
from swarmnet.ipam.pools import Pool, parse_pool
from swarmnet.ipam.spans import Spans
from swarmnet.node.addressing import Addressing
from swarmnet.node.commands import Done, Failed
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.creating import NetworkWish
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.node.settling import Wait
from swarmnet.swim.outputs import State
from tests.node.machines import Machines
from tests.node.soundness import told_by

PATIENCE_S: Final = 15.0
"""Within so long every command has happened, or has failed."""
POOL: Final = "10.0.0.0/16"

Verb = Callable[[Addressing, float], int]


class Unmet(Exception):
    """A command has failed, and this is why."""


class Hosts(Machines):
    """Hosts 1 to `count`, all in one cluster; the first has begun the pools."""

    def __init__(
        self,
        count: int,
        seed: int = 1,
        *,
        pool: str | None = POOL,
        forget_dead_after_s: int | None = None,
    ) -> None:
        super().__init__(count, seed)
        self._names = 0
        if pool is not None:
            pools = (parse_pool(pool),)
            verb = partial(_init, pools=pools, forget=forget_dead_after_s)
            self.allocate(1, verb)
            self.run(2.5)

    # Commands

    def allocate(self, number: int, verb: Verb) -> int:
        """Give a host a command about addresses; return its ticket."""
        ticket = self.engine(number).allocate(self.now, lambda a: verb(a, self.now))
        self._drain(number)
        return ticket

    def answer(self, number: int, ticket: int) -> Done | Failed | None:
        """Return what has become of a command; None while it waits."""
        for note in reversed(self.notes[number]):
            if isinstance(note, Done | Failed) and note.ticket == ticket:
                return note
        return None

    def done(self, number: int, verb: Verb) -> object:
        """Give a command, and run until it has happened.

        Raises:
            Unmet: it has failed.
        """
        self.notes[number] = [n for n in self.notes[number] if not _is_result(n)]
        self.engine(number).storage.told = self.notes[number].append
        ticket = self.allocate(number, verb)
        end = self.now + PATIENCE_S
        self._run(end, lambda: self.answer(number, ticket) is not None)
        answer = self.answer(number, ticket)
        assert answer is not None, f"no answer within {PATIENCE_S:g} s"
        if isinstance(answer, Failed):
            raise Unmet(answer.reason)
        return answer.result

    def create(self, number: int, name: str, *subnets: str, **options: object) -> Scope:
        """Make a network; `options` are fields of `NetworkWish`."""
        wish = replace(NetworkWish(name, subnets), **options)  # type: ignore[arg-type]
        result = self.done(number, lambda a, now: a.create(now, wish))
        assert isinstance(result, bytes)
        return Scope(result)

    def connect(
        self,
        number: int,
        network: Scope,
        name: str | None = None,
        *,
        ip4: str | None = None,
        ip6: str | None = None,
        mac: bytes | None = None,
        publish: tuple[str, ...] = (),
        aliases: tuple[str, ...] = (),
    ) -> KnownEndpoint:
        """Connect a sandbox, which has the endpoint's name: a new one by default."""
        self._names += 1
        name = f"box{self._names}" if name is None else name
        wish = EndpointWish(
            *(network, name, name),
            ip4=None if ip4 is None else ip_address(ip4),
            ip6=None if ip6 is None else ip_address(ip6),
            mac=mac,
            publish=publish,
            aliases=aliases,
        )
        result = self.done(number, lambda a, now: a.connect(now, wish))
        assert isinstance(result, KnownEndpoint)
        return result

    def fill(self, number: int, network: Scope, most: int = 300) -> list[str]:
        """Connect until one is refused; return the IPv4 addresses that were given."""
        given: list[str] = []
        while len(given) < most:
            try:
                given += texts(self.connect(number, network))
            except Unmet:
                break
        return given

    def disconnect(self, number: int, endpoint: KnownEndpoint) -> None:
        """Remove an endpoint of a host's."""
        at = (endpoint.network, endpoint.id)
        self.done(number, lambda a, now: a.disconnect(now, *at))

    def remove(self, number: int, network: Scope) -> None:
        """Let a network go."""
        self.done(number, lambda a, now: a.remove(now, network))

    # Views

    def usable(self, number: int, realm: bytes) -> Spans:
        """Return what a host may use of a realm."""
        return self.addressing(number).networks.usable().get(realm, Spans())

    def lacking(self, realm: bytes, *numbers: int) -> Spans:
        """Return what none of these hosts may use of a realm."""
        held = self.addressing(numbers[0]).realms.get(realm)
        assert held is not None, f"{realm.hex()} is not open"
        left = Spans([held.ownership.root.span])
        for number in numbers:
            left = left - self.usable(number, realm)
        return left

    def known(self, number: int, network: Scope) -> KnownNetwork | None:
        """Return what a host knows of a network."""
        return self.addressing(number).networks.get(network)

    def names(self, number: int) -> dict[Scope, str]:
        """Return under which names a host shows networks."""
        return self.addressing(number).networks.names()

    def effective(self, number: int, network: Scope) -> dict[str, NodeId]:
        """Return whose the addresses are that endpoints have, as a host sees it."""
        return {
            str(address): one.owner
            for one in self.addressing(number).endpoints.all(network)
            for _, address in (one.facts.addresses if one.is_effective else ())
        }

    def waits(self, number: int) -> list[Wait]:
        """Return what a host waits for."""
        return self.addressing(number).waits()

    def agree(self, *numbers: int) -> bool:
        """Return whether hosts, all that live by default, say the same of addresses."""
        told = [told_by(self.addressing(one)) for one in numbers or self.live()]
        return all(one == told[0] for one in told)

    def apart(self, *numbers: int) -> None:
        """Wait until those hold each other alive, and nobody else.

        Who is all alone holds others suspect for long: it may be itself that is ill.
        """
        if len(numbers) == 1:
            self.run(15.0)
        else:
            self.run_until(lambda: self.all_see(*numbers), 60.0)

    def all_see(self, *numbers: int) -> bool:
        """Return whether those all hold each other alive, and all others dead."""
        nodes = {self.id(one) for one in numbers}
        return all(
            {
                node: state
                for node, state in self._seen(one).items()
                if state < State.DEAD
            }
            == dict.fromkeys(nodes - {self.id(one)}, State.ALIVE)
            for one in numbers
        )

    def _seen(self, number: int) -> Mapping[NodeId, State]:
        return self.engine(number).states()


def texts(endpoint: KnownEndpoint) -> list[str]:
    """Return an endpoint's addresses."""
    return [str(address) for _, address in endpoint.facts.addresses]


def _is_result(note: Note) -> bool:
    return isinstance(note, Done | Failed)


def _init(
    addressing: Addressing, now: float, *, pools: tuple[Pool, ...], forget: int | None
) -> int:
    addressing.init_pools(now, pools, forget)
    return 0
