"""pyroute2's message classes, which wrote rtnetlink long before us."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from swarmnet.kernel.netlink import Request, encode

Attributes = Sequence[tuple[str, object]]


def _message_class(name: str) -> Any:
    pytest.importorskip("pyroute2")
    return getattr(importlib.import_module(f"pyroute2.netlink.rtnl.{name}"), name)


def _plain(value: Any) -> Any:
    """Return a decoded value with its attributes by name: their order is free."""
    if not isinstance(value, Mapping) or "attrs" not in value:
        return value
    plain = {key: each for key, each in value.items() if key in FIELDS}
    return plain | {name: _plain(each) for name, each in value["attrs"]}


FIELDS = (
    *("family", "index", "flags", "change", "prefixlen", "scope", "ifindex", "state"),
    *("ndm_type", "dst_len", "src_len", "tos", "table", "proto", "type"),
)


def heard(name: str, message: bytes) -> Any:
    """Return what pyroute2 reads in a message: header, fields, and attributes."""
    decoded = _message_class(name)(message)
    decoded.decode()
    header = {key: decoded["header"][key] for key in ("type", "flags")}
    return {"header": header, **_plain(decoded)}


def heard_request(name: str, request: Request) -> Any:
    """Return what pyroute2 reads in a request of ours."""
    return heard(name, encode(request, 1, ack=False))


def spoken(
    name: str, kind: int, flags: int, fields: Mapping[str, int], attrs: Attributes
) -> Any:
    """Return what pyroute2 reads in a request of its own."""
    made = _message_class(name)()
    made["header"]["type"] = kind
    made["header"]["flags"] = flags
    made["header"]["sequence_number"] = 1
    made["attrs"] = list(attrs)
    for key, value in fields.items():
        made[key] = value
    made.encode()
    return heard(name, bytes(made.data))


def nest(*attrs: tuple[str, object]) -> dict[str, list[tuple[str, object]]]:
    """Return attributes that stand in another."""
    return {"attrs": list(attrs)}
