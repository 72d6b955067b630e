"""Commands on networks: create, ls, inspect, rm, connect, disconnect."""

from collections.abc import Iterator

import click

from swarmnet.runtime.cli.answers import (
    NOTHING,
    Json,
    Object,
    as_object,
    named,
    objects,
    short,
    text,
)
from swarmnet.runtime.cli.grammar import ASKING_S, QUICK_S, Console, Group
from swarmnet.runtime.cli.layout import block, table
from swarmnet.runtime.cli.parameters import (
    NETWORK,
    SANDBOX,
    Pair,
    as_fields,
    key_value,
)

HEADS = ("ID", "NAME", "DRIVER", "SCOPE", "VNI", "SUBNETS", "MTU")
ENDPOINT_HEADS = ("ENDPOINT", "SANDBOX", "NODE", "IPV4", "IPV6", "MAC", "STATE")


@click.group(cls=Group)
def network() -> None:
    """Networks, and what is connected to them."""


@network.command(
    "create",
    epilog="Example: swarmnet network create --subnet 10.7.0.0/24 --opt mtu=1400 web",
)
@click.option("--driver", help="What makes it. [overlay]")
@click.option(
    "--subnet",
    "subnets",
    metavar="CIDR",
    multiple=True,
    help="May be repeated. [one from the pool]",
)
@click.option(
    "--gateway",
    "gateways",
    metavar="IP",
    multiple=True,
    help="One a subnet. [the first address]",
)
@click.option(
    "--ip-range",
    "ip_ranges",
    metavar="CIDR",
    multiple=True,
    help="The part of a subnet that addresses are given from. [all of it]",
)
@click.option(
    "--aux-address",
    "reserved",
    type=key_value,
    metavar="NAME=IP",
    multiple=True,
    help="An address that is not given out; may be repeated.",
)
@click.option("--ipv6", is_flag=True, help="Give IPv6 addresses too.")
@click.option("--internal", is_flag=True, help="Without a way out.")
@click.option(
    "--opt",
    "options",
    type=key_value,
    metavar="K=V",
    multiple=True,
    help="An option of the driver, such as mtu=1400; may be repeated.",
)
@click.option(
    "--label",
    "labels",
    type=key_value,
    metavar="K=V",
    multiple=True,
    help="May be repeated.",
)
@click.option("--vni", type=int, metavar="N", help="VXLAN's. [the next free one]")
@click.argument("name")
@click.pass_obj
def create(
    console: Console,
    *,
    name: str,
    driver: str | None,
    subnets: tuple[str, ...],
    gateways: tuple[str, ...],
    ip_ranges: tuple[str, ...],
    reserved: tuple[Pair, ...],
    ipv6: bool,
    internal: bool,
    options: tuple[Pair, ...],
    labels: tuple[Pair, ...],
    vni: int | None,
) -> None:
    """Make a network, and print its id."""
    body: dict[str, Json] = {
        "name": name,
        "driver": driver,
        "subnets": list(subnets),
        "gateways": list(gateways),
        "ip_ranges": list(ip_ranges),
        "aux_addresses": as_fields(reserved),
        "ipv6": ipv6,
        "internal": internal,
        "vni": vni,
        "options": as_fields(options),
        "labels": as_fields(labels),
    }
    answer = console.post("networks", body=body)
    console.show(answer, lambda found: [text(as_object(found).get("id"))])


@network.command("ls", epilog="Example: swarmnet network ls")
@click.pass_obj
def list_networks(console: Console) -> None:
    """List the networks of the cluster."""
    console.show(console.get("networks", timeout_s=QUICK_S), _table)


def _table(answer: Json) -> Iterator[str]:
    return table(HEADS, [_row(one) for one in objects(answer)])


def _row(one: Object) -> tuple[str, ...]:
    return (
        short(one.get("id")),
        text(one.get("name")),
        text(one.get("driver")),
        text(one.get("scope")),
        text(one.get("vni")),
        _subnets(one),
        text(one.get("mtu")),
    )


