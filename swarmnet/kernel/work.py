"""The order in which a kernel is changed.

Make before break; and nothing is answered for before it can be reached.
"""

from enum import IntEnum, auto

from swarmnet.kernel.operations import Operation


class Phase(IntEnum):
    """When an operation is done, the first first.

    A link that stands in the way of another goes early. What a link is changed to comes
    before what stands on it, for a new MAC or a small MTU wipes that. A VXLAN device
    knows where frames go (FDB) before it answers for an address (neighbours), and both
    before a sandbox can ask; on the way back it is the other way round. Filters stand
    before what they guard, and go after it.
    """

    TABLES = auto()
    NAMESPACES = auto()
    CLEARED = auto()
    BRIDGES = auto()
    DEVICES = auto()
    CHANGED = auto()
    INNER_SYSCTLS = auto()
    FORWARDING = auto()
    NEIGHBOURS = auto()
    PAIRS = auto()
    SYSCTLS = auto()
    STATIONS = auto()
    ADDRESSES_IN_THE_WAY = auto()
    ADDRESSES = auto()
    ROUTES = auto()
    ROUTES_GONE = auto()
    ADDRESSES_GONE = auto()
    NEIGHBOURS_GONE = auto()
    STATIONS_GONE = auto()
    FORWARDING_GONE = auto()
    INTRUDERS_GONE = auto()
    RELEASED = auto()
    LINKS_GONE = auto()
    NAMESPACES_GONE = auto()
    TABLES_GONE = auto()


class Work:
    """Operations, gathered in any order, and given back by phase."""

    __slots__ = ("_phases",)

    def __init__(self) -> None:
        # By the phase's number; the hash of an Enum takes a call.
        self._phases: list[list[Operation]] = [[] for _ in range(len(Phase) + 1)]

    def add(self, phase: Phase, operation: Operation) -> None:
        self._phases[phase].append(operation)

    def __bool__(self) -> bool:
        return any(self._phases)

    def ordered(self) -> list[Operation]:
        """Return all of it."""
        return [one for held in self._phases for one in held]

    def additions(self) -> list[Operation]:
        """Return what adds and changes, and what is in the way of that."""
        return [one for held in self._phases[: Phase.ROUTES_GONE] for one in held]

    def removals(self) -> list[Operation]:
        """Return the rest: what nobody wants."""
        return [one for held in self._phases[Phase.ROUTES_GONE :] for one in held]

    def portion(
        self, links_max: int, *, is_last: bool
    ) -> tuple[list[Operation], dict[str, None]]:
        """Return all of it but for links beyond so many that go, and whose those are.

        The kernel deletes a bridge in some 17 ms, and nobody else gets at any link
        meanwhile; so others come in between. A namespace stays until its links go, and
        filters until the last portion.
        """
        going = self._phases[Phase.LINKS_GONE]
        left = dict.fromkeys(one.namespace for one in going[links_max:])
        self._phases[Phase.LINKS_GONE] = going[:links_max]
        last = Phase.NAMESPACES_GONE
        ending = [one for one in self._phases[last] if one.namespace not in left]
        self._phases[last] = ending
        if left or not is_last:
            filters = self._phases[Phase.TABLES_GONE]
            left.update(dict.fromkeys(one.namespace for one in filters))
            self._phases[Phase.TABLES_GONE] = []
        return self.ordered(), left
