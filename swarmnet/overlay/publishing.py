"""Published ports: which connections to a host go to a sandbox, and from where."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from swarmnet.cnm.endpoint import IP, Publish
from swarmnet.kernel.firewall import Set

_BOUND: Final = "typeof {0} daddr . meta l4proto . th dport : {0} daddr . th dport"
_ANY: Final = "typeof meta l4proto . th dport : {0} daddr . th dport"
SETS: Final = (
    Set("bound4", _BOUND.format("ip"), is_map=True),
    Set("any4", _ANY.format("ip"), is_map=True),
    Set("bound6", _BOUND.format("ip6"), is_map=True),
    Set("any6", _ANY.format("ip6"), is_map=True),
)
"""Where a port leads to, on one address of the host or on any."""

# A port of one address goes before the same port of all. The output hook serves the
# host itself, 127.0.0.1 included; the kernel routes nothing away from ::1.
CHAINS: Final = """\
chain published {
dnat ip to ip daddr . meta l4proto . th dport map @bound4
dnat ip to meta l4proto . th dport map @any4
dnat ip6 to ip6 daddr . meta l4proto . th dport map @bound6
dnat ip6 to meta l4proto . th dport map @any6
}
chain published_outside {
type nat hook prerouting priority -100; policy accept;
fib daddr type local jump published
}
chain published_host {
type nat hook output priority -100; policy accept;
fib daddr type local jump published
}
"""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A sandbox on the gateway bridge: its addresses there, and what it publishes."""

    sandbox: str
    address: IPv4Address
    address6: IPv6Address | None
    publish: tuple[Publish, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """The elements of `SETS`, and in words what could not be published."""

    elements: Mapping[str, Mapping[str, None]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def publish(
    publishers: Iterable[Publisher], reserved: Collection[tuple[str, int]] = ()
) -> Published:
    """Return what leads to each sandbox; of two that want a port the first has it.

    `reserved` are (protocol, port)s that the host needs itself: VXLAN's, say.
    """
    board = _Board(reserved)
    for publisher in publishers:
        for wish in publisher.publish:
            board.add(publisher, wish)
    return Published(board.elements(), tuple(board.warnings))


class _Board:
    """Who has which port: for each map, key -> (sandbox, value)."""

    __slots__ = ("_maps", "_reserved", "warnings")

    def __init__(self, reserved: Collection[tuple[str, int]]) -> None:
        self._reserved = reserved
        self._maps: dict[str, dict[str, tuple[str, str]]] = {s.name: {} for s in SETS}
        self.warnings: list[str] = []

    def add(self, publisher: Publisher, wish: Publish) -> None:
        ip = wish.ip
        if (wish.protocol, wish.host_port) in self._reserved:
            self._warn(publisher, wish, "this host needs that port itself")
            return
        if ip == IPv6Address("::1"):
            self._warn(publisher, wish, "the kernel leads nothing away from ::1")
            return
        if ip is None or ip.version == 4:
            self._put(publisher, wish, publisher.address)
        if publisher.address6 is not None and (ip is None or ip.version == 6):
            self._put(publisher, wish, publisher.address6)
        if publisher.address6 is None and ip is not None and ip.version == 6:
            self._warn(publisher, wish, "it has no IPv6 address")

    def _put(self, publisher: Publisher, wish: Publish, target: IP) -> None:
        key = f"{wish.protocol} . {wish.host_port}"
        is_bound = wish.ip is not None and not wish.ip.is_unspecified
        if is_bound:
            key = f"{wish.ip} . {key}"
        board = self._maps[f"{'bound' if is_bound else 'any'}{target.version}"]
        new = (publisher.sandbox, f"{target} . {wish.port}")
        holder = board.setdefault(key, new)
        if holder != new:
            self._warn(publisher, wish, f"sandbox {holder[0]} has that port")

    def _warn(self, publisher: Publisher, wish: Publish, why: str) -> None:
        text = f"publish {wish}: not for sandbox {publisher.sandbox}: {why}"
        if text not in self.warnings:
            self.warnings.append(text)

    def elements(self) -> dict[str, dict[str, None]]:
        return {
            name: {f"{key} : {value}": None for key, (_, value) in board.items()}
            for name, board in self._maps.items()
        }
