"""Those that follow the rows: addresses, and the data plane by them.

Most of what comes to a node is a probe that finds all as it was. Then they are not
asked: what they wait for is either said by a row, by a member's state, by a command or
by the time.
"""

from collections.abc import Callable
from typing import Final

from swarmnet.ids import Address, NodeId
from swarmnet.node.addressing import Addressing
from swarmnet.node.outputs import Output
from swarmnet.node.overlaying import Overlaying
from swarmnet.node.seat import Seat
from swarmnet.tables.engine import Tables
from swarmnet.timers import earliest

LOOK_S: Final = 0.1
"""After something that stirred us it is looked so much later what waits no more."""


class Followers:
    """The addresses and the data plane of one node, and when they are due."""

    __slots__ = (
        "_due",
        "_is_own",
        "_look_at",
        "addressing",
        "is_behind",
        "is_held",
        "overlaying",
    )

    def __init__(
        self, addressing: Addressing, me: NodeId, tables: Tables, seat: Seat | None
    ) -> None:
        self.addressing = addressing
        self.overlaying = Overlaying(addressing, me, tables, seat)
        self._due: float | None = None
        self._look_at: float | None = None
        self._is_own = False
        self.is_held = False
        """Whether they wait, for more is about to come: each time costs a walk."""
        self.is_behind = False
        """Whether they were to follow while they were held."""

    @property
    def is_waiting(self) -> bool:
        """Whether they must be asked whatever happens, for nothing tells them."""
        plane, naming = self.overlaying.plane, self.overlaying.naming
        return plane is not None and (not plane.is_complete or naming.is_waiting)

    def carry(
        self, now: float, address_of: Callable[[NodeId], Address | None]
    ) -> tuple[bool, list[Output]]:
        """Follow the rows; return whether there is more to follow, and what to do."""
        self.is_behind = self.is_held
        if self.is_held:
            return False, []
        if not self._is_own and self._look_at is None:
            self._look_at = now + LOOK_S
        told = self.addressing.carry(now, address_of)
        return bool(told), [*told, *self.overlaying.carry(now)]

    def rest(self) -> None:
        """Take note of what is due next: nothing changes it until they are asked."""
        self._is_own = False
        parts = (self.addressing.poll_timeout(), self.overlaying.poll_timeout())
        self._due = earliest(self._look_at, *parts)

    def handle_timeout(self, now: float) -> bool:
        """Do what is due at `now`; return whether anything was."""
        is_due = self._due is not None and now >= self._due
        if not is_due and not self.addressing.has_chores(now):
            return False
        self._look_at = None
        self._is_own = True
        self.addressing.handle_timeout(now)
        self.overlaying.handle_timeout(now)
        return True

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._due
