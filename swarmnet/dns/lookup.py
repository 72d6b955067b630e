"""Whose a name is, as one sandbox may ask for it.

As with Docker a name may be an endpoint's alone, or followed by its network's; that and
`.internal` may stand behind it. Names of both may have dots, so each cut is tried. Of
networks in which a name is known the first counts that has an address of the family.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.dns.book import IP, Named, Zone

TOP: Final = "internal"
"""Reserved for private use (ICANN board resolution 2024.07.29.06)."""
PROTOCOLS: Final = ("_tcp", "_udp")


@dataclass(frozen=True, slots=True)
class Match:
    """Endpoints of one network that a name means."""

    zone: Zone
    endpoints: tuple[Named, ...]

    def addresses(self, version: int) -> list[IP]:
        """Return all their addresses of a family, each once."""
        found = [
            address
            for one in self.endpoints
            for address in one.reachable
            if address.version == version
        ]
        return list(dict.fromkeys(found))

    @property
    def is_hidden(self) -> bool:
        """Whether none of them can be reached."""
        return not any(one.reachable for one in self.endpoints)


@dataclass(frozen=True, slots=True)
class Service:
    """A question for a port: its number inside, its protocol, and of which name."""

    port: int
    protocol: str
    name: str


class Lookup:
    """Answers for who is in some networks, by what is known at this time."""

    __slots__ = ("_zones",)

    def __init__(self, zones: Sequence[Zone]) -> None:
        self._zones = zones

    def matches(self, name: str) -> list[Match]:
        """Return what a name means in each network, the first to be answered first."""
        inner, is_below = _below_top(name)
        # An alias may be anything, but not take the place of a name in a network.
        found = list(self._cut(inner)) if is_below else []
        found += self._in(self._zones, name)
        return [*found, *self._cut(name)]

    def _cut(self, name: str) -> Iterator[Match]:
        for head, tail in _cuts(name):
            zones = [one for one in self._zones if one.domain.name == tail]
            yield from self._in(zones, head)

    @staticmethod
    def _in(zones: Sequence[Zone], name: str) -> Iterator[Match]:
        for zone in zones:
            endpoints = tuple(zone.named(name))
            if endpoints:
                yield Match(zone, endpoints)

    def is_domain(self, name: str) -> bool:
        """Return whether a name is a network's own domain, `.internal` behind it."""
        inner, is_below = _below_top(name)
        return is_below and any(one.domain.name == inner for one in self._zones)

    def is_ours(self, name: str) -> bool:
        """Return whether a name that nobody has can be nobody else's either.

        So it is below one of the networks: `….NETWORK.internal`.
        """
        inner, is_below = _below_top(name)
        return is_below and any(
            inner.endswith(f".{one.domain.name}") for one in self._zones
        )

    def may_come(self, now: float, name: str) -> bool:
        """Return whether a name that is not known may be so in a moment."""
        late = [one.domain.name for one in self._zones if now < one.domain.whole_at]
        if "." not in name:
            return bool(name and late)
        inner, _ = _below_top(name)
        return any(inner.endswith(f".{one}") for one in late)

    def owner(self, address: IP) -> tuple[Zone, Named] | None:
        """Return which endpoint has an address of the sandbox's networks, or None.

        It is a hidden one only where no network has another.
        """
        having = ((zone, zone.at(address)) for zone in self._zones)
        found = [(zone, one) for zone, one in having if one is not None]
        return min(found, key=lambda pair: pair[1].is_hidden, default=None)

    @property
    def has_way_out(self) -> bool:
        """Whether a network of the sandbox leads out."""
        return any(not one.domain.is_internal for one in self._zones)


def parse_service(name: str) -> Service | None:
    """Read `_PORT._PROTOCOL.NAME`; None if it is something else."""
    port, _, rest = name.partition(".")
    protocol, _, owner = rest.partition(".")
    number = port.removeprefix("_")
    if protocol not in PROTOCOLS or port == number or not owner:
        return None
    if not (number.isascii() and number.isdigit() and len(number) <= 5):
        return None
    return Service(int(number), protocol[1:], owner)


def _below_top(name: str) -> tuple[str, bool]:
    """Return a name without `.internal`, and whether that stood there."""
    inner = name.removesuffix(f".{TOP}")
    return inner, inner != name


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and after each dot, the shortest end first."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:count]), ".".join(parts[count:])
