"""What rows say of pools, networks and endpoints: values, and their wire form.

    pool      [life, [[prefix, length], ...], forget]  forget: s, or nil
    network   [nonce, life, name, driver, flags, [subnet, ...], options, labels]
    subnet    [prefix, gateway, range, [[name, address], ...], vni]
    prefix    [address, length]                        range likewise, or nil
    endpoint  [name, sandbox, [[subnet, address], ...], aliases, mac, life, publish]
    will      [node, ...]                              route [prefix, ...]
    address   4 or 16 bytes                            gateway and mac may be nil

Fields are only ever appended. A network's id is hashed from its maker's and a nonce, so
that whose network it is needs no word of anybody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from swarmnet.cnm.endpoint import is_station, mac_of
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import NODE_ID_BYTES, NodeId, Scope
from swarmnet.ipam.pools import Pool
from swarmnet.ipam.subnets import IP, Network, Subnet, parse_subnet
from swarmnet.ipam.vnis import VNI_FIRST, VNI_LAST
from swarmnet.wire import Value, array, blob, natural, pack, unpack_array_untrusted

NONCE_BYTES: Final = 8
NETWORK_ID_BYTES: Final = 16
ENDPOINT_ID_BYTES: Final = 16
ID_SHOWN: Final = 8
"""So many digits of an id tell two networks of one name apart."""
NAME_CHARACTERS_MAX: Final = 63
"""A label of DNS (RFC 1035, section 2.3.4): of networks and of endpoints."""
HEIRS_MAX: Final = 8
POOL_BITS_MAX: Final = 62
"""A pool is cut into up to 2^62 subnets, so that each has a number."""
SUBNETS_MAX: Final = 8
TEXT_CHARACTERS_MAX: Final = 800
VALUE_BYTES_MAX: Final = 850
"""Of what one row says, names, options and labels together, so that it fits."""
MAC_BYTES: Final = 6
_PERSON: Final = b"swarmnet.network"
_NOTHING: Final[Mapping[str, str]] = {}


def name_apart(name: str, network: Scope) -> str:
    """Return as what a network is shown beside another of its name."""
    return f"{name}~{network.hex()[:ID_SHOWN]}"


class NetworkFlag(IntFlag):
    """What holds of a network. Bits are never used again."""

    INTERNAL = 1
    """It has no way out."""
    REMOVING = 2
    """It goes as soon as nobody takes part in it: nothing is connected any more."""
    HASHED = 4
    """Addresses of its IPv6 subnets are hashed from ids, but for the lowest."""


NO_FLAGS: Final = NetworkFlag(0)


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What a `pool` row says: of what subnets are made, and that all is its maker's.

    The row's key is its maker: a manager passes it on who has it from one of before.

    `life` is that in which it was written. Nodes that are dead for as long as
    `forget_dead_after_s` are removed; None: never.
    """

    life: int
    pools: tuple[Pool, ...]
    forget_dead_after_s: int | None = None

    def encode(self) -> bytes:
        """Return the value of the row."""
        pools = [(_prefix_fields(one.prefix), one.length) for one in self.pools]
        return pack((self.life, pools, self.forget_dead_after_s))


