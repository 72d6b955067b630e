"""Values of `swarmnet.kernel` as users read them: JSON, or lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from ipaddress import ip_address

from swarmnet.cnm.endpoint import MAC_BYTES, show_mac
from swarmnet.kernel.operations import Failure, Operation
from swarmnet.kernel.state import HOST, Namespace

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
HOST_SHOWN = "host"
NAMES_MAX = 3


def as_json(value: object) -> Json:
    """Return a value as JSON: bytes as MACs and addresses, sets as lists."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return show_bytes(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _mapping(value)
    if is_dataclass(value):
        return {one.name: as_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [as_json(one) for one in value]
    return str(value)


def _mapping(value: Mapping[object, object]) -> Json:
    if value and all(one is None for one in value.values()):
        return [as_json(one) for one in value]
    return {str(as_json(key)): as_json(one) for key, one in value.items()}


def show_bytes(value: bytes) -> str:
    """Return a MAC or an address as users write it, anything else in hexadecimal."""
    if len(value) == MAC_BYTES:
        return show_mac(value)
    return str(ip_address(value)) if len(value) in (4, 16) else value.hex()


def show_namespace(name: str) -> str:
    """Return what a namespace is called before users."""
    return HOST_SHOWN if name == HOST else name


def operation_as_json(operation: Operation) -> dict[str, Json]:
    """Return an operation as JSON, its kind under `operation`."""
    found = as_json(operation)
    assert isinstance(found, dict), "it is a dataclass"
    found["namespace"] = show_namespace(operation.namespace)
    return {"operation": type(operation).__name__, **found}


def describe(operation: Operation) -> str:
    """Return an operation in one line."""
    parts = [type(operation).__name__, show_namespace(operation.namespace)]
    for one in fields(operation):
        value = getattr(operation, one.name)
        if one.name == "namespace" or value is None:
            continue
        if one.name in ("link", "other", "table") and not isinstance(value, str):
            value = value.name
        if one.name in ("address", "route"):
            parts += _words(value)
        elif one.name == "intruder":
            parts += [type(value).__name__, *_words(value)]
        elif isinstance(value, tuple):
            parts.append(f"{one.name}={len(value)}")
        else:
            parts.append(f"{one.name}={as_json(value)}")
    return " ".join(parts)


def _words(value: object) -> Iterator[str]:
    assert is_dataclass(value), "an address, a route or an intruder"
    for one in fields(value):
        held = as_json(getattr(value, one.name))
        if held is not None:
            yield f"{one.name}={held}"


def describe_failure(failure: Failure) -> str:
    """Return what a kernel refused, and why, in one line."""
    why = f"{failure.error}: {failure.message}" if failure.message else failure.error
    return f"{describe(failure.operation)}: {why}"


def namespace_as_json(space: Namespace) -> Json:
    """Return what a namespace holds as JSON."""
    found = as_json(space)
    assert isinstance(found, dict), "it is a dataclass"
    for name in ("links", "entries"):
        held = found[name]
        found[name] = held if isinstance(held, dict) else {}
    for name in ("addresses", "routes", "intruders"):
        held = found[name]
        found[name] = held if isinstance(held, list) else []
    found["tables"] = {
        f"{family} {name}": as_json(table)
        for (family, name), table in space.tables.items()
    }
    return found


def lines(name: str, space: Namespace) -> Iterator[str]:
    """Yield what a namespace holds, line by line."""
    yield f"{show_namespace(name)}:"
    for link in space.links.values():
        more = f" master {link.master}" if link.master else ""
        if link.vxlan is not None:
            local = show_bytes(link.vxlan.local)
            more += f" vni {link.vxlan.vni} local {local} port {link.vxlan.port}"
        state = "up" if link.is_up else "DOWN"
        mac = show_mac(link.mac) if link.mac else "-"
        yield f"  link {link.name} {link.kind} {state} mtu {link.mtu} {mac}{more}"
    for address in space.addresses:
        yield f"  address {show_bytes(address.ip)}/{address.length} dev {address.link}"
    for route in space.routes:
        via = f" via {show_bytes(route.via)}" if route.via else ""
        where = f"{show_bytes(route.destination)}/{route.length}"
        yield f"  route {where}{via} dev {route.link}"
    for device, held in space.entries.items():
        for about, vtep in held.fdb.items():
            yield f"  fdb {show_mac(about)} dev {device} dst {show_bytes(vtep)}"
        for vtep in held.flood:
            yield f"  flood dev {device} dst {show_bytes(vtep)}"
        for ip, lladdr in held.neighbours.items():
            shown = f"{show_bytes(ip)} dev {device} lladdr {show_bytes(lladdr)}"
            yield f"  neighbour {shown}"
    for station, port in space.stations.items():
        yield f"  station {show_mac(station)} port {port}"
    for family, table in space.tables:
        yield f"  table {family} {table}"
    for one in space.intruders:
        yield f"  intruder {type(one).__name__} {' '.join(_words(one))}"


def show_disowned(names: Sequence[str]) -> str:
    """Return which members take this node for removed, and the cure, in a line.

    One of them may say what is not so; therefore it is the user who leaves.
    """
    rest = len(names) - NAMES_MAX
    more = f" and {rest} more" if rest > 0 else ""
    verb = "says" if len(names) == 1 else "say"
    return (
        f"{', '.join(names[:NAMES_MAX])}{more} {verb} that this node was removed from"
        " the cluster: swarmnet leave --force, then swarmnet join"
    )
