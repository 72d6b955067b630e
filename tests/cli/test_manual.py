"""swarmnet(1) has all that `--help` has, and is a page that man can set."""

import shutil
import subprocess

import click
import pytest

from swarmnet.runtime.cli.manual import manual
from tests.cli.test_grammar import ALL


def plain(text: str) -> str:
    """Return roff as it is read: without escapes of characters."""
    for escape, character in {
        r"\-": "-",
        r"\(dq": '"',
        r"\(aq": "'",
        r"\(ga": "`",
    }.items():
        text = text.replace(escape, character)
    return text


def test_every_command_and_option_is_in_it() -> None:
    page = plain(manual())
    for words, command in ALL.items():
        if isinstance(command, click.Group):
            continue
        assert f'.SS "swarmnet {" ".join(words)} ' in page, words
        part = page.partition(f'.SS "swarmnet {" ".join(words)} ')[2].partition(".SS")[
            0
        ]
        for one in command.params:
            for option in one.opts if isinstance(one, click.Option) else []:
                assert option in part, (words, option)
        first = " ".join((command.help or "").split("\n\n")[0].split())
        assert first in part, words
        assert command.epilog, words
        assert command.epilog in part, words


def test_no_line_is_an_instruction_by_accident() -> None:
    known = (".TH", ".SH", ".SS", ".PP", ".TP", ".B ", ".EX", ".EE")
    strange = [
        line
        for line in manual().splitlines()
        if line.startswith((".", "'")) and not line.startswith(known)
    ]
    assert strange == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_groff_sets_it_without_a_warning() -> None:
    done = subprocess.run(
        ("groff", "-ww", "-man", "-Tutf8"),
        input=manual(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "network create" in done.stdout
