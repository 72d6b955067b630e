"""One simulated machine: an engine, its clock, and how fast it gets to its work.

A host that is neither paused nor slow hands every input to the engine the moment it
arrives. A paused one keeps what fits its socket buffer, and on resuming does what a
woken process does: it notes how late it is, handles the backlog in order, then its
timers. On a slow one each input costs CPU time, and inputs queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from zlib import crc32

from sim.clock import LocalClock
from sim.profiles.contract import Engine, Identity
from sim.reactions import react
from sim.trace import Kind
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram

if TYPE_CHECKING:
    from sim.cluster import Cluster

SOCKET_BUFFER_BYTES: Final = 212_992
"""Linux's default receive buffer; what does not fit is dropped."""
LATE_S_MIN: Final = 0.01
OUTPUTS_MAX: Final = 200_000
WAKES_MAX: Final = 200
SPIN_PENALTY_S: Final = 0.001
CLOCK_SLACK_S: Final = 1e-9

Input = Callable[[float], None]


class Host:
    """An engine in its surroundings.

    `node` and `address` never change; `engine` is None while no process runs. `wakes`
    is the stack of wake-ups on the agenda, the earliest on top: a deadline that moves
    later costs nothing, one that moves earlier pushes one more.
    """

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_clock",
        "_cluster",
        "_deadline",
        "_lines",
        "_send_datagram",
        "_spin_at_s",
        "_spins",
        "_timer_due",
        "_wakes",
        "_working",
        "_world",
        "address",
        "boot_epoch",
        "departed",
        "engine",
        "held",
        "identity",
        "index",
        "input_cost_s",
        "leaving",
        "life",
        "node",
        "paused",
        "reachable",
        "received",
        "received_bytes",
        "saved",
        "up",
        "woken",
    )

    def __init__(
        self, cluster: Cluster, identity: Identity, index: int, offset_s: float
    ) -> None:
        self.identity = identity
        self.index = index
        self.node = identity.node
        self.address = identity.address
        self.engine: Engine | None = None
        self.up = False
        self.reachable = True
        self.life = 0
        self.boot_epoch = 0
        self.saved: object = None
        self.held: set[int] = set()
        self.departed = False
        self.leaving = False
        self.received_bytes = self.received = self.woken = 0
        self.paused = False
        self.input_cost_s = 0.0
        self._cluster = cluster
        self._world = cluster.world
        self._lines = cluster.trace.lines
        self._send_datagram = cluster.underlay.send
        self._clock = LocalClock(offset_s)
        self._wakes: list[float] = []
        self._deadline: float | None = None
        self._backlog: deque[tuple[Input, int]] = deque()
        self._backlog_bytes = 0
        self._timer_due = False
        self._working = False
        self._spin_at_s = -1.0
        self._spins = 0

    # The local clock.

    def local_now(self) -> float:
        """Return the node's own monotonic clock, which may drift."""
        return self._clock.read(self._world.now)

    def set_rate(self, rate: float) -> None:
        """Let the clock run at `rate` seconds per second from now on."""
        self._clock.set_rate(self._world.now, rate)
        self._schedule()

    # The life of the process.

    def boot(self, engine: Engine) -> None:
        """Start a process around `engine`, and the engine."""
        self.engine = engine
        self.up = True
        self.reachable = True
        self.life += 1
        self.held = set()
        self.departed = False
        self.command(engine.start)

    def halt(self) -> None:
        """End the process; what it had not yet handled is gone."""
        self.engine = None
        self.up = False
        self.paused = False
        self.input_cost_s = 0.0
        self._backlog.clear()
        self._backlog_bytes = 0
        self._timer_due = False

    def command(self, verb: Input) -> None:
        """Give the engine an input of our own, now, even if the host is slow."""
        verb(self.local_now())
        self._drain()

    def pause(self) -> None:
        """Stop the process: it handles nothing until `resume`."""
        self.paused = True

    def resume(self) -> None:
        """Let the process run again, late for everything."""
        engine = self.engine
        if not self.paused or engine is None:
            return
        self.paused = False
        deadline = engine.poll_timeout()
        late_s = 0.0 if deadline is None else self.local_now() - deadline
        if late_s > LATE_S_MIN:
            self.command(lambda now: engine.note_late(now, late_s))
        if self.input_cost_s > 0:
            self._enqueue(self._run_timers, 0)
            return
        while self._backlog and self.up:
            self._do_oldest()
        if self.up and self._timer_due:
            self._run_timers(self.local_now())

    # What arrives.

    def take_datagram(
        self,
        sender: NodeId,
        source: Address,
        source_index: int,
        peer: NodeId | None,
        data: bytes,
    ) -> None:
        """Receive a datagram, unless no such process is here to open it."""
        engine = self.engine
        if engine is None:
            self._refuse(source_index, data, "down")
            return
        if peer is not None and peer != self.node:
            self._refuse(source_index, data, "stranger")
            return
        if self.paused or self.input_cost_s > 0 or self._backlog:
            if self._backlog_bytes + len(data) > SOCKET_BUFFER_BYTES:
                self._refuse(source_index, data, "buffer")
                return
            self._enqueue(
                lambda now: self._receive(now, sender, source, source_index, data),
                len(data),
            )
            return
        now = self._clock.read(self._world.now)
        self._receive(now, sender, source, source_index, data)
        self._drain()

    def _receive(
        self,
        now: float,
        sender: NodeId,
        source: Address,
        source_index: int,
        data: bytes,
    ) -> None:
        engine = self.engine
        assert engine is not None
        size = len(data)
        self.received += 1
        self.received_bytes += size + self._cluster.overhead_bytes
        self._lines.append(
            f"{self._world.now:12.6f} {self.index:5d} receive  {source_index:5d}"
            f" {size:6d} {crc32(data):08x}\n"
        )
        engine.receive_datagram(now, sender, source, data)

    def take_frame(
        self, sender: NodeId, source: Address, source_index: int, data: bytes
    ) -> None:
        """Receive one frame of a stream."""
        engine = self.engine
        assert engine is not None

        def receive(now: float) -> None:
            self._note(Kind.FRAME, source_index, len(data), f"{crc32(data):08x}")
            engine.receive_stream(now, sender, source, data)

        self._take(receive)

    def take_failure(self, peer: NodeId | None, address: Address) -> None:
        """Learn that a stream of ours is broken."""
        engine = self.engine
        assert engine is not None

        def fail(now: float) -> None:
            self._note(Kind.FAILED, self._cluster.index_at(address), 0, "stream")
            engine.stream_failed(now, peer, address)

        self._take(fail)

    def _take(self, receive: Input) -> None:
        if self.paused or self.input_cost_s > 0 or self._backlog:
            self._enqueue(receive, 0)
        else:
            self.command(receive)

    def _refuse(self, source: int, data: bytes, reason: str) -> None:
        self._cluster.underlay.coverage[f"datagram_{reason}"] += 1
        self._note(Kind.DROP, source, len(data), reason)

    # A host that does not get to its work at once.

    def _enqueue(self, verb: Input, size: int) -> None:
        self._backlog.append((verb, size))
        self._backlog_bytes += size
        self._cluster.underlay.coverage["inputs_queued"] += 1
        self._work()

    def _work(self) -> None:
        if self._backlog and not self._working and not self.paused:
            self._working = True
            self._world.after(self.input_cost_s, self._finish, self.life)

    def _finish(self, life: int) -> None:
        self._working = False
        if life == self.life and self._backlog and not self.paused:
            self._do_oldest()
        self._work()

    def _do_oldest(self) -> None:
        verb, size = self._backlog.popleft()
        self._backlog_bytes -= size
        self.command(verb)

    def _timers_late(self, now: float) -> None:
        """Run the timers of a host that was held up, which it says first."""
        engine = self.engine
        assert engine is not None
        deadline = engine.poll_timeout()
        if deadline is not None and now - deadline > LATE_S_MIN:
            engine.note_late(now, now - deadline)
            self._drain()
        self._run_timers(now)

    def _run_timers(self, now: float) -> None:
        engine = self.engine
        self._timer_due = False
        if engine is None:
            return
        deadline = engine.poll_timeout()
        if deadline is None or deadline > now:
            self._schedule()
            return
        self._note(Kind.TIMER, -1, 0, "late")
        engine.handle_timeout(now)
        self._drain()

    # Timers.

    def _schedule(self) -> None:
        engine = self.engine
        if engine is None:
            return
        self._deadline = deadline = engine.poll_timeout()
        if deadline is None:
            return
        world = self._world
        when = self._clock.virtual(deadline)
        if when < world.now:
            when = world.now
        wakes = self._wakes
        if not wakes or when < wakes[-1]:
            wakes.append(when)
            world.at(when, self._wake)

    def _wake(self) -> None:
        self._wakes.pop()
        engine = self.engine
        if engine is None:
            return
        deadline = self._deadline
        if deadline is None:
            return
        local = self._clock.read(self._world.now)
        if deadline > local + CLOCK_SLACK_S:
            self._schedule()
            return
        if self.paused or self.input_cost_s > 0 or self._backlog:
            self._defer_timer()
            return
        if deadline > local:
            local = self._clock.reach(deadline)
        if self._spins_in_place():
            return
        self.woken += 1
        self._lines.append(
            f"{self._world.now:12.6f} {self.index:5d} timer       -1      0 -\n"
        )
        engine.handle_timeout(local)
        self._drain()

    def _defer_timer(self) -> None:
        if self._timer_due:
            return
        self._timer_due = True
        if not self.paused:
            self._enqueue(self._timers_late, 0)

    def _spins_in_place(self) -> bool:
        """Say whether the engine asks for one instant again and again."""
        now = self._world.now
        if now != self._spin_at_s:
            self._spin_at_s = now
            self._spins = 0
            return False
        self._spins += 1
        if self._spins < WAKES_MAX:
            return False
        self._cluster.checkers.spinning(self, self._spins)
        when = now + SPIN_PENALTY_S
        if not self._wakes or when < self._wakes[-1]:
            self._wakes.append(when)
            self._world.at(when, self._wake)
        return True

    # What the engine wants done.

    def _drain(self) -> None:
        engine = self.engine
        if engine is None:
            return
        poll = engine.poll_output
        send = self._send_datagram
        count = 0
        while (output := poll()) is not None:
            if type(output) is SendDatagram:
                self._cluster.checkers.datagram(self, output)
                send(self, output)
            else:
                react(self._cluster, self, engine, self._clock.last, output)
            count += 1
            if count > OUTPUTS_MAX:
                self._cluster.checkers.endless(self, count)
                break
        self._cluster.checkers.after_input(self, engine)
        if self.departed:
            self._cluster.exit(self)
            return
        self._schedule()

    def _note(self, kind: Kind, peer: int, size: int, detail: str) -> None:
        self._cluster.trace.note(
            self._world.now, self.index, kind, peer, size, detail=detail
        )
