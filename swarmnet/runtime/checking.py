"""What a host refuses by what it sees itself: ports, addresses, namespaces in use."""

import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

from swarmnet.cnm.endpoint import IP, Publish, parse_publish, show_mac
from swarmnet.errors import Refused
from swarmnet.kernel.state import HOST
from swarmnet.node.networks import KnownNetwork
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.explaining import Explaining
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Json

KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def check_ports(life: Life, publish: Sequence[str]) -> None:
    """Refuse ports of this host that somebody has: they would lose what comes there.

    Raises:
        Refused: a port is in use, or the text is none.
    """
    taken = _published(life) if publish else []
    for text in publish:
        port = parse_publish(text)
        user = next((by for one, by in taken if _overlap(one, port)), None)
        if user is None and _is_vxlan(life, port):
            user = "VXLAN"
        if user is None and _is_bound(port):
            user = "a process"
        if user is not None:
            raise Refused(
                f"publish {text}: port {port.host_port}/{port.protocol} is in use on"
                f" this host by {user}; choose another"
            )
        taken.append((port, "this command"))


def _published(life: Life) -> list[tuple[Publish, str]]:
    return [
        (parse_publish(text), f"sandbox {one.facts.sandbox}")
        for one in life.own_endpoints()
        for text in one.facts.publish
    ]


def _overlap(one: Publish, other: Publish) -> bool:
    if (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    return one.ip is None or other.ip is None or one.ip == other.ip


def _is_vxlan(life: Life, port: Publish) -> bool:
    return (port.host_port, port.protocol) == (life.standing.place.vxlan_port, "udp")


def _is_bound(port: Publish) -> bool:
    """Return whether a socket of this host has a port."""
    family = socket.AF_INET6 if port.ip and port.ip.version == 6 else socket.AF_INET
    kind = KINDS.get(port.protocol)
    if kind is None:
        return False
    with socket.socket(family, kind | socket.SOCK_CLOEXEC) as probe:
        if kind == socket.SOCK_STREAM:
            # Connections that have ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(port.ip or ""), port.host_port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


async def check_address(life: Life, network: KnownNetwork, address: IP) -> None:
    """Refuse an address that an endpoint of a network has, as `check_mac` does.

    Whose range it is in says so too, but not who uses it.

    Raises:
        Refused: it is in use; by whom.
    """
    wanted = str(address)
    for one in await Explaining(life).inside(wanted, network.id):
        validity = one.get("address")
        is_valid = isinstance(validity, dict) and bool(validity.get("valid"))
        if is_valid and wanted in (one.get("ipv4"), one.get("ipv6")):
            raise _used(f"address {wanted}", one)


async def check_mac(life: Life, network: KnownNetwork, mac: bytes) -> None:
    """Refuse a MAC that an endpoint of a network has, as far as anybody can be asked.

    A host that takes no part in the network holds none of its rows: it asks one that
    does. Two that connect at the same moment can still both have it.

    Raises:
        Refused: it is in use; by whom.
    """
    wanted = show_mac(mac)
    for one in await Explaining(life).inside(wanted, network.id):
        if one.get("mac") == wanted:
            raise _used(f"MAC {wanted}", one)


def _used(what: str, by: Json) -> Refused:
    node = by.get("owner_name") or by.get("owner")
    return Refused(
        f"{what}: in use by sandbox {by.get('sandbox')} on {node};"
        " choose another, or disconnect that first"
    )


def check_namespace(life: Life, netns: str) -> None:
    """Refuse to adopt a namespace that is the host's, or another sandbox's.

    What is no namespace at all is not looked at.

    Raises:
        Refused: it is; whose.
    """
    try:
        wanted = os.stat(netns)
    except OSError:
        return
    keys = {HOST: "the host's own"}
    for sandbox in life.sandboxes.all():
        keys[box_of(sandbox.name)] = f"that of sandbox {sandbox.name}"
    for key, whose in keys.items():
        try:
            fd = life.kernel.open(key)
        except (OSError, Refused):
            continue
        try:
            is_same = os.path.samestat(os.fstat(fd), wanted)
        finally:
            os.close(fd)
        if is_same:
            raise Refused(
                f"namespace {netns}: is {whose}; give each sandbox one of its own"
            )
