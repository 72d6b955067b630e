"""The command `bundle`: all that whoever helps wants to see, in one file."""

from collections.abc import Iterator
from time import gmtime, strftime

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import Json, as_object, text
from swarmnet.runtime.cli.grammar import Command, Console, data_dir_option


@click.command(
    cls=Command, epilog="Example: swarmnet bundle --anonymize case-17.tar.gz"
)
@click.option(
    "--anonymize",
    is_flag=True,
    help="Replace names and addresses, each by the same one everywhere.",
)
@data_dir_option(help="Where the agent keeps the secrets that are left out.")
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False), metavar="[FILE]"
)
@click.pass_context
def bundle(
    ctx: click.Context, *, anonymize: bool, data_dir: str, file: str | None
) -> None:
    """Write a support bundle, a .tar.gz without secrets.

    State, counters, logs, versions, and what the kernel holds; as far as it goes where
    no agent runs. Keys, tokens and passphrases are left out. Read it before you give it
    away: it has names and addresses, unless you say --anonymize.
    """
    from swarmnet.runtime import bundling  # noqa: PLC0415

    console = ctx.ensure_object(Console)
    path = file or strftime("swarmnet-bundle-%Y%m%dT%H%M%SZ.tar.gz", gmtime())
    redactor = bundling.secrets_of(console.run_dir, data_dir)
    found = bundling.gather(console.run_dir, data_dir)
    if anonymize:
        found = bundling.anonymous(found)
    try:
        size = bundling.write(found, redactor, path)
    except FileExistsError:
        raise Refused(f"file {path}: it is there already: name another") from None
    missing: list[Json] = [*found.missing]
    answer: Json = {"file": path, "bytes": size, "missing": missing}
    console.show(answer, _told)


def _told(answer: Json) -> Iterator[str]:
    found = as_object(answer)
    missing = found.get("missing")
    for one in missing if isinstance(missing, list) else []:
        yield f"missing: {text(one)}"
    yield text(found.get("file"))
