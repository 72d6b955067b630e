"""What a process must be allowed to do, by the names in capabilities(7)."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from swarmnet.errors import Refused

WANTED: Final = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Links, addresses, firewall; namespaces, and mounts that pin them."""
USEFUL: Final = (
    *("CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST"),
    *("CAP_SYS_PTRACE", "CAP_CHOWN"),
)
"""Port 53 in sandboxes; one socket for the news of all namespaces; the namespaces of
others' processes; the group of the agent's socket. Without them the rest works."""
STATUS: Final = "/proc/thread-self/status"


def check_rights(wanted: Collection[str] = tuple(WANTED)) -> None:
    """Refuse to begin what would be refused half way.

    Raises:
        Refused: a capability is missing; the message says which.
    """
    held = 0
    for line in Path(STATUS).read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
    missing = [name for name in wanted if not held >> WANTED[name] & 1]
    if missing:
        raise Refused(f"missing rights: {', '.join(missing)}: run this as root")
