"""Which option belongs to which subnet of a network.

A user writes several subnets, gateways, ip-ranges and auxiliary addresses side by side;
as in Docker's command line, each goes to the subnet that holds it, at most one gateway
and one ip-range to each, and whatever has no subnet is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.overlaps import check_within
from swarmnet.ipam.pools import AnySubnet, parse_any
from swarmnet.ipam.subnets import (
    Network,
    Subnet,
    parse_address,
    parse_prefix,
    parse_subnet,
    span_of,
)

_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """The subnets of a network: those that were named, and those left to the pools.

    Neither: the user wrote none, and the driver decides how many to wish for.
    """

    subnets: tuple[Subnet, ...] = ()
    wishes: tuple[AnySubnet, ...] = ()


def parse_subnets(
    cidrs: Sequence[str],
    *,
    gateways: Sequence[str] = (),
    ip_ranges: Sequence[str] = (),
    auxiliaries: Mapping[str, str] = _NONE,
    has_gateway: bool = True,
) -> Plan:
    """Read all that a user wrote about the subnets of one network.

    Raises:
        Refused: as `parse_subnet`; or subnets overlap, or an option fits none of them.
    """
    wishes: list[AnySubnet] = []
    prefixes: list[Network] = []
    for cidr in cidrs:
        wish = parse_any(cidr)
        if wish is None:
            prefixes.append(parse_prefix(cidr, "subnet"))
        else:
            wishes.append(wish)
    check_within(prefixes)
    gateway_of = _one_each("gateway", gateways, prefixes)
    range_of = _one_each("ip-range", ip_ranges, prefixes)
    names_of: dict[Network, dict[str, str]] = {prefix: {} for prefix in prefixes}
    for name, text in auxiliaries.items():
        holder = _find_holder(f"auxiliary address {name!r}", text, prefixes)
        names_of[holder][name] = text
    subnets = tuple(
        parse_subnet(
            str(prefix),
            gateway=gateway_of.get(prefix),
            ip_range=range_of.get(prefix),
            auxiliaries=names_of[prefix],
            has_gateway=has_gateway,
        )
        for prefix in prefixes
    )
    return Plan(subnets, tuple(wishes))


def _one_each(
    what: str, texts: Sequence[str], prefixes: Sequence[Network]
) -> dict[Network, str]:
    """Return what was written for each subnet, at most one."""
    found: dict[Network, str] = {}
    for text in texts:
        holder = _find_holder(what, text, prefixes)
        if holder in found:
            raise Refused(
                f"{what} {text}: subnet {holder} has {found[holder]}: want one"
            )
        found[holder] = text
    return found


def _find_holder(what: str, text: str, prefixes: Sequence[Network]) -> Network:
    """Return the subnet that holds the address, or all of the CIDR, that is written."""
    if what == "ip-range":
        wanted = parse_prefix(text, what)
    else:
        wanted = ip_network(parse_address(text, what))
    for prefix in prefixes:
        outer, inner = span_of(prefix), span_of(wanted)
        same_family = prefix.version == wanted.version
        if same_family and outer.covers(inner.first) and outer.covers(inner.last):
            return prefix
    held = ", ".join(map(str, prefixes)) or "none is named"
    raise Refused(f"{what} {text}: in no subnet of this network ({held}): name it too")
