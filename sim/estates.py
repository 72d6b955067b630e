"""What nodes use and may give out: nothing of it twice, ever; and in the end all.

Looked at after each input of a node that changed something about addresses. A node that
is down goes on using what it used, for its containers live on; one that has left or was
removed uses nothing. What it may give out goes on with its key: a clone that runs after
the original has died, or while it stands still, is taken for its restart
(docs/addresses.md).
"""

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Final

from sim.profiles.contract import Engine
from sim.profiles.tabled import Tabled, tabled
from sim.said import Wrong
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.ipam.overlaps import overlap
from swarmnet.ipam.ownership import Ownership
from swarmnet.ipam.spans import Span, Spans
from swarmnet.node.addressing import Addressing
from swarmnet.node.books import PoolBook, pool_realm
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream
from swarmnet.tables.row import NETWORK

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

VIEWS_EVERY: Final = 8
"""How seldom all that a node shows is looked at; its own is, each time."""
Spot = tuple[Scope, int, int]
"""A network, the index of a subnet, and an address."""


class _Uses:
    """What one process uses, as it sees it itself."""

    def __init__(self) -> None:
        self.revision = -1
        self.usable: dict[bytes, Spans] = {}
        self.addresses: dict[Spot, bytes] = {}
        self.going: dict[Scope, None] = {}
        """The networks that it has ever held to go."""


