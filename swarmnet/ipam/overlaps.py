"""Which prefixes may not overlap: within a network, between networks, with host routes.

Two subnets of one network may never share an address. Nor may those of two networks
that are made where both are known: a host attached to both could not tell them apart.
(Made on two sides of a partition they both stand, isolated by their VNIs, with the
warning that `first_overlap` words.) Nor may a subnet and a route of a member: that host
would lose what lies behind the route.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import Network, span_of

DEFAULT_LENGTH_MAX: Final = 1
"""Routes as short as this are defaults: /0, or the two halves that VPNs set instead."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A prefix that is somebody's, and whose: "network blue", "route of node b"."""

    prefix: Network
    whose: str

    def __str__(self) -> str:
        return f"{self.prefix} ({self.whose})"


def overlap(one: Network, other: Network) -> bool:
    """Say whether they share an address; those of two families never do."""
    return one.version == other.version and one.overlaps(other)


def first_overlap(prefix: Network, taken: Iterable[Taken]) -> Taken | None:
    """Return the first that shares an address with `prefix`, or None."""
    return next((other for other in taken if overlap(prefix, other.prefix)), None)


def occupied(taken: Iterable[Taken], version: int) -> Spans:
    """Return all addresses of one family (4 or 6) that these take."""
    return Spans(span_of(t.prefix) for t in taken if t.prefix.version == version)


def kept_routes(routes: Iterable[Taken]) -> tuple[Taken, ...]:
    """Return the routes that a subnet must keep clear of: all but default routes."""
    return tuple(r for r in routes if r.prefix.prefixlen > DEFAULT_LENGTH_MAX)


def check_within(prefixes: Sequence[Network]) -> None:
    """Refuse subnets of one network that overlap each other.

    Raises:
        Refused: two do.
    """
    before: list[Taken] = []
    for prefix in prefixes:
        other = first_overlap(prefix, before)
        if other is not None:
            raise Refused(
                f"subnet {prefix}: overlaps {other.prefix} of the same network: want"
                " subnets that share no address"
            )
        before.append(Taken(prefix, ""))


def check_between(
    prefixes: Sequence[Network], networks: Sequence[Taken], routes: Sequence[Taken]
) -> None:
    """Refuse subnets that overlap another network, or a route of a host.

    Raises:
        Refused: one does; the error says which, and whose that is.
    """
    clear_of = kept_routes(routes)
    for prefix in prefixes:
        other = first_overlap(prefix, networks)
        if other is not None:
            raise Refused(f"subnet {prefix}: overlaps {other}; choose another subnet")
        other = first_overlap(prefix, clear_of)
        if other is not None:
            raise Refused(
                f"subnet {prefix}: overlaps {other}, which would be cut off; choose"
                " another subnet"
            )
