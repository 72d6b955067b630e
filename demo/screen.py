"""What the demonstration prints: chapters, what is done and why, commands, findings."""

import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 88
INDENT: Final = "    "
BOLD: Final = "1"
GREEN: Final = "32"
RED: Final = "31"
CYAN: Final = "36"


class Screen:
    """Standard output, in colours if it is a terminal that wants them."""

    def __init__(self) -> None:
        self._has_colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._chapters = 0
        self.found = 0
        """How many things were found as they should be."""

    def _put(self, line: str, colour: str = "") -> None:
        if colour and self._has_colours:
            line = f"\033[{colour}m{line}\033[0m"
        print(line, flush=True)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapters += 1
        self._put("")
        self._put(f"== {self._chapters}. {title}", BOLD)

    def say(self, text: str) -> None:
        """Say what comes next, and why."""
        self._put("")
        for line in textwrap.wrap(" ".join(text.split()), WIDTH):
            self._put(line)

    def command(self, prompt: str, words: Sequence[str], *, more: str = "") -> None:
        """Show a command as it would be typed."""
        self._put(f"{INDENT}{prompt} {shlex.join(words)}{more}", CYAN)

    def output(self, text: str) -> None:
        """Show what a command printed."""
        for line in text.rstrip().splitlines():
            self._put(f"{INDENT}{line}".rstrip())

    def good(self, text: str) -> None:
        """Tell what was found as it should be."""
        self.found += 1
        self._put(f"  ✓ {text}", GREEN)

    def bad(self, text: str) -> None:
        """Tell what went wrong."""
        self._put(f"  ✗ {text}", RED)


def failure(line: str) -> None:
    """Say in one line why there is no demonstration."""
    print(f"demo: {line}", file=sys.stderr, flush=True)
