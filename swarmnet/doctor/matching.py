"""Whether an expression of a rule is true of a packet: yes, no, or nobody can tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

IP = IPv4Address | IPv6Address
Sets = Callable[[str], Sequence[object] | None]
"""Gives the elements of a named set of the rule's own table."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet as a firewall sees it. None: it may be any.

    `port` is where it goes to. `state` is conntrack's: "new" of the first packet of an
    exchange, "established" of what is sent back; `status` is so too: "dnat" of what is
    led on. `icmp_type` is by its name in nft(8).
    """

    protocol: str
    port: int
    source: IP | None = None
    destination: IP | None = None
    link_in: str | None = None
    link_out: str | None = None
    source_port: int | None = None
    state: str = "new"
    status: str = ""
    icmp_type: str | None = None

    @property
    def version(self) -> int | None:
        """Return the IP version, if that is known."""
        known = self.source or self.destination
        return None if known is None else known.version


class NotSo(Exception):
    """A rule looks at something that the packet does not have: it does not apply."""


def matches(body: object, packet: Packet, sets: Sets) -> bool | None:
    """Return whether a `match` of libnftables-json(5) is true of a packet."""
    if not isinstance(body, Mapping):
        return None
    try:
        actual = value_of(body.get("left"), packet)
    except NotSo:
        return False
    if actual is None:
        return None
    op, wanted = body.get("op"), body.get("right")
    if op in ("==", "in", "!="):
        found = _is_among(actual, wanted, sets)
        if found is None:
            return None
        return not found if op == "!=" else found
    if isinstance(actual, int) and isinstance(wanted, int):
        return _compare(str(op), actual, wanted)
    return None


def _compare(op: str, actual: int, wanted: int) -> bool | None:
    match op:
        case "<":
            return actual < wanted
        case "<=":
            return actual <= wanted
        case ">":
            return actual > wanted
        case ">=":
            return actual >= wanted
        case _:
            return None


_META: Final[Mapping[str, Callable[[Packet], object]]] = {
    "l4proto": lambda packet: packet.protocol,
    "nfproto": lambda packet: {4: "ipv4", 6: "ipv6", None: None}[packet.version],
    "iifname": lambda packet: packet.link_in,
    "iif": lambda packet: packet.link_in,
    "oifname": lambda packet: packet.link_out,
    "oif": lambda packet: packet.link_out,
}


def value_of(key: object, packet: Packet) -> object:
    """Return what a packet has where a rule looks; None if nobody can tell.

    Raises:
        NotSo: The packet has no such thing.
    """
    if not isinstance(key, Mapping):
        return None
    for kind, body in key.items():
        if not isinstance(body, Mapping):
            return None
        name = str(body.get("key"))
        if kind == "meta" and name in _META:
            return _META[name](packet)
        if kind == "ct" and name in ("state", "status"):
            return packet.state if name == "state" else packet.status
        if kind == "payload" and "protocol" in body:
            return _payload(str(body["protocol"]), str(body.get("field")), packet)
    return None


def _payload(protocol: str, name: str, packet: Packet) -> object:
    if protocol in ("udp", "tcp", "sctp", "dccp", "icmp", "icmpv6"):
        if protocol != packet.protocol:
            raise NotSo
        return packet.icmp_type if name == "type" else _port(name, packet)
    if protocol == "th":
        return _port(name, packet)
    if protocol in ("ip", "ip6"):
        version = 4 if protocol == "ip" else 6
        if packet.version not in (None, version):
            raise NotSo
        if name in ("protocol", "nexthdr"):
            return packet.protocol
        return {"saddr": packet.source, "daddr": packet.destination}.get(name)
    return None


def _port(name: str, packet: Packet) -> int | None:
    return {"dport": packet.port, "sport": packet.source_port}.get(name)


def _is_among(actual: object, wanted: object, sets: Sets) -> bool | None:
    """Return whether a value is what is wanted, or one of that."""
    if isinstance(wanted, str) and wanted.startswith("@"):
        elements = sets(wanted[1:])
        return None if elements is None else _is_any(actual, elements, sets)
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return _is_any(actual, wanted, sets)
    if not isinstance(wanted, Mapping):
        return _is_same(actual, wanted)
    for kind, body in wanted.items():
        if kind == "set" and isinstance(body, Sequence):
            return _is_any(actual, body, sets)
        if kind == "elem" and isinstance(body, Mapping):
            return _is_among(actual, body.get("val"), sets)
        if kind == "range" and isinstance(body, Sequence) and len(body) == 2:
            return _is_between(actual, body[0], body[1])
        if kind == "prefix" and isinstance(body, Mapping):
            return _is_within(actual, f"{body.get('addr')}/{body.get('len')}")
    return None


def _is_any(actual: object, wanted: Sequence[object], sets: Sets) -> bool | None:
    answers = [_is_among(actual, one, sets) for one in wanted]
    if True in answers:
        return True
    return None if None in answers else False


def _is_same(actual: object, wanted: object) -> bool | None:
    if isinstance(actual, IPv4Address | IPv6Address):
        try:
            return actual == ip_address(str(wanted))
        except ValueError:
            return None
    if isinstance(wanted, str) and wanted.endswith("*"):
        return str(actual).startswith(wanted[:-1])
    return str(actual) == str(wanted)


def _is_between(actual: object, first: object, last: object) -> bool | None:
    try:
        if isinstance(actual, IPv4Address | IPv6Address):
            low, high = ip_address(str(first)), ip_address(str(last))
            if low.version != actual.version:
                return False
            return int(low) <= int(actual) <= int(high)
        return int(str(first)) <= int(str(actual)) <= int(str(last))
    except ValueError:
        return None


def _is_within(actual: object, prefix: str) -> bool | None:
    if not isinstance(actual, IPv4Address | IPv6Address):
        return None
    try:
        return actual in ip_network(prefix, strict=False)
    except ValueError:
        return None
