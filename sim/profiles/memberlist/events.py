"""serf's user events over memberlist: Lamport times, and what was seen before.

An event is delivered once and spreads on only when told. Events older than the buffer
of recent Lamport times are dropped, seen or not. Source: handleUserEvent in serf.go of
hashicorp/serf (EventBuffer 512).
"""

from typing import Final

from sim.profiles.memberlist.codec import UserEvent
from swarmnet.ids import U64_MAX
from swarmnet.swim.outputs import Payload

EVENT_BUFFER: Final = 512
EVENTS_AT_ONE_TIME_MAX: Final = 4096


class Events:
    """The user events that one node has seen lately, by Lamport time."""

    __slots__ = ("_clock", "_newest", "_seen")

    def __init__(self) -> None:
        self._clock = 0
        self._seen: dict[int, dict[Payload, None]] = {}
        self._newest: dict[Payload, int] = {}

    def publish(self, payload: Payload) -> UserEvent:
        """Return an event of our own; it counts as seen."""
        self._witness(self._clock + 1)
        return self._note(UserEvent(self._clock, payload))

    def admit(self, event: UserEvent) -> bool:
        """Return whether `event` is news, and note it."""
        if event.ltime > U64_MAX - EVENT_BUFFER:
            return False
        self._witness(event.ltime)
        if event.ltime <= self._clock - EVENT_BUFFER:
            return False
        seen = self._seen.get(event.ltime, {})
        if event.payload in seen or len(seen) >= EVENTS_AT_ONE_TIME_MAX:
            return False
        self._note(event)
        return True

    def find(self, payload: Payload) -> UserEvent | None:
        """Return the newest event seen with that payload, or None."""
        ltime = self._newest.get(payload)
        return None if ltime is None else UserEvent(ltime, payload)

    def _note(self, event: UserEvent) -> UserEvent:
        self._seen.setdefault(event.ltime, {})[event.payload] = None
        self._newest[event.payload] = max(
            event.ltime, self._newest.get(event.payload, 0)
        )
        return event

    def _witness(self, ltime: int) -> None:
        if ltime <= self._clock:
            return
        self._clock = ltime
        # Pruned in bulk, so that the cost for each event stays small.
        if len(self._seen) > 2 * EVENT_BUFFER:
            oldest = ltime - EVENT_BUFFER
            self._seen = {at: one for at, one in self._seen.items() if at > oldest}
            self._newest = {one: at for one, at in self._newest.items() if at > oldest}
