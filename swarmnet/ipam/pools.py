"""The pools that subnets are taken from when nobody names one.

A pool is a prefix, cut into subnets of one length: 10.0.0.0/8 in /24 by default, as
for Docker's global scope. `0.0.0.0/N` or `::/N` written as a subnet means any subnet of
that length (Docker 29, moby PR 50114). The next subnet lies after the one given last
and, after the end of the last pool, at the beginning of the first: one that was freed
is not used again at once. (Docker takes the lowest that is free.) What networks,
reservations or any member's routes occupy is passed over; so is what this node does not
own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Network, parse_prefix, span_of

SUBNET_LENGTH: Final = 24
"""The default length of subnets, as Docker's: 254 addresses."""
_LENGTH_MAX: Final = {4: 29, 6: 125}
"""The smallest subnet of a pool: 5 or 6 endpoints beside the gateway (Docker: /29)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A prefix that is cut into subnets of `length` bits, its own length or more."""

    prefix: Network
    length: int

    def __post_init__(self) -> None:
        assert self.prefix.prefixlen <= self.length <= self.prefix.max_prefixlen

    @property
    def count(self) -> int:
        """How many subnets it can be cut into."""
        return 1 << (self.length - self.prefix.prefixlen)

    def __str__(self) -> str:
        return f"{self.prefix} in /{self.length}"


DEFAULT_POOLS: Final = (Pool(IPv4Network("10.0.0.0/8"), SUBNET_LENGTH),)


@dataclass(frozen=True, slots=True)
class AnySubnet:
    """A wish for any subnet of a family (4 or 6); `length` None: as the pool has it."""

    version: int = 4
    length: int | None = None

    def __str__(self) -> str:
        zero = "0.0.0.0" if self.version == 4 else "::"
        return zero if self.length is None else f"{zero}/{self.length}"


def parse_pool(cidr: str, length: int = SUBNET_LENGTH) -> Pool:
    """Read a pool as a user configures it, to be cut into subnets of `length`.

    Raises:
        Refused: no prefix that a network could have, or one that is too small.
    """
    prefix = parse_prefix(cidr, "address pool")
    most = _LENGTH_MAX[prefix.version]
    if prefix.prefixlen > most:
        raise Refused(f"address pool {cidr}: want /{most} or shorter")
    if not prefix.prefixlen <= length <= most:
        raise Refused(
            f"mask length {length} of address pool {cidr}: want {prefix.prefixlen} to"
            f" {most}"
        )
    return Pool(prefix, length)


def parse_any(cidr: str) -> AnySubnet | None:
    """Read `0.0.0.0/N`, `::/N` or `/N`, which is of IPv4; None if it is another CIDR.

    Raises:
        Refused: it is one, but N is no length of a subnet.
    """
    address, slash, text = cidr.partition("/")
    version = {"": 4, "0.0.0.0": 4, "::": 6}.get(address)
    if version is None or not slash:
        return None
    most = _LENGTH_MAX[version]
    length = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= length <= most:
        raise Refused(f"subnet {cidr!r}: want a length of /1 to /{most}")
    return AnySubnet(version, length)


def settled(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Sort pools and drop those that lie in another; of equals the first stays.

    Two prefixes overlap only if one lies in the other; as Docker does, the longer one
    goes, whatever the lengths of their subnets.
    """
    kept: list[Pool] = []
    for pool in sorted(pools, key=_order):
        if not kept or not _overlap(kept[-1], pool):
            kept.append(pool)
    return tuple(kept)


class Pools:
    """The pools of a cluster, and where one node looks for its next subnet.

    What exists and what is owned is handed in with every question, as integers of the
    family asked for; the only state is the place of the last answer, so a subnet that
    was found and not used costs nothing.
    """

    __slots__ = ("_last", "pools")

    def __init__(
        self, pools: Iterable[Pool] = DEFAULT_POOLS, *, last: Network | None = None
    ) -> None:
        self.pools = settled(pools)
        # The end of what was given last, for each family.
        self._last: dict[int, int] = {}
        if last is not None:
            self._last[last.version] = span_of(last).last

    def span(self, version: int) -> Spans:
        """Return all addresses of the pools of a family: what `init` owns."""
        return Spans(
            span_of(p.prefix) for p in self.pools if p.prefix.version == version
        )

    def next_subnet(
        self, owned: Spans, occupied: Spans, wish: AnySubnet = AnySubnet()
    ) -> Network:
        """Return the next subnet of the pools that is owned and meets nothing occupied.

        Raises:
            Refused: no pool is as large as the subnet.
            Exhausted: nothing is left here; another node may own some.
        """
        pools = self._fitting(wish)
        free = owned - occupied
        start = self._last.get(wish.version, -1) + 1
        found = _first(pools, free, start)
        if found is None:
            found = _first(pools, free, 0)
        if found is None:
            raise _exhausted(pools, owned)
        self._last[wish.version] = span_of(found).last
        return found

    def _fitting(self, wish: AnySubnet) -> list[Pool]:
        """Return the pools of the family, cut as is wished; one or more."""
        family = [p for p in self.pools if p.prefix.version == wish.version]
        if wish.length is None:
            fitting = family
        else:
            # A pool shorter than the subnet can be cut to any length (Docker 29).
            fitting = [
                Pool(pool.prefix, wish.length)
                for pool in family
                if pool.prefix.prefixlen <= wish.length
            ]
        if not fitting:
            held = ", ".join(str(pool.prefix) for pool in family) or "none"
            raise Refused(
                f"subnet {wish}: no address pool of IPv{wish.version} holds one (pools:"
                f" {held}); name a subnet, or want a longer prefix"
            )
        return fitting


def _first(pools: Sequence[Pool], free: Spans, start: int) -> Network | None:
    """Return the lowest subnet from `start` on that is free as a whole."""
    for pool in pools:
        first = _first_block(pool, free, start)
        if first is not None:
            kind = IPv4Network if pool.prefix.version == 4 else IPv6Network
            return kind((first, pool.length))
    return None


def _first_block(pool: Pool, free: Spans, start: int) -> int | None:
    """Return where the lowest free subnet of a pool begins: a multiple of its size."""
    size = 1 << (pool.prefix.max_prefixlen - pool.length)
    for span in _within(pool, free, start):
        first = -(-span.first // size) * size
        if first + size - 1 <= span.last:
            return first
    return None


def _within(pool: Pool, free: Spans, start: int) -> Iterator[Span]:
    """Yield what is free of a pool, from `start` on."""
    whole = span_of(pool.prefix)
    for span in free.since(max(start, whole.first)):
        if span.first > whole.last:
            return
        yield Span(span.first, min(span.last, whole.last))


def _exhausted(pools: Sequence[Pool], owned: Spans) -> Exhausted:
    names = ", ".join(map(str, pools))
    if not owned & Spans(span_of(pool.prefix) for pool in pools):
        return Exhausted(
            f"address pools {names}: this node owns nothing of them: wait until it is"
            " granted some, or name a subnet"
        )
    return Exhausted(
        f"address pools {names}: all that this node owns of them has been fully"
        " subnetted, or lies in a route of a member: remove a network, or name a subnet"
    )


def _overlap(one: Pool, other: Pool) -> bool:
    same = one.prefix.version == other.prefix.version
    return same and one.prefix.overlaps(other.prefix)


def _order(pool: Pool) -> tuple[int, int, int]:
    prefix = pool.prefix
    return prefix.version, int(prefix.network_address), prefix.prefixlen
