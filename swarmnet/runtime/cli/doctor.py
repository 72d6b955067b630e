"""What is wrong, and how to mend it: doctor, check."""

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import (
    NOTHING,
    Json,
    Object,
    milliseconds,
    named,
    objects,
    text,
)
from swarmnet.runtime.cli.client import RESTART, SOCKET
from swarmnet.runtime.cli.grammar import QUICK_S, Command, Console, data_dir_option
from swarmnet.runtime.cli.layout import table
from swarmnet.runtime.cli.outcomes import FAILED, NO_AGENT, NoAgent, Silent
from swarmnet.runtime.cli.parameters import complete_network, complete_node

DATABASE: Final = "swarmnet.db"
HEADS: Final = ("VERDICT", "CHECK", "NODE", "EVIDENCE")
START: Final = "systemctl start swarmnet"
FAIL: Final = "fail"
OK: Final = "ok"


@click.command(cls=Command, epilog="Example: swarmnet doctor 192.0.2.7")
@click.argument(
    "address", metavar="[ADDR]", required=False, shell_complete=complete_node
)
@data_dir_option(help="What to look at if no agent runs.")
@click.pass_context
def doctor(ctx: click.Context, address: str | None, data_dir: str) -> None:
    """Look for what is wrong with this host, and say how to mend it.

    And with the way to one member (its name, id or address), or to all that live. It
    works without an agent too, as far as it can. Exit status: 0 if nothing fails, 1 if
    something does, 3 if nothing does but ADDR could not take part, as no agent runs
    here.
    """
    console = ctx.ensure_object(Console)
    why = _silence(console)
    if why is None:
        waiting_for = "what is tried out with others"
        body: dict[str, Json] = {"address": address}
        found = console.post("doctor", body=body, waiting_for=waiting_for)
    else:
        found = [_no_agent(why, data_dir), *_alone(console.run_dir, data_dir, address)]
    console.show(found, _findings)
    if any(one.get("verdict") == FAIL for one in objects(found)):
        ctx.exit(FAILED)
    if why is not None and address is not None:
        ctx.exit(NO_AGENT)


def _silence(console: Console) -> str | None:
    """Return why the agent does not answer, or None if it does.

    Raises:
        NoAgent: it may not be asked by this user.
    """
    try:
        console.get("status", timeout_s=QUICK_S)
    except (Silent, Refused):
        return f"the agent does not answer within {QUICK_S:g} s: {RESTART}"
    except NoAgent as unreached:
        path = os.path.join(console.run_dir, SOCKET)
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise
        return str(unreached)
    return None


def _no_agent(why: str, data_dir: str) -> Json:
    told, _, cure = why.rpartition(": ")
    has_run = os.path.exists(os.path.join(data_dir, DATABASE))
    return {
        "check": "agent",
        "node": None,
        "verdict": FAIL if has_run or cure == RESTART else "skip",
        "evidence": told or why,
        "cure": START if has_run and cure != RESTART else cure,
    }


def _alone(run_dir: str, data_dir: str, address: str | None) -> list[Json]:
    """Return what can be found out without an agent."""
    # The other commands start before all that it needs would be loaded.
    host = importlib.import_module("swarmnet.runtime.doctor.alone")
    found: list[Json] = host.look_alone(run_dir, data_dir, address)
    return found


def _findings(answer: Json) -> Iterator[str]:
    """Yield a line a finding, and one with the cure behind what is not well."""
    found = objects(answer)
    head, *lines = table(HEADS, [_row(one) for one in found])
    yield head
    for one, line in zip(found, lines, strict=True):
        yield line
        if one.get("verdict") != OK and one.get("cure"):
            yield f"{'':<10}cure: {text(one.get('cure'))}"
    yield _sum(found)


def _row(one: Object) -> tuple[str, ...]:
    keys = ("verdict", "check", "node", "evidence")
    return tuple(text(one.get(key)) for key in keys)


def _sum(found: Sequence[Object]) -> str:
    verdicts = [one.get("verdict") for one in found]
    counts = [(word, verdicts.count(word)) for word in (FAIL, "warn", OK, "skip")]
    return ", ".join(f"{count} {word}" for word, count in counts if count)


@click.command(cls=Command, epilog="Example: swarmnet check web")
@click.argument(
    "network", metavar="[NET]", required=False, shell_complete=complete_network
)
@click.pass_context
def check(ctx: click.Context, network: str | None) -> None:
    """Try the way between all hosts of a network, or of each network.

    From a sandbox of each host to one of each other: reachability, round trip, loss,
    the path's MTU, UDP and TCP. Exit status 1 if any pair fails.
    """
    console = ctx.ensure_object(Console)
    body: dict[str, Json] = {"network": network}
    waiting_for = "all hosts to try the way to each other"
    found = console.post("check", body=body, waiting_for=waiting_for)
    console.show(found, _matrices)
    if any(_failed(one) for one in objects(found)):
        ctx.exit(FAILED)


def _failed(one: Object) -> list[Object]:
    """Return the pairs of a network that failed."""
    return [pair for pair in objects(one.get("pairs")) if pair.get("ok") is not True]


def _matrices(answer: Json) -> Iterator[str]:
    found = objects(answer)
    if not found:
        yield "There is no network."
    for number, one in enumerate(found):
        if number:
            yield ""
        yield from _matrix(one)


def _matrix(one: Object) -> Iterator[str]:
    """Yield a row a host, a column a host, and a line for each pair that failed."""
    hosts = objects(one.get("hosts"))
    yield f"network {named(one, key='network')}, MTU {text(one.get('mtu'))}"
    if len(hosts) < 2:
        yield f"{len(hosts)} host has sandboxes in it: nothing to be tried"
        return
    cells = {
        (pair.get("from"), pair.get("to")): _cell(pair)
        for pair in objects(one.get("pairs"))
    }
    names = [text(host.get("name")) for host in hosts]
    rows = []
    for host, name in zip(hosts, names, strict=True):
        way = [(host.get("id"), other.get("id")) for other in hosts]
        rows.append([name, *(cells.get(pair, NOTHING) for pair in way)])
    yield from table(["FROM \\ TO", *names], rows)
    for pair in _failed(one):
        ends = f"{text(pair.get('from_name'))} to {text(pair.get('to_name'))}"
        yield f"failed: {ends}: {text(pair.get('reason'))}"


def _cell(pair: Object) -> str:
    if pair.get("rtt_s") is None:
        return "FAILS"
    loss = pair.get("loss")
    lost = f", loses {loss:.0%}" if isinstance(loss, float) and loss else ""
    told = f"{milliseconds(pair.get('rtt_s'))}, {text(pair.get('path_mtu'))} B{lost}"
    return told if pair.get("ok") is True else f"{told}, FAILS"
