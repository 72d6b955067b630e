"""The command itself: its groups, the agent's starter, and completion for shells."""

import importlib
from typing import Final

import click

from swarmnet import __version__
from swarmnet.runtime.cli.cluster import ca, init, join, join_token, leave, unlock
from swarmnet.runtime.cli.grammar import Command, Console, Root
from swarmnet.runtime.cli.networks import network
from swarmnet.runtime.cli.nodes import node
from swarmnet.runtime.cli.sandboxes import sandbox
from swarmnet.runtime.cli.truth import explain, monitor, status

PROGRAM: Final = "swarmnet"
COMPLETE_VARIABLE: Final = "_SWARMNET_COMPLETE"
DATA_DIR: Final = "/var/lib/swarmnet"
SETTINGS: Final = {"max_content_width": 90, "help_option_names": ["-h", "--help"]}


@click.group(
    cls=Root,
    context_settings=SETTINGS,
    epilog="Example: swarmnet init && swarmnet network create web",
)
@click.version_option(__version__, prog_name=PROGRAM)
def main() -> None:
    """Container networks across hosts, without a store or a leader.

    Options here work before and after a command's name. Exit status: 0 done, 1
    refused or failed, 2 wrong usage, 3 no agent reached.
    """


@click.command(cls=Command, epilog="Example: swarmnet agent --log-format json")
@click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    default=DATA_DIR,
    show_default=True,
    help="Where its identity and its rows are kept.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it logs, on standard error.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least that it logs.",
)
@click.pass_obj
def agent(console: Console, data_dir: str, log_format: str, log_level: str) -> None:
    """Run this host's agent, in the foreground."""
    # The other commands start before all that it needs would be loaded.
    runtime = importlib.import_module("swarmnet.runtime.agent")
    runtime.run_agent(
        data_dir=data_dir,
        run_dir=console.run_dir,
        log_format=log_format,
        log_level=log_level,
    )


@click.command(cls=Command, epilog="Example: source <(swarmnet completion bash)")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and names in a shell."""
    # It loads subprocess.
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    click.echo(found(main, {}, PROGRAM, COMPLETE_VARIABLE).source())


for _command in (
    *(agent, init, join, join_token, leave, node, network, sandbox),
    *(status, monitor, explain, ca, unlock, completion),
):
    main.add_command(_command)

if __name__ == "__main__":
    main()
