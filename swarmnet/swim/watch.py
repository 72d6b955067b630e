"""Watching: in a small cluster somebody hears of every member in every period.

As Rapid's observers (ATC 2018, section 4.1) watch their subjects, each member watches
its successor on the first ring. The watched is not asked but sends a heartbeat, which
is one packet where a ping and its answer are two. Silence accuses nobody: one heartbeat
that does not come is followed by a probe, and that decides.

    predecessor                     member                     successor
    watches <----- Heartbeat ------ watches <----- Heartbeat ------

A suspect is looked at by everybody's probes already, so who sits behind it is watched
in its place: of neighbours that die together each is found as soon as the one before
it is suspected.

A heartbeat says that its sender hears others, too. A member that hears nobody sends
none, and its watcher's probe finds that it does not answer.
"""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.cadence import FLOOR_SHARE
from swarmnet.swim.codec import encode_frame, encode_message
from swarmnet.swim.core import Core, Due
from swarmnet.swim.messages import Heartbeat
from swarmnet.swim.outputs import State

LED_SHARE: Final = 1.06
"""The longest period, of those who were led: their leader is before them again."""
_JITTER_S: Final = 0.02
"""How much later than due a heartbeat may come before it is asked for."""
_DEAF_PERIODS: Final = 3.0
"""A member that has heard nobody for so long does not say that it is well."""
_SILENT: Final = (Due.SILENT, None)


class Watch:
    """Whom one node watches, and what it sends to whoever watches it."""

    __slots__ = ("_core", "_due", "_heard", "_watched")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._watched: NodeId | None = None
        # When the next heartbeat of the watched is due, if it has sent one.
        self._due: float | None = None
        self._heard = float("-inf")

    @property
    def watched(self) -> NodeId | None:
        """Whom this node watches, or None for nobody."""
        return self._watched

    def start(self, now: float) -> None:
        """Hold the silence before `now` against nobody."""
        self._heard = now

    def stop(self) -> None:
        """Watch nobody."""
        self._watched = None
        self._core.timers.cancel(_SILENT)

    def note_heard(self, now: float) -> None:
        """Something has come from somebody."""
        self._heard = now

    def note_late(self, seconds: float) -> None:
        """Hold the time in which we did not run against nobody."""
        self._heard += seconds
        if self._due is not None:
            self._due += seconds
        deadline = self._core.timers.deadline(_SILENT)
        if deadline is not None:
            self._core.timers.set(_SILENT, deadline + seconds)

    def handle_period(self, now: float, interval_s: float) -> None:
        """See whom to watch now, and send a heartbeat to whoever watches us."""
        core = self._core
        rings = core.roster.rings
        watched = next(filter(self._is_alive, rings.successors()), None)
        if watched is None:
            self.stop()
        elif watched != self._watched:
            self._watched = watched
            self._due = None
            self._wait(now, interval_s)
        watcher = next(filter(self._is_alive, rings.predecessors()), None)
        route = None if watcher is None else core.route(watcher)
        if route is None or now - self._heard > _DEAF_PERIODS * interval_s:
            return
        rider = core.seams.rider(route.node) if route.node else b""
        beat = encode_message(Heartbeat(core.roster.digest(), rider))
        core.send_frame(now, route, encode_frame((beat,)), asks=False)

    def receive(self, now: float, sender: NodeId, interval_s: float) -> bool:
        """Take a heartbeat; return whether it is that of the member we watch."""
        if sender != self._watched:
            return False
        self._due = now + LED_SHARE * interval_s
        self._wait(now, interval_s)
        return True

    def handle_silent(self, now: float, interval_s: float) -> float | None:
        """Wait for the next heartbeat; return since when the watched is silent.

        None if the watched has sent none before: it may not know that we watch it. A
        node in bad health waits longer than it counts: meanwhile the watched may have
        been well. What is counted is less than the last look before a verdict takes.
        """
        due, self._due = self._due, None
        self._wait(now, interval_s)
        if due is None:
            return None
        return max(due, now - min(_JITTER_S, FLOOR_SHARE * interval_s))

    def _wait(self, now: float, interval_s: float) -> None:
        health = self._core.awareness.multiplier
        wait_s = (LED_SHARE * interval_s + _JITTER_S) * health
        self._core.timers.set(_SILENT, now + wait_s)

    def _is_alive(self, node: NodeId) -> bool:
        member = self._core.roster.get(node)
        return member is not None and member.state is State.ALIVE
