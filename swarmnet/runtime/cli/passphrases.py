"""The passphrase of a sealed key: from a terminal or a file, never an argument."""

import sys
from typing import Final

from swarmnet.errors import Refused

BYTES_MAX: Final = 4096


def read_passphrase(path: str) -> str:
    """Return the one line of a file.

    Raises:
        Refused: it cannot be read, or holds something else.
    """
    try:
        with open(path, "rb") as file:
            return _one_line(file.read(BYTES_MAX + 1), path)
    except OSError as error:
        raise Refused(f"passphrase file {path}: {error.strerror}") from None


def ask_passphrase(*, twice: bool) -> str:
    """Return what is typed at the terminal, unseen, or the line on standard input.

    Raises:
        Refused: there is none, or the second one differs.
    """
    if not sys.stdin.isatty():
        return _one_line(sys.stdin.buffer.read(BYTES_MAX + 1), "standard input")
    # It is of use here alone.
    from getpass import getpass  # noqa: PLC0415

    try:
        first = getpass("Passphrase: ")
        if twice and getpass("Once more: ") != first:
            raise Refused("the two passphrases differ; type the same one twice")
    except EOFError:
        first = ""
    if not first:
        raise Refused("the passphrase is empty; want at least one character")
    return first


def _one_line(data: bytes, where: str) -> str:
    """Return a line without its end."""
    if len(data) > BYTES_MAX:
        raise Refused(f"passphrase in {where}: want at most {BYTES_MAX} bytes")
    try:
        found = data.decode()
    except UnicodeDecodeError:
        raise Refused(f"passphrase in {where}: want text in UTF-8") from None
    found = found.removesuffix("\n").removesuffix("\r")
    if not found:
        raise Refused(f"passphrase in {where}: it is empty; want one line")
    if "\n" in found:
        raise Refused(f"passphrase in {where}: want one line, not several")
    return found
