"""What a control plane is told to do, and passes on to the room that does it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.node.addressing import Addressing
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.plane_views import PlaneViews
from swarmnet.node.spreading import ROW
from swarmnet.swim.outputs import Payload
from swarmnet.tables.engine import Tables

Result = TypeVar("Result")


class PlaneCommands(PlaneViews, ABC):
    """The commands of `plane.Plane` that are one room's alone."""

    __slots__ = ()

    @abstractmethod
    def _settle(self, now: float, *, stirs: bool = True) -> None:
        """Carry values between the rooms until nothing is left to carry."""

    def update(
        self, now: float, address: Address | None = None, meta: bytes | None = None
    ) -> None:
        """Change our address or metadata; None leaves it as it is.

        Raises:
            Refused: the metadata is too long; nothing has changed.
        """
        self.swim.update(now, address, meta)
        self._settle(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own, which is no row, to every member of its scope.

        Raises:
            Refused: it is too large, its key a row's, or its scope unknown.
        """
        if payload.key[:1] == ROW:
            raise Refused(f"payload key {payload.key.hex()}: want no zero byte first")
        self.swim.publish(now, payload)
        self._settle(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a delivered payload, now that its owner has found it good."""
        self.swim.relay(now, payload)
        self._settle(now)

    def command(self, now: float, verb: Callable[[Tables], Result]) -> Result:
        """Let `verb` write to the tables, and do what follows; return its result.

        Raises:
            Refused: as the verb does; then nothing was written.
        """
        result = verb(self.tables)
        self._settle(now)
        return result

    def allocate(self, now: float, verb: Callable[[Addressing], Result]) -> Result:
        """Let `verb` command addresses, and do what follows; return its result.

        Raises:
            Refused: as the verb does; then nothing has changed.
        """
        result = verb(self.addressing)
        self._settle(now)
        return result

    def program(self, now: float, verb: Callable[[Dataplane], Result]) -> Result:
        """Let `verb` tell the data plane something, or answer it; return its result.

        Only for a node with a seat.
        """
        assert self.dataplane is not None, "the node has a seat"
        result = verb(self.dataplane)
        self._settle(now)
        return result
