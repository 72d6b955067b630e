"""What all parts of the tables share: state, bounds, and the way out."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from swarmnet.ids import NodeId, Scope
from swarmnet.tables.config import TableConfig
from swarmnet.tables.convergence import Convergence
from swarmnet.tables.outputs import Output
from swarmnet.tables.row import TableName
from swarmnet.tables.rules import Rules
from swarmnet.tables.shelf import Shelf
from swarmnet.tables.view import Views
from swarmnet.timers import Timers


class Due(Enum):
    """Why the tables wake."""

    NEWS = auto()
    """Something is new in a scope: compare digests with a neighbour."""
    COMPARE = auto()
    """A scope's digest was not compared for a while."""
    PAGE = auto()
    """A donor may have died."""
    FENCE = auto()
    """Another process under our key may be gone."""
    COLLECT = auto()
    """Tombstones of our own may be old enough, or rows are to be written again."""


Reason = tuple[Due, Scope | None]


@dataclass(frozen=True, slots=True)
class Seams:
    """What the tables are handed of the rooms beside them.

    `sign` returns our signature, 64 bytes. `may_write` says whether a node's rows of a
    table count; it may change its mind (`roles_changed`). `tokens` are the bytes that
    may be sent now, negative in debt, and `charge` takes some. `neighbours` are those
    in a scope to whom news goes first, `distance` how far a node is in s, or None.
    `stands(owner, about)` says whether an owner is a member at all, or void with
    whoever admitted him, by what his own row says of him (`NodeFacts.about`), if any.
    `issued(manager, nodes)` is the last serial of those certificates of `nodes` that a
    manager has issued, 0 if there is none.
    """

    sign: Callable[[bytes], bytes]
    may_write: Callable[[NodeId, TableName], bool]
    tokens: Callable[[float], float]
    charge: Callable[[float, int], None]
    neighbours: Callable[[Scope], Sequence[NodeId]]
    distance: Callable[[NodeId], float | None]
    issued: Callable[[NodeId, Iterable[NodeId]], int] = lambda _manager, _nodes: 0
    stands: Callable[[NodeId, bytes], bool] = lambda _owner, _about: True


@dataclass(slots=True)
class Core:
    """The shared state. `counters` are for people: how often something happened."""

    me: NodeId
    config: TableConfig
    random: Random
    seams: Seams
    rules: Rules
    shelves: dict[Scope, Shelf]
    views: Views
    timers: Timers[Reason] = field(default_factory=Timers)
    convergence: Convergence = field(default_factory=Convergence)
    outputs: deque[Output] = field(default_factory=deque)
    counters: dict[str, int] = field(default_factory=dict)
    is_fenced: bool = False
    """Whether an elder process lives under our key, so that we write nothing."""

    @property
    def is_silent(self) -> bool:
        """Whether we write nothing: we were removed, or are fenced."""
        return self.is_fenced or self.rules.is_revoked(self.me)

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened."""
        self.counters[name] = self.counters.get(name, 0) + by