@dataclass(frozen=True, slots=True)
class NetworkSubnet:
    """One subnet of a network, and the VNI under which its frames travel."""

    subnet: Subnet
    vni: int


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a `network` row says. `life` is that of its maker which made it."""

    nonce: bytes
    life: int
    name: str
    subnets: tuple[NetworkSubnet, ...]
    driver: str = "overlay"
    flags: NetworkFlag = NO_FLAGS
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the value of the row."""
        subnets = [_subnet_fields(one) for one in self.subnets]
        head = (self.nonce, self.life, self.name, self.driver, int(self.flags))
        pairs = [sorted(held.items()) for held in (self.options, self.labels)]
        return pack((*head, subnets, *pairs))


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What an `endpoint` row says: (index of the subnet, address)es, and names.

    `life` is that of its owner which made it; `publish` are ports, as users write them.
    """

    name: str
    sandbox: str
    addresses: tuple[tuple[int, IP], ...]
    aliases: tuple[str, ...] = ()
    mac: bytes | None = None
    life: int = 0
    publish: tuple[str, ...] = ()

    @property
    def station(self) -> bytes:
        """The MAC that it has, given or made of its addresses.

        What no single station can have, no row can give it; zeros if it has no address.
        """
        if self.mac is not None and is_station(self.mac):
            return self.mac
        addresses = [address for _, address in self.addresses]
        return mac_of(addresses) if addresses else bytes(MAC_BYTES)

    def encode(self) -> bytes:
        """Return the value of the row."""
        addresses = [(index, address.packed) for index, address in self.addresses]
        names = (self.name, self.sandbox, addresses, self.aliases)
        return pack((*names, self.mac, self.life, self.publish))


def check_text(what: str, text: str) -> None:
    """Refuse a text that no row can say.

    Raises:
        Refused: it is too long, or no text in UTF-8.
    """
    shown = text[:40].encode("utf-8", "replace").decode()
    if len(text) > TEXT_CHARACTERS_MAX:
        raise Refused(
            f"{what} {shown!r}...: {len(text)} characters, want {TEXT_CHARACTERS_MAX}"
            " at most"
        )
    if text != text.encode("utf-8", "replace").decode():
        raise Refused(f"{what} {shown!r}: half a surrogate pair; want UTF-8")


def check_value(what: str, value: bytes) -> None:
    """Refuse what is too long to be said by one row.

    Raises:
        Refused: it is.
    """
    if len(value) > VALUE_BYTES_MAX:
        raise Refused(
            f"{what}: its names, options and labels take {len(value)} bytes, want"
            f" {VALUE_BYTES_MAX} at most; shorten them"
        )


def check_pools(pools: Sequence[Pool]) -> None:
    """Refuse pools of more subnets than can be numbered.

    Raises:
        Refused: one is.
    """
    for pool in pools:
        most = pool.prefix.prefixlen + POOL_BITS_MAX
        if pool.length > most:
            raise Refused(
                f"address pool {pool}: too many to be counted; want /{most} or less"
            )


def network_id(maker: NodeId, nonce: bytes) -> Scope:
    """Return the id of a network, which is its scope."""
    hasher = blake2b(digest_size=NETWORK_ID_BYTES, person=_PERSON)
    hasher.update(maker + nonce)
    return Scope(hasher.digest())


def decode_pool_untrusted(value: bytes) -> PoolFacts:
    """Read the value of a `pool` row.

    Raises:
        BadPacket: it is none.
    """
    life, pools, forget = array(unpack_array_untrusted(value), 3)[:3]
    read = tuple(_pool(one) for one in array(pools, 0))
    after_s = None if forget is None else natural(forget)
    return PoolFacts(natural(life), read, after_s)


def decode_network_untrusted(value: bytes) -> NetworkFacts:
    """Read the value of a `network` row.

    Raises:
        BadPacket: it is none.
    """
    fields = array(unpack_array_untrusted(value), 8)
    return NetworkFacts(
        nonce=blob(fields[0], NONCE_BYTES, NONCE_BYTES),
        life=natural(fields[1]),
        name=_text(fields[2], NAME_CHARACTERS_MAX),
        driver=_text(fields[3]),
        flags=NetworkFlag(natural(fields[4])),
        subnets=tuple(_subnet(one) for one in array(fields[5], 0)[:SUBNETS_MAX]),
        options=_pairs(fields[6]),
        labels=_pairs(fields[7]),
    )


def decode_endpoint_untrusted(value: bytes) -> EndpointFacts:
    """Read the value of an `endpoint` row.

    Raises:
        BadPacket: it is none.
    """
    fields = array(unpack_array_untrusted(value), 7)
    name, sandbox, addresses, aliases, mac, life, publish = fields[:7]
    return EndpointFacts(
        name=_text(name, NAME_CHARACTERS_MAX),
        sandbox=_text(sandbox),
        addresses=tuple(_placed(one) for one in array(addresses, 0)),
        aliases=tuple(_text(one) for one in array(aliases, 0)),
        mac=None if mac is None else blob(mac, MAC_BYTES, MAC_BYTES),
        life=natural(life),
        publish=tuple(_text(one) for one in array(publish, 0)),
    )


def encode_will(heirs: Sequence[NodeId]) -> bytes:
    """Return the value of the row that names a node's heirs, the first first."""
    assert len(heirs) <= HEIRS_MAX, len(heirs)
    return pack(tuple(heirs))


