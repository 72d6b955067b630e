"""What is in use of each realm at this node, in the numbers of that realm.

The numbers of a subnet's realm are its addresses, counted from its first; those of a
pool's are its subnets, likewise; those of the VNIs are the VNIs.
"""

from collections.abc import Callable
from typing import Final, Protocol

from swarmnet.ids import U64_MAX, Scope
from swarmnet.ipam.addresses import Addresses
from swarmnet.ipam.pools import Pool
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Network, Subnet, span_of
from swarmnet.ipam.vnis import Vnis

VNIS: Final = b"v"
"""The realm of the VNIs."""
_POOL: Final = b"p"
_SUBNET: Final = b"s"
HASHED_FROM: Final = 0x1_0000
"""Of a subnet with hashed addresses only what is below is owned by anybody."""


def pool_realm(index: int) -> bytes:
    """Return the realm of a pool's subnets."""
    return _POOL + index.to_bytes(1, "big")


def subnet_realm(network: Scope, index: int) -> bytes:
    """Return the realm of a subnet's addresses."""
    return _SUBNET + network + index.to_bytes(1, "big")


def network_of(realm: bytes) -> Scope | None:
    """Return the network that a realm's subnet is of; None if it is no subnet's."""
    return Scope(realm[1:-1]) if realm.startswith(_SUBNET) else None


def subnet_span(subnet: Subnet, *, is_hashed: bool) -> Span:
    """Return all that is owned of a subnet: of a large one, the lower 2^64."""
    size = min(span_of(subnet.prefix).size, U64_MAX + 1)
    if is_hashed:
        size = min(size, HASHED_FROM)
    return Span(0, size - 1)


def shifted(spans: Spans, by: int) -> Spans:
    """Return the set of all numbers of `spans`, each that much greater."""
    return Spans(Span(one.first + by, one.last + by) for one in spans)


class Book(Protocol):
    """What this node uses of one realm."""

    def hold(self, owned: Spans, first: Spans) -> None:
        """Use these from now on, and nothing else; those of `first` first."""

    def free(self, now: float) -> Spans:
        """Return what could be others'."""

    def may_give(self, number: int) -> bool:
        """Return whether a number is held, and nobody uses it."""


class AddressBook:
    """The addresses of one subnet at this node."""

    __slots__ = ("_base", "_held", "addresses")

    def __init__(self, subnet: Subnet) -> None:
        self._base = int(subnet.prefix.network_address)
        self._held = Spans()
        self.addresses = Addresses(subnet)

    def hold(self, owned: Spans, first: Spans) -> None:
        """Use these from now on, and nothing else; those of `first` first."""
        self._held = owned
        base = self._base
        self.addresses.hold(shifted(owned, base), shifted(first, base))

    def free(self, now: float) -> Spans:
        """Return what nobody uses, and may be given to who names no address."""
        return shifted(self.addresses.free(now), -self._base)

    def may_give(self, number: int) -> bool:
        """Return whether an endpoint could have that address, and none does."""
        at, subnet = number + self._base, self.addresses.subnet
        is_held = self._held.covers(number) and subnet.claimable().covers(at)
        return is_held and self.addresses.user(at) is None

    def number(self, address: int) -> int:
        """Return the realm's number of an address."""
        return address - self._base

    def address(self, number: int) -> int:
        """Return the address of a realm's number."""
        return number + self._base


class VniBook:
    """The VNIs at this node."""

    __slots__ = ("_held", "vnis")

    def __init__(self) -> None:
        self._held = Spans()
        self.vnis = Vnis()

    def hold(self, owned: Spans, first: Spans) -> None:
        """Use these from now on, and nothing else; those of `first` first."""
        self._held = owned
        self.vnis.hold(owned, first)

    def free(self, now: float) -> Spans:
        """Return what no network uses."""
        del now
        return self.vnis.free

    def may_give(self, number: int) -> bool:
        """Return whether it is held, and no network uses it."""
        return self._held.covers(number) and self.vnis.user(number) is None


class PoolBook:
    """The subnets of one pool at this node; `taken` tells what they must not meet."""

    __slots__ = ("_first", "_pool", "_taken", "held")

    def __init__(self, pool: Pool, taken: Callable[[], list[Network]]) -> None:
        self._pool = pool
        self._taken = taken
        self._first = Spans()
        self.held = Spans()

    @property
    def span(self) -> Span:
        """All subnets that it can be cut into."""
        return Span(0, self._pool.count - 1)

    def held_addresses(self, *, kept: bool) -> Spans:
        """Return what is held, as addresses; or what of it is to be given first."""
        size, base = self._unit, int(self._pool.prefix.network_address)
        return Spans(
            Span(base + one.first * size, base + one.last * size + size - 1)
            for one in (self._first if kept else self.held)
        )

    def hold(self, owned: Spans, first: Spans) -> None:
        """Use these from now on, and nothing else; those of `first` first."""
        self.held, self._first = owned, first

    def free(self, now: float) -> Spans:
        """Return what no network and no member's route overlaps."""
        del now
        return self.held - self._taken_numbers()

    def may_give(self, number: int) -> bool:
        """Return whether it is held and free."""
        return self.held.covers(number) and not self._taken_numbers().covers(number)

    def numbers_of(self, prefix: Network) -> Span | None:
        """Return which of its subnets a prefix overlaps, or None."""
        whole, one = span_of(self._pool.prefix), span_of(prefix)
        if prefix.version != self._pool.prefix.version:
            return None
        first, last = max(one.first, whole.first), min(one.last, whole.last)
        if first > last:
            return None
        size = self._unit
        return Span((first - whole.first) // size, (last - whole.first) // size)

    @property
    def _unit(self) -> int:
        return 1 << (self._pool.prefix.max_prefixlen - self._pool.length)

    def _taken_numbers(self) -> Spans:
        found = (self.numbers_of(prefix) for prefix in self._taken())
        return Spans(span for span in found if span is not None)
