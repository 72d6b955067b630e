"""What every owner has said: the truth about rows, taken down as owners store them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.row import ENDPOINT, MASK, NETWORK, Name, Row, TableName, Version

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

About = tuple[int, Scope, Name]
"""The index of an owner, and what its row is about."""
LASTING: Final = NETWORK
"""The table in which scenarios write what is durable."""
FOLLOWED: Final = (ENDPOINT, LASTING, MASK)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A rule that a node breaks, and how."""

    checker: str
    host: "Host"
    message: str


@dataclass(slots=True)
class Owner:
    """What one node has said, as far as it counts still."""

    attached: dict[Scope, None] = field(default_factory=dict)
    rows: dict[tuple[Scope, Name], Row] = field(default_factory=dict)


class Said:
    """All that was ever said, and of each owner what it said last."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._owners = [Owner() for _ in range(cluster.nodes)]
        self._written: dict[About, dict[tuple[Version, bytes], int]] = {}

    def note(self, host: "Host", row: Row) -> None:
        """Take down a row that its owner has stored, and so has said."""
        if row.table not in FOLLOWED:
            return
        written = self._written.setdefault((host.index, row.scope, row.name), {})
        word = (row.version, row.body)
        # What an earlier life has said and this one took back is no new word, unless
        # it was to outlive that.
        if word not in written or row.is_durable:
            written[word] = row.lamport
            self._owners[host.index].rows[row.scope, row.name] = row

    def attach(self, index: int, scope: Scope) -> None:
        """A node takes part in a network from now on."""
        self._owners[index].attached[scope] = None

    def detach(self, index: int, scope: Scope) -> None:
        """A node takes part in a network no more: what it wrote there is over."""
        owner = self._owners[index]
        owner.attached.pop(scope, None)
        owner.rows = {p: row for p, row in owner.rows.items() if p[0] != scope}

    def lose(self, index: int) -> None:
        """A node has lost what it had stored: what it said before is over.

        What was to last comes back to it if others have it, and is noted again.
        """
        self._owners[index] = Owner()

    def attached(self, index: int) -> list[Scope]:
        """Return the networks that a node takes part in."""
        return list(self._owners[index].attached)

    def takes_part(self, index: int, scope: Scope) -> bool:
        """Return whether a node is in a scope."""
        return scope == CLUSTER or scope in self._owners[index].attached

    def scopes(self) -> list[Scope]:
        """Return the networks that somebody takes part in."""
        return list({s: None for owner in self._owners for s in owner.attached})

    def last(self, about: About) -> Row | None:
        """Return what an owner has said last about a name; None if it is over."""
        return self._owners[about[0]].rows.get(about[1:])

    def living(self, index: int, scope: Scope, table: TableName) -> list[Row]:
        """Return a node's rows of one table in a scope that are not deleted."""
        return [
            row
            for (of, name), row in self._owners[index].rows.items()
            if of == scope and name[0] == table and not row.is_deleted
        ]

    def lasting(self, index: int, scope: Scope) -> int:
        """Return how many rows of a node's keep it in a network."""
        rows = self._owners[index].rows.items()
        return sum(
            of == scope and row.is_durable and not row.is_deleted
            for (of, _), row in rows
        )

    def is_written(self, row: Row) -> bool:
        """Return whether a row was said by its owner, as it is."""
        about = (self.index_of(row.owner), row.scope, row.name)
        return (row.version, row.body) in self._written.get(about, {})

    def is_followed(self, about: About, version: Version, lamport: int) -> bool:
        """Return whether an owner has said something else after a row of its own.

        A row that was written again as it was keeps its counter, and is nothing else.
        """
        words = self._written.get(about, {}).items()
        return any(at > version and other != lamport for (at, _), other in words)

    def index_of(self, node: NodeId) -> int:
        """Return the index of the node of that identity, or -1."""
        return self._cluster.index_of(node)

    def show(self, row: Row) -> str:
        """Return a row's name and version, to be read."""
        key = f"{row.key!r} of {self.index_of(row.owner)}"
        return f"{row.table} {key} at {row.version}"


def describe(scope: Scope) -> str:
    """Return which scope it is, to be read."""
    return scope.hex() or "the cluster"
