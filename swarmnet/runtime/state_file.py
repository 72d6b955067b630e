"""The state of a data plane as a JSON document; docs/overlay.md has its fields.

For use without a cluster: what the tables would say stands in a file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_network
from itertools import combinations
from re import compile as pattern
from typing import Final

from swarmnet.cnm.driver import check_options
from swarmnet.cnm.endpoint import (
    IP,
    Endpoint,
    mac_of,
    parse_ip,
    parse_mac,
    parse_publish,
    show_mac,
)
from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.cnm.network import Attachment, Network, NetworkView, Prefix, Subnet
from swarmnet.cnm.options import MTU_MAX, MTU_MIN
from swarmnet.cnm.sandbox import Sandbox, check_sandbox_name
from swarmnet.errors import Refused
from swarmnet.node.desired import Place
from swarmnet.overlay.driver import Overlay
from swarmnet.overlay.entries import bridge_mac
from swarmnet.overlay.naming import port_of
from swarmnet.runtime.json_fields import Fields

VNI_LAST: Final = 2**24 - 1
"""24 bits (RFC 7348, section 5); 0 is left to those who mean none."""
ID_DIGITS: Final = 32
_ID: Final = pattern(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class StateFile:
    """What a document says: this host, its sandboxes, and all networks."""

    place: Place
    sandboxes: tuple[Sandbox, ...]
    views: tuple[NetworkView, ...]


def parse_state(text: str) -> StateFile:
    """Read a document.

    Raises:
        Refused: it is no JSON, or says what cannot be; the message says where.
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"no JSON: {error}") from None
    fields = Fields(value, "state")
    place = Place(
        node=fields.text("node"),
        vtep=fields.read("vtep", _vtep),
        port=fields.number("port", 1, 65_535, VXLAN_PORT) or VXLAN_PORT,
        mtu=fields.number("mtu", MTU_MIN, MTU_MAX, None),
    )
    sandboxes = tuple(_sandbox(one) for one in fields.objects("sandboxes"))
    views = tuple(_network(one, place) for one in fields.objects("networks"))
    fields.done()
    _check_all(sandboxes, views, place)
    return StateFile(place, sandboxes, views)


def _ip(text: str) -> IP:
    return parse_ip("address", text)


def _vtep(text: str) -> IP:
    found = _ip(text)
    if found.is_unspecified or found.is_multicast or found.is_loopback:
        raise ValueError("want an address of one host on the underlay")
    return found


def _netns(text: str) -> str:
    if "\0" in text or text != text.encode("utf-8", "replace").decode():
        raise ValueError("no path")
    return text


def _id(text: str) -> str:
    if not _ID.match(text):
        raise ValueError(f"want {ID_DIGITS} hexadecimal digits in lower case")
    return text


