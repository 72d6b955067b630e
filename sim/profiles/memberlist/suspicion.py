"""The suspicions under way at one node, each with its timer.

A suspicion starts with the longest time and shortens as distinct members confirm it.
Source: suspicion.go of hashicorp/memberlist; Lifeguard section IV-B.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush

from sim.profiles.memberlist.formulas import suspicion_timeout_s
from swarmnet.ids import NodeId


@dataclass(slots=True)
class Suspicion:
    """One suspect: who accused it, and when the time is up.

    `accusers` holds the first accuser and the confirmers, `wanted` + 1 at most.
    """

    started_s: float
    wanted: int
    shortest_s: float
    longest_s: float
    accusers: dict[NodeId, None] = field(default_factory=dict)

    def confirm(self, accuser: NodeId) -> bool:
        """Count `accuser`; return whether that was news."""
        if len(self.accusers) > self.wanted or accuser in self.accusers:
            return False
        self.accusers[accuser] = None
        return True

    def deadline_s(self) -> float:
        """Return when the suspect is to be declared dead."""
        return self.started_s + suspicion_timeout_s(
            len(self.accusers) - 1, self.wanted, self.shortest_s, self.longest_s
        )


class Suspicions:
    """Every suspicion of one node by its subject; the earliest deadline first."""

    __slots__ = ("_by_node", "_heap", "_number")

    def __init__(self) -> None:
        self._by_node: dict[NodeId, Suspicion] = {}
        self._heap: list[tuple[float, int, NodeId]] = []
        self._number = 0

    def start(self, node: NodeId, suspicion: Suspicion) -> None:
        """Begin to suspect `node`."""
        self._by_node[node] = suspicion
        self._push(node, suspicion)

    def confirm(self, node: NodeId, accuser: NodeId) -> bool:
        """Count `accuser` of `node`; return whether that was news."""
        suspicion = self._by_node.get(node)
        if suspicion is None or not suspicion.confirm(accuser):
            return False
        self._push(node, suspicion)
        return True

    def stop(self, node: NodeId) -> None:
        """Suspect `node` no longer."""
        self._by_node.pop(node, None)

    def deadline_s(self) -> float | None:
        """Return the earliest deadline, or None."""
        # A confirmation or the end of a suspicion leaves its old entry behind.
        while self._heap:
            deadline_s, _, node = self._heap[0]
            suspicion = self._by_node.get(node)
            if suspicion is not None and suspicion.deadline_s() == deadline_s:
                return deadline_s
            heappop(self._heap)
        return None

    def pop_due(self, now: float) -> NodeId | None:
        """Take out a suspect whose time is up, or return None."""
        deadline_s = self.deadline_s()
        if deadline_s is None or deadline_s > now:
            return None
        node = heappop(self._heap)[2]
        del self._by_node[node]
        return node

    def _push(self, node: NodeId, suspicion: Suspicion) -> None:
        self._number += 1
        heappush(self._heap, (suspicion.deadline_s(), self._number, node))
