"""What is asked of one node's tables, and changes nothing in them."""

from collections import deque
from collections.abc import Collection as Members
from collections.abc import Mapping, Sequence

from swarmnet.ids import NodeId, Scope
from swarmnet.tables.bounds import check_membership
from swarmnet.tables.core import Core, Reason
from swarmnet.tables.outputs import Output
from swarmnet.tables.row import Name, Row, TableName
from swarmnet.tables.rules import Rules, Shown
from swarmnet.tables.view import Marks, Watch
from swarmnet.timers import Timers


class Reading:
    """The views of `engine.Tables`."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def timers(self) -> Timers[Reason]:
        """The deadlines of this engine, to be looked at."""
        return self._core.timers

    @property
    def outputs(self) -> deque[Output]:
        """What `poll_output` takes from, for whoever takes all that is there."""
        return self._core.outputs

    def watch(
        self, scope: Scope | None = None, table: TableName | None = None
    ) -> Watch:
        """Return a watch of one scope or all, and one table or all."""
        return self._core.views.watch(scope, table)

    def shown(self, scope: Scope, name: Name) -> Shown | None:
        """Return what is shown about a name, or None."""
        return self._core.views.shown(scope, name)

    def claimants(self, scope: Scope, name: Name) -> list[Shown]:
        """Return every owner's row about a name that may be shown."""
        return self._core.views.claimants(scope, name)

    def mark(self, scope: Scope | None, table: TableName) -> Marks:
        """Return marks of what may have changed of a table, in one scope or all."""
        return self._core.views.mark(scope, table)

    def held(self, scope: Scope, name: Name) -> Sequence[Row]:
        """Return all owners' rows about a name, shown or not."""
        shelf = self._core.shelves.get(scope)
        return () if shelf is None else shelf.about(name)

    def rows_of(self, scope: Scope, owner: NodeId) -> Mapping[Name, Row]:
        """Return all rows that are held of an owner's in a scope, by name."""
        shelf = self._core.shelves.get(scope)
        return {} if shelf is None else shelf.rows_of(owner)

    def table(self, scope: Scope, table: TableName) -> dict[bytes, Shown]:
        """Return what is shown of one table in one scope, by key."""
        return self._core.views.table(scope, table)

    def rows(self, scope: Scope) -> Mapping[int, Row]:
        """Return all that is held of a scope, shown or not."""
        shelf = self._core.shelves.get(scope)
        return {} if shelf is None else shelf.elements()

    def scopes(self) -> Sequence[Scope]:
        """Return the scopes that are held, the cluster's first."""
        return tuple(self._core.shelves)

    def digest(self, scope: Scope) -> tuple[bytes, int] | None:
        """Return a scope's digest and its number of rows; None if it is not held."""
        shelf = self._core.shelves.get(scope)
        return None if shelf is None else (shelf.digest, shelf.size)

    def members(self, scope: Scope) -> Members[NodeId]:
        """Return the nodes that are known to take part in a network."""
        return self._core.rules.attached.get(scope, {}).keys()

    def attached(self, scope: Scope) -> Sequence[NodeId]:
        """Return the same, in the order in which they came."""
        return tuple(self.members(scope))

    def check_membership(self) -> None:
        """Refuse what only a member does.

        Raises:
            Refused: we were removed, or are fenced.
        """
        check_membership(self._core)

    @property
    def is_fenced(self) -> bool:
        """Whether an elder process lives under our key."""
        return self._core.is_fenced

    @property
    def is_silent(self) -> bool:
        """Whether we write nothing: we were removed, or are fenced."""
        return self._core.is_silent

    @property
    def last_convergence_s(self) -> float | None:
        """How long the last change took to be everywhere: see `Convergence`."""
        return self._core.convergence.last_s

    @property
    def rules(self) -> Rules:
        """What the rows say of nodes, to be asked and not told."""
        return self._core.rules

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        return self._core.counters
