"""Streams of the underlay: reliable and in order, or broken.

The model is TCP's, at the grain of frames. A new connection costs a round trip, and a
frame longer than the initial window further ones (slow start). A lost packet costs a
retransmission timeout, doubling from 200 ms while the same packet is lost again, or
one round trip when enough packets follow it (fast retransmit). One that is lost six
times in a row breaks the stream, 12.6 s after it was first sent. Where the path is cut,
attempts repeat at those timeouts and the stream breaks after 3 s. A machine without
the process refuses at once, one round trip later.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Final

from sim.endpoint import Endpoint, place_of
from sim.impairments import either
from sim.trace import Kind
from sim.underlay import Underlay
from swarmnet.swim.outputs import SendStream

RTO_S: Final = 0.2
BROKEN_AFTER_S: Final = 3.0
IDLE_S: Final = 10.0
"""An unused stream is closed; the next frame pays for a connection again."""
SEGMENT_BYTES: Final = 1460
WINDOW_SEGMENTS: Final = 10
TRIES_MAX: Final = 6
"""As Linux tries to connect: tcp_syn_retries."""
LOST_AFTER_S: Final = RTO_S * (2**TRIES_MAX - 1)
FAST_RETRANSMIT_SEGMENTS: Final = 4


@dataclass(slots=True, eq=False)
class _Stream:
    """One direction of one connection; `frames` wait while nothing passes."""

    source: Endpoint
    first: SendStream
    source_life: int
    frames: deque[bytes] = field(default_factory=deque)
    open_until_s: float = -1.0
    arrival_s: float = 0.0
    waiting: bool = False
    broken: bool = False


class Streams:
    """Every open stream of a run, by ordered pair; closed ones are forgotten."""

    def __init__(self, underlay: Underlay, *, seed: int) -> None:
        self._underlay = underlay
        self._world = underlay.world
        self._coverage: Counter[str] = underlay.coverage
        self._random = Random(f"{seed}/streams")
        self._open: dict[tuple[int, bytes, int], _Stream] = {}
        self._prune_above = 64
        self.downlinks: dict[int, float] = {}
        """Bytes per second that come through to some hosts; others have no limit."""
        self.downloaded: Counter[int] = Counter()
        self._busy_until_s: dict[int, float] = {}

    def send(self, source: Endpoint, output: SendStream) -> None:
        """Queue one frame on the stream to `output.address`."""
        key = (source.index, *place_of(output.address))
        stream = self._open.get(key)
        if stream is None or stream.broken or stream.source_life != source.life:
            self._prune()
            stream = _Stream(source, output, source.life)
            self._open[key] = stream
        target = self._underlay.places.get(place_of(output.address))
        self._coverage["stream_frames"] += 1
        self._note(Kind.STREAM, source.index, target, len(output.data), "sent")
        for tap in self._underlay.taps:
            tap(source, output)
        stream.frames.append(output.data)
        if not stream.waiting:
            self._push(stream, 0, self._world.now)

    def _prune(self) -> None:
        if len(self._open) <= self._prune_above:
            return
        now = self._world.now
        self._open = {
            key: stream
            for key, stream in self._open.items()
            if stream.waiting or stream.open_until_s >= now
        }
        self._prune_above = 64 + 2 * len(self._open)

    def _push(self, stream: _Stream, tries: int, began_s: float) -> None:
        """Send what is queued, or try again later, or give up."""
        stream.waiting = False
        if stream.broken:
            return
        target = self._underlay.places.get(place_of(stream.first.address))
        if target is None or not target.reachable or self._is_cut(stream, target):
            self._retry(stream, tries, began_s)
            return
        if not target.up:
            self._world.after(self._round_trip(stream, target), self._fail, stream)
            return
        while stream.frames:
            frame = stream.frames.popleft()
            arrival_s = self._world.now + self._delay(stream, target, len(frame))
            if arrival_s == inf:
                self._lose(stream)
                return
            arrival_s = max(stream.arrival_s, arrival_s)
            stream.arrival_s = self._through(target.index, len(frame), arrival_s)
            stream.open_until_s = stream.arrival_s + IDLE_S
            self._world.at(
                stream.arrival_s, self._land, stream, target, target.life, frame
            )

    def _through(self, target: int, size: int, arrival_s: float) -> float:
        """Return when a frame is through the target's own link, if that is narrow."""
        rate = self.downlinks.get(target)
        self.downloaded[target] += size
        if rate is None:
            return arrival_s
        through_s = max(arrival_s, self._busy_until_s.get(target, 0.0)) + size / rate
        self._busy_until_s[target] = through_s
        return through_s

    def _lose(self, stream: _Stream) -> None:
        """Break a stream of which one packet does not get through.

        What is on its way before that packet still arrives; nothing behind it does.
        """
        stream.waiting = True
        lost_s = max(stream.arrival_s, self._world.now + LOST_AFTER_S)
        self._world.at(lost_s, self._fail, stream)

    def _is_cut(self, stream: _Stream, target: Endpoint) -> bool:
        there = self._underlay.path(stream.source.index, target.index)
        back = self._underlay.path(target.index, stream.source.index)
        return there.stream_cut or back.stream_cut

    def _retry(self, stream: _Stream, tries: int, began_s: float) -> None:
        left_s = began_s + BROKEN_AFTER_S - self._world.now
        if left_s <= 0:
            self._fail(stream)
            return
        self._coverage["stream_retries"] += 1
        stream.waiting = True
        wait_s = min(RTO_S * 2**tries, left_s)
        at_s = self._world.now + wait_s
        if wait_s == left_s:
            at_s = began_s + BROKEN_AFTER_S
        self._world.at(at_s, self._push, stream, tries + 1, began_s)

    def _round_trip(self, stream: _Stream, target: Endpoint) -> float:
        latency = self._underlay.latency
        source = stream.source.index
        return latency(source, target.index) + latency(target.index, source)

    def _delay(self, stream: _Stream, target: Endpoint, size: int) -> float:
        """Return how long a frame takes from now, in s; infinity if it never comes."""
        there = self._underlay.path(stream.source.index, target.index)
        back = self._underlay.path(target.index, stream.source.index)
        round_trip_s = self._round_trip(stream, target)
        segments = max(1, -(-size // SEGMENT_BYTES))
        delay_s = self._underlay.latency(stream.source.index, target.index)
        delay_s += max(0.0, there.held_until_s - self._world.now)
        delay_s += self._underlay.uplink(stream.source.index, size, there)
        if stream.open_until_s < self._world.now:
            self._coverage["stream_connections"] += 1
            delay_s += round_trip_s
            delay_s += self._retransmit(either(there.loss, back.loss), 1, round_trip_s)
        delay_s += round_trip_s * max(0, (segments // WINDOW_SEGMENTS).bit_length())
        return delay_s + self._retransmit(there.loss, segments, round_trip_s)

    def _retransmit(self, loss: float, segments: int, round_trip_s: float) -> float:
        """Return what lost segments of one frame cost, in s: the slowest decides.

        Infinity if one of them is lost every time.
        """
        if not loss:
            return 0.0
        worst_s = 0.0
        for segment in range(segments):
            tries = 0
            while tries < TRIES_MAX and self._random.random() < loss:
                tries += 1
            if not tries:
                continue
            self._coverage["stream_retransmissions"] += tries
            if tries == TRIES_MAX:
                return inf
            followed = segments - segment > FAST_RETRANSMIT_SEGMENTS
            first_s = round_trip_s if followed else RTO_S
            worst_s = max(worst_s, first_s + RTO_S * (2**tries - 2))
        return worst_s

    def _land(self, stream: _Stream, target: Endpoint, life: int, frame: bytes) -> None:
        if stream.broken:
            return
        peer = stream.first.peer
        source = stream.source
        if not target.up or target.life != life or peer not in (None, target.node):
            back_s = self._underlay.latency(target.index, source.index)
            self._world.after(back_s, self._fail, stream)
            return
        target.take_frame(source.node, source.address, source.index, frame)

    def _fail(self, stream: _Stream) -> None:
        if stream.broken:
            return
        stream.broken = True
        stream.frames.clear()
        source = stream.source
        key = (source.index, *place_of(stream.first.address))
        if self._open.get(key) is stream:
            del self._open[key]
        if source.up and source.life == stream.source_life:
            self._coverage["stream_failures"] += 1
            source.take_failure(stream.first.peer, stream.first.address)

    def _note(
        self, kind: Kind, source: int, target: Endpoint | None, size: int, detail: str
    ) -> None:
        to = -1 if target is None else target.index
        self._underlay.trace.note(
            self._world.now, source, kind, to, size, detail=detail
        )
