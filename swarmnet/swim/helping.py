"""Pinging for others: SWIM's ping-req, with Lifeguard's nack (section IV-A)."""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due
from swarmnet.swim.messages import Ack, Nack, PingRequest
from swarmnet.swim.pinger import Pinger
from swarmnet.swim.probe import Help

_HELPS_MAX: Final = 1024
"""A help lives 0.4 s as a rule: so many at once mean 2,500 failing probes a second."""


class Helping:
    """The pings that one node has sent for others and not yet answered for."""

    __slots__ = ("_core", "_helps", "_pinger")

    def __init__(self, core: Core, pinger: Pinger) -> None:
        self._core = core
        self._pinger = pinger
        self._helps: dict[int, Help] = {}

    def receive_request(self, now: float, sender: NodeId, request: PingRequest) -> None:
        """Ping a member for somebody else, at the address at which we know it."""
        core = self._core
        if core.route(request.target) is None or request.target == core.me:
            # We cannot help; but we are there, which is what a nack says.
            self._answer(now, Help(sender, request.target, request.sequence), Nack)
            return
        if len(self._helps) >= _HELPS_MAX:
            core.count("helps_refused")
            return
        sequence = self._pinger.ping(now, request.target)
        self._helps[sequence] = Help(sender, request.target, request.sequence)
        longest_s = core.config.probe_timeout_s * core.config.health_max
        wait_s = min(longest_s, request.wait_s)
        core.timers.set((Due.HELP_OVER, sequence), now + wait_s)

    def receive_ack(self, now: float, sender: NodeId, sequence: int) -> bool:
        """Pass good news on to who asked; return whether the ack was for this."""
        help_ = self._helps.get(sequence)
        if help_ is None or help_.target != sender:
            return False
        del self._helps[sequence]
        self._core.timers.cancel((Due.HELP_OVER, sequence))
        self._answer(now, help_, Ack)
        return True

    def handle_over(self, now: float, sequence: int) -> None:
        """Tell who asked that the target has not answered us."""
        self._answer(now, self._helps.pop(sequence), Nack)

    def _answer(self, now: float, help_: Help, kind: type[Ack] | type[Nack]) -> None:
        route = self._core.route(help_.asker)
        if route is not None:
            self._core.send(now, route, (encode_message(kind(help_.sequence)),))
