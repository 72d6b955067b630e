"""What others may put into a network's namespace, of a kind that we put nothing of.

All in there is ours, so it goes: firewall tables, queueing disciplines, and routing
rules. Rules that a kernel makes with the namespace come again if somebody deleted them.
"""

from dataclasses import dataclass
from typing import Final

AF_INET: Final = 2
AF_INET6: Final = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule that is not the kernel's own, or one of those that is missing.

    `body` is all that a kernel told of it, by which it is deleted; b"" of one that
    `is_missing`.
    """

    family: int
    priority: int
    body: bytes = b""
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Qdisc:
    """A queueing discipline at the root of a link, or (`parent`) where frames come in.

    Numbers are those of linux/pkt_sched.h.
    """

    link: str
    kind: str
    handle: int
    parent: int


@dataclass(frozen=True, slots=True)
class AlienTable:
    """A table of nftables; `family` is its number in linux/netfilter.h (NFPROTO_…)."""

    family: int
    name: str


Intruder = Rule | Qdisc | AlienTable

KERNEL_RULES: Final = {
    (AF_INET, 0): 255,
    (AF_INET, 32766): 254,
    (AF_INET, 32767): 253,
    (AF_INET6, 0): 255,
    (AF_INET6, 32766): 254,
}
"""The rules of a new namespace: (family, priority) -> number of the routing table."""
