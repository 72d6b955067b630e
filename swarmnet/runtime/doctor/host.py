"""Everything that is looked at on this host, with an agent or without one."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.cnm.network import Prefix
from swarmnet.doctor.features import FeatureFacts, check_features
from swarmnet.doctor.finding import Finding, skipped
from swarmnet.doctor.firewall import (
    FirewallFacts,
    check_firewall,
)
from swarmnet.doctor.host import FORWARD, HostFacts, NeighbourTable, check_host
from swarmnet.doctor.matching import IP
from swarmnet.doctor.ports import PortFacts, check_ports
from swarmnet.doctor.rights import RightsFacts, check_rights
from swarmnet.doctor.sandboxes import ByHand, check_by_hand
from swarmnet.doctor.standing import StandingFacts, check_standing
from swarmnet.doctor.storage import StorageFacts, check_storage
from swarmnet.errors import BadPacket, Refused
from swarmnet.kernel.links import is_ours
from swarmnet.kernel.state import HOST, Namespace, Unreadable
from swarmnet.overlay.facts import foreign_prefixes
from swarmnet.overlay.naming import GATEWAY_BRIDGE
from swarmnet.runtime.doctor.crossings import crossings_of, link_of
from swarmnet.runtime.doctor.rulesets import Unlisted, read_ruleset
from swarmnet.runtime.doctor.sockets import find_devices, find_holders
from swarmnet.runtime.doctor.trials import try_features
from swarmnet.runtime.reading import Reader
from swarmnet.runtime.rights import effective
from swarmnet.runtime.spaces import open_space
from swarmnet.runtime.standing import PORT
from swarmnet.runtime.sysctls import read_sysctls

HERE: Final = "/proc/thread-self/ns/net"
TRIALS: Final = 3
SIOCGIFFLAGS: Final = 0x8913
NEIGHBOUR_TABLES: Final = {"ipv4": "arp_cache", "ipv6": "ndisc_cache"}
"""What the statistics of a family's table are called."""
IFF_RUNNING: Final = 0x40
"""Up, and its operational state is so too, or not known: netdevice(7)."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known besides of the host that is to be looked at.

    `agent` is the pid of its agent, None if none runs. `peers` are addresses and VTEPs
    of the other members. `spaces` are namespaces of ours: name and descriptor, which
    is closed.
    """

    data_dir: str
    agent: int | None = None
    standing: StandingFacts | None = None
    notice: str | None = None
    is_silent: bool = False
    """Whether an agent has kept something in `data_dir`, and does not answer."""
    address: IP | None = None
    port: int = PORT
    vtep: IP | None = None
    vxlan_port: int = VXLAN_PORT
    vnis: tuple[int, ...] = ()
    peers: Sequence[tuple[IP, IP | None]] = ()
    published: Sequence[tuple[str, int]] = ()
    """Ports inside that are published on this host: protocol and number."""
    networks: Sequence[tuple[str, Prefix]] = ()
    pools: Sequence[Prefix] = ()
    mtus: Sequence[tuple[str, int, int]] = ()
    is_full: bool = False
    spaces: Callable[[], Iterator[tuple[str, int]]] = lambda: iter(())
    by_hand: Callable[[], Sequence[ByHand]] | None = None
    """Looks for addresses that were set by hand."""


def examine(one: Examined) -> list[Finding]:
    """Look at this host, and judge it. Blocks, for a second or so."""
    found = [
        *check_rights(_rights(one)),
        *check_features(FeatureFacts(try_features())),
        *check_ports(_ports(one)),
    ]
    try:
        host = _read_host()
    except (Unreadable, OSError) as error:
        told = f"its links, routes and rules cannot be read: {error}"
        found.append(skipped("host", told, "run doctor as root"))
    else:
        found += check_host(_host(one, host))
        found += check_firewall(_firewall(one, host))
    if one.by_hand is not None:
        found += check_by_hand(one.by_hand())
    found += check_storage(look_at_folder(one.data_dir, is_full=one.is_full))
    found += check_standing(one.standing, one.notice, is_silent=one.is_silent)
    return found


def _rights(one: Examined) -> RightsFacts:
    if one.agent is None or one.agent == os.getpid():
        who = "this process" if one.agent is None else f"the agent (pid {one.agent})"
        return RightsFacts(who, effective())
    return RightsFacts(f"the agent (pid {one.agent})", effective(one.agent))


def _ports(one: Examined) -> PortFacts:
    host = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        devices = find_devices(host, one.spaces())
    finally:
        os.close(host)
    return PortFacts(
        port=one.port,
        vxlan_port=one.vxlan_port,
        agent=one.agent,
        holders=find_holders((one.port, one.vxlan_port)),
        devices=devices,
        vnis=one.vnis,
        in_cluster=one.standing is not None,
    )


