"""Making a network, and removing one: wholly, or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from re import compile as pattern
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.hashed import network_prefix
from swarmnet.ipam.options import Plan, parse_subnets
from swarmnet.ipam.overlaps import Taken, check_between, first_overlap, occupied
from swarmnet.ipam.pools import AnySubnet, Pool
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import Network, Subnet, parse_subnet
from swarmnet.ipam.vnis import VNI_FIRST, VNI_LAST
from swarmnet.node.books import VNIS, PoolBook, pool_realm, subnet_realm
from swarmnet.node.commands import Lacking, NotYet
from swarmnet.node.drivers import check_driver
from swarmnet.node.granting import Granting
from swarmnet.node.network_facts import (
    NAME_CHARACTERS_MAX,
    NO_FLAGS,
    NONCE_BYTES,
    SUBNETS_MAX,
    NetworkFacts,
    NetworkFlag,
    NetworkSubnet,
    PoolFacts,
    check_pools,
    check_text,
    check_value,
    network_id,
)
from swarmnet.node.networks import KnownNetwork, Networks
from swarmnet.node.realms import Realms, Want
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import NETWORK, POOL

_NAME: Final = pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class NetworkWish:
    """A network as a user writes it. Texts are as in `ipam.options.parse_subnets`."""

    name: str
    subnets: Sequence[str] = ()
    gateways: Sequence[str] = ()
    ip_ranges: Sequence[str] = ()
    auxiliaries: Mapping[str, str] = field(default_factory=dict)
    ipv6: bool = False
    internal: bool = False
    vni: int | None = None
    driver: str = "overlay"
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def _texts(wish: NetworkWish) -> Iterator[tuple[str, str]]:
    """Yield all that a user wrote that is only passed on, and what it is."""
    yield "driver", wish.driver
    for what, held in (
        ("option", wish.options),
        ("label", wish.labels),
        ("auxiliary address", wish.auxiliaries),
    ):
        for key, text in held.items():
            yield what, key
            yield f"{what} {key[:40]!r}:", text


class Creating:
    """Writes `network` rows."""

    __slots__ = ("_granting", "_me", "_networks", "_random", "_realms", "_tables")

    def __init__(
        self,
        me: NodeId,
        tables: Tables,
        realms: Realms,
        networks: Networks,
        granting: Granting,
        *,
        random: Random,
    ) -> None:
        self._me = me
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._granting = granting
        self._random = random

    def begin(
        self, now: float, pools: Sequence[Pool], forget_dead_after_s: int | None
    ) -> None:
        """Begin a cluster's addresses: all of it is ours at first.

        Raises:
            Refused: they have begun, we may not, or another may do so as well.
        """
        if self._networks.pool is not None:
            raise Refused("address pools: this cluster has them already")
        if not self._tables.rules.may_write(self._me, POOL):
            raise Refused("address pools: only a manager begins them; ask one")
        check_pools(pools)
        absent = self._granting.absent()
        if absent:
            raise Refused(
                f"address pools: node {absent[0].hex()} is not heard, which may begin"
                " them as well: wait for it, or remove it"
            )
        self._granting.write_will(now)
        facts = PoolFacts(self._realms.lives.current, tuple(pools), forget_dead_after_s)
        name = (POOL, bytes(self._me))
        self._tables.put(now, CLUSTER, name, facts.encode(), durable=True)

    def create(self, now: float, wish: NetworkWish) -> Scope:
        """Make a network; return its id.

        Raises:
            Refused: what is wished for cannot be. Nothing has changed.
            Lacking: no subnet, or VNI, is left here.
        """
        plan = self._check(wish)
        nonce = self._random.randbytes(NONCE_BYTES)
        network = network_id(self._me, nonce)
        subnets, is_hashed = self._choose_subnets(network, plan, wish)
        if len(subnets) > SUBNETS_MAX:
            raise Refused(f"{len(subnets)} subnets: want {SUBNETS_MAX} at most")
        vnis = self._take_vnis(network, len(subnets), wish.vni)
        flags = NetworkFlag.INTERNAL if wish.internal else NO_FLAGS
        facts = NetworkFacts(
            nonce=nonce,
            life=self._realms.lives.current,
            name=wish.name,
            subnets=tuple(map(NetworkSubnet, subnets, vnis)),
            driver=wish.driver,
            flags=flags | (NetworkFlag.HASHED if is_hashed else NO_FLAGS),
            options=wish.options,
            labels=wish.labels,
        )
        self._write(now, network, facts)
        return network

    def _check(self, wish: NetworkWish) -> Plan:
        if not 1 <= len(wish.name) <= NAME_CHARACTERS_MAX or not _NAME.match(wish.name):
            raise Refused(
                f"network name {wish.name!r}: want 1 to {NAME_CHARACTERS_MAX} letters,"
                " digits, '_', '.' or '-', a letter or digit first"
            )
        for what, text in _texts(wish):
            check_text(what, text)
        if len(wish.subnets) > SUBNETS_MAX:
            raise Refused(f"{len(wish.subnets)} subnets: want {SUBNETS_MAX} at most")
        other = self._networks.named(wish.name)
        if other is not None:
            raise Refused(
                f"network name {wish.name}: in use by {other.id.hex()}; choose another"
            )
        if self._networks.pool is None:
            raise Refused(
                f"network {wish.name}: this cluster has no address pool yet: wait until"
                " its rows have come, or init one"
            )
        check_driver(wish.driver, wish.options)
        plan = parse_subnets(
            wish.subnets,
            gateways=wish.gateways,
            ip_ranges=wish.ip_ranges,
            auxiliaries=wish.auxiliaries,
        )
        named = [one.prefix for one in plan.subnets]
        networks = self._networks
        check_between(named, networks.taken(going=False), networks.routes.mine())
        for prefix in named:
            going = first_overlap(prefix, networks.taken())
            if going is not None:
                raise NotYet(
                    f"subnet {prefix}: overlaps {going}, which is being removed, but"
                    " not all members know it yet: try later, or choose another"
                )
        return plan

    def _choose_subnets(
        self, network: Scope, plan: Plan, wish: NetworkWish
    ) -> tuple[list[Subnet], bool]:
        """Return the subnets, and whether those of IPv6 are hashed."""
        wishes, subnets = list(plan.wishes), list(plan.subnets)
        versions = [one.version for one in wishes]
        versions += [one.prefix.version for one in subnets]
        if 4 not in versions:
            wishes.append(AnySubnet())
        for one in wishes:
            found = self._next_subnet(one, [s.prefix for s in subnets])
            subnets.append(parse_subnet(str(found)))
        if not wish.ipv6 or 6 in versions:
            return subnets, False
        return [*subnets, parse_subnet(str(network_prefix(network)))], True

    def _next_subnet(self, wish: AnySubnet, chosen: list[Network]) -> Network:
        networks, found = self._networks, list[PoolBook]()
        wants: list[Want] = []
        for index, pool in enumerate(networks.pools.pools):
            book = networks.books[pool_realm(index)]
            if pool.prefix.version == wish.version and isinstance(book, PoolBook):
                found.append(book)
                wants.append((pool_realm(index), None))
        taken = [Taken(prefix, "this network") for prefix in chosen]
        taken += [*networks.taken(), *networks.routes.all()]
        blocked = occupied(taken, wish.version)
        told = ""
        for kept in (True, False):
            owned = Spans()
            for book in found:
                owned |= book.held_addresses(kept=kept)
            try:
                return networks.pools.next_subnet(owned, blocked, wish)
            except Exhausted as exhausted:
                told = str(exhausted)
        raise Lacking(told + self._realms.hint(), tuple(wants))

    def _take_vnis(self, network: Scope, count: int, wanted: int | None) -> list[int]:
        """Return a VNI for each subnet, now in use."""
        book, user = self._networks.vnis, network.hex()
        taken: list[int] = []
        try:
            if wanted is not None:
                if count != 1:
                    raise Refused(f"VNI {wanted}: {count} subnets take a VNI each")
                self._claim_vni(wanted, user)
                return [wanted]
            taken += [book.vnis.allocate(user) for _ in range(count)]
        except Exhausted as exhausted:
            self._free_vnis(network, taken)
            told = str(exhausted) + self._realms.hint()
            raise Lacking(told, ((VNIS, None),)) from None
        return taken

    def _claim_vni(self, vni: int, user: str) -> None:
        owner = self._realms.owner_of(VNIS, vni)
        book, is_inside = self._networks.vnis, VNI_FIRST <= vni <= VNI_LAST
        is_free = is_inside and book.vnis.user(vni) is None
        if is_free and not book.may_give(vni) and owner is not None:
            whose = "another life of this node" if owner == self._me else owner.hex()
            raise Lacking(f"VNI {vni}: in a range of {whose}", ((VNIS, vni),))
        book.vnis.claim(vni, user)

    def _free_vnis(self, network: Scope, vnis: Sequence[int]) -> None:
        for vni in vnis:
            self._networks.vnis.vnis.release(vni, network.hex())

    def _write(self, now: float, network: Scope, facts: NetworkFacts) -> None:
        name = (NETWORK, bytes(network))
        vnis = [one.vni for one in facts.subnets]
        try:
            check_value(f"network {facts.name}", facts.encode())
            self._granting.write_will(now)
            self._tables.put(now, CLUSTER, name, facts.encode(), durable=True)
        except Refused:
            self._free_vnis(network, vnis)
            raise
        self._networks.update()
        self._networks.hold()
        try:
            for index in range(len(facts.subnets)):
                self._granting.share(now, subnet_realm(network, index))
        except Refused:
            # Who has no slice gets one later.
            return

    def remove(self, now: float, network: Scope) -> None:
        """Let a network go as soon as all members know that it does.

        Raises:
            Refused: it is unknown, goes already, or somebody takes part in it.
        """
        known = self._networks.get(network)
        if known is None or known.is_removing:
            raise Refused(f"network {network.hex()}: unknown; nothing to remove")
        rules = self._tables.rules
        standing = dict.fromkeys(rules.standing())
        inside = rules.attached.get(network, {})
        users = [one.hex() for one in inside if one in standing]
        if users:
            raise Refused(
                f"network {known.facts.name}: has endpoints on {', '.join(users)};"
                " disconnect them first"
            )
        if known.owner == self._me:
            self.retire(now, known)
        else:
            name = (NETWORK, bytes(network))
            self._tables.mask(now, CLUSTER, name, known.owner)
        self._networks.update()

    def retire(self, now: float, known: KnownNetwork) -> None:
        """Say of a network of our own that it goes.

        Raises:
            Refused: the tables take no row of ours.
        """
        facts = replace(known.facts, flags=known.facts.flags | NetworkFlag.REMOVING)
        name = (NETWORK, bytes(known.id))
        self._tables.put(now, CLUSTER, name, facts.encode(), durable=True)
        self._networks.update()
