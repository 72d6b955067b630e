"""Who holds which port, read from proc(5), and who else makes VXLAN devices here."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from sys import byteorder
from typing import Final

from swarmnet.doctor.ports import Holder, VxlanDevice
from swarmnet.kernel.links import is_ours
from swarmnet.runtime.strays import devices_from

TABLES: Final = {
    "udp": "udp",
    "udp6": "udp",
    "tcp": "tcp",
    "tcp6": "tcp",
}
NET: Final = Path("/proc/thread-self/net")
PROCESSES: Final = Path("/proc")
LISTENS: Final = "0A"
"""TCP_LISTEN of include/net/tcp_states.h."""
KERNEL: Final = 0


def find_holders(ports: Iterable[int]) -> tuple[Holder, ...]:
    """Return who holds these ports in the calling thread's network namespace."""
    wanted = dict.fromkeys(ports)
    found = [one for name in TABLES for one in _sockets(name) if one[2] in wanted]
    if not found:
        return ()
    owners = _owners({inode for *_, inode in found})
    is_root = os.geteuid() == 0
    holders: dict[Holder, None] = {}
    for protocol, address, port, inode in found:
        # The kernel's own sockets are nobody's file.
        pid = owners.get(inode, KERNEL if is_root else None)
        holders[Holder(protocol, address, port, pid, program_of(pid))] = None
    return tuple(holders)


def _sockets(name: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield protocol, address, port and inode of the sockets that are bound."""
    try:
        lines = (NET / name).read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        words = line.split()
        if len(words) < 10 or (TABLES[name] == "tcp" and words[3] != LISTENS):
            continue
        host, _, port = words[1].partition(":")
        yield TABLES[name], _address(host), int(port, 16), words[9]


def _address(text: str) -> str:
    """Return an address that the kernel wrote as words in its own byte order."""
    words = [bytes.fromhex(text[i : i + 8]) for i in range(0, len(text), 8)]
    if byteorder == "little":
        words = [word[::-1] for word in words]
    packed = b"".join(words)
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def _owners(inodes: Iterable[str]) -> dict[str, int]:
    """Return which process has which socket open, as far as that may be seen."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, int] = {}
    for folder in PROCESSES.glob("[0-9]*/fd"):
        for target in _targets(folder):
            inode = wanted.get(target)
            if inode is not None:
                owners.setdefault(inode, int(folder.parent.name))
    return owners


def _targets(folder: Path) -> Iterator[str]:
    """Yield what the descriptors of a process stand for, as far as that is shown."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            yield os.readlink(folder / name)


def program_of(pid: int | None) -> str:
    """Return what a process is called, or "" if nobody can tell."""
    if not pid:
        return ""
    try:
        return (PROCESSES / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def find_devices(
    host: int, known: Iterable[tuple[str, int]]
) -> tuple[VxlanDevice, ...]:
    """Return the VXLAN devices whose socket stands in the namespace `host`.

    `known` are namespaces to look at beside those that have a process or a name: what
    they are called, and descriptors that are closed.
    """
    found: list[VxlanDevice] = []
    for place, link in devices_from(host, known):
        assert link.vxlan is not None, link.name
        found.append(
            VxlanDevice(
                link.name,
                place,
                link.vxlan.vni,
                link.vxlan.port,
                is_ours=is_ours(link),
                # A device that takes every VNI says 0.
                is_external=link.vxlan.vni == 0,
            )
        )
    return tuple(found)
