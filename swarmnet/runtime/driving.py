"""The driver of one node: time, sockets, storage and kernel around the engine.

Every input goes through `act`, and what the engine then wants is carried out in order.
Own rows come first: whatever else came out with them waits until they are on the disk,
written by another thread, all that came meanwhile in one commit. So nothing is said, or
acknowledged, that a crash could unsay. A leave that we hear of is kept likewise: who
leaves goes once we have said that we know, and nobody says it again.

Time in which this process did not run is told to the engine before anything else: it
must blame itself before it blames a peer.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from time import monotonic, time
from typing import Final, Protocol, TypeVar

import trio

from swarmnet.crypto.identity import verify_signature
from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.node.commands import Done, Failed
from swarmnet.node.engine import Node
from swarmnet.node.kernel_news import Apply, Drifted, Forget, KernelOutput, Read
from swarmnet.node.outputs import (
    Output,
    Recertified,
    RootsChanged,
    VerifySignatures,
)
from swarmnet.runtime.continuing import Continuing
from swarmnet.runtime.datagrams import Datagrams
from swarmnet.runtime.hand import Verb
from swarmnet.runtime.health import Lateness
from swarmnet.runtime.keeping import Keeping
from swarmnet.runtime.store import Store
from swarmnet.runtime.streams import Streams
from swarmnet.swim.outputs import (
    Deliver,
    MemberChanged,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.tables.outputs import Save, Unsave

LATE_S_MIN: Final = 0.01
"""A process that is later than this was held up."""
WALL_EVERY_S: Final = 5.0
STORE_AGAIN_S: Final = 1.0

ENDED: Final = "the node has stopped: see status, and try again"

T = TypeVar("T")


class Hands(Protocol):
    """Carries out what is wanted of the kernel."""

    def take(self, output: KernelOutput) -> None: ...


class Driver:
    """Drives one node until cancelled.

    `told` hears of everything that is nobody else's to carry out. `troubled` hears why
    rows cannot be written, in a line, and None once they can be again.
    """

    def __init__(
        self,
        me: NodeId,
        node: Node,
        underlay: tuple[Datagrams, Streams],
        store: Store,
        continuing: Continuing,
        *,
        told: Callable[[Output], object],
        troubled: Callable[[str | None], object],
    ) -> None:
        self.node = node
        self._datagrams, self._streams = underlay
        self._store, self._continuing = store, continuing
        self._told = told
        self._troubled = troubled
        self._streams.is_known = node.knows
        self.hand: Hands | None = None
        self.after: Callable[[], object] = lambda: None
        """Is called after every input by which rows may have changed."""
        # Up to which stir of the node it was called, and its continuation was noted.
        self._told_stirs = -1
        self._noted = (-1, -1)
        self._out: deque[Output] = deque()
        self._unsaved: list[Save | Unsave] = []
        self._has_unkept_leave = False
        self._is_troubled = False
        self._keeping = Keeping(me, node, store, self._note_written)
        self._is_storing = False
        self._is_over = False
        self._store_woken = trio.Event()
        self._all_stored = trio.Event()
        # The node was last driven at the second: a stall is told of once.
        self._deadline, self._acted = inf, -inf
        self._sleep = trio.CancelScope()
        self._waiting: dict[int, trio.Event] = {}
        self._results: dict[int, Done | Failed] = {}
        self._claims: deque[VerifySignatures] = deque()
        self._claims_woken = trio.Event()
        self.lateness = Lateness()

    # Inputs

    def act(self, verb: Callable[[Node, float], T]) -> T:
        """Let `verb` do something with the node, and carry out what it wants.

        Raises:
            Refused: as the verb does.
        """
        now = monotonic()
        late = now - max(self._deadline, self._acted)
        if late > LATE_S_MIN:
            self.lateness.note(late)
            self.node.note_late(now, late)
        try:
            return verb(self.node, now)
        finally:
            self._pump()
            self._acted = now
            self._keeping.look(now)
            if self.node.stirs != self._told_stirs:
                self._told_stirs = self.node.stirs
                self.after()

    def tell_plane(self, verb: Verb) -> None:
        """Tell the node's data plane something."""
        self.act(lambda node, now: node.program(now, lambda plane: verb(plane, now)))

    def receive_datagrams(self, batch: Sequence[tuple[Address, bytes]]) -> None:
        """Take what has come by UDP."""
        self.act(lambda node, now: node.receive_datagrams(now, batch))

    def receive_packet(self, source: Address, data: bytes) -> bool:
        """Take what has come by TCP; return whether it was a peer's."""
        return self.act(lambda node, now: node.receive_stream(now, source, data))

    def stream_failed(self, address: Address) -> None:
        """Nothing could be sent there by TCP."""
        self.act(lambda node, now: node.stream_failed(now, address))

    async def command(self, verb: Callable[[Node, float], int]) -> object:
        """Submit a command that brings a ticket; return its result, once stored.

        Raises:
            Refused: it did not happen, and nothing has changed.
        """
        if self._is_over:
            raise Refused(ENDED)
        ticket = self.act(verb)
        event = self._waiting[ticket] = trio.Event()
        if ticket in self._results:
            event.set()
        try:
            await event.wait()
        except trio.Cancelled:
            self.act(lambda node, now: node.allocate(now, lambda a: a.cancel(ticket)))
            raise
        finally:
            del self._waiting[ticket]
            outcome = self._results.pop(ticket, None)
        assert outcome is not None, "it was told"
        if isinstance(outcome, Failed):
            raise Refused(outcome.reason)
        return outcome.result

    def counters(self) -> Mapping[str, int]:
        """Return how often something happened to what is sent and received."""
        return {**self._datagrams.counters, **self._streams.counters}

    async def keep_known(self) -> None:
        """Keep what is known of others, for the next start."""
        await self._keeping.keep()

    async def stored(self) -> None:
        """Wait until all that was written is on the disk."""
        while self._is_storing and not self._is_over:
            await self._all_stored.wait()

    # Tasks

    async def run(self) -> None:
        """Serve the node until cancelled; whoever still waits is told that it ends."""
        try:
            await self._run()
        finally:
            self._is_over = True
            self._all_stored.set()
            for ticket, event in self._waiting.items():
                self._results.setdefault(ticket, Failed(ticket, ENDED))
                event.set()

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._datagrams.run, self.receive_datagrams)
            nursery.start_soon(
                self._streams.run, self.receive_packet, self.stream_failed
            )
            nursery.start_soon(self._keep_time)
            nursery.start_soon(self._write_rows)
            nursery.start_soon(self._verify)
            nursery.start_soon(self._tell_wall)
            nursery.start_soon(self._keeping.run)

    async def _keep_time(self) -> None:
        while True:
            self._sleep = trio.CancelScope()
            self._wake_at_deadline()
            with self._sleep:
                await trio.sleep_forever()
            if monotonic() >= self._deadline:
                self.act(lambda node, now: node.handle_timeout(now))

    def _wake_at_deadline(self) -> None:
        """Let the sleep end at the deadline: later as well, so that none is in vain."""
        ahead = self._deadline - monotonic()
        self._sleep.deadline = trio.current_time() + ahead

    async def _tell_wall(self) -> None:
        while True:
            self.act(lambda node, now: node.note_wall(now, time()))
            await trio.sleep(WALL_EVERY_S)
            self.lateness.begin()

    async def _write_rows(self) -> None:
        while True:
            self._store_woken = trio.Event()
            if not self._has_to_store():
                await self._store_woken.wait()
                continue
            if self._has_unkept_leave:
                self._has_unkept_leave = False
                # If it cannot be written, it is tried again as all that is known.
                await self._keeping.keep()
            batch, self._unsaved = self._unsaved, []
            if batch:
                await self._store_batch(batch)
            self._is_storing = self._has_to_store()
            if not self._is_storing:
                self._all_stored.set()
                self._emit()
                self._pump()

    def _has_to_store(self) -> bool:
        return bool(self._unsaved) or self._has_unkept_leave

    async def _store_batch(self, batch: Sequence[Save | Unsave]) -> None:
        while True:
            try:
                await trio.to_thread.run_sync(self._store.save, batch)
            except Refused as refused:
                # What waits must not be said before it is written.
                self._note_written(refused)
                await trio.sleep(STORE_AGAIN_S)
            else:
                self._note_written(None)
                return

    def _note_written(self, refused: Refused | None) -> None:
        """Tell why something was not written, and once that something was again."""
        if refused is not None or self._is_troubled:
            self._troubled(None if refused is None else str(refused))
        self._is_troubled = refused is not None

    async def _verify(self) -> None:
        while True:
            self._claims_woken = trio.Event()
            if not self._claims:
                await self._claims_woken.wait()
                continue
            wanted = self._claims.popleft()
            verdicts = await trio.to_thread.run_sync(_verdicts, wanted)
            self._tell_verdicts(wanted, verdicts)

    def _tell_verdicts(self, wanted: VerifySignatures, verdicts: list[bool]) -> None:
        self.act(lambda node, now: node.verified(now, wanted.number, verdicts))

    # Outputs

    def _pump(self) -> None:
        """Take what the node wants, and do it unless rows are to be written first."""
        outputs = self.node.outputs
        while outputs:
            output = outputs.popleft()
            if isinstance(output, SendDatagram):
                self._out.append(output)
            else:
                self._sort(output)
        if not self._is_storing and self._has_to_store():
            self._is_storing = True
            self._all_stored = trio.Event()
            self._store_woken.set()
        if not self._is_storing:
            self._emit()
        deadline = self.node.poll_timeout()
        deadline = inf if deadline is None else deadline
        if deadline != self._deadline:
            self._deadline = deadline
            self._wake_at_deadline()

    def _sort(self, output: Output) -> None:
        """Put what the node wants to where it waits."""
        if isinstance(output, Save | Unsave):
            self._unsaved.append(output)
        elif isinstance(output, Recertified | RootsChanged):
            # A later life begins with these; rows that speak of them follow.
            self._told(output)
        else:
            self._has_unkept_leave |= _is_leave(output)
            self._out.append(output)

    def _emit(self) -> None:
        if not self._out:
            return
        mark = (self.node.stirs, self._store.written)
        if mark != self._noted:
            self._noted = mark
            continuation = self.node.addressing.continuation()
            self._continuing.note(continuation, self._store.written)
        # What is carried out may be an input itself, and write a row.
        while self._out and not self._is_storing:
            output = self._out.popleft()
            if isinstance(output, SendDatagram):
                self._datagrams.send(output.address, output.data)
            else:
                self._carry(output)

    def _carry(self, output: Output) -> None:
        match output:
            case SendStream(_, address, data):
                self._streams.send(address, data)
            case Read() | Apply() | Forget() | Drifted():
                if self.hand is not None:
                    self.hand.take(output)
            case VerifySignatures():
                self._take_claims(output)
            case Done(ticket, _) | Failed(ticket, _):
                self._results[ticket] = output
                event = self._waiting.get(ticket)
                if event is not None:
                    event.set()
            case Deliver():
                # Nobody here publishes what is no row; it is not passed on.
                return
            case _:
                self._told(output)

    def _take_claims(self, wanted: VerifySignatures) -> None:
        self._claims.append(wanted)
        self._claims_woken.set()


def _is_leave(output: Output) -> bool:
    return isinstance(output, MemberChanged) and output.current is State.LEFT


def _verdicts(wanted: VerifySignatures) -> list[bool]:
    return [verify_signature(*claim) for claim in wanted.claims]
