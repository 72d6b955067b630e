"""Sessions with ring neighbours, seen to before there is need of them.

News goes to them first, and must not wait for a handshake, nor cost one.
"""

from typing import Final

from swarmnet.crypto.channels import Channels
from swarmnet.ids import NodeId
from swarmnet.node.plane import Plane
from swarmnet.timers import PATIENCE_S

WARM_INTERVAL_S: Final = 1.0


class Warming:
    """Opens channels to the ring neighbours of one node, where there are none."""

    __slots__ = ("_at", "_channels", "_me", "_plane")

    def __init__(self, me: NodeId, channels: Channels, plane: Plane) -> None:
        self._me = me
        self._channels = channels
        self._plane = plane
        self._at: float | None = None

    def start(self, now: float) -> None:
        """See to them from now on, at a point of the interval that is ours."""
        phase = int.from_bytes(self._me[:2], "big") / 0x1_0000
        self._at = now + phase * WARM_INTERVAL_S

    def stop(self) -> None:
        """See to them no more."""
        self._at = None

    def handle_timeout(self, now: float) -> None:
        """Do it if it is time."""
        if self._at is None or now < self._at:
            return
        self._at = now + WARM_INTERVAL_S
        for node in self._plane.swim.neighbours():
            address = self._plane.address_of(node)
            if address is not None:
                self._channels.open(now, node, address)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted at the latest."""
        return None if self._at is None else self._at + PATIENCE_S
