"""What a process must be allowed to do, by the names in capabilities(7)."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from swarmnet.doctor.rights import USEFUL, WANTED
from swarmnet.errors import Refused

__all__ = ["USEFUL", "WANTED", "check_rights"]

STATUS: Final = "/proc/{}/status"
SELF: Final = "thread-self"


def effective(pid: int | str = SELF) -> int:
    """Return the effective capabilities of a process, a bit each; of this by default.

    Raises:
        OSError: there is no such process.
    """
    for line in Path(STATUS.format(pid)).read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def check_rights(wanted: Collection[str] = tuple(WANTED)) -> None:
    """Refuse to begin what would be refused half way.

    Raises:
        Refused: a capability is missing; the message says which.
    """
    held = effective()
    missing = [name for name in wanted if not held >> WANTED[name] & 1]
    if missing:
        raise Refused(f"missing rights: {', '.join(missing)}: run this as root")
