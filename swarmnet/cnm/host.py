"""What a driver is told of the host that it plans for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.network import Prefix

VXLAN_PORT: Final = 4789
"""Assigned to VXLAN (RFC 7348, section 8)."""


@dataclass(frozen=True, slots=True)
class SandboxFacts:
    """What a sandbox holds already.

    `interfaces` are the names of our links in it, by the id of the endpoint (the
    gateway's under ""); `foreign` the names of all others, and `unmarked` the MACs of
    those that are ends of veth pairs. A default route is foreign if we did not make it.
    """

    interfaces: Mapping[str, str] = field(default_factory=dict)
    foreign: Sequence[str] = ()
    unmarked: Mapping[str, bytes] = field(default_factory=dict)
    has_default_route: bool = False
    gateway_address: IP | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """This host. `mtu` is that of the link to the underlay, None if none is known.

    `routes` are the prefixes that it reaches, but for ours; `gateway` what
    `swarmnet_gw` has as its subnet, None if there is none.
    """

    node: str
    vtep: IP
    mtu: int | None = None
    port: int = VXLAN_PORT
    sandboxes: Mapping[str, SandboxFacts] = field(default_factory=dict)
    routes: Sequence[Prefix] = ()
    gateway: Prefix | None = None
