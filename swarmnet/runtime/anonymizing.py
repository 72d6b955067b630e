"""Names and addresses replaced by others, each by the same one wherever it stands.

Addresses keep who shares a prefix with whom (Xu et al., "Prefix-preserving IP address
anonymization", 2002): each bit is turned or not by a keyed hash of those before it. So
what lies in a subnet still does, and nobody without the key can tell which it was.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from re import Match, escape
from re import compile as pattern
from typing import Final

KEY_BYTES: Final = 32
IPV4_BITS: Final = 32
LINK_LOCAL_BITS: Final = 64
"""So much of a link-local address of IPv6 is the same everywhere."""
IP = IPv4Address | IPv6Address
_IPV4: Final = pattern(
    r"(?<![\w.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w.]*[0-9])(/[0-9]{1,2})?"
)
_IPV6: Final = pattern(
    r"(?<![\w:.])(?=[0-9a-fA-F]*:[0-9a-fA-F]*:)"
    r"([0-9a-fA-F:]{0,38}(?:[0-9a-fA-F]|(?<!:)::))"
    r"(?!\w|::|:[0-9a-fA-F]{1,4}(?!\w))(/[0-9]{1,3})?"
)
"""A colon after it may be the sentence's: then no other group follows."""
_MAC: Final = pattern(
    r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?!\w|::|:[0-9a-fA-F]{2}(?!\w))"
)
_QUOTED: Final = pattern(r'"((?:[^"\\]|\\.)*)"')
LABELS: Final = "labels"
"""Under this name keys are a user's words too."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Anonymizer:
    """Replaces names, given by kind, and all addresses."""

    __slots__ = ("_addresses", "_key", "_names", "_pattern")

    def __init__(self, key: bytes, names: Mapping[str, Iterable[str]]) -> None:
        assert len(key) == KEY_BYTES, "32 random bytes"
        self._key = key
        self._addresses: dict[str, int] = {}
        self._names: dict[str, str] = {}
        for kind, some in names.items():
            for number, name in enumerate(dict.fromkeys(filter(None, some)), start=1):
                self._names.setdefault(name, f"{kind}{number}")
        longest = sorted(self._names, key=lambda name: (-len(name), name))
        words = "|".join(map(escape, longest))
        self._pattern = pattern(rf"(?<![\w-])(?:{words})(?![\w-])") if words else None

    def text(self, text: str) -> str:
        """Return a text with names and addresses replaced."""
        text = _MAC.sub(self._mac, text)
        text = _IPV4.sub(self._address, text)
        text = _IPV6.sub(self._address, text)
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._names[found[0]], text)

    def quoted(self, text: str) -> str:
        """Return the same, of what stands in quotes alone: labels of metrics."""
        return _QUOTED.sub(lambda found: f'"{self.text(found[1])}"', text)

    def document(self, text: str) -> str:
        """Return a JSON document with its texts replaced, and its keys left.

        Raises:
            ValueError: it is none.
        """
        return json.dumps(self._value(json.loads(text)), indent=1)

    def _value(self, value: Json, *, are_words: bool = False) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if isinstance(value, dict):
            return {
                self.text(key) if are_words or _is_address(key) else key: self._value(
                    one, are_words=key == LABELS
                )
                for key, one in value.items()
            }
        return value

    def _address(self, found: Match[str]) -> str:
        shown, length, port = found[1], found[2], ""
        try:
            address = ip_address(shown)
        except ValueError:
            # A port may follow an address of IPv6, as in a message of somebody's.
            shown, colon, digits = shown.rpartition(":")
            port = colon + digits
            try:
                address = ip_address(shown)
            except ValueError:
                return found[0]
        if _is_common(address):
            return found[0]
        turned = self._addresses.get(shown)
        if turned is None:
            turned = self._addresses[shown] = self._turned(address)
        bits = address.max_prefixlen
        host = bits - min(bits, int((length or f"/{bits}")[1:]))
        if int(address) & ((1 << host) - 1) == 0:
            # It names a network, and goes on doing so.
            turned = turned >> host << host
        return f"{_shown(turned, bits)}{port}{length or ''}"

    def _turned(self, address: IP) -> int:
        is_local = address.is_link_local and address.version == 6
        number, bits = int(address), address.max_prefixlen
        turned = number
        for place in range(LINK_LOCAL_BITS if is_local else 0, bits):
            seed = b"%d %d %d" % (bits, place, number >> (bits - place))
            turn = blake2b(seed, key=self._key, digest_size=1).digest()[0] & 1
            turned ^= turn << (bits - 1 - place)
        return turned

    def _mac(self, found: Match[str]) -> str:
        mac = found[0].lower()
        if mac in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff") or int(mac[:2], 16) & 1:
            return found[0]
        digest = blake2b(mac.encode(), key=self._key, digest_size=5).digest()
        return ":".join(["02", *(f"{one:02x}" for one in digest)])


def _shown(number: int, bits: int) -> str:
    return str(IPv4Address(number) if bits == IPV4_BITS else IPv6Address(number))


def _is_common(address: IP) -> bool:
    """Return whether an address is the same on every host."""
    is_all = address.version == 4 and int(address) == (1 << IPV4_BITS) - 1
    is_here = address.is_loopback or address.is_unspecified
    return is_all or is_here or address.is_multicast


def _is_address(key: str) -> bool:
    try:
        ip_address(key.partition("/")[0])
    except ValueError:
        return False
    return True
