"""Commands on nodes: ls, inspect, rm, promote, demote."""

from collections.abc import Iterator

import click

from swarmnet.runtime.cli.answers import (
    Json,
    Object,
    as_object,
    milliseconds,
    named,
    objects,
    short,
    text,
)
from swarmnet.runtime.cli.grammar import QUICK_S, Console, Group
from swarmnet.runtime.cli.layout import block, table
from swarmnet.runtime.cli.parameters import NODE

HEADS = ("ID", "NAME", "ROLE", "STATE", "ADDRESS", "DATA PATH", "ROUND TRIP")


@click.group(cls=Group)
def node() -> None:
    """The nodes of the cluster."""


@node.command("ls", epilog="Example: swarmnet node ls")
@click.pass_obj
def list_nodes(console: Console) -> None:
    """List the nodes; a star marks this one."""
    console.show(console.get("nodes", timeout_s=QUICK_S), _table)


def _table(answer: Json) -> Iterator[str]:
    nodes = sorted(objects(answer), key=lambda one: text(one.get("name")))
    return table(HEADS, [_row(one) for one in nodes])


def _row(one: Object) -> tuple[str, ...]:
    star = " *" if one.get("self") is True else ""
    return (
        short(one.get("id")),
        text(one.get("name")) + star,
        text(one.get("role")),
        text(one.get("state")),
        text(one.get("address")),
        text(one.get("data_path_address")),
        milliseconds(one.get("rtt_s")),
    )


@node.command("inspect", epilog="Example: swarmnet node inspect web1")
@NODE
@click.pass_obj
def inspect(console: Console, node: str) -> None:
    """Show all that is known about a node."""
    console.show(console.get("nodes", node, timeout_s=QUICK_S), _facts)


def _facts(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    certificate = as_object(found.get("certificate"))
    return block(
        [
            ("id", text(found.get("id"))),
            ("name", text(found.get("name"))),
            ("this node", text(found.get("self"))),
            ("role", text(found.get("role"))),
            ("state", text(found.get("state"))),
            ("address", text(found.get("address"))),
            ("data path", text(found.get("data_path_address"))),
            ("round trip", milliseconds(found.get("rtt_s"))),
            ("boot epoch", text(found.get("boot_epoch"))),
            ("incarnation", text(found.get("incarnation"))),
            ("certified from", text(certificate.get("not_before"))),
            ("certified until", text(certificate.get("not_after"))),
            ("certified by", text(certificate.get("issuer"))),
            ("networks", text(found.get("networks"))),
        ]
    )


@node.command("rm", epilog="Example: swarmnet node rm web3")
@NODE
@click.pass_obj
def remove(console: Console, node: str) -> None:
    """Revoke a dead or unwanted node: it can never speak again."""
    answer = console.delete("nodes", node)
    console.show(answer, lambda found: [f"Node {_named(found)} is removed."])


def _named(answer: Json) -> str:
    return named(as_object(answer))


@node.command("promote", epilog="Example: swarmnet node promote web2")
@NODE
@click.pass_obj
def promote(console: Console, node: str) -> None:
    """Make a manager of a worker."""
    answer = console.post("nodes", node, "promote", waiting_for="its new certificate")
    console.show(answer, lambda found: [f"Node {_named(found)} is a manager."])


@node.command("demote", epilog="Example: swarmnet node demote web2")
@NODE
@click.pass_obj
def demote(console: Console, node: str) -> None:
    """Make a worker of a manager."""
    answer = console.post("nodes", node, "demote", waiting_for="its new certificate")
    console.show(answer, lambda found: [f"Node {_named(found)} is a worker."])
