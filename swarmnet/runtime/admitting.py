"""Strangers' lines: a manager lets in who has a token, others name the managers."""

from collections.abc import Callable, Iterable
from time import monotonic, time

import trio

from swarmnet.crypto.admission import Admitted, Admitter, SendMessage
from swarmnet.crypto.framing import Unframer
from swarmnet.crypto.token import Refusal, encode_refusal
from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.runtime.streams import READ_BYTES, Line

ANSWER_S = 15.0


class Admitting:
    """Serves the lines of those who want to join.

    `admitter` is None while this node cannot admit anybody; then `managers` are named.
    `issued` writes down that a certificate was issued, before it goes out.
    """

    def __init__(
        self,
        managers: Callable[[], Iterable[Address]],
        issued: Callable[[], object],
        told: Callable[[Admitted], object],
    ) -> None:
        self.admitter: Admitter | None = None
        self._managers = managers
        self._issued = issued
        self._told = told
        self._lines: dict[int, Line] = {}
        self._numbers = 0
        self._storing = trio.Lock()

    async def serve(self, line: Line, first: bytes, unframer: Unframer) -> None:
        """Carry one exchange through; the line is closed afterwards.

        Raises:
            BadPacket: what comes is cut into no packets.
        """
        with trio.move_on_after(ANSWER_S):
            if self.admitter is None:
                line.put(encode_refusal(Refusal.NO_MANAGER, list(self._managers())))
                await line.flush()
                return
            self._numbers += 1
            number = self._numbers
            self._lines[number] = line
            try:
                await self._exchange(number, line, first, unframer)
            finally:
                self._lines.pop(number, None)
                if self.admitter is not None:
                    self.admitter.receive_closed(number)

    async def run(self) -> None:
        """Give up who is slow, until cancelled."""
        while True:
            await trio.sleep(1.0)
            if self.admitter is not None:
                self.admitter.handle_timeout(monotonic())
                await self._carry()

    async def _exchange(
        self, number: int, line: Line, first: bytes, unframer: Unframer
    ) -> None:
        assert line.stream is not None, "it was accepted"
        packets = [first, *unframer.receive(b"")]
        while True:
            for packet in packets:
                if self.admitter is None:
                    return
                self.admitter.receive_message(monotonic(), time(), number, packet)
            await self._carry()
            await line.flush()
            if line.is_ending:
                return
            data = await line.stream.receive_some(READ_BYTES)
            if not data:
                return
            packets = list(unframer.receive(data))

    async def _carry(self) -> None:
        """Do what the admitter wants; a serial is written down before it is used."""
        admitter = self.admitter
        assert admitter is not None, "it is asked"
        async with self._storing:
            while (output := admitter.poll_output()) is not None:
                if isinstance(output, Admitted):
                    await self._note_admitted(output)
                    continue
                line = self._lines.get(output.stream)
                if line is None:
                    continue
                if isinstance(output, SendMessage):
                    line.put(output.data)
                else:
                    line.is_ending = True

    async def _note_admitted(self, admitted: Admitted) -> None:
        try:
            await trio.to_thread.run_sync(self._issued)
        except Refused:
            # It hears nothing, and may try again.
            line = self._lines.pop(admitted.stream, None)
            if line is not None:
                line.scope.cancel()
        else:
            self._told(admitted)
