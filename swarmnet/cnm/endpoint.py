"""An endpoint: a sandbox's attachment to one network, and the ports it publishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from re import compile as pattern
from typing import Final

from swarmnet.errors import Refused

IP = IPv4Address | IPv6Address
MAC_BYTES: Final = 6
MAC_PREFIX: Final = b"\x02\x42"
"""So begins every MAC that Docker makes from an IPv4 address."""
PROTOCOLS: Final = ("tcp", "udp")
PORT_MAX: Final = 0xFFFF
LABEL_BYTES_MAX: Final = 63
NAME_BYTES_MAX: Final = 180
"""Of the 253 that a name of DNS may have (RFC 1035, section 2.3.4) the network's and
`.internal` take up to 73."""
_MAC: Final = pattern(r"[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){5}\Z")
_PORT: Final = pattern(r"[0-9]{1,5}\Z")


@dataclass(frozen=True, slots=True)
class Publish:
    """A port of a sandbox that the host answers for. `ip` None: on all addresses."""

    ip: IP | None
    host_port: int
    port: int
    protocol: str

    def __str__(self) -> str:
        shown = f"{self.host_port}:{self.port}/{self.protocol}"
        if self.ip is None:
            return shown
        return f"[{self.ip}]:{shown}" if self.ip.version == 6 else f"{self.ip}:{shown}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as a driver sees it.

    `id` and `node` are in hexadecimal; each address lies in a subnet of its network.
    """

    id: str
    name: str
    node: str
    sandbox: str
    addresses: tuple[IP, ...]
    mac: bytes
    publish: tuple[Publish, ...] = ()


def mac_of(addresses: Sequence[IP]) -> bytes:
    """Return the MAC of an endpoint that was given none.

    Docker's: 02:42 and the IPv4 address. One that has IPv6 alone gets four bytes of its
    address's hash: serial addresses of different subnets end alike.
    """
    for address in addresses:
        if address.version == 4:
            return MAC_PREFIX + address.packed
    assert addresses, "an endpoint has an address"
    return MAC_PREFIX + blake2b(addresses[0].packed, digest_size=4).digest()


def is_station(mac: bytes) -> bool:
    """Return whether a MAC is one that a single station can have."""
    return len(mac) == MAC_BYTES and not mac[0] & 1 and any(mac)


def parse_mac(text: str) -> bytes:
    """Read a MAC that a frame can be sent to.

    Raises:
        Refused: it is none: not six bytes, of a group, or all zero.
    """
    if not _MAC.match(text):
        raise Refused(f"MAC {text!r}: want six bytes such as 02:42:0a:00:01:02")
    mac = bytes(int(part, 16) for part in text.replace("-", ":").split(":"))
    if not is_station(mac):
        raise Refused(f"MAC {text}: want one of a single station: an even first byte")
    return mac


def show_mac(mac: bytes) -> str:
    """Return a MAC as users write it."""
    return mac.hex(":")


def check_alias(text: str) -> None:
    """Refuse a name by which nobody could ask for an endpoint.

    Raises:
        Refused: it is too long, or has an empty part, or a character that none has.
    """
    data = text.encode("utf-8", "replace")
    fits = all(1 <= len(part) <= LABEL_BYTES_MAX for part in data.split(b"."))
    is_text = text.isprintable() and not any(one.isspace() for one in text)
    if not (fits and is_text and len(data) <= NAME_BYTES_MAX):
        raise Refused(
            f"alias {text[:40]!r}: want a name that can be asked for: parts of 1 to"
            f" {LABEL_BYTES_MAX} bytes between dots, {NAME_BYTES_MAX} at most, no space"
        )


def parse_publish(text: str) -> Publish:
    """Read `[IP:]PORT:PORT[/udp]`; an IPv6 address stands in brackets.

    Raises:
        Refused: it is something else, or a port is out of range.
    """
    rest, slash, protocol = text.partition("/")
    if slash and protocol not in PROTOCOLS:
        raise Refused(f"publish {text}: protocol {protocol!r}: want tcp or udp")
    address, ports = _split_address(text, rest)
    numbers = [_port(text, part) for part in ports.split(":")]
    if len(numbers) != 2:
        raise Refused(f"publish {text!r}: want [IP:]PORT:PORT[/udp]")
    return Publish(address, numbers[0], numbers[1], protocol or "tcp")


def _split_address(text: str, rest: str) -> tuple[IP | None, str]:
    if rest.startswith("["):
        host, bracket, ports = rest[1:].partition("]:")
        if not bracket:
            raise Refused(f"publish {text!r}: want [IP:]PORT:PORT[/udp]")
    elif rest.count(":") == 2:
        host, _, ports = rest.partition(":")
    else:
        return None, rest
    return parse_ip(f"publish {text}", host), ports


def parse_ip(what: str, text: str) -> IP:
    """Read an address, without a zone: that is of one host's links.

    Raises:
        Refused: it is none.
    """
    try:
        found = ip_address(text)
    except ValueError:
        raise Refused(f"{what}: {text[:40]!r} is no IP address") from None
    if "%" in text:
        raise Refused(f"{what}: {text[:40]!r}: want no zone (%…)")
    return found


def _port(text: str, part: str) -> int:
    if not (_PORT.match(part) and 1 <= int(part) <= PORT_MAX):
        raise Refused(f"publish {text}: port {part!r}: want 1 to {PORT_MAX}")
    return int(part)
