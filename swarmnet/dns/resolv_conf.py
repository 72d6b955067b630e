"""The file resolv.conf (resolv.conf(5)): the host's, read; a sandbox's, written."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

HOST_FILE: Final = "/etc/resolv.conf"
ADDRESS: Final = "127.0.0.11"
"""Where a sandbox's resolver is; Docker's is there too."""
PORT: Final = 53
SERVERS_MAX: Final = 3
"""MAXNS of resolv.h."""
SEARCH_BYTES_MAX: Final = 1024
LOCAL: Final = "127.0.0.1"
"""What is asked where no server is named."""
OPTIONS: Final = "ndots:0"
"""Docker's: a name is first asked as it is, one without a dot too."""


@dataclass(frozen=True, slots=True)
class Resolving:
    """How a host resolves names: whom it asks, and what it adds to them."""

    servers: tuple[str, ...] = (LOCAL,)
    search: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> Resolving:
    """Read a host's file; what nobody understands is passed over, as libc does."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        if line[:1] in ("#", ";"):
            continue
        word, *rest = line.split() or [""]
        if word == "nameserver" and rest and _is_address(rest[0]):
            servers.append(rest[0])
        elif word in ("search", "domain"):
            # The last of either counts.
            search = tuple(rest if word == "search" else rest[:1])
    return Resolving(tuple(dict.fromkeys(servers))[:SERVERS_MAX] or (LOCAL,), search)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def write_resolv_conf(host: Resolving) -> str:
    """Return the file of a sandbox, with the host's search list."""
    lines = ["# Written by swarmnet.", f"nameserver {ADDRESS}"]
    search = " ".join(host.search)[:SEARCH_BYTES_MAX]
    if search:
        lines.append(f"search {search}")
    return "\n".join([*lines, f"options {OPTIONS}", ""])