def decode_will_untrusted(value: bytes) -> tuple[NodeId, ...]:
    """Read `encode_will`'s form.

    Raises:
        BadPacket: it is no will, or names too many.
    """
    heirs = unpack_array_untrusted(value)
    if len(heirs) > HEIRS_MAX:
        raise BadPacket(f"{len(heirs)} heirs, want {HEIRS_MAX} at most")
    return tuple(NodeId(blob(one, NODE_ID_BYTES, NODE_ID_BYTES)) for one in heirs)


def encode_prefixes(prefixes: Sequence[Network]) -> bytes:
    """Return the value of a row that lists prefixes."""
    return pack([_prefix_fields(one) for one in prefixes])


def decode_prefixes_untrusted(value: bytes) -> tuple[Network, ...]:
    """Read `encode_prefixes`' form.

    Raises:
        BadPacket: it is no list of prefixes.
    """
    return tuple(_prefix(one) for one in unpack_array_untrusted(value))


def _subnet_fields(one: NetworkSubnet) -> tuple[Value, ...]:
    subnet = one.subnet
    gateway = None if subnet.gateway is None else subnet.gateway.packed
    held = None if subnet.ip_range is None else _prefix_fields(subnet.ip_range)
    names = [(name, address.packed) for name, address in subnet.auxiliaries]
    return (_prefix_fields(subnet.prefix), gateway, held, names, one.vni)


def _subnet(value: object) -> NetworkSubnet:
    prefix, gateway, held, names, vni = array(value, 5)[:5]
    found = _prefix(prefix)
    auxiliaries = tuple(_auxiliary(one) for one in array(names, 0))
    number = natural(vni, VNI_LAST)
    if number < VNI_FIRST:
        raise BadPacket(f"VNI {number}, want {VNI_FIRST} or more")
    try:
        # What no user may write, no row may say.
        subnet = parse_subnet(
            str(found),
            gateway=None if gateway is None else str(_address(gateway)),
            ip_range=None if held is None else str(_prefix(held)),
            auxiliaries={name: str(address) for name, address in auxiliaries},
            has_gateway=gateway is not None,
        )
    except Refused as refused:
        raise BadPacket(str(refused)) from None
    return NetworkSubnet(subnet, number)


def _auxiliary(value: object) -> tuple[str, IP]:
    name, address = array(value, 2)[:2]
    return _text(name), _address(address)


def _placed(value: object) -> tuple[int, IP]:
    index, address = array(value, 2)[:2]
    return natural(index), _address(address)


def _pool(value: object) -> Pool:
    prefix, length = array(value, 2)[:2]
    found = _prefix(prefix)
    cut = natural(length, found.max_prefixlen)
    if not 0 <= cut - found.prefixlen <= POOL_BITS_MAX:
        raise BadPacket(f"a pool {found} cut to /{cut}")
    return Pool(found, cut)


def _prefix_fields(prefix: Network) -> tuple[bytes, int]:
    return prefix.network_address.packed, prefix.prefixlen


def _prefix(value: object) -> Network:
    packed, length = array(value, 2)[:2]
    address = _address(packed)
    bits = natural(length, address.max_prefixlen)
    if int(address) & ((1 << address.max_prefixlen - bits) - 1):
        raise BadPacket(f"{address}/{bits} has host bits")
    if isinstance(address, IPv4Address):
        return IPv4Network((int(address), bits))
    return IPv6Network((int(address), bits))


def _address(value: object) -> IP:
    packed = blob(value, 16, 4)
    if len(packed) == 4:
        return IPv4Address(packed)
    if len(packed) == 16:
        return IPv6Address(packed)
    raise BadPacket(f"an address of {len(packed)} bytes, want 4 or 16")


def _text(value: object, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    if type(value) is not str or len(value) > characters_max:
        raise BadPacket(f"want a text of up to {characters_max} characters")
    return value


def _pairs(value: object) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for item in array(value, 0):
        name, text = array(item, 2)[:2]
        found[_text(name)] = _text(text)
    return found or _NOTHING
