"""What a process must be allowed to do, by the names in capabilities(7)."""

from pathlib import Path
from typing import Final

from swarmnet.errors import Refused

WANTED: Final = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Links, addresses, firewall; namespaces, and mounts that pin them."""


def check_rights() -> None:
    """Refuse to begin what would be refused half way.

    Raises:
        Refused: a capability is missing; the message says which.
    """
    held = 0
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
    missing = [name for name, bit in WANTED.items() if not held >> bit & 1]
    if missing:
        raise Refused(f"missing rights: {', '.join(missing)}: run this as root")
