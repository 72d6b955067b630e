"""The command itself: its groups, the agent's starter, and completion for shells."""

import importlib
from typing import Final

import click

from swarmnet import __version__
from swarmnet.runtime.cli.grammar import Command, Console, Root, data_dir_option

PROGRAM: Final = "swarmnet"
COMPLETE_VARIABLE: Final = "_SWARMNET_COMPLETE"
PLACES: Final = {
    **dict.fromkeys(("ca", "init", "join", "join-token", "leave", "unlock"), "cluster"),
    **dict.fromkeys(("check", "doctor"), "doctor"),
    "network": "networks",
    "node": "nodes",
    "sandbox": "sandboxes",
    **dict.fromkeys(("explain", "monitor", "status"), "truth"),
    "bundle": "bundling",
    "reset": "resetting",
}
"""Commands, and the modules that they are loaded from when they are needed."""
HELP: Final = ["-h", "--help"]
SETTINGS: Final = {"max_content_width": 90, "help_option_names": HELP}


class Swarmnet(Root):
    """All commands, each in its place under its own name, with underscores."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *PLACES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of this name."""
        place = PLACES.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"swarmnet.runtime.cli.{place}")
        found = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command), f"{place} has {cmd_name}"
        return found


@click.group(
    cls=Swarmnet,
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
@data_dir_option(help="Where its identity and its rows are kept.")
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
@click.option(
    "--metrics-addr",
    metavar="IP:PORT",
    help="Where monitors may read /metrics, /healthz and /readyz by TCP as well.",
)
@click.pass_obj
def agent(
    console: Console,
    data_dir: str,
    log_format: str,
    log_level: str,
    metrics_addr: str | None,
) -> None:
    """Run this host's agent, in the foreground."""
    # The other commands start before all that it needs would be loaded.
    runtime = importlib.import_module("swarmnet.runtime.agent")
    runtime.run_agent(
        data_dir=data_dir,
        run_dir=console.run_dir,
        log_format=log_format,
        log_level=log_level,
        metrics_addr=metrics_addr,
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


main.add_command(agent)
main.add_command(completion)

if __name__ == "__main__":
    main()
