"""Views: of all owners' rows about one name, the one that is shown; and watches.

Where several owners write about one name, the row with the greatest Lamport counter is
shown, and of equals that of the greatest owner. Nothing is lost by it: `claimants` has
them all, and all nodes resolve alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swarmnet.ids import Scope
from swarmnet.tables.row import Name, Row, TableName
from swarmnet.tables.rules import Rules, Shown
from swarmnet.tables.shelf import Shelf

About = tuple[Scope, Name]


@dataclass(frozen=True, slots=True)
class Change:
    """What is shown about a name is another thing than it was when last told.

    `previous` is None for what was not shown before, `current` for what is no more. A
    change may sum up several: take `previous` away, and put `current` in its place.
    """

    scope: Scope
    name: Name
    previous: Shown | None
    current: Shown | None


class Watch:
    """Tells one reader of changes: first all that is shown, then what becomes of it.

    What is not polled in time is summed up, so it holds one note a name at most.
    """

    __slots__ = ("_pending", "_scope", "_table", "_views")

    def __init__(
        self, views: "Views", scope: Scope | None, table: TableName | None
    ) -> None:
        self._views = views
        self._scope = scope
        self._table = table
        self._pending: dict[About, Shown | None] = {}
        for about in views.all_names():
            self.note(about, None)

    def wants(self, scope: Scope, table: TableName) -> bool:
        """Return whether it is told of a table in a scope."""
        return self._scope in (None, scope) and self._table in (None, table)

    def note(self, about: About, previous: Shown | None) -> None:
        """Take note that another thing may be shown about a name than `previous`."""
        scope, (table, _) = about
        if self.wants(scope, table):
            self._pending.setdefault(about, previous)

    def poll(self) -> Change | None:
        """Return the next change, or None."""
        while self._pending:
            about = next(iter(self._pending))
            previous = self._pending.pop(about)
            current = self._views.shown(*about)
            if current != previous:
                return Change(*about, previous, current)
        return None

    def close(self) -> None:
        """Be told nothing any more."""
        self._views.watches.pop(self, None)


class Marks:
    """Tells one reader what may have changed of one table: names, each once.

    For who reads all owners' rows about a name, whichever of them is shown. All names
    are marked at first.
    """

    __slots__ = ("_pending", "_scope", "_table")

    def __init__(self, views: "Views", scope: Scope | None, table: TableName) -> None:
        self._scope = scope
        self._table = table
        self._pending: dict[About, None] = {}
        for about in views.all_names():
            self.note(about)

    def note(self, about: About) -> None:
        """Take note that something about a name may be another thing than before."""
        scope, (table, _) = about
        if table == self._table and self._scope in (None, scope):
            self._pending[about] = None

    def poll(self) -> About | None:
        """Return the next name, or None."""
        return self._pending.popitem()[0] if self._pending else None


class Views:
    """What this node shows of the rows that it holds."""

    __slots__ = ("_marks", "_rules", "_shelves", "watches")

    def __init__(self, rules: Rules, shelves: Mapping[Scope, Shelf]) -> None:
        self._rules = rules
        self._shelves = shelves
        self._marks: list[Marks] = []
        self.watches: dict[Watch, None] = {}

    def shown(self, scope: Scope, name: Name) -> Shown | None:
        """Return what is shown about a name, or None."""
        return max(self.claimants(scope, name), key=_rank, default=None)

    def claimants(self, scope: Scope, name: Name) -> list[Shown]:
        """Return every owner's row about a name that may be shown."""
        shelf = self._shelves.get(scope)
        rows = () if shelf is None else shelf.about(name)
        shown = (self._rules.show(row) for row in rows)
        return [one for one in shown if one is not None]

    def table(self, scope: Scope, table: TableName) -> dict[bytes, Shown]:
        """Return what is shown of one table in one scope, by key."""
        shelf = self._shelves.get(scope)
        found: dict[bytes, Shown] = {}
        for name in () if shelf is None else shelf.names():
            shown = self.shown(scope, name) if name[0] == table else None
            if shown is not None:
                found[name[1]] = shown
        return found

    def all_names(self) -> Iterator[About]:
        """Yield every name in every scope that there is a row about."""
        for scope, shelf in self._shelves.items():
            for name in shelf.names():
                yield scope, name

    def watch(
        self, scope: Scope | None = None, table: TableName | None = None
    ) -> Watch:
        """Return a watch of one scope or all, and one table or all."""
        watch = Watch(self, scope, table)
        self.watches[watch] = None
        return watch

    def mark(self, scope: Scope | None, table: TableName) -> Marks:
        """Return the marks of a table, in one scope or all; they are kept for good."""
        marks = Marks(self, scope, table)
        self._marks.append(marks)
        return marks

    @property
    def is_read(self) -> bool:
        """Return whether anybody is told of anything."""
        return bool(self.watches or self._marks)

    def is_watched(self, scope: Scope, table: TableName) -> bool:
        """Return whether anybody is told of a table in a scope."""
        return any(watch.wants(scope, table) for watch in self.watches)

    def before(self, row: Row) -> None:
        """Note what is shown about a row's name, before that may change."""
        if self.watches or self._marks:
            self.touch((row.scope, row.name))

    def touch(self, about: About) -> None:
        """As `before`, of a name."""
        for marks in self._marks:
            marks.note(about)
        if self.is_watched(about[0], about[1][0]):
            previous = self.shown(*about)
            for watch in self.watches:
                watch.note(about, previous)


def _rank(shown: Shown) -> tuple[int, bytes]:
    return shown.row.rank
