"""Commands on the cluster: init, join, join-token, leave, ca, unlock."""

from collections.abc import Iterator
from functools import partial

import click

from swarmnet.runtime.cli.answers import Json, as_object, named, text
from swarmnet.runtime.cli.grammar import QUICK_S, Command, Console, Group
from swarmnet.runtime.cli.parameters import duration
from swarmnet.runtime.cli.passphrases import ask_passphrase, read_passphrase

NAME = click.option("--name", help="This node's name. [the host's]")
ADVERTISE = click.option(
    "--advertise-addr",
    metavar="IP[:PORT]",
    help="Where others reach this node. [the default route's address, port 7946]",
)
DATA_PATH = click.option(
    "--data-path-addr",
    metavar="IP",
    help="Where VXLAN packets go. [that of --advertise-addr]",
)


@click.command(cls=Command, epilog="Example: swarmnet init --advertise-addr 192.0.2.1")
@NAME
@ADVERTISE
@DATA_PATH
@click.option("--data-path-port", type=int, metavar="PORT", help="VXLAN's. [4789]")
@click.option(
    "--default-addr-pool",
    "pools",
    metavar="CIDR",
    multiple=True,
    help="Where subnets are taken from; may be repeated. [10.0.0.0/8]",
)
@click.option(
    "--default-addr-pool-mask-length",
    "mask_length",
    type=int,
    metavar="BITS",
    help="How large such a subnet is. [24]",
)
@click.option(
    "--forget-dead-after",
    type=duration,
    metavar="DURATION",
    help="Remove nodes dead for so long, such as 24h. [never]",
)
@click.option(
    "--seal",
    is_flag=True,
    help="Keep the root key sealed by a passphrase, which is asked for; after each"
    " start `swarmnet unlock` opens it.",
)
@click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Seal it by the passphrase in this file.",
)
@click.pass_obj
def init(
    console: Console,
    *,
    name: str | None,
    advertise_addr: str | None,
    data_path_addr: str | None,
    data_path_port: int | None,
    pools: tuple[str, ...],
    mask_length: int | None,
    forget_dead_after: int | None,
    seal: bool,
    passphrase_file: str | None,
) -> None:
    """Make a cluster, of which this node is the first manager."""
    passphrase = None
    if passphrase_file is not None:
        passphrase = read_passphrase(passphrase_file)
    elif seal:
        passphrase = ask_passphrase(twice=True)
    body: dict[str, Json] = {
        "name": name,
        "advertise_addr": advertise_addr,
        "data_path_addr": data_path_addr,
        "data_path_port": data_path_port,
        "default_addr_pools": list(pools),
        "default_addr_pool_mask_length": mask_length,
        "forget_dead_after_s": forget_dead_after,
        "passphrase": passphrase,
    }
    console.show(console.post("init", body=body), _made)


def join_command(token: Json, address: Json) -> str:
    """Return what another host runs to join."""
    return f"swarmnet join --token {text(token)} {text(address)}"


def _made(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    token = as_object(found.get("tokens")).get("worker")
    yield f"Cluster {text(found.get('cluster'))} is made; this node,"
    yield f"{named(found, key='node')}, is a manager. To add a worker, run there:"
    yield ""
    yield f"    {join_command(token, found.get('address'))}"
    yield ""
    yield "To add a manager, see `swarmnet join-token manager`."


@click.command(
    cls=Command,
    epilog="Example: swarmnet join --token SNTKN-1-... 192.0.2.1 192.0.2.2:7946",
)
@click.option("--token", required=True, help="What `swarmnet join-token` shows.")
@NAME
@ADVERTISE
@DATA_PATH
@click.argument("addresses", metavar="ADDR[:PORT]...", nargs=-1, required=True)
@click.pass_obj
def join(
    console: Console,
    *,
    token: str,
    name: str | None,
    advertise_addr: str | None,
    data_path_addr: str | None,
    addresses: tuple[str, ...],
) -> None:
    """Join a cluster by any of its managers.

    Several addresses are tried in turn.
    """
    body: dict[str, Json] = {
        "token": token,
        "name": name,
        "advertise_addr": advertise_addr,
        "data_path_addr": data_path_addr,
        "addresses": list(addresses),
    }
    waiting_for = f"an answer from {', '.join(addresses)}"
    console.show(console.post("join", body=body, waiting_for=waiting_for), _joined)


def _joined(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    role = text(found.get("role"))
    who = named(found, key="node")
    yield f"This node, {who}, joined cluster {text(found.get('cluster'))} as {role}."


@click.command("join-token", cls=Command, epilog="Example: swarmnet join-token worker")
@click.argument("role", type=click.Choice(["worker", "manager"]))
@click.option("--rotate", is_flag=True, help="Make a new token; the old one ends.")
@click.option("-q", "--quiet", is_flag=True, help="Print the token alone.")
@click.pass_obj
def join_token(console: Console, role: str, *, rotate: bool, quiet: bool) -> None:
    """Show the command by which others join."""
    if rotate:
        answer = console.post("join-token", role, "rotate")
    else:
        answer = console.get("join-token", role, timeout_s=QUICK_S)
    console.show(answer, partial(_token, quiet=quiet))


def _token(answer: Json, *, quiet: bool) -> Iterator[str]:
    found = as_object(answer)
    if quiet:
        yield text(found.get("token"))
        return
    yield f"To add a {text(found.get('role'))}, run there:"
    yield ""
    yield f"    {join_command(found.get('token'), found.get('address'))}"


@click.command(cls=Command, epilog="Example: swarmnet leave")
@click.option("--force", is_flag=True, help="Leave though it is the last manager.")
@click.pass_obj
def leave(console: Console, *, force: bool) -> None:
    """Leave the cluster.

    Others know at once, and take over the addresses that this node gave out.
    """
    waiting_for = "others to take over"
    answer = console.post("leave", body={"force": force}, waiting_for=waiting_for)
    console.show(answer, lambda _: ["This node left the cluster."])


@click.group(cls=Group)
def ca() -> None:
    """The cluster's root, which vouches for every node."""


@ca.command("rotate", epilog="Example: swarmnet ca rotate")
@click.pass_obj
def rotate(console: Console) -> None:
    """Make a new root; both are valid until every node has renewed."""
    answer = console.post("ca", "rotate", waiting_for="the new root")
    console.show(answer, lambda found: [text(as_object(found).get("root"))])


@click.command(
    cls=Command, epilog="Example: swarmnet unlock < /run/credentials/passphrase"
)
@click.pass_obj
def unlock(console: Console) -> None:
    """Give the passphrase of a sealed root key, after a start.

    It is read from the terminal, without an echo, or from standard input.
    """
    body: dict[str, Json] = {"passphrase": ask_passphrase(twice=False)}
    console.show(console.post("unlock", body=body), lambda _: ["Unlocked."])
