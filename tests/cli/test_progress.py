"""What is shown while a command waits, and when nothing is."""

import io
import socket
import sys
from collections.abc import Iterator

import pytest

from swarmnet.runtime.cli.progress import CLEAR, wait_readable


class Terminal(io.StringIO):
    """A terminal; what is waited for comes after so many frames."""

    def __init__(self, peer: socket.socket, frames: int) -> None:
        super().__init__()
        self.peer = peer
        self.frames = frames

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.frames -= 1
        if not self.frames:
            self.peer.send(b"x")
        return super().write(text)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_frames_turn_until_there_is_an_answer_and_leave_nothing(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(pair[1], frames=2)
    monkeypatch.setattr(sys, "stderr", terminal)
    wait_readable(pair[0], "an address", patience_s=0)
    assert terminal.getvalue() == (
        f"{CLEAR}| waiting for an address (0 s)"
        f"{CLEAR}/ waiting for an address (0 s)"
        f"{CLEAR}"
    )


def test_a_quick_answer_shows_nothing(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(pair[1], frames=1)
    pair[1].send(b"x")
    monkeypatch.setattr(sys, "stderr", terminal)
    wait_readable(pair[0], "an address")
    assert terminal.getvalue() == ""


def test_where_there_is_no_terminal_nothing_is_shown_and_nothing_waits(
    pair: tuple[socket.socket, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    wait_readable(pair[0], "an address", patience_s=0)
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_clears_the_line(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(pair[1], frames=0)

    def interrupted() -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "flush", interrupted)
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyboardInterrupt):
        wait_readable(pair[0], "an address", patience_s=0)
    assert terminal.getvalue().endswith(CLEAR)
