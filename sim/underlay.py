"""The wire: what becomes of a datagram between two addresses.

Per ordered pair a latency, a loss, and whatever impairments the moment holds. Every
effect draws from a random source of its own, so that one that is masked does not shift
the others. A datagram carries its sender's identity, as an authenticating channel
does; a flipped bit is therefore found by the channel and the datagram dropped, unless
`raw_corruption` asks that the engine be fed the broken bytes. Where the channels are
real they are fed those, and must find out by themselves.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final
from zlib import crc32

from sim.endpoint import Endpoint, Place, place_of
from sim.impairments import HEALTHY, Effect, Impairment, Path, path_of
from sim.latency import latency_named
from sim.trace import Kind, Trace
from sim.world import World
from swarmnet.swim.outputs import SendDatagram, SendStream

Tap = Callable[[Endpoint, SendDatagram | SendStream], None]
"""Sees what is sent, by whom, the moment it is."""
QUEUE_S_MAX: Final = 1.0
"""What a rate-limited uplink buffers; a datagram that would wait longer is dropped."""

FLIPS_MAX: Final = 3


class Underlay:
    """Every path between the hosts of one run.

    `loss` hits each packet of every path, apart from any impairment.
    """

    def __init__(
        self, world: World, trace: Trace, *, seed: int, latency: str, loss: float
    ) -> None:
        self.world = world
        self.trace = trace
        self.loss = loss
        self.raw_corruption = False
        self.taps: list[Tap] = []
        self.sent = 0
        self.coverage: Counter[str] = Counter()
        self.places: dict[Place, Endpoint] = {}
        self.latency = latency_named(latency, Random(f"{seed}/latency"))
        self._draws = {
            effect: Random(f"{seed}/underlay/{effect.value}") for effect in Effect
        }
        self._draw_loss = self._draws[Effect.LOSS].random
        self._impairments: dict[int, Impairment] = {}
        self._paths: dict[tuple[int, int], Path] = {}
        self._next_key = 0
        self._uplink_free_s: dict[int, float] = {}

    def attach(self, endpoint: Endpoint) -> None:
        """Give `endpoint` its address; it keeps it while its process is down."""
        self.places[place_of(endpoint.address)] = endpoint

    def detach(self, endpoint: Endpoint) -> None:
        """Take `endpoint` off the wire for good."""
        del self.places[place_of(endpoint.address)]

    def impair(self, *impairments: Impairment) -> tuple[int, ...]:
        """Begin some impairments; return the keys that `mend` takes."""
        keys = []
        for impairment in impairments:
            self._next_key += 1
            self._impairments[self._next_key] = impairment
            keys.append(self._next_key)
        self._paths.clear()
        return tuple(keys)

    def mend(self, *keys: int) -> None:
        """End impairments; one that has ended already is no error."""
        for key in keys:
            self._impairments.pop(key, None)
        self._paths.clear()

    def mend_all(self) -> None:
        """End every impairment."""
        self.mend(*tuple(self._impairments))

    def path(self, source: int, target: int) -> Path:
        """Return what is wrong between two nodes now, the base loss included."""
        known = self._paths.get((source, target))
        if known is None:
            hits = [i for i in self._impairments.values() if i.hits(source, target)]
            if not hits and not self.loss:
                known = HEALTHY
            else:
                known = path_of(hits, self.loss)
            if self._impairments:
                self._paths[source, target] = known
        return known

    def send(self, source: Endpoint, output: SendDatagram) -> None:
        """Put a datagram on the wire."""
        data = output.data
        address = output.address
        target = self.places.get((address.host, address.port))
        to = -1 if target is None else target.index
        world = self.world
        self.sent += 1
        self.trace.lines.append(
            f"{world.now:12.6f} {source.index:5d} send     {to:5d} {len(data):6d}"
            f" {crc32(data):08x}\n"
        )
        for tap in self.taps:
            tap(source, output)
        if target is None:
            self.coverage["datagram_nowhere"] += 1
        elif self._impairments:
            self._send_impaired(source, target, output)
        elif self.loss and self._draw_loss() < self.loss:
            self._drop(source.index, to, len(data), "loss")
        else:
            world.at(
                world.now + self.latency(source.index, to),
                target.take_datagram,
                source.node,
                source.address,
                source.index,
                output.peer,
                data,
            )

    def _send_impaired(
        self, source: Endpoint, target: Endpoint, output: SendDatagram
    ) -> None:
        path = self.path(source.index, target.index)
        data = output.data
        reason = self._fate(path, source.index, len(data))
        if reason is not None:
            self._drop(source.index, target.index, len(data), reason)
            return
        if path.corrupt and self._hit(Effect.CORRUPT, path.corrupt):
            if not self.raw_corruption:
                self._drop(source.index, target.index, len(data), "corrupt")
                return
            self.coverage["datagram_corrupt_delivered"] += 1
            data = self._flip(data)
        self._deliver(source, target, output, data, self._wait(path, source, data))
        if path.duplicate and self._hit(Effect.DUPLICATE, path.duplicate):
            self.coverage["datagram_duplicate"] += 1
            self._deliver(source, target, output, data, 0.0)
        if path.replay and self._hit(Effect.REPLAY, path.replay):
            self.coverage["datagram_replay"] += 1
            later_s = path.replay_s * self._draws[Effect.REPLAY].random()
            self._deliver(source, target, output, data, later_s)

    def _fate(self, path: Path, source: int, size: int) -> str | None:
        """Return why a datagram is lost on its way, or None."""
        if path.datagram_cut:
            return "cut"
        if path.loss and self._draw_loss() < path.loss:
            return "loss"
        if size > path.mtu:
            return "mtu"
        free_s = self._uplink_free_s.get(source, 0.0)
        if path.rate < float("inf") and free_s - self.world.now > QUEUE_S_MAX:
            return "rate"
        return None

    def _wait(self, path: Path, source: Endpoint, data: bytes) -> float:
        """Return how long a datagram is held up before it travels."""
        now = self.world.now
        wait_s = max(0.0, path.held_until_s - now) + self.uplink(
            source.index, len(data), path
        )
        if path.held_until_s > now:
            self.coverage["datagram_clogged"] += 1
        if path.reorder and self._hit(Effect.REORDER, path.reorder):
            self.coverage["datagram_reorder"] += 1
            wait_s += path.reorder_s * self._draws[Effect.REORDER].random()
        return wait_s

    def uplink(self, source: int, size: int, path: Path) -> float:
        """Queue `size` bytes on a sender's limited uplink; return the delay in s."""
        if path.rate == float("inf"):
            return 0.0
        now = self.world.now
        self.coverage["uplink_queued"] += 1
        free_s = max(now, self._uplink_free_s.get(source, 0.0)) + size / path.rate
        self._uplink_free_s[source] = free_s
        return free_s - now

    def _deliver(
        self,
        source: Endpoint,
        target: Endpoint,
        output: SendDatagram,
        data: bytes,
        wait_s: float,
    ) -> None:
        self.world.after(
            wait_s + self.latency(source.index, target.index),
            target.take_datagram,
            source.node,
            source.address,
            source.index,
            output.peer,
            data,
        )

    def _drop(self, source: int, target: int, size: int, reason: str) -> None:
        self.coverage[f"datagram_{reason}"] += 1
        self.trace.note(self.world.now, source, Kind.DROP, target, size, detail=reason)

    def _hit(self, effect: Effect, probability: float) -> bool:
        return self._draws[effect].random() < probability

    def _flip(self, data: bytes) -> bytes:
        draw = self._draws[Effect.CORRUPT]
        broken = bytearray(data)
        for _ in range(draw.randint(1, FLIPS_MAX)):
            if broken:
                broken[draw.randrange(len(broken))] ^= draw.randint(1, 255)
        return bytes(broken)
