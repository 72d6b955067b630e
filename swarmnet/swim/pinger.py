"""Pings and their answers: what goes with them, and under which number."""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.codec import encode_ack, encode_message
from swarmnet.swim.core import Core, Route
from swarmnet.swim.messages import Ping
from swarmnet.swim.outputs import State

_ALIVE: Final = State.ALIVE


class Pinger:
    """Sends pings under numbers of its own, and answers those of others."""

    __slots__ = ("_core", "_sequence")

    def __init__(self, core: Core) -> None:
        self._core = core
        # A restarted node must not take an ack of its former life for one of this.
        self._sequence = core.random.getrandbits(32)

    def ping(self, now: float, target: NodeId, *, streamed: bool = False) -> int:
        """Ping a member under a new number; return that."""
        self._sequence += 1
        route = self._core.route(target)
        if route is not None:
            if streamed:
                self._core.send_stream(now, route, self._items(target))
            else:
                self._core.send(now, route, self._items(target))
        return self._sequence

    def ping_former(self, now: float, target: NodeId) -> None:
        """Ping a member where it said that it was before it moved, if it has."""
        route = self._core.former_route(target)
        if route is not None:
            self._sequence += 1
            self._core.send(now, route, self._items(target))

    def receive(
        self, now: float, route: Route, sequence: int, *, streamed: bool
    ) -> None:
        """Answer a ping on the way by which it came."""
        ack = encode_ack(sequence, self._core.round_trips.coordinate)
        items = (*self._accusations(route.node), ack)
        if streamed:
            self._core.send_stream(now, route, items)
        else:
            self._core.send(now, route, items)

    def _items(self, target: NodeId) -> tuple[bytes, ...]:
        core = self._core
        rider = core.seams.rider(target)
        ping = encode_message(Ping(self._sequence, core.roster.digest(), rider))
        return (*self._accusations(target), ping)

    def _accusations(self, node: NodeId | None) -> tuple[bytes, ...]:
        """Return what is held against a member, so that it can refute it at once.

        Lifeguard section IV-C, "Buddy System": the accused hears of it first.
        """
        member = None if node is None else self._core.roster.get(node)
        if member is None or member.state is _ALIVE:
            return ()
        return tuple(claim.item for claim in member.accusations[:1])
