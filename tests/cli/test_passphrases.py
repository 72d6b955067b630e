"""Passphrases come from a terminal, a file or standard input, and from nowhere else."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmnet.errors import Refused
from swarmnet.runtime.cli.passphrases import ask_passphrase
from tests.cli.conftest import Shell
from tests.cli.fake_agent import FakeAgent


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"two words \r\n", "two words "),
        ("pässword".encode(), "pässword"),
    ],
)
def test_the_line_is_taken_without_its_end(
    shell: Shell, agent: FakeAgent, run_dir: Path, data: bytes, passphrase: str
) -> None:
    file = run_dir / "passphrase"
    file.write_bytes(data)
    assert shell.run("unlock", stdin=data).exit_code == 0
    assert shell.run("init", "--seal", stdin=data).exit_code == 0
    assert shell.run("init", "--passphrase-file", str(file)).exit_code == 0
    assert [one.body for one in agent.asked] == [{"passphrase": passphrase}] * 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty; want one line"),
        (b"\n", "it is empty; want one line"),
        (b"a\nb\n", "want one line, not several"),
        (b"\xff", "want text in UTF-8"),
        (b"x" * 4097, "want at most 4096 bytes"),
    ],
)
def test_what_is_no_line_is_refused(
    shell: Shell, agent: FakeAgent, data: bytes, message: str
) -> None:
    done = shell.run("unlock", stdin=data)
    assert done.exit_code == 1
    assert done.stderr == f"swarmnet: passphrase in standard input: {message}\n"
    assert agent.asked == []


def test_a_file_that_cannot_be_read_is_named(shell: Shell) -> None:
    text = shell.complaint("init", "--passphrase-file", "/nowhere/file", status=1)
    assert text == "passphrase file /nowhere/file: No such file or directory"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is typed at the terminal, line by line; then Ctrl-D."""
    lines: list[str] = []

    def getpass(_: str) -> str:
        if not lines:
            raise EOFError
        return lines.pop(0)

    first, second = os.openpty()
    with open(second) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr("getpass.getpass", getpass)
        yield lines
    os.close(first)


def test_a_terminal_is_asked_once_or_twice(typed: list[str]) -> None:
    typed += ["secret", "secret", "secret"]
    assert ask_passphrase(twice=False) == "secret"
    assert ask_passphrase(twice=True) == "secret"
    assert typed == []


@pytest.mark.parametrize("lines", [[], [""], ["", ""], ["a", "b"], ["a"]])
def test_nothing_or_two_things_typed_are_refused(
    typed: list[str], lines: list[str]
) -> None:
    typed += lines
    with pytest.raises(Refused, match=r"the passphrase is empty|passphrases differ"):
        ask_passphrase(twice=True)