def _read_host() -> Namespace:
    """Return what the calling thread's namespace holds.

    Raises:
        Unreadable: It changes all the time.
    """
    fd = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
    space = open_space(fd)
    told = ""
    try:
        for _ in range(TRIALS):
            try:
                return Reader(None).read(space, HOST, None, is_pinned=False)
            except (Unreadable, BadPacket, Refused) as error:
                told = str(error)
    finally:
        space.close()
    raise Unreadable(told)


def is_running(name: str) -> bool:
    """Return whether a link of the calling thread's namespace has a carrier.

    Of one that cannot be asked it is not denied.
    """
    request = bytearray(struct.pack("=16sh22x", name.encode(), 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            fcntl.ioctl(sock, SIOCGIFFLAGS, request)
        except OSError:
            return True
    (flags,) = struct.unpack_from("=h", request, 16)
    return bool(flags & IFF_RUNNING)


def routes_of(
    host: Namespace,
) -> tuple[list[tuple[Prefix, str]], dict[Prefix, str]]:
    """Return foreign prefixes and their links, and which of them no route leads to.

    Those are addresses of the host: each with its prefix's length, as `ip` takes it.
    """
    links: dict[Prefix, str] = {}
    for route in host.routes:
        if route.length:
            prefix = ip_network((route.destination, route.length), strict=False)
            links.setdefault(prefix, route.link)
    routes, addresses = [], {}
    held = {
        ip_network((one.ip, one.length), strict=False): one for one in host.addresses
    }
    for prefix in dict.fromkeys(foreign_prefixes(host)):
        link = links.get(prefix, "")
        if not link and prefix in held:
            one = held[prefix]
            link = one.link
            addresses[prefix] = f"{ip_address(one.ip)}/{one.length}"
        routes.append((prefix, link))
    return routes, addresses


def _host(one: Examined, host: Namespace) -> HostFacts:
    routes, addresses = routes_of(host)
    underlay = link_of(host, one.vtep)
    link = host.links.get(underlay)
    paths = [f"net/ipv4/conf/{name}/rp_filter" for name in ("all", underlay) if name]
    fd = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sysctls = read_sysctls(fd, [FORWARD, *paths])
    finally:
        os.close(fd)
    return HostFacts(
        routes=routes,
        addresses=addresses,
        networks=one.networks,
        pools=one.pools,
        has_gateway=GATEWAY_BRIDGE in host.links,
        sysctls=sysctls,
        underlay=underlay,
        vtep=None if one.vtep is None else str(one.vtep),
        links=sum(not is_ours(link) for link in host.links.values()),
        is_up=link is None or link.is_up,
        is_running=link is None or is_running(underlay),
        underlay_mtu=None if link is None else link.mtu,
        mtus=one.mtus,
        neighbours=tuple(read_neighbours()),
    )


def read_neighbours(root: str = "/proc") -> Iterator[NeighbourTable]:
    """Yield the kernel's tables of neighbours; none where they are not shown.

    They are in the first network namespace alone, though all share them.
    """
    for family, name in NEIGHBOUR_TABLES.items():
        limit = f"{root}/sys/net/{family}/neigh/default/gc_thresh3"
        try:
            with open(f"{root}/net/stat/{name}", encoding="ascii") as file:
                head, *rows = (line.split() for line in file)
            with open(limit, encoding="ascii") as file:
                most = int(file.read())
            entries, full = head.index("entries"), head.index("table_fulls")
            # Each processor counts for itself; what is held is the same in all.
            held = max(int(row[entries], 16) for row in rows)
            refused = sum(int(row[full], 16) for row in rows)
        except (OSError, ValueError, IndexError):
            continue
        yield NeighbourTable(family, held, most, refused)


def _firewall(one: Examined, host: Namespace) -> FirewallFacts:
    crossings = tuple(crossings_of(one, host))
    try:
        return FirewallFacts(read_ruleset(), crossings=crossings)
    except Unlisted as error:
        return FirewallFacts(None, str(error), crossings)


def look_at_folder(folder: str, *, is_full: bool) -> StorageFacts:
    """Return how a data directory is, as this process sees it."""
    user = os.geteuid()
    try:
        status, room = os.stat(folder), os.statvfs(folder)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return StorageFacts(folder, exists=False, user=user)
        return StorageFacts(folder, user=user, error=error.strerror or str(error))
    return StorageFacts(
        folder,
        free_bytes=room.f_bavail * room.f_frsize,
        is_read_only=bool(room.f_flag & os.ST_RDONLY),
        is_writable=os.access(folder, os.W_OK | os.X_OK, effective_ids=True),
        mode=status.st_mode & 0o7777,
        owner=status.st_uid,
        user=user,
        is_full=is_full,
    )