def _subnets(network: Object) -> str:
    found = [text(one.get("subnet")) for one in objects(network.get("subnets"))]
    return ", ".join(found) or NOTHING


@network.command("inspect", epilog="Example: swarmnet network inspect web")
@NETWORK
@click.pass_obj
def inspect(console: Console, network: str) -> None:
    """Show a network and its endpoints."""
    console.show(console.get("networks", network, timeout_s=ASKING_S), _facts)


def _facts(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    plain = ("id", "name", "driver", "scope", "vni", "mtu", "internal")
    facts = [(key, text(found.get(key))) for key in plain]
    facts += [("subnet", _subnet(one)) for one in objects(found.get("subnets"))]
    for key in ("options", "labels", "nodes"):
        facts.append((key, text(found.get(key))))
    yield from block(facts)
    endpoints = objects(found.get("endpoints"))
    if endpoints:
        yield ""
        yield from table(ENDPOINT_HEADS, [_endpoint(one) for one in endpoints])


def _subnet(one: Object) -> str:
    gateway, vni = text(one.get("gateway")), text(one.get("vni"))
    return f"{text(one.get('subnet'))}, gateway {gateway}, VNI {vni}"


def _endpoint(one: Object) -> tuple[str, ...]:
    names = [text(one.get("name"))]
    aliases = one.get("aliases")
    if isinstance(aliases, list):
        names += [text(alias) for alias in aliases]
    return (
        ", ".join(dict.fromkeys(names)),
        text(one.get("sandbox")),
        named(one, "node_name", "node"),
        text(one.get("ipv4")),
        text(one.get("ipv6")),
        text(one.get("mac")),
        text(one.get("state")),
    )


@network.command("rm", epilog="Example: swarmnet network rm web")
@NETWORK
@click.pass_obj
def remove(console: Console, network: str) -> None:
    """Remove a network that has no endpoints left."""
    answer = console.delete("networks", network)
    console.show(
        answer, lambda found: [f"Network {named(as_object(found))} is removed."]
    )


@network.command(
    "connect", epilog="Example: swarmnet network connect --publish 8080:80 web box1"
)
@click.option("--ip", metavar="IP", help="The IPv4 address. [the next free one]")
@click.option("--ip6", metavar="IP", help="The IPv6 address. [one by the name]")
@click.option("--mac", metavar="MAC", help="[one by the address]")
@click.option(
    "--alias",
    "aliases",
    metavar="NAME",
    multiple=True,
    help="Another name by which it is found (DNS); several may have the same; may be"
    " repeated.",
)
@click.option(
    "--publish",
    metavar="[IP:]PORT:PORT[/udp]",
    multiple=True,
    help="A port of this host, and the sandbox's that it leads to; may be repeated.",
)
@NETWORK
@SANDBOX
@click.pass_obj
def connect(
    console: Console,
    *,
    network: str,
    sandbox: str,
    ip: str | None,
    ip6: str | None,
    mac: str | None,
    aliases: tuple[str, ...],
    publish: tuple[str, ...],
) -> None:
    """Connect a sandbox to a network, and print the address given."""
    body: dict[str, Json] = {
        "sandbox": sandbox,
        "ip": ip,
        "ip6": ip6,
        "mac": mac,
        "aliases": list(aliases),
        "publish": list(publish),
    }
    waiting_for = f"an address in {network}"
    answer = console.post(
        "networks", network, "connect", body=body, waiting_for=waiting_for
    )
    console.show(answer, _address)


def _address(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    yield text(found.get("ipv4") or found.get("ipv6"))


@network.command("disconnect", epilog="Example: swarmnet network disconnect web box1")
@NETWORK
@SANDBOX
@click.pass_obj
def disconnect(console: Console, network: str, sandbox: str) -> None:
    """Take a sandbox out of a network."""
    answer = console.post("networks", network, "disconnect", body={"sandbox": sandbox})
    console.show(answer, lambda _: [f"{sandbox} is no longer in {network}."])
