"""Whether whoever runs the agent may do what it must (capabilities(7))."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, warning

WANTED: Final = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Links, addresses, firewall; namespaces, and mounts that pin them."""
USEFUL: Final = {
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_BROADCAST": 11,
    "CAP_SYS_PTRACE": 19,
    "CAP_CHOWN": 0,
}
"""Port 53 in sandboxes; one socket for the news of all namespaces; the namespaces of
others' processes; the group of the agent's socket. Without them the rest works."""
UNIT: Final = "packaging/swarmnet.service"


@dataclass(frozen=True, slots=True)
class RightsFacts:
    """The effective capabilities (CapEff of proc(5)) of `who`."""

    who: str
    effective: int


def check_rights(facts: RightsFacts) -> Iterator[Finding]:
    """Yield what `facts.who` may not do."""
    missing = _missing(WANTED, facts.effective)
    if missing:
        cure = (
            f"run it as root, or give it {' '.join(missing)}: AmbientCapabilities= in"
            f" its unit, as {UNIT} does"
        )
        yield failure("rights", f"{facts.who} lacks {', '.join(missing)}", cure)
        return
    lesser = _missing(USEFUL, facts.effective)
    if lesser:
        cure = f"CapabilityBoundingSet= in its unit, as {UNIT} has it"
        yield warning("rights", f"{facts.who} lacks {', '.join(lesser)}", cure)
    else:
        yield ok("rights", f"{facts.who} has {', '.join([*WANTED, *USEFUL])}")


def _missing(wanted: dict[str, int], effective: int) -> list[str]:
    return [name for name, bit in wanted.items() if not effective >> bit & 1]