class Estates:
    """A checker of ownership (`checkers.Guard`)."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._uses: dict[int, _Uses] = {}
        self._out: dict[int, None] = {}
        self._gone: dict[Scope, dict[Scope, None]] = {}
        """Of each network, which others its maker held to be no more by then."""
        self.doubled = 0
        self.cloned = 0
        """Addresses that a clone and its original used at once."""
        self.looks = 0
        cluster.checkers.guards.append(self)

    def note_out(self, host: "Host") -> None:
        """A node has left, or was removed: it uses nothing any more."""
        self._out[host.index] = None
        self._uses.pop(host.index, None)

    # What is told

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started: what it may use is found anew."""
        self._uses.pop(host.index, None)
        self.after_input(host, engine)

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Look at what changed."""
        if host.index in self._out or host.leaving or not isinstance(engine, Tabled):
            return
        addressing = engine.addressing
        uses = self._uses.setdefault(host.index, _Uses())
        if addressing.revision == uses.revision:
            return
        uses.revision = addressing.revision
        self.looks += 1
        self._look_at_realms(host, addressing, uses)
        self._look_at_addresses(host, addressing, uses)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Nothing follows from it."""

    def delivered(self, host: "Host") -> None:
        """Nothing follows from it."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """Nothing follows from it."""

    # At any time

    def _look_at_realms(
        self, host: "Host", addressing: Addressing, uses: _Uses
    ) -> None:
        self._pass_on()
        usable = addressing.networks.usable()
        for realm, spans in usable.items():
            if uses.usable.get(realm) is spans:
                continue
            for index, other in self._others(host):
                both = spans & other.usable.get(realm, Spans())
                if both:
                    message = f"{realm.hex()}: {both} is also {index}'s"
                    self._violate("address_owners", host, message)
            self._look_at_tree(host, addressing, realm)
        uses.usable = dict(usable)

    def _pass_on(self) -> None:
        """Whom a clone has survived gives nothing out; its containers live on.

        So does a process that is paused while a clone runs. What it may give out when
        it goes on is looked at anew, by its first input.
        """
        hosts = self._cluster.hosts
        awake = {one: hosts[one].up and not hosts[one].paused for one in self._uses}
        running = {hosts[one].node for one in self._uses if awake[one]}
        for index, uses in self._uses.items():
            if not awake[index] and hosts[index].node in running:
                uses.usable, uses.revision = {}, -1

    def _look_at_tree(self, host: "Host", addressing: Addressing, realm: bytes) -> None:
        held = addressing.realms.get(realm)
        if held is None:
            return
        whole = held.ownership.root.span
        at = whole.first
        for holding in held.ownership.holdings():
            if holding.span.first != at:
                message = f"{realm.hex()}: {at} is not owned once"
                self._violate("address_pool", host, message)
            at = holding.span.last + 1
        if at != whole.last + 1:
            self._violate("address_pool", host, f"{realm.hex()}: {at} is owned by none")

    def _look_at_addresses(
        self, host: "Host", addressing: Addressing, uses: _Uses
    ) -> None:
        mine = _effective(host, addressing, owner=host.node)
        found = {spot: one.id for one, spot in mine}
        self._compare(host, found, uses)
        uses.addresses = found
        going = [one.id for one in addressing.networks.all() if one.is_removing]
        uses.going.update(dict.fromkeys(going))
        if self.looks % VIEWS_EVERY == 0:
            self._look_at_view(host, addressing, uses)

    def _is_behind(self, uses: _Uses, *networks: Scope) -> bool:
        """Return whether a process has yet to hear that one of two networks goes.

        It was so: whoever made the other held that one to be no more by then, which
        he does when all members have said that they know it goes. So nothing was given
        twice. Only a process that has been started since, of what was stored before or
        of nothing, has not heard of it; in one that has, the network came back, and the
        two do share what they have. Neither is anybody behind in the end (`errors`).
        """
        return any(
            one in self._gone.get(other, ()) and one not in uses.going
            for one, other in permutations(networks, 2)
        )

    def _look_at_view(self, host: "Host", addressing: Addressing, uses: _Uses) -> None:
        for one, *networks in _shared(addressing):
            if not self._is_behind(uses, *networks):
                self._violate("address_doubled", host, _say_shared(one, networks))
        seen: dict[Spot, None] = {}
        for _, spot in _effective(host, addressing):
            if spot in seen:
                self._violate("address_doubled", host, f"shows {spot[2]:#x} twice")
            seen[spot] = None

    def _compare(self, host: "Host", found: dict[Spot, bytes], uses: _Uses) -> None:
        new = [spot for spot, one in found.items() if uses.addresses.get(spot) != one]
        for index, other in self._others(host):
            for spot in [one for one in new if one in other.addresses]:
                self.doubled += 1
                message = f"uses {spot[2]:#x} of {spot[0].hex()}, as does {index}"
                self._violate("address_doubled", host, message)
        for _, other in self._twins(host):
            both = [one for one in new if one in other.addresses]
            self.cloned += sum(found[one] != other.addresses[one] for one in both)

    def _others(self, host: "Host") -> Iterator[tuple[int, _Uses]]:
        hosts = self._cluster.hosts
        for index, uses in self._uses.items():
            other = hosts[index]
            if other.node != host.node and (other.up or index < self._cluster.nodes):
                yield index, uses

    def _twins(self, host: "Host") -> Iterator[tuple[int, _Uses]]:
        hosts = self._cluster.hosts
        for index, uses in self._uses.items():
            is_twin = hosts[index].node == host.node and index != host.index
            if is_twin and hosts[index].up:
                yield index, uses

    def _violate(self, checker: str, host: "Host", message: str) -> None:
        self._cluster.checkers.violate(checker, host.index, message)

    # What is given out

    def note_connected(self, host: "Host", one: KnownEndpoint) -> None:
        """A node has made an endpoint: with addresses that are its own."""
        if not one.is_effective:
            addresses = [str(address) for _, address in one.facts.addresses]
            message = f"gave out {addresses} of {one.network.hex()}, not its own"
            self._violate("address_given", host, message)

    def note_made(self, host: "Host", network: Scope) -> None:
        """A node has made a network: with VNIs and subnets that are its own."""
        addressing = tabled(host.engine).addressing
        networks, known = addressing.networks, addressing.networks.get(network)
        self._gone[network] = dict.fromkeys(_gone_at(host))
        if known is None or not networks.is_sound(known):
            self._violate("address_given", host, f"made {network.hex()}: not its own")
            return
        for index in range(len(networks.pools.pools)):
            realm = pool_realm(index)
            book = networks.books[realm]
            assert isinstance(book, PoolBook), "it is a pool's"
            spans = [book.numbers_of(prefix) for prefix in known.prefixes]
            for span in [one for one in spans if one is not None]:
                if not addressing.realms.was_held(realm, span.first, host.node):
                    message = f"made {network.hex()}: a subnet is not its own"
                    self._violate("address_given", host, message)

    # In the end

    def leaked(self, hosts: list["Host"]) -> dict[bytes, Spans]:
        """Return what none of these nodes may use, by realm, as each of them knows."""
        realms: dict[bytes, Spans] = {}
        for host in hosts:
            for name, realm in tabled(host.engine).addressing.realms.items():
                realms.setdefault(name, Spans([realm.ownership.root.span]))
        for host in hosts:
            for name, spans in tabled(host.engine).addressing.networks.usable().items():
                if name in realms:
                    realms[name] = realms[name] - spans
        return {name: spans for name, spans in realms.items() if spans}

    def errors(self, hosts: list["Host"]) -> Iterator[Wrong]:
        """Yield what is wrong after calm at the nodes that run and were not removed."""
        for name, spans in self.leaked(hosts).items():
            yield Wrong("address_lost", hosts[0], f"{name.hex()}: {spans}")
        first: object = None
        for host in hosts:
            addressing = tabled(host.engine).addressing
            for one, *networks in _shared(addressing):
                yield Wrong("address_doubled", host, _say_shared(one, networks))
            told = _told(addressing)
            if first is None:
                first = told
            elif first != told:
                yield Wrong("address_views", host, f"other than {hosts[0].index}")
            for name, realm in addressing.realms.items():
                wrong = _wrong_owner(realm.ownership)
                if wrong is not None:
                    yield Wrong("address_pool", host, f"{name.hex()}: {wrong}")


def _effective(
    host: "Host", addressing: Addressing, owner: NodeId | None = None
) -> Iterator[tuple[KnownEndpoint, Spot]]:
    """Yield the effective endpoints of all networks, of all owners or of one."""
    for scope in tabled(host.engine).tables.scopes():
        for one in addressing.endpoints.all(scope, owner):
            for index, address in one.facts.addresses if one.is_effective else ():
                yield one, (scope, index, int(address))


def _gone_at(host: "Host") -> Iterator[Scope]:
    """Yield the networks that are no more, as a node knows."""
    engine = tabled(host.engine)
    rows, networks = engine.tables.rows(CLUSTER).values(), engine.addressing.networks
    yield from (Scope(r.key) for r in rows if r.table == NETWORK and r.is_deleted)
    yield from (one.id for one in networks.all() if networks.is_cleared(one))


def _shared(addressing: Addressing) -> Iterator[tuple[object, Scope, Scope]]:
    """Yield the VNIs, and subnets out of the pool, that two networks have which stay.

    What goes may be given again before the last one has heard that it is gone.
    """
    networks = addressing.networks
    pools, seen = networks.pools.pools, dict[object, list[Scope]]()
    for known in networks.standing():
        mine: list[object] = [one.vni for one in known.facts.subnets]
        mine += [
            prefix
            for prefix in known.prefixes
            if any(overlap(prefix, pool.prefix) for pool in pools)
        ]
        for one in dict.fromkeys(mine):
            others = seen.setdefault(one, [])
            yield from ((one, other, known.id) for other in others)
            others.append(known.id)


def _say_shared(one: object, networks: Iterable[Scope]) -> str:
    return f"{one} is of {' and of '.join(network.hex() for network in networks)}"


def _told(addressing: Addressing) -> object:
    """Return all that nodes should agree about."""
    return (
        {name: realm.ownership.holdings() for name, realm in addressing.realms.items()},
        addressing.networks.names(),
        addressing.networks.warnings(),
    )


def _wrong_owner(ownership: Ownership) -> str | None:
    """Return where an owner does not follow from the grants, read once more."""
    for holding in ownership.holdings():
        for number in (holding.span.first, holding.span.last):
            path = _path_to(ownership, number)
            if path != holding.grant:
                return f"{number} is held by {holding.grant}, by the deeds {path}"
    return None


def _path_to(ownership: Ownership, number: int) -> tuple[NodeId, int] | None:
    """Return the last grant of a number, going from the root by what each had."""
    fallen, grant = ownership.fallen, None
    holders = list(ownership.root_holders)
    at = Span(number, number)
    while True:
        found = [
            (holders.index(deed.granter), tuple(-part for part in deed.version), place)
            for deed in ownership.deeds().values()
            if deed.parent == grant and deed.granter in holders
            for place in deed.grants
            if place.span.covers(at.first)
        ]
        if not found:
            return grant
        rank, _, place = min(found, key=lambda one: (*one[:2], one[2].number))
        granter = holders[rank]
        grant = (granter, place.number)
        rest = holders[rank:] if place.grantee in fallen else []
        holders = [place.grantee, *rest]
