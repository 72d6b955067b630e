"""Random desired states of a host, of the shape that the overlay's plans have.

A sandbox is foreign: it must be adopted under its key before it can be read.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from swarmnet.kernel.firewall import OURS, Set, Table
from swarmnet.kernel.links import Kind, Link, Peer, Port, Vxlan
from swarmnet.kernel.state import HOST, Address, Entries, Host, Namespace, Route

BOXES: Final = ("box/a", "box/b", "box/c")
MTUS: Final = (1450, 1430, 1400)
CHAINS: Final = """chain incoming {
    type filter hook input priority 0; policy accept;
    udp dport 4789 ip saddr @vteps accept
}
"""


@dataclass(slots=True)
class _Space:
    """A namespace in the making."""

    links: dict[str, Link] = field(default_factory=dict)
    addresses: dict[Address, None] = field(default_factory=dict)
    routes: dict[Route, None] = field(default_factory=dict)
    entries: dict[str, Entries] = field(default_factory=dict)
    stations: dict[bytes, str] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)

    def value(self, key: str) -> Namespace:
        return Namespace(
            links=self.links,
            addresses=self.addresses,
            routes=self.routes,
            entries=self.entries,
            stations=self.stations,
            sysctls=self.sysctls,
            tables=self.tables,
            is_owned=key.startswith("net/"),
            is_pinned=key.startswith("net/"),
        )


def desired_host(random: Random, *, networks: int = 3, has_table: bool = True) -> Host:
    """Return what up to `networks` networks call for; each may be absent.

    Drawn twice, two states differ in networks, endpoints, entries, MTU and addresses,
    and have names in common.
    """
    spaces: dict[str, _Space] = {HOST: _Space(), **{box: _Space() for box in BOXES}}
    for number in range(1, networks + 1):
        if random.random() < 0.8:
            spaces[f"net/n{number}"] = _Space()
            _add_network(random, number, spaces)
    if has_table and len(spaces) > 1 + len(BOXES):
        spaces[HOST].tables[OURS] = _table(random)
    return Host({key: space.value(key) for key, space in spaces.items()})


def _add_network(random: Random, number: int, spaces: dict[str, _Space]) -> None:
    net = spaces[f"net/n{number}"]
    mtu = random.choice(MTUS)
    alias = f"swarmnet:n{number}"
    net.links["br0"] = Link("br0", Kind.BRIDGE, mtu, alias, _mac(number, 0xB0))
    gateway = bytes([10, number, 0, 1])
    net.addresses[Address("br0", gateway, 24)] = None
    net.sysctls["net/bridge/bridge-nf-call-iptables"] = "0"
    for subnet in range(random.randint(1, 2)):
        _add_device(random, number, subnet, net)
    for index, box in enumerate(BOXES):
        if random.random() < 0.7:
            _add_endpoint(random, (number, index), net, spaces[box], mtu)


def _add_device(random: Random, number: int, subnet: int, net: _Space) -> None:
    name = f"vxlan{subnet}"
    vni = 4096 + number * 10 + subnet
    net.links[name] = Link(
        name,
        Kind.VXLAN,
        net.links["br0"].mtu,
        f"swarmnet:n{number}",
        master="br0",
        port=Port(flood=True),
        vxlan=Vxlan(vni, bytes([10, 99, 0, 1]), 4789),
    )
    remote = [i for i in range(20) if random.random() < 0.5]
    macs = {i: _mac(number, 100 + i) for i in remote}
    vteps = {i: bytes([10, 99, 0, random.randint(2, 5)]) for i in remote}
    ipv4 = {bytes([10, number, subnet, 100 + i]): macs[i] for i in remote}
    ipv6 = {_ip6(number, 100 + i): macs[i] for i in remote}
    flood = sorted(set(vteps.values())) if random.random() < 0.3 else []
    fdb = {macs[i]: vteps[i] for i in remote}
    net.entries[name] = Entries(fdb, {**ipv4, **ipv6}, tuple(flood))


def _add_endpoint(
    random: Random, place: tuple[int, int], net: _Space, box: _Space, mtu: int
) -> None:
    number, index = place
    host = random.choice((10, 20)) + index
    inner = f"eth{number}"
    outer = f"v{number * 16 + index:012x}"
    alias = f"swarmnet:n{number}/e{index}"
    mac = _mac(number, host)
    net.links[outer] = Link(
        outer,
        Kind.VETH,
        mtu,
        alias,
        master="br0",
        port=Port(),
        peer=Peer(BOXES[index], inner),
    )
    net.stations[mac] = outer
    net_key = f"net/n{number}"
    other = Link(inner, Kind.VETH, mtu, alias, mac, peer=Peer(net_key, outer))
    box.links[inner] = other
    box.addresses[Address(inner, bytes([10, number, 0, host]), 24)] = None
    box.addresses[Address(inner, _ip6(number, host), 64)] = None
    far, gateway = bytes([10, number, 1, 0]), bytes([10, number, 0, 1])
    box.routes[Route(far, 24, inner, gateway)] = None


def _table(random: Random) -> Table:
    sets = (
        Set("vteps", "type ipv4_addr"),
        Set("ways", "type inet_service : ipv4_addr", is_map=True),
    )
    vteps = [f"10.99.0.{i}" for i in range(2, 9) if random.random() < 0.5]
    ways = [f"{80 + i} : 10.0.0.{random.randint(2, 4)}" for i in range(3)]
    elements = {"vteps": dict.fromkeys(vteps), "ways": dict.fromkeys(ways)}
    extra = "" if random.random() < 0.5 else "chain more {\n}\n"
    return Table(*OURS, sets, CHAINS + extra, elements)


def _mac(number: int, last: int) -> bytes:
    return bytes([2, 0x42, 10, number, 0, last])


def _ip6(number: int, last: int) -> bytes:
    return bytes([0xFD, number]) + bytes(13) + bytes([last])
