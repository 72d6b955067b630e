"""Links as a kernel holds them, or should.

A desired link leaves open (None) what does not matter; of an actual one all is known.
What is ours is known by its `alias`, which no other program writes: `is_ours`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TAG: Final = "swarmnet:"
"""So begins the alias (IFLA_IFALIAS) of every link of ours."""
LINK_NAME_BYTES_MAX: Final = 15
"""IFNAMSIZ without its final zero (linux/if.h)."""


class Kind(StrEnum):
    """What a link is, by its name in IFLA_INFO_KIND."""

    BRIDGE = "bridge"
    VXLAN = "vxlan"
    VETH = "veth"
    OTHER = "other"
    """Anything else; we make none of these."""


@dataclass(frozen=True, slots=True)
class Vxlan:
    """What makes a VXLAN device; a kernel changes none of it later.

    `local` is the packed address of this host on the underlay, `port` the UDP port.
    The socket stands in the namespace `underlay` (a key of `Host.namespaces`).
    """

    vni: int
    local: bytes
    port: int
    learning: bool = False
    proxy: bool = True
    l2miss: bool = True
    l3miss: bool = True


@dataclass(frozen=True, slots=True)
class Port:
    """How a bridge treats a link that it is the master of (IFLA_BRPORT_*).

    `is_plain`: it forwards, if it has a carrier, and all that is not said here is as
    the kernel makes it: broadcasts and multicasts pass, nothing is guarded, locked, or
    answered for.
    """

    learning: bool = False
    flood: bool = False
    isolated: bool = False
    hairpin: bool = False
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth pair: its namespace, and its name there."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link. `mac` None: any; `master` names a bridge in the same namespace.

    `peer` is said of desired links alone, of both ends of a pair; the end that has a
    master speaks for both. One that `is_mute` has no ARP, or no multicast.
    `has_link_local`: the kernel gives it an IPv6 link-local
    address (IFLA_INET6_ADDR_GEN_MODE is not `none`).
    """

    name: str
    kind: Kind
    mtu: int
    alias: str = ""
    mac: bytes | None = None
    is_up: bool = True
    master: str | None = None
    port: Port | None = None
    vxlan: Vxlan | None = None
    peer: Peer | None = None
    has_link_local: bool = False
    is_mute: bool = False

    def alone(self) -> "Link":
        """Return it as a kernel tells of it, without the other end of a pair.

        `dataclasses.replace` takes five times as long, and each attachment asks twice.
        """
        return Link(
            *(self.name, self.kind, self.mtu, self.alias, self.mac, self.is_up),
            *(self.master, self.port, self.vxlan, None),
            has_link_local=self.has_link_local,
            is_mute=self.is_mute,
        )


def is_ours(link: Link) -> bool:
    """Return whether a link was made by us."""
    return link.alias.startswith(TAG)
