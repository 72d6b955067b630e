"""What the gateway bridge lets pass, and under which address: the firewall's part."""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

from swarmnet.kernel.firewall import Set
from swarmnet.overlay.naming import GATEWAY_BRIDGE

POOL_IPV6: Final = IPv6Network("fd73:7761:726d:6e74::/64")
"""Local to each host, where it is masqueraded: the same everywhere does no harm."""
SETS: Final = (
    Set("other_way4", "typeof ip daddr"),
    Set("other_way6", "typeof ip6 daddr"),
)
"""`other_way…`: sandboxes whose default route is not ours. Whoever comes in by us looks
to them like this host, or they would answer by their own way."""


def chains_of(subnet: IPv4Network) -> str:
    """Return the chains that guard and masquerade the bridge.

    Sources: a sandbox must not speak in the name of others (of a VTEP, say), nor reach
    127.0.0.1 though the bridge may be on the way back from there; that is before any
    translation, so answers are not touched.
    """
    inside, inside6 = f'iifname "{GATEWAY_BRIDGE}"', f"{POOL_IPV6}"
    outside = f'oifname "{GATEWAY_BRIDGE}"'
    return f"""\
chain gateway_sources {{
type filter hook prerouting priority -300; policy accept;
{inside} ip saddr != {subnet} drop
{inside} ip daddr 127.0.0.0/8 drop
{inside} ip6 saddr != {{ ::, fe80::/10, {inside6} }} drop
}}
chain gateway_forwarded {{
type filter hook forward priority 0; policy accept;
{outside} jump gateway_inward
}}
chain gateway_inward {{
ct state established,related accept
ct status dnat accept
drop
}}
chain gateway_masqueraded {{
type nat hook postrouting priority 100; policy accept;
oifname != "{GATEWAY_BRIDGE}" ip saddr {subnet} masquerade
oifname != "{GATEWAY_BRIDGE}" ip6 saddr {inside6} masquerade
{outside} fib saddr type local masquerade
{outside} ip saddr {subnet} masquerade
{outside} ip6 saddr {inside6} masquerade
{outside} ip daddr @other_way4 masquerade
{outside} ip6 daddr @other_way6 masquerade
}}
"""
