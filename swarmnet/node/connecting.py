"""Connecting sandboxes to networks, and disconnecting them: wholly, or not at all."""

from dataclasses import dataclass
from itertools import product
from random import Random

from swarmnet.cnm.endpoint import is_station, parse_publish, show_mac
from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.subnets import IP
from swarmnet.node.books import HASHED_FROM, AddressBook, subnet_realm
from swarmnet.node.commands import Lacking, NotYet
from swarmnet.node.endpoints import Endpoints, KnownEndpoint, hashes
from swarmnet.node.network_facts import (
    ENDPOINT_ID_BYTES,
    MAC_BYTES,
    NAME_CHARACTERS_MAX,
    VALUE_BYTES_MAX,
    EndpointFacts,
    NetworkFlag,
    check_text,
    check_value,
)
from swarmnet.node.networks import KnownNetwork, Networks, is_hashed
from swarmnet.node.realms import Realms
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ENDPOINT
from swarmnet.timers import earliest


@dataclass(frozen=True, slots=True)
class EndpointWish:
    """An endpoint as a user wishes it: `ip4` and `ip6` None is any address.

    `publish` are texts as in `cnm.endpoint.parse_publish`.
    """

    network: Scope
    name: str
    sandbox: str
    ip4: IP | None = None
    ip6: IP | None = None
    aliases: tuple[str, ...] = ()
    mac: bytes | None = None
    publish: tuple[str, ...] = ()


