"""The endpoints of the networks that this node takes part in, and its own.

Whose row it is does not make an endpoint: it is *effective* only while each of its
addresses is its owner's, by the deeds that are known here, and no later endpoint of
that owner has the same. So whatever rows say, an address has one effective endpoint.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId, Scope
from swarmnet.ipam.addresses import QUARANTINE_S
from swarmnet.ipam.hashed import hashed_address
from swarmnet.ipam.ownership import Holding
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import IP
from swarmnet.node.books import HASHED_FROM, AddressBook, network_of, subnet_realm
from swarmnet.node.network_facts import (
    EndpointFacts,
    decode_endpoint_untrusted,
)
from swarmnet.node.networks import KnownNetwork, Networks, is_hashed
from swarmnet.node.realms import Realms
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ENDPOINT, Row

_RESTED_MAX: Final = 1024
"""So many addresses that came back rest one by one; more are given out again slowly
anyhow."""
HASHES_MAX: Final = 4
"""So many hashes are tried for an address before a user is told to name one."""

Place = tuple[Scope, NodeId, bytes]
_Key = TypeVar("_Key", bound=Hashable)
_Spot = tuple[Scope, int, IP]
"""A network, the index of a subnet, and an address that should be in it."""


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint whose row is held here.

    One of our own from an earlier life is not effective, as we see it, before it is
    known that nobody was granted its address since. It `is_dormant` while its owner is
    dead: nobody should be sent there any more.
    """

    network: Scope
    id: bytes
    owner: NodeId
    facts: EndpointFacts
    row: Row
    is_effective: bool
    is_dormant: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What may have changed since it was last asked: endpoints, and whole realms."""

    endpoints: Mapping[Place, None]
    realms: Mapping[bytes, None]


class Endpoints:
    """Reads `endpoint` rows, and writes this node's."""

    __slots__ = (
        "_at",
        "_held",
        "_keys",
        "_macs",
        "_marks",
        "_me",
        "_moved",
        "_moved_realms",
        "_networks",
        "_owners",
        "_realms",
        "_tables",
        "follows_moves",
    )

    def __init__(
        self,
        me: NodeId,
        tables: Tables,
        realms: Realms,
        networks: Networks,
    ) -> None:
        self._me = me
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._marks = tables.mark(None, ENDPOINT)
        self._held: dict[Place, tuple[EndpointFacts, Row]] = {}
        self._keys: dict[Scope, dict[tuple[NodeId, bytes], None]] = {}
        self._owners: dict[tuple[Scope, bytes], dict[NodeId, None]] = {}
        self._at: dict[_Spot, dict[Place, None]] = {}
        self._macs: dict[tuple[Scope, bytes], dict[Place, None]] = {}
        self.follows_moves = False
        """Whether somebody wants to know what moves."""
        self._moved: dict[Place, None] = {}
        self._moved_realms: dict[bytes, None] = {}

    # What is read

    def update(self, now: float) -> bool:
        """Follow the rows; return whether something is another thing than before."""
        changed = False
        while (about := self._marks.poll()) is not None:
            changed = True
            scope, name = about
            rows = {row.owner: row for row in self._tables.held(scope, name)}
            for owner in list(self._owners.get((scope, name[1]), ())):
                if owner not in rows:
                    self._forget(now, (scope, owner, name[1]))
            for row in rows.values():
                self._follow(now, (scope, row.owner, name[1]), row)
        return changed

    def note_opened(self, network: Scope) -> None:
        """A network has become known: our endpoints in it use their addresses."""
        for place, (facts, _) in list(self._held.items()):
            if place[:2] == (network, self._me):
                self._restore(place, facts)

    def _follow(self, now: float, place: Place, row: Row) -> None:
        facts = _facts_of(row)
        held = self._held.get(place)
        if held is not None and facts is not None and held[0] == facts:
            self._held[place] = (facts, row)
            return
        self._forget(now, place)
        if facts is None:
            return
        self._held[place] = (facts, row)
        self._note_moved(place, facts)
        self._keys.setdefault(place[0], {})[place[1:]] = None
        self._owners.setdefault((place[0], place[2]), {})[place[1]] = None
        for index, address in facts.addresses:
            spot = (place[0], index, address)
            self._at.setdefault(spot, {})[place] = None
        mac = (place[0], facts.station)
        self._macs.setdefault(mac, {})[place] = None
        if place[1] == self._me:
            self._restore(place, facts)

    def _note_moved(self, place: Place, facts: EndpointFacts) -> None:
        """With an endpoint move those that name an address of it."""
        if not self.follows_moves:
            return
        self._moved[place] = None
        for index, address in facts.addresses:
            self._moved.update(self._at.get((place[0], index, address), {}))

    def note_realms(self, realms: Iterable[bytes]) -> None:
        """Of all of these something has changed hands."""
        if self.follows_moves:
            self._moved_realms.update(dict.fromkeys(realms))

    def take_moved(self) -> Moved:
        """Return what may be effective from now on, or no more, once."""
        moved = Moved(self._moved, self._moved_realms)
        self._moved, self._moved_realms = {}, {}
        return moved

    def _forget(self, now: float, place: Place) -> None:
        held = self._held.pop(place, None)
        if held is None:
            return
        self._note_moved(place, held[0])
        del self._keys[place[0]][place[1:]]
        owners = self._owners[place[0], place[2]]
        del owners[place[1]]
        if not owners:
            del self._owners[place[0], place[2]]
        _drop(self._macs, (place[0], held[0].station), place)
        for index, address in held[0].addresses:
            _drop(self._at, (place[0], index, address), place)
            book = self.book(place[0], index)
            if book is None:
                continue
            if place[1] == self._me:
                book.addresses.release(now, int(address), place[2].hex())
            elif self._owner_of(place[0], index, address) == place[1]:
                # It may be ours by and by, as when its owner was removed.
                book.addresses.rest(int(address), now + QUARANTINE_S)

    def note_grown(self, now: float, realm: bytes, more: Spans) -> None:
        """More of a subnet is ours: what others' endpoints had of it rests.

        So does all that came back, where we do not hold the network's rows.
        """
        came_back = self._came_back(realm) & more
        if 0 < came_back.size <= _RESTED_MAX:
            self._rest(now, realm, came_back)
        for (network, index, address), places in self._at.items():
            book = self.book(network, index)
            if book is None or subnet_realm(network, index) != realm:
                continue
            is_strange = all(place[1] != self._me for place in places)
            if is_strange and self._owner_of(network, index, address) == self._me:
                book.addresses.rest(int(address), now + QUARANTINE_S)

    def _came_back(self, realm: bytes) -> Spans:
        """Return what of a realm others had; nothing if we see what they use."""
        found = self._realms.get(realm)
        network = network_of(realm)
        if found is None or network is None or network in self._tables.scopes():
            return Spans()
        holdings = found.ownership.holdings()
        mine = [one for one in holdings if one.owner == self._me]
        return Spans(one.span for one in mine if one.fallen or self._was_away(one))

    def _was_away(self, holding: Holding) -> bool:
        """Return whether a holding was ours, then another's, and is ours again."""
        path = holding.path
        since = path[path.index(self._me) :] if self._me in path else ()
        return any(node != self._me for node in since)

    def _rest(self, now: float, realm: bytes, spans: Spans) -> None:
        book = self._networks.books.get(realm)
        if isinstance(book, AddressBook):
            for span in spans:
                for number in range(span.first, span.last + 1):
                    book.addresses.rest(book.address(number), now + QUARANTINE_S)

    def _owner_of(self, network: Scope, index: int, address: IP) -> NodeId | None:
        """Return whose an address is; None if it is not of that subnet."""
        known = self._networks.get(network)
        if known is None or index >= len(known.facts.subnets):
            return None
        prefix = known.facts.subnets[index].subnet.prefix
        if address not in prefix:
            return None
        number = int(address) - int(prefix.network_address)
        return self._realms.owner_of(subnet_realm(network, index), number)

    def _restore(self, place: Place, facts: EndpointFacts) -> None:
        for index, address in facts.addresses:
            book = self.book(place[0], index)
            if book is not None and address in book.addresses.subnet.prefix:
                book.addresses.restore(int(address), place[2].hex())

    def book(self, network: Scope, index: int) -> AddressBook | None:
        if index > 0xFF:
            return None
        book = self._networks.books.get(subnet_realm(network, index))
        return book if isinstance(book, AddressBook) else None

    # What follows

    def all(
        self, network: Scope, owner: NodeId | None = None
    ) -> Iterator[KnownEndpoint]:
        """Yield the endpoints of a network whose rows are held, effective or not.

        Of all owners, or of one.
        """
        keys = [k for k in self._keys.get(network, ()) if owner in (None, k[0])]
        for place in [(network, *one) for one in keys]:
            found = self.known(place)
            if found is not None:
                yield found

    def counts(self, network: Scope) -> tuple[int, int]:
        """Return how many endpoint rows are held of ours, and of all, quickly."""
        keys = self._keys.get(network, {})
        return sum(owner == self._me for owner, _ in keys), len(keys)

    def facts_of(self, place: Place) -> EndpointFacts | None:
        """Return what a row says that is held, effective or not."""
        held = self._held.get(place)
        return None if held is None else held[0]

    def is_taken(self, network: Scope, index: int, address: IP) -> bool:
        """Return whether any row names an address."""
        return (network, index, address) in self._at

    def with_mac(self, network: Scope, mac: bytes) -> KnownEndpoint | None:
        """Return an endpoint that has a MAC, effective or not; None: nobody has it."""
        found = map(self.known, self._macs.get((network, mac), ()))
        return next((one for one in found if one is not None), None)

    def mine(self, network: Scope) -> list[bytes]:
        """Return the ids of our own endpoints in a network."""
        return [k for owner, k in self._keys.get(network, ()) if owner == self._me]

    def effective_at(self, network: Scope, index: int, address: IP) -> Place | None:
        """Return which row's endpoint has an address, or None."""
        places = self._at.get((network, index, address), {})
        able = [one for one in places if self._is_able(one, index, address)]
        return max(able, key=self._rank, default=None)

    def known(self, place: Place) -> KnownEndpoint | None:
        facts, row = self._held[place]
        shown = self._tables.rules.show(row)
        if shown is None:
            return None
        holders = [
            self.effective_at(place[0], index, address)
            for index, address in facts.addresses
        ]
        return KnownEndpoint(
            network=place[0],
            id=place[2],
            owner=place[1],
            facts=facts,
            row=row,
            is_effective=bool(holders) and set(holders) == {place},
            is_dormant=shown.dormant,
        )

    def _rank(self, place: Place) -> tuple[bool, tuple[int, int], bytes]:
        """Of one owner the last word holds, and what is hashed alike is the least id's.

        Which of two owners has hashed to one address hardly ever matters.
        """
        row = self._held[place][1]
        return (place[1] == self._me, row.version, place[2])

    def _is_able(self, place: Place, index: int, address: IP) -> bool:
        network, owner, key = place
        known = self._networks.get(network)
        if known is None or index >= len(known.facts.subnets):
            return False
        if not self._networks.is_sound(known):
            return False
        if self._tables.rules.show(self._held[place][1]) is None:
            return False
        prefix = known.facts.subnets[index].subnet.prefix
        if address not in prefix:
            return False
        number = int(address) - int(prefix.network_address)
        if is_hashed(known, index) and number >= HASHED_FROM:
            return address in hashes(known, index, owner, key)
        realm = self._realms.get(subnet_realm(network, index))
        if realm is None or realm.ownership.owner_of(number) != owner:
            return False
        is_ours = self._realms.lives.is_ours(self._held[place][0].life)
        if owner != self._me:
            return True
        is_ours = is_ours or realm.estate.stands(number)
        return is_ours and not self._networks.is_silent


def hashes(known: KnownNetwork, index: int, owner: NodeId, key: bytes) -> list[IP]:
    """Return the addresses that an endpoint may hash to, the first first."""
    prefix = known.facts.subnets[index].subnet.prefix
    if prefix.version != 6 or prefix.prefixlen != 64:
        return []
    return [hashed_address(prefix, owner, key, one) for one in range(HASHES_MAX)]


def _drop(table: dict[_Key, dict[Place, None]], key: _Key, place: Place) -> None:
    """Take a place from those that are held under a key."""
    del table[key][place]
    if not table[key]:
        del table[key]


def _facts_of(row: Row) -> EndpointFacts | None:
    if row.is_deleted or row.is_durable:
        return None
    try:
        return decode_endpoint_untrusted(row.value)
    except BadPacket:
        return None
