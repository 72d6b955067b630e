"""Deleted rows stay deleted, and what is kept to remember them goes in time."""

from typing import TYPE_CHECKING, Final

from sim.profiles.tabled import tabled
from sim.said import About, Said, Wrong
from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.facts import NEVER, node_facts
from swarmnet.tables.row import NODE, Row, Version
from swarmnet.tables.view import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cluster import Cluster
    from sim.host import Host

_LIVES: Final = 6.0
"""So many lifetimes a tombstone waits at most until its collection begins."""
_COLLECTION_S: Final = 36.0
"""How long one takes: what lives is written again, and all have time to hear of it."""
_COLLECTIONS: Final = 3
"""One under way is ended first; so is the next, if that began for older tombstones."""
_ROW_S: Final = 2 / 64
"""How much longer it takes for each row that lives."""
_BREAK_S: Final = 5.0
"""Who has had no input for so long has slept."""


def kept_s(life_s: float, interval_s: float) -> float:
    """Return how long a tombstone is kept at most, in s, while its owner runs."""
    return _COLLECTIONS * (_COLLECTION_S + interval_s) + _LIVES * life_s


class Tombstones:
    """Deletions; the rules `row_resurrected` and `row_tombstones`.

    `kept_s` is how long a tombstone is kept at most.
    """

    def __init__(self, cluster: "Cluster", said: Said, kept_s: float) -> None:
        self._cluster = cluster
        self._said = said
        self._kept_s = kept_s
        self._since: dict[tuple[int, Version], float] = {}
        # Since when each node has run without a break, and when it last had an input.
        self._running: dict[int, float] = {}
        self._awake: dict[int, float] = {}
        # By node, what it knows to be gone, and up to which version.
        self._gone: dict[int, dict[About, Version]] = {}
        self._collected: dict[int, Version] = {}
        self.horizons = 0
        """How often an owner has moved its horizon."""

    def began(self, host: "Host") -> None:
        """A process started: what it knew before binds it no more."""
        self._gone[host.index] = {}
        self.note_break(host)

    def note_break(self, host: "Host") -> None:
        """A node has slept, or was given rows of its own that it did not know."""
        self._running[host.index] = self._cluster.world.now

    def after_input(self, host: "Host") -> None:
        """Take note of whether a node sleeps."""
        now = self._cluster.world.now
        if now - self._awake.get(host.index, now) > _BREAK_S:
            self.note_break(host)
        self._awake[host.index] = now

    def leave(self, host: "Host", scope: Scope) -> None:
        """A node takes part in a network no more: it may forget it."""
        gone = self._gone[host.index]
        self._gone[host.index] = {a: v for a, v in gone.items() if a[1] != scope}

    def saved(self, host: "Host", row: Row) -> None:
        """Take note of a tombstone, or of a horizon."""
        if row.is_deleted:
            now = self._cluster.world.now
            self._since.setdefault((host.index, row.version), now)
        facts = node_facts(row) if row.table == NODE and row.scope == CLUSTER else None
        before = self._collected.get(host.index, NEVER)
        if facts is not None and facts.collected > before:
            self._collected[host.index] = facts.collected
            self.horizons += 1

    def changed(self, host: "Host", change: Change) -> str | None:
        """Return what is wrong with what a node shows now, or None."""
        gone = self._gone[host.index]
        if change.previous is not None:
            row = change.previous.row
            deleted = self._deleted(host, row)
            if deleted is not None:
                gone[self._about(row)] = deleted
        if change.current is None:
            return None
        row = change.current.row
        deleted = gone.get(self._about(row))
        if deleted is None or row.version > deleted:
            return None
        return f"shows {self._said.show(row)}, that it knew to be gone at {deleted}"

    def errors(self, hosts: list["Host"]) -> "Iterator[Wrong]":
        """Yield which tombstones are kept for too long, of owners that run."""
        owners = {host.node: host for host in hosts if not self._is_bound(host)}
        now = self._cluster.world.now
        for host in hosts:
            for row in tombstones(host):
                owner = owners.get(row.owner)
                if owner is None:
                    continue
                running_s = self._running[owner.index]
                written_s = self._since.get((owner.index, row.version), running_s)
                since_s = max(written_s, running_s)
                if now - since_s > self._kept_s + _ROW_S * _living(owner):
                    what = f"keeps the tombstone {self._said.show(row)}"
                    message = f"{what} since {since_s:g} s"
                    yield Wrong("row_tombstones", host, message)

    def _is_bound(self, host: "Host") -> bool:
        """Return whether a node has lasting rows where it takes no part.

        It cannot write them again, so it does not move its horizon past them.
        """
        scopes = tabled(host.engine).tables.scopes()
        return any(
            self._said.lasting(host.index, scope)
            for scope in self._said.scopes()
            if scope not in scopes
        )

    def _deleted(self, host: "Host", row: Row) -> Version | None:
        """Return up to where a node knows that a row is gone; None if it does not."""
        engine = tabled(host.engine)
        held = engine.held(row.scope, row.owner, row.name)
        if held is not None and held.is_deleted and held.version > row.version:
            return held.version
        word = engine.held(CLUSTER, row.owner, (NODE, bytes(row.owner)))
        facts = None if word is None else node_facts(word)
        if facts is not None and facts.collected >= row.version:
            return facts.collected
        return None

    def _about(self, row: Row) -> About:
        return (self._said.index_of(row.owner), row.scope, row.name)


def tombstones(host: "Host") -> list[Row]:
    """Return the tombstones that a node holds."""
    tables = tabled(host.engine).tables
    return [
        row
        for scope in tables.scopes()
        for row in tables.rows(scope).values()
        if row.is_deleted
    ]


def _living(host: "Host") -> int:
    """Return how many rows of its own a node holds that are not deleted."""
    tables = tabled(host.engine).tables
    return sum(
        row.owner == host.node and not row.is_deleted
        for scope in tables.scopes()
        for row in tables.rows(scope).values()
    )
