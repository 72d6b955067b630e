"""The networks that there are, as this node knows them, and what they occupy.

Networks are made on every host, also when it is cut off. Of two that have one name the
older keeps it, by Lamport counter and owner; the other is shown as `name~id`. Both
stand, and so do two whose subnets overlap: their VNIs keep them apart.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NODE_ID_BYTES, NodeId, Scope
from swarmnet.ipam.overlaps import Taken, first_overlap
from swarmnet.ipam.ownership import Root
from swarmnet.ipam.pools import Pools
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Network
from swarmnet.ipam.vnis import VNI_FIRST, VNI_LAST
from swarmnet.node.books import (
    VNIS,
    AddressBook,
    Book,
    PoolBook,
    VniBook,
    pool_realm,
    subnet_realm,
    subnet_span,
)
from swarmnet.node.network_facts import (
    NetworkFacts,
    NetworkFlag,
    PoolFacts,
    decode_network_untrusted,
    decode_pool_untrusted,
    name_apart,
    network_id,
)
from swarmnet.node.realms import Realms
from swarmnet.node.routes import Routes
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import NETWORK, POOL, Name, Row


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """A network whose row is held. One that `is_removing` takes no more endpoints."""

    id: Scope
    owner: NodeId
    facts: NetworkFacts
    row: Row
    is_removing: bool

    @property
    def age(self) -> tuple[int, NodeId, Scope]:
        """The order in which networks have a right to their name: the oldest first."""
        return (self.row.lamport, self.owner, self.id)

    @property
    def is_hashed(self) -> bool:
        """Whether addresses of its IPv6 subnets are hashed."""
        return NetworkFlag.HASHED in self.facts.flags

    @property
    def prefixes(self) -> list[Network]:
        """The prefixes of its subnets."""
        return [one.subnet.prefix for one in self.facts.subnets]


class Networks:
    """Reads `pool` and `network` rows, and opens the realms that they make."""

    __slots__ = (
        "_held",
        "_known",
        "_marks",
        "_pool_marks",
        "_pool_names",
        "_pool_row",
        "_realms",
        "_tables",
        "_users",
        "books",
        "gone",
        "grown",
        "is_silent",
        "opened",
        "pool",
        "pools",
        "routes",
        "vnis",
    )

    def __init__(self, tables: Tables, realms: Realms, routes: Routes) -> None:
        self._tables = tables
        self._realms = realms
        self._marks = tables.mark(CLUSTER, NETWORK)
        self._pool_marks = tables.mark(CLUSTER, POOL)
        self._pool_names: dict[Name, None] = {}
        self._pool_row: Row | None = None
        self._known: dict[Scope, KnownNetwork] = {}
        # The networks that have each VNI: one, unless somebody lies or lost his disk.
        self._users: dict[int, dict[Scope, None]] = {}
        self.pool: PoolFacts | None = None
        self.pools = Pools(())
        self.books: dict[bytes, Book] = {}
        self._held: dict[bytes, Spans] = {}
        self.routes = routes
        self.vnis = VniBook()
        self.grown: dict[bytes, Spans] = {}
        """What is ours and was not before, until somebody clears it."""
        self.is_silent = False
        """Whether this node was removed, or is fenced, as `hold` takes it."""
        self.opened: list[Scope] = []
        """Networks that are known since this was last cleared."""
        self.gone: list[Scope] = []
        """Networks that are no more, to be forgotten, and cleared here, by others."""

    # What is read

    def update(self) -> bool:
        """Follow the rows; return whether something is another thing than before."""
        changed = False
        while (about := self._pool_marks.poll()) is not None:
            self._pool_names[about[1]] = None
            changed = True
        if changed:
            self._follow_pools()
        while (about := self._marks.poll()) is not None:
            changed = True
            self._follow(Scope(about[1][1]))
        return changed

    def _follow_pools(self) -> None:
        rules = self._tables.rules
        rows = [
            row
            for name in self._pool_names
            for row in self._tables.held(CLUSTER, name)
            if rules.may_write(row.owner, POOL) and _pool_of(row) is not None
        ]
        row = min(rows, key=lambda one: (one.lamport, one.owner), default=None)
        if row is None or (self._pool_row and _is_same(row, self._pool_row)):
            return
        facts = _pool_of(row)
        assert facts is not None, "it was read before"
        self._pool_row = row
        for index in range(len(self.pools.pools)):
            self._realms.close(pool_realm(index))
            self.books.pop(pool_realm(index), None)
        self.pool, self.pools = facts, Pools(facts.pools)
        life, holder = facts.life, NodeId(row.key)
        self._open(VNIS, Root(Span(VNI_FIRST, VNI_LAST), holder, life), self.vnis)
        for index, pool in enumerate(self.pools.pools):
            book = PoolBook(pool, self.taken_prefixes)
            self._open(pool_realm(index), Root(book.span, holder, life), book)

    def _open(self, realm: bytes, root: Root, book: Book) -> None:
        self.books[realm] = book
        self._realms.open(realm, root, keeps=isinstance(book, AddressBook))

    def _follow(self, network: Scope) -> None:
        before = self._known.pop(network, None)
        after = self._read(network)
        if before is not None and after is None:
            self._close(before)
        if after is None:
            return
        self._known[network] = after
        if before is None or before.facts.subnets != after.facts.subnets:
            self.opened.append(network)
            for index, one in enumerate(after.facts.subnets):
                root = Root(
                    subnet_span(one.subnet, is_hashed=is_hashed(after, index)),
                    after.owner,
                    after.facts.life,
                )
                book = AddressBook(one.subnet)
                self._open(subnet_realm(network, index), root, book)
                self._users.setdefault(one.vni, {})[network] = None
                self._use(one.vni)

    def _close(self, known: KnownNetwork) -> None:
        self.gone.append(known.id)
        for index, one in enumerate(known.facts.subnets):
            realm = subnet_realm(known.id, index)
            self._realms.close(realm)
            self.books.pop(realm, None)
            self._held.pop(realm, None)
            self._users.get(one.vni, {}).pop(known.id, None)
            self.vnis.vnis.release(one.vni, known.id.hex())
            self._use(one.vni)

    def _use(self, vni: int) -> None:
        """Take note that a VNI is in use, by the first network that has it."""
        for network in self._users.get(vni, {}):
            self.vnis.vnis.restore(vni, network.hex())
            return
        self._users.pop(vni, None)

    def _read(self, network: Scope) -> KnownNetwork | None:
        for row in self._tables.held(CLUSTER, (NETWORK, bytes(network))):
            facts = _facts_of(row)
            if facts is not None and network_id(row.owner, facts.nonce) == network:
                is_out = NetworkFlag.REMOVING in facts.flags
                is_out = is_out or self._tables.rules.is_masked(row)
                return KnownNetwork(network, row.owner, facts, row, is_out)
        return None

    def is_cleared(self, known: KnownNetwork) -> bool:
        """Return whether a network is no more, though its row cannot be deleted.

        So says who has, or had, its VNI after its maker, and nobody takes part in it.
        """
        rules, said = self._tables.rules, self._realms.cleared.get(known.id, ())
        vnis = [one.vni for one in known.facts.subnets]
        is_said = known.is_removing and any(
            self._realms.was_held(VNIS, vni, node) for node in said for vni in vnis
        )
        is_over = rules.revocations.cut_of(known.owner) is not None
        inside = rules.attached.get(known.id, {})
        return is_said and is_over and all(map(rules.is_revoked, inside))

    def _follow_cleared(self) -> None:
        """Free the VNIs of networks that are no more."""
        for network in self._realms.cleared:
            known = self._known.get(network)
            for one in known.facts.subnets if known is not None else ():
                if known is not None and self.is_cleared(known):
                    self.vnis.vnis.release(one.vni, network.hex())

    def usable(self) -> Mapping[bytes, Spans]:
        """Return what this node may use of each realm; not to be changed."""
        return self._held

    def is_deleted(self, network: Scope) -> bool:
        """Return whether a network's maker has deleted it."""
        rows = self._tables.held(CLUSTER, (NETWORK, bytes(network)))
        return any(row.is_deleted for row in rows)

    def is_sound(self, known: KnownNetwork) -> bool:
        """Return whether a network has VNIs of its own: its maker's, and no elder's."""
        return all(
            self._realms.was_held(VNIS, one.vni, known.owner)
            and self._elder_of(known, one.vni) is None
            for one in known.facts.subnets
        )

    def _elder_of(self, known: KnownNetwork, vni: int) -> KnownNetwork | None:
        """Return a network that stays and has had a VNI before."""
        others = (self._known[one] for one in self._users.get(vni, ()))
        stay = (one for one in others if not one.is_removing)
        before = [one for one in stay if one.age < known.age]
        return min(before, key=lambda one: one.age, default=None)

    def is_drawn_on(self, realm: bytes) -> bool:
        """Return whether this node gives out numbers of a realm."""
        book = self.books.get(realm)
        if isinstance(book, AddressBook):
            return bool(book.addresses.uses())
        return any(known.owner == self._realms.me for known in self._known.values())

    # What follows

    def get(self, network: Scope) -> KnownNetwork | None:
        """Return a network that is known, also one that goes, or None."""
        return self._known.get(network)

    def all(self) -> Iterator[KnownNetwork]:
        """Yield all networks that are known, also those that go."""
        yield from self._known.values()

    def standing(self) -> list[KnownNetwork]:
        """Return the networks that stay, the oldest first."""
        stay = [one for one in self._known.values() if not one.is_removing]
        return sorted(stay, key=lambda one: one.age)

    def names(self) -> dict[Scope, str]:
        """Return under which name each network is shown; no two have the same."""
        names: dict[Scope, str] = {}
        used: dict[str, None] = {}
        for known in self.standing():
            name = known.facts.name
            if name in used:
                name = name_apart(name, known.id)
            used[name] = None
            names[known.id] = name
        return names

    def named(self, name: str) -> KnownNetwork | None:
        """Return the network that is shown under a name, or None."""
        for network, shown in self.names().items():
            if shown == name:
                return self._known[network]
        return None

    def taken(self, *, going: bool = True) -> list[Taken]:
        """Return which prefixes networks have, and which, those that go or not."""
        names = self.names()
        return [
            Taken(prefix, f"network {names.get(one.id, one.facts.name)}")
            for one in self._known.values()
            if (going or not one.is_removing) and not self.is_cleared(one)
            for prefix in one.prefixes
        ]

    def taken_prefixes(self) -> list[Network]:
        """Return what no subnet of a pool may meet: networks, and members' routes."""
        return [one.prefix for one in (*self.taken(), *self.routes.all())]

    def hold(self) -> list[bytes]:
        """Use what is ours of each realm that has changed; return which those are."""
        realms, changed = self._realms, list(self._realms.changed)
        realms.is_urgent = False
        self._follow_cleared()
        for name in changed:
            realm, book = realms.get(name), self.books.get(name)
            if realm is None or book is None:
                self._held.pop(name, None)
                continue
            # Who was removed, or is fenced, gives nothing out.
            usable = Spans() if self.is_silent else realm.estate.usable()
            more = usable - self._held.get(name, Spans())
            if more:
                self.grown[name] = more
            self._held[name] = usable
            book.hold(usable, realm.estate.kept() & usable)
        realms.changed.clear()
        return changed

    def warnings(self) -> list[str]:
        """Return what a user should know: names and subnets that two networks have."""
        names, found = self.names(), list[str]()
        before: list[KnownNetwork] = []
        for known in self.standing():
            shown = names[known.id]
            if shown != known.facts.name:
                found.append(
                    f"network {known.id.hex()}: another has the name"
                    f" {known.facts.name}; this one is shown as {shown}: remove one"
                )
            if not self.is_sound(known):
                found.append(
                    f"network {shown}: a VNI of it is another's, so that none of its"
                    " endpoints counts; remove it, and create it anew"
                )
            found += self._overlaps(known, before, names)
            before.append(known)
        return found

    @staticmethod
    def _overlaps(
        known: KnownNetwork, others: Iterable[KnownNetwork], names: dict[Scope, str]
    ) -> Iterator[str]:
        taken = [
            Taken(prefix, f"network {names[other.id]}")
            for other in others
            for prefix in other.prefixes
        ]
        for prefix in known.prefixes:
            other = first_overlap(prefix, taken)
            if other is not None:
                yield (
                    f"network {names[known.id]}: subnet {prefix} overlaps {other}: no"
                    " host should be in both; remove one"
                )


def is_hashed(known: KnownNetwork, index: int) -> bool:
    """Return whether addresses of a network's subnet are hashed."""
    is_v6 = known.facts.subnets[index].subnet.prefix.version == 6
    return known.is_hashed and is_v6


def _pool_of(row: Row) -> PoolFacts | None:
    if row.is_deleted or not row.is_durable or len(row.key) != NODE_ID_BYTES:
        return None
    try:
        return decode_pool_untrusted(row.value)
    except BadPacket:
        return None


def _is_same(row: Row, other: Row) -> bool:
    """Return whether two `pool` rows say the same: another may pass one on."""
    return (row.key, row.value) == (other.key, other.value)


def _facts_of(row: Row) -> NetworkFacts | None:
    if row.is_deleted or not row.is_durable:
        return None
    try:
        return decode_network_untrusted(row.value)
    except BadPacket:
        return None
