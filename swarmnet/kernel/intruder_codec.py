"""Routing rules and queueing disciplines on the wire of rtnetlink.

A rule is deleted by saying of it what the kernel said, as `ip rule flush` does.
Layouts: linux/fib_rules.h, linux/rtnetlink.h (struct tcmsg).
"""

from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.intruders import KERNEL_RULES, Qdisc, Rule
from swarmnet.kernel.netlink import (
    AF_UNSPEC,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Request,
    attribute_u8,
    attribute_u32,
    attributes_untrusted,
    text_untrusted,
    u8_untrusted,
    u32_untrusted,
)
from swarmnet.kernel.state import KERNEL

RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_GETRULE: Final = 34
RTM_NEWQDISC: Final = 36
RTM_DELQDISC: Final = 37
RTM_GETQDISC: Final = 38

_RULE: Final = Struct("=BBBBBxxBI")
"""struct fib_rule_hdr: family, lengths of destination and source, tos, table, action,
flags."""
_PRIORITY: Final = 6
_SUPPRESS_PREFIXLEN: Final = 14
_TABLE: Final = 15
_PROTOCOL: Final = 21
_PLAIN: Final = (_PRIORITY, _SUPPRESS_PREFIXLEN, _TABLE, _PROTOCOL)
_TO_TABLE: Final = 1
_NOTHING: Final = 0xFFFFFFFF

_QDISC: Final = Struct("=BxxxiIII")
"""struct tcmsg: family, index, handle, parent, number of users."""
_KIND: Final = 1
ROOT: Final = 0xFFFFFFFF
INGRESS: Final = 0xFFFFFFF1
"""TC_H_INGRESS, also that of clsact."""


def dump_rules() -> Request:
    """Return the request for the rules of all families."""
    body = _RULE.pack(AF_UNSPEC, 0, 0, 0, 0, 0, 0)
    return Request(RTM_GETRULE, NLM_F_DUMP, body)


def decode_rule_untrusted(body: bytes) -> Rule | None:
    """Read an RTM_NEWRULE; one of the kernel's own has no body.

    None: one of multicast routing.

    Raises:
        BadPacket: it is cut off, or goes astray.
    """
    if len(body) < _RULE.size:
        raise BadPacket("a rule is cut off")
    family, *header = _RULE.unpack_from(body)
    if family not in (one for one, _ in KERNEL_RULES):
        return None
    found = attributes_untrusted(body[_RULE.size :])
    priority = _u32_untrusted(found, _PRIORITY, 0)
    is_kernels = (
        KERNEL_RULES.get((family, priority)) == _u32_untrusted(found, _TABLE, 0)
        and header[:3] == [0, 0, 0]
        and header[4:] == [_TO_TABLE, 0]
        and all(kind in _PLAIN for kind in found)
        and _u32_untrusted(found, _SUPPRESS_PREFIXLEN, _NOTHING) == _NOTHING
        and u8_untrusted(found.get(_PROTOCOL, bytes([KERNEL]))) == KERNEL
    )
    return Rule(family, priority, b"" if is_kernels else bytes(body))


def intruding_rules(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield the rules of others, and those of the kernel that are missing.

    A family of which nothing is told has none to restore: the kernel may lack it.
    """
    there: dict[tuple[int, int], None] = {}
    families: dict[int, None] = {}
    for rule in rules:
        families[rule.family] = None
        if rule.body:
            yield rule
        else:
            there[rule.family, rule.priority] = None
    for family, priority in KERNEL_RULES:
        if family in families and (family, priority) not in there:
            yield Rule(family, priority, is_missing=True)


def mend_rule(rule: Rule) -> Request:
    """Return the request that deletes a rule, or adds one that is missing."""
    if not rule.is_missing:
        return Request(RTM_DELRULE, 0, rule.body)
    table = KERNEL_RULES[rule.family, rule.priority]
    body = (
        _RULE.pack(rule.family, 0, 0, 0, table, _TO_TABLE, 0),
        attribute_u32(_PRIORITY, rule.priority),
        attribute_u32(_TABLE, table),
        attribute_u8(_PROTOCOL, KERNEL),
    )
    return Request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, b"".join(body))


def dump_qdiscs() -> Request:
    """Return the request for the queueing disciplines of all links."""
    return Request(RTM_GETQDISC, NLM_F_DUMP, _QDISC.pack(AF_UNSPEC, 0, 0, 0, 0))


def decode_qdisc_untrusted(body: bytes) -> tuple[int, Qdisc] | None:
    """Read an RTM_NEWQDISC: the index of its link, and it without the link's name.

    None: one that a kernel made itself, or that stands below another.

    Raises:
        BadPacket: it is cut off, or goes astray.
    """
    if len(body) < _QDISC.size:
        raise BadPacket("a queueing discipline is cut off")
    _, index, handle, parent, _ = _QDISC.unpack_from(body)
    if not handle or parent not in (ROOT, INGRESS):
        return None
    found = attributes_untrusted(body[_QDISC.size :])
    kind = text_untrusted(found.get(_KIND, b""))
    return index, Qdisc("", kind, handle, parent)


def remove_qdisc(index: int, qdisc: Qdisc) -> Request:
    """Return the request that deletes a queueing discipline, and what is below it."""
    body = _QDISC.pack(AF_UNSPEC, index, qdisc.handle, qdisc.parent, 0)
    return Request(RTM_DELQDISC, 0, body)


def _u32_untrusted(found: Mapping[int, bytes], kind: int, otherwise: int) -> int:
    return u32_untrusted(found[kind]) if kind in found else otherwise
