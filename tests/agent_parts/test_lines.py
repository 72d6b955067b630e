"""A line that a stranger has opened: whatever comes on it, nothing else ends."""

from typing import Any, cast

import pytest
import trio
import trio.testing

from swarmnet.crypto.framing import frame
from swarmnet.ids import Address
from swarmnet.runtime.admitting import Admitting
from swarmnet.runtime.streams import Line, Streams

THERE = Address(bytes([192, 0, 2, 1]), 7946)
HELLO = frame(b"hello")
NONSENSE = b"\xff\xff\xff\xff and more"


class Asked:
    """An admitter that wants nothing, and notes what it is told."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.is_closed = False

    def receive_message(self, now: float, wall: float, line: int, data: bytes) -> None:
        assert (now < wall, line) == (True, 1)
        self.messages.append(data)

    def receive_closed(self, line: int) -> None:
        self.is_closed = line == 1

    def poll_output(self) -> None:
        return None


@pytest.mark.parametrize(
    ("parts", "told", "bad"),
    [
        ([HELLO + NONSENSE], [], 1),
        ([HELLO, NONSENSE], [b"hello"], 1),
        ([NONSENSE], [], 1),
        ([HELLO, HELLO[:3]], [b"hello"], 0),
    ],
)
def test_what_is_no_packet_ends_its_line_and_nothing_else(
    parts: list[bytes], told: list[bytes], bad: int
) -> None:
    asked = Asked()

    async def main() -> None:
        streams, admitting = Streams(0), Admitting(tuple, bool, bool)
        admitting.admitter = cast("Any", asked)
        streams.admit = admitting.serve
        ours, theirs = trio.socket.socketpair()
        line = Line(THERE, trio.SocketStream(ours))
        with trio.fail_after(5.0), theirs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(streams._run_theirs, line)
                for part in parts:
                    await theirs.send(part)
                    await trio.testing.wait_all_tasks_blocked(0.01)
                theirs.shutdown(trio.socket.SHUT_WR)
        assert streams.counters["bad_frames"] == bad
        assert ours.fileno() == -1
        streams.close()

    trio.run(main)
    assert asked.messages == told
    assert asked.is_closed == parts[0].startswith(HELLO)