class Connecting:
    """Writes this node's `endpoint` rows."""

    __slots__ = (
        "_endpoints",
        "_me",
        "_networks",
        "_random",
        "_realms",
        "_seat",
        "_tables",
    )

    def __init__(
        self,
        me: NodeId,
        tables: Tables,
        realms: Realms,
        networks: Networks,
        endpoints: Endpoints,
        *,
        random: Random,
        seat: bytes = b"",
    ) -> None:
        self._me = me
        self._seat = seat
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._endpoints = endpoints
        self._random = random

    def connect(self, now: float, wish: EndpointWish) -> KnownEndpoint:
        """Make an endpoint; return it.

        Raises:
            Refused: the network is unknown or goes, or what is wished for cannot be.
                Nothing has changed.
            Lacking: no address is left here, or the one that is named is another's.
        """
        known = self._check(wish)
        key = self._random.randbytes(ENDPOINT_ID_BYTES)
        taken: list[tuple[int, IP]] = []
        is_new = wish.network not in self._tables.scopes()
        try:
            for version, address in ((4, wish.ip4), (6, wish.ip6)):
                taken += self._take(now, known, key, version, address)
            facts = EndpointFacts(
                *(wish.name, wish.sandbox, tuple(taken), wish.aliases, wish.mac),
                life=self._realms.lives.current,
                publish=wish.publish,
            )
            self._check_mac(wish, facts)
            check_value(f"endpoint {wish.name}", facts.encode())
            if is_new:
                self._tables.attach(now, wish.network, self._seat)
            name = (ENDPOINT, key)
            self._tables.put(now, wish.network, name, facts.encode())
        except Refused:
            self._undo(now, wish.network, key, taken, is_new=is_new)
            raise
        self._endpoints.update(now)
        found = self._endpoints.known((wish.network, self._me, key))
        assert found is not None, "it was just written"
        return found

    def disconnect(self, now: float, network: Scope, endpoint: bytes) -> None:
        """Remove an endpoint of ours; with the last one we leave the network.

        Raises:
            Refused: there is none.
        """
        if self._endpoints.facts_of((network, self._me, endpoint)) is None:
            raise Refused(
                f"endpoint {endpoint.hex()} of network {network.hex()}: none of this"
                " node; nothing to disconnect"
            )
        self._tables.delete(now, network, (ENDPOINT, endpoint))
        self._endpoints.update(now)
        if not self._endpoints.mine(network):
            self._tables.detach(now, network)
            self._endpoints.update(now)

    def withdraw(self, now: float, network: Scope) -> None:
        """Remove all our endpoints of a network, and leave it.

        Raises:
            Refused: the tables take no row of ours.
        """
        for endpoint in self._endpoints.mine(network):
            self._tables.delete(now, network, (ENDPOINT, endpoint))
        self._tables.detach(now, network)
        self._endpoints.update(now)

    def _check(self, wish: EndpointWish) -> KnownNetwork:
        known = self._networks.get(wish.network)
        if known is None:
            raise Refused(f"network {wish.network.hex()}: unknown; see network ls")
        if known.is_removing:
            raise Refused(
                f"network {known.facts.name}: is being removed; choose another"
            )
        if not self._networks.is_sound(known):
            raise NotYet(
                f"network {known.facts.name}: its VNI is not its maker's, as far as is"
                " known here: wait, or remove it and create it anew"
            )
        if not 1 <= len(wish.name) <= NAME_CHARACTERS_MAX:
            raise Refused(
                f"endpoint name {wish.name!r}: want 1 to {NAME_CHARACTERS_MAX} letters"
            )
        size = sum(map(len, (*wish.aliases, *wish.publish)))
        if size > VALUE_BYTES_MAX:
            raise Refused(
                f"endpoint {wish.name[:63]}: aliases and published ports of {size}"
                f" bytes, want {VALUE_BYTES_MAX} at most"
            )
        for text in (wish.name, wish.sandbox, *wish.aliases):
            check_text("name", text)
        if wish.mac is not None and not is_station(wish.mac):
            raise Refused(
                f"MAC {wish.mac.hex(':')}: want {MAC_BYTES} bytes, of one station"
            )
        self._check_publish(known, wish)
        for key in self._endpoints.mine(wish.network):
            facts = self._endpoints.facts_of((wish.network, self._me, key))
            if facts is not None and facts.sandbox == wish.sandbox:
                raise Refused(
                    f"sandbox {wish.sandbox}: is in network {known.facts.name} already"
                )
        return known

    def _check_mac(self, wish: EndpointWish, facts: EndpointFacts) -> None:
        """Refuse a MAC that another has, as far as its row is held here."""
        holder = self._endpoints.with_mac(wish.network, facts.station)
        if holder is not None:
            raise Refused(
                f"MAC {show_mac(facts.station)}: in use by sandbox"
                f" {holder.facts.sandbox} of node {holder.owner.hex()}; choose another"
                f" MAC{'' if wish.mac else ', or another address'}"
            )

    @staticmethod
    def _check_publish(known: KnownNetwork, wish: EndpointWish) -> None:
        for text in wish.publish:
            parse_publish(text)
            if NetworkFlag.INTERNAL in known.facts.flags:
                raise Refused(
                    f"publish {text}: network {known.facts.name} is internal; publish"
                    " on another"
                )

    def _take(
        self,
        now: float,
        known: KnownNetwork,
        key: bytes,
        version: int,
        wanted: IP | None,
    ) -> list[tuple[int, IP]]:
        """Return an address of a family, now in use; none if the network has none."""
        indices = [
            index
            for index, one in enumerate(known.facts.subnets)
            if one.subnet.prefix.version == version
        ]
        if wanted is not None:
            return [self._claim(known, key, indices, wanted)]
        told, free_at = "", None
        for early, index in product((False, True), indices):
            try:
                address = self._allocate(now, known, key, index, early=early)
            except Exhausted as exhausted:
                told = str(exhausted)
                if early:
                    free_at = earliest(free_at, exhausted.free_at)
            else:
                return [(index, address)]
        if not indices:
            return []
        wants = tuple((subnet_realm(known.id, index), None) for index in indices)
        raise Lacking(told + self._realms.hint(), wants, free_at)

    def _allocate(
        self, now: float, known: KnownNetwork, key: bytes, index: int, *, early: bool
    ) -> IP:
        book = self._endpoints.book(known.id, index)
        assert book is not None, "every subnet of a known network has one"
        addresses = book.addresses
        if not is_hashed(known, index):
            found = addresses.allocate(now, key.hex(), early=early)
            return addresses.subnet.address(found)
        for address in hashes(known, index, self._me, key):
            if not self._endpoints.is_taken(known.id, index, address):
                return address
        raise Refused(f"subnet {addresses.subnet}: no hashed address is free; name one")

    def _claim(
        self, known: KnownNetwork, key: bytes, indices: list[int], wanted: IP
    ) -> tuple[int, IP]:
        for index in indices:
            book = self._endpoints.book(known.id, index)
            if book is None or wanted not in book.addresses.subnet.prefix:
                continue
            number, realm = book.number(int(wanted)), subnet_realm(known.id, index)
            if is_hashed(known, index) and number >= HASHED_FROM:
                raise Refused(
                    f"address {wanted}: above ::ffff addresses of network"
                    f" {known.facts.name} are hashed; choose one below"
                )
            self._check_owned(book, realm, number, wanted)
            book.addresses.claim(int(wanted), key.hex())
            return index, wanted
        held = ", ".join(map(str, known.prefixes))
        raise Refused(
            f"address {wanted}: in no subnet of network {known.facts.name} ({held})"
        )

    def _check_owned(
        self, book: AddressBook, realm: bytes, number: int, wanted: IP
    ) -> None:
        """Let what is another's be asked for, if an endpoint may have it at all."""
        addresses, owner = book.addresses, self._realms.owner_of(realm, number)
        is_claimable = addresses.subnet.claimable().covers(int(wanted))
        is_free = is_claimable and addresses.user(int(wanted)) is None
        if not is_free or book.may_give(number) or owner is None:
            return
        whose = "an earlier life of this node" if owner == self._me else owner.hex()
        raise Lacking(f"address {wanted}: in a range of {whose}", ((realm, number),))

    def _undo(
        self,
        now: float,
        network: Scope,
        key: bytes,
        taken: list[tuple[int, IP]],
        *,
        is_new: bool,
    ) -> None:
        for index, address in taken:
            book = self._endpoints.book(network, index)
            if book is not None:
                book.addresses.forgo(int(address), key.hex())
        if is_new and network in self._tables.scopes():
            self._tables.detach(now, network)
