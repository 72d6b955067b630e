"""What is asked of one node's membership, and changes nothing in it."""

from collections import deque
from collections.abc import Mapping, Sequence

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.swim.budget import Budget
from swarmnet.swim.coordinates import Coordinate
from swarmnet.swim.core import Core, Reason
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import Output, State
from swarmnet.swim.reach import Reach
from swarmnet.swim.relay import Backlog, Relay
from swarmnet.swim.roster import Roster
from swarmnet.swim.roundtrips import Spread
from swarmnet.swim.scopes import Scopes
from swarmnet.timers import Timers


class Reading:
    """The views of `engine.Swim`."""

    __slots__ = ("_core", "_relay", "_scopes")

    _core: Core
    _relay: Relay
    _scopes: Scopes

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member's state."""
        held, me = self._core.roster.members(), self._core.me
        return {node: member.state for node, member in held.items() if node != me}

    def members(self) -> Mapping[NodeId, Member]:
        """Return what is held of all, ourselves included: it changes as they do."""
        return self._core.roster.members()

    def member(self, node: NodeId) -> Member | None:
        """Return what is held of a member, ourselves included."""
        return self._core.roster.get(node)

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return a member's (boot epoch, incarnation), or None for a stranger."""
        held = self._core.roster.get(member)
        return None if held is None else held.claim.version

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name; the health score is a level."""
        return {
            **self._core.counters,
            "coordinate_samples": self._core.round_trips.samples,
            "health_score": self._core.awareness.score,
        }

    def neighbours(self, scope: Scope = CLUSTER) -> Sequence[NodeId]:
        """Return whom this node's news goes to first: its neighbours on the rings."""
        rings = self._scopes.rings(scope)
        return () if rings is None else tuple(rings.neighbours())

    def distance(self, member: NodeId) -> float | None:
        """Return the round trip to a member in s, as far as it can be told, or None."""
        return self._core.round_trips.estimate(member)

    def round_trips(self) -> Spread:
        """Return how the measured round trips of probes are spread."""
        return self._core.round_trips.spread()

    def backlog(self, now: float) -> Backlog:
        """Return what waits to be passed on to the neighbours."""
        return self._relay.backlog(now)

    @property
    def budget(self) -> Budget:
        """The bytes that this node may send: the rooms above draw on it as well."""
        return self._core.budget

    @property
    def timers(self) -> Timers[Reason]:
        """The deadlines of this engine, to be looked at."""
        return self._core.timers

    @property
    def outputs(self) -> deque[Output]:
        """What `poll_output` takes from, for whoever takes all that is there."""
        return self._core.outputs

    def coordinate(self) -> Coordinate:
        """Return where this node is in Vivaldi's space, as far as it can tell."""
        return self._core.round_trips.coordinate

    def degraded(self) -> Mapping[NodeId, Reach]:
        """Return the members that answer this node by detours or not, and how."""
        return self._core.reaches.degraded()

    def save(self) -> Roster:
        """Return what a later life of this node may start from."""
        return self._core.roster.copy(self._core.me)