def _made_id(*parts: str) -> str:
    """Return the id of what was given none: the same for the same names."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=ID_DIGITS // 2).hexdigest()


def _sandbox(fields: Fields) -> Sandbox:
    sandbox = Sandbox(fields.text("name"), fields.optional("netns", _netns))
    fields.done()
    check_sandbox_name(sandbox.name)
    return sandbox


def _network(fields: Fields, place: Place) -> NetworkView:
    name = fields.text("name")
    driver = fields.text("driver", Overlay.name)
    if driver != Overlay.name:
        raise Refused(f"network {name}: driver {driver!r}: want {Overlay.name}")
    network = Network(
        id=fields.optional("id", _id) or _made_id(name),
        name=name,
        subnets=tuple(_subnet(one) for one in fields.objects("subnets")),
        driver=driver,
        is_internal=fields.switch("internal"),
        options=fields.pairs("options"),
    )
    check_options(driver, Overlay.options, network.options)
    attachments = tuple(_attachment(one) for one in fields.objects("vteps"))
    endpoints = tuple(_endpoint(one, network) for one in fields.objects("endpoints"))
    fields.done()
    view = NetworkView(network, attachments, endpoints)
    _check_network(view, place)
    return view


def _prefix(text: str) -> Prefix:
    found = ip_network(text)
    if not found.prefixlen or found.is_multicast:
        raise ValueError("want a subnet, not all addresses there are")
    return found


def _subnet(fields: Fields) -> Subnet:
    subnet = Subnet(
        prefix=fields.read("subnet", _prefix),
        gateway=fields.optional("gateway", _ip),
        vni=fields.number("vni", 1, VNI_LAST, None) or 0,
    )
    fields.done()
    if not subnet.vni:
        raise Refused(f"{fields.where}: vni: want a number from 1 to {VNI_LAST}")
    if subnet.gateway is not None and subnet.gateway not in subnet.prefix:
        raise Refused(
            f"{fields.where}: gateway {subnet.gateway}: not in {subnet.prefix}"
        )
    return subnet


def _attachment(fields: Fields) -> Attachment:
    attachment = Attachment(
        node=fields.text("node"),
        vtep=fields.read("address", _vtep),
        mtu=fields.number("mtu", MTU_MIN, MTU_MAX, None),
    )
    fields.done()
    return attachment


def _endpoint(fields: Fields, network: Network) -> Endpoint:
    node, sandbox = fields.text("node"), fields.text("sandbox")
    found = (fields.optional(one, _ip) for one in ("ipv4", "ipv6"))
    addresses = tuple(one for one in found if one is not None)
    for address in addresses:
        index = network.subnet_of(address)
        if index is None:
            raise Refused(f"{fields.where}: {address}: in no subnet of {network.name}")
        prefix = network.subnets[index].prefix
        ends = (prefix.network_address, prefix.broadcast_address)
        if prefix.version == 4 and prefix.num_addresses > 2 and address in ends:
            raise Refused(f"{fields.where}: {address}: stands for {prefix} as a whole")
    if not addresses:
        raise Refused(f"{fields.where}: want an ipv4 or an ipv6 address")
    endpoint = Endpoint(
        id=fields.optional("id", _id) or _made_id(network.id, node, sandbox),
        name=fields.text("name", sandbox),
        node=node,
        sandbox=sandbox,
        addresses=addresses,
        mac=fields.optional("mac", parse_mac) or mac_of(addresses),
        publish=tuple(parse_publish(one) for one in fields.texts("publish")),
    )
    fields.done()
    return endpoint


def _check_network(view: NetworkView, place: Place) -> None:
    name = view.network.name
    nodes = [one.node for one in view.attachments]
    known = dict.fromkeys([place.node, *nodes])
    uses = [(f"node {one.node}", one.node) for one in view.attachments]
    for one in view.endpoints:
        if one.node not in known:
            raise Refused(
                f"network {name}: endpoint {one.name}: node {one.node} is not among its"
                " vteps"
            )
        for port in one.publish:
            if (port.protocol, port.host_port) == ("udp", place.port):
                raise Refused(
                    f"network {name}: endpoint {one.name}: publish {port}: VXLAN has"
                    " that port; publish another"
                )
        if one.publish and view.network.is_internal:
            raise Refused(
                f"network {name}: endpoint {one.name}: publish {one.publish[0]}: the"
                " network is internal; publish on another"
            )
        uses += _uses(one, place)
    gateways = [one.gateway for one in view.network.subnets if one.gateway]
    uses += [(f"node {one.node}", f"VTEP {one.vtep}") for one in view.attachments]
    if not view.network.subnets:
        raise Refused(f"network {name}: want one subnet at least")
    uses.append(("the bridge", f"MAC {show_mac(bridge_mac(view.network))}"))
    _check_once(name, [("a gateway", str(one)) for one in gateways] + uses)
    _check_overlaps(view.network)


def _check_overlaps(network: Network) -> None:
    for one, other in combinations([s.prefix for s in network.subnets], 2):
        if one.version == other.version and one.overlaps(other):
            raise Refused(f"network {network.name}: subnets {one} and {other} overlap")


def _uses(endpoint: Endpoint, place: Place) -> Iterator[tuple[str, str]]:
    """Yield what no two endpoints of a network have."""
    who = f"endpoint {endpoint.name}"
    yield who, f"id {endpoint.id}"
    for address in endpoint.addresses:
        yield who, str(address)
    yield who, f"MAC {show_mac(endpoint.mac)}"
    if endpoint.node == place.node:
        yield who, f"sandbox {endpoint.sandbox}"
        yield who, f"interface {port_of(endpoint.id)}"


def _check_once(where: str, uses: list[tuple[str, str]]) -> None:
    users: dict[str, str] = {}
    for user, what in uses:
        if what in users:
            raise Refused(f"network {where}: {what}: both {users[what]} and {user}")
        users[what] = user


def _check_all(
    sandboxes: tuple[Sandbox, ...], views: tuple[NetworkView, ...], place: Place
) -> None:
    names = {one.name: None for one in sandboxes}
    if len(names) != len(sandboxes):
        raise Refused("sandboxes: two have one name")
    vnis: dict[int, str] = {}
    ids: dict[str, None] = {}
    for view in views:
        network = view.network
        if network.id in ids:
            raise Refused(f"network {network.name}: another has the id {network.id}")
        ids[network.id] = None
        for subnet in network.subnets:
            if subnet.vni in vnis:
                raise Refused(
                    f"network {network.name}: VNI {subnet.vni}: network"
                    f" {vnis[subnet.vni]} has it"
                )
            vnis[subnet.vni] = network.name
        for endpoint in view.endpoints:
            if endpoint.node == place.node and endpoint.sandbox not in names:
                raise Refused(
                    f"network {network.name}: sandbox {endpoint.sandbox}: not among the"
                    " sandboxes"
                )
