"""What is true, and what happens: status, explain, monitor."""

import json
from collections.abc import Iterator, Mapping
from time import localtime, strftime
from typing import Final

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import (
    NOTHING,
    Json,
    Object,
    as_object,
    milliseconds,
    named,
    objects,
    pairs,
    text,
)
from swarmnet.runtime.cli.grammar import ASKING_S, JSON, QUICK_S, Command, Console
from swarmnet.runtime.cli.layout import block
from swarmnet.runtime.cli.outcomes import one_line

NO_CLUSTER: Final = "none: `swarmnet init` makes one, `swarmnet join` joins one"
AGREES: Final[Mapping[bool | None, str]] = {
    True: "agrees",
    False: "differs",
    None: "unknown",
}
KIND_WIDTH: Final = 8


@click.command(cls=Command, epilog="Example: swarmnet status")
@click.pass_obj
def status(console: Console) -> None:
    """Show this node at a glance."""
    console.show(console.get("status", timeout_s=QUICK_S), _glance)


def _glance(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    if found.get("cluster") is None:
        yield from block([("cluster", NO_CLUSTER), *_version(found)])
    else:
        yield from block([*_facts(found), *_version(found)])
    for member in objects(found.get("unwell")):
        yield f"member {text(member.get('name'))}: {text(member.get('reason'))}"
        yield f"    cure: {text(member.get('cure'))}"
    warnings = found.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        yield f"warning: {text(warning)}"


def _version(found: Object) -> list[tuple[str, str]]:
    return [("version", text(found.get("version")))]


def _facts(found: Object) -> list[tuple[str, str]]:
    role = found.get("role")
    return [
        ("node", named(found, key="node") + (f", {text(role)}" if role else "")),
        ("cluster", text(found.get("cluster"))),
        ("address", text(found.get("address"))),
        ("data path", text(found.get("data_path_address"))),
        ("members", _members(as_object(found.get("members")))),
        ("networks", _networks(found.get("networks"))),
        ("in sync", text(found.get("in_sync"))),
        ("last convergence", milliseconds(found.get("last_convergence_s"))),
    ]


def _members(counts: Object) -> str:
    """Return how many are in which state; the alive ones always."""
    found = [
        f"{text(count)} {one_line(state)}"
        for state, count in counts.items()
        if count or state == "alive"
    ]
    return ", ".join(found) or NOTHING


def _networks(found: Json) -> str:
    if not isinstance(found, list):
        return text(found)
    names = [named(one) if isinstance(one, dict) else text(one) for one in found]
    return f"{len(found)}: {', '.join(names)}" if found else "0"


@click.command(cls=Command, epilog="Example: swarmnet explain 10.0.1.3")
@click.argument("what", metavar="IP|MAC|NAME")
@click.pass_obj
def explain(console: Console, what: str) -> None:
    """Say who holds an address or a name.

    And by which row of which owner, since when, whether the address is its own, what
    this kernel should hold and does, where that differs, and what helps.
    """
    console.show(console.get("explain", what, timeout_s=ASKING_S), _explained)


def _explained(answer: Json) -> Iterator[str]:
    for number, one in enumerate(objects(answer)):
        if number:
            yield ""
        kind = one.get("kind")
        yield text(one.get("what")) + (f" ({text(kind)})" if kind else "")
        facts = [
            (key, value) for key, value in _holder(one) if value not in ("", NOTHING)
        ]
        yield from block(facts, indent="  ")


def _holder(one: Object) -> list[tuple[str, str]]:
    row, kernel = as_object(one.get("row")), as_object(one.get("kernel"))
    owner, state = named(one, "owner_name", "owner"), one.get("owner_state")
    agrees, detail = kernel.get("agrees"), kernel.get("detail")
    verdict = AGREES[agrees if isinstance(agrees, bool) else None]
    return [
        ("network", named(one, "network_name", "network")),
        ("endpoint", text(one.get("endpoint"))),
        ("sandbox", text(one.get("sandbox"))),
        ("owner", owner + (f", {text(state)}" if state else "")),
        ("row", ", ".join(f"{key} {text(value)}" for key, value in row.items())),
        ("since", _since(one)),
        ("ipv4", text(one.get("ipv4"))),
        ("ipv6", text(one.get("ipv6"))),
        ("mac", text(one.get("mac"))),
        ("vtep", text(one.get("vtep"))),
        ("address", _valid(as_object(one.get("address")))),
        ("holds", _pairs(kernel.get("held"))),
        ("should hold", "" if agrees else _pairs(kernel.get("wanted"))),
        ("kernel", verdict + (f": {text(detail)}" if detail else "")),
        ("cure", text(kernel.get("cure"))),
    ]


def _since(one: Object) -> str:
    before = one.get("since_before")
    if one.get("since") is None and before is not None:
        return f"before {text(before)}, when this agent began"
    return text(one.get("since"))


def _valid(found: Object) -> str:
    if not found:
        return NOTHING
    word = "valid" if found.get("valid") is True else "not valid"
    return f"{word}: {text(found.get('detail'))}"


def _pairs(found: Json) -> str:
    """Return what a kernel has, or should, each with its value."""
    pairs_of = found.items() if isinstance(found, dict) else ()
    return ", ".join(f"{one_line(key)} {text(value)}" for key, value in pairs_of)


@click.command(cls=Command, epilog="Example: swarmnet monitor --format json")
@click.pass_obj
def monitor(console: Console) -> None:
    """Show what happens, a line an event, until Ctrl-C."""
    for event in console.listen("monitor"):
        if console.form == JSON:
            click.echo(json.dumps(event))
        else:
            click.echo(_happening(as_object(event)))
    raise Refused("the agent ended; once it runs again, start this anew")


def _happening(event: Object) -> str:
    rest = {key: one for key, one in event.items() if key not in ("time", "kind")}
    kind = text(event.get("kind")).ljust(KIND_WIDTH)
    return f"{_clock(event.get('time'))}  {kind}  {' '.join(pairs(rest))}".rstrip()


def _clock(value: Json) -> str:
    """Return seconds since 1970 as a local time of day, with milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    thousandths = int(value % 1 * 1000)
    return f"{strftime('%H:%M:%S', localtime(value))}.{thousandths:03}"
