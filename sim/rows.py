"""What every owner has written, and what every node shows of it: the tables' truth.

A scenario writes through this, so that it is known what is true. Each node's watch is
drained after each of its inputs, and each change is looked at as it happens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

from sim.profiles.contract import Engine
from sim.profiles.tabled import Tabled, tabled
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ENDPOINT, Name, Row, Version
from swarmnet.tables.view import Change, Watch

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

_Result = TypeVar("_Result")
About = tuple[int, Scope, Name]
"""The index of an owner, and what its row is about."""
Listener = Callable[["Host", Change], None]
SCOPE_BYTES: Final = 16


def scope_of(number: int) -> Scope:
    """Return the scope of a network: it is in no row but that network's own.

    But for attachments, which all may know.
    """
    return Scope(blake2b(b"network %d" % number, digest_size=SCOPE_BYTES).digest())


@dataclass(slots=True)
class _Owner:
    """What one node has said, in this and in earlier lives."""

    attached: dict[Scope, None] = field(default_factory=dict)
    rows: dict[tuple[Scope, Name], Row] = field(default_factory=dict)


class Rows:
    """The truth, and a checker of it (`checkers.Guard`)."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._owners = [_Owner() for _ in range(cluster.nodes)]
        self._written: dict[About, dict[Version, bytes]] = {}
        self._watches: dict[int, Watch] = {}
        self._shown: dict[int, dict[About, Version]] = {}
        self.foreign = 0
        """Rows that a node held, or was sent, of a network that it was not in."""
        self.listener: Listener = lambda _host, _change: None
        cluster.checkers.guards.append(self)

    # What scenarios do

    def attach(self, host: "Host", scope: Scope) -> None:
        """Let a node take part in a network."""
        self._owners[host.index].attached[scope] = None
        self._command(host, lambda tables, now: tables.attach(now, scope))

    def detach(self, host: "Host", scope: Scope) -> None:
        """Let a node leave a network: what it wrote there is over."""
        owner = self._owners[host.index]
        owner.attached.pop(scope, None)
        owner.rows = {p: row for p, row in owner.rows.items() if p[0] != scope}
        # What it holds is gone, and what it will be given may be older.
        shown = self._shown[host.index]
        self._shown[host.index] = {a: v for a, v in shown.items() if a[1] != scope}
        self._command(host, lambda tables, now: tables.detach(now, scope))

    def put(self, host: "Host", scope: Scope, key: bytes, value: bytes) -> Row:
        """Let a node write an endpoint's row."""
        name = (ENDPOINT, key)
        return self._command(host, lambda t, now: t.put(now, scope, name, value))

    def delete(self, host: "Host", scope: Scope, key: bytes) -> Row:
        """Let a node delete a row of its own."""
        name = (ENDPOINT, key)
        return self._command(host, lambda t, now: t.delete(now, scope, name))

    def lost(self, host: "Host") -> None:
        """A node has lost what it had stored: what it said before is over."""
        self._owners[host.index] = _Owner()

    def attached(self, host: "Host") -> list[Scope]:
        """Return the networks that a node takes part in."""
        return list(self._owners[host.index].attached)

    def keys_of(self, host: "Host", scope: Scope) -> list[bytes]:
        """Return the keys of a node's rows in a network that are not deleted."""
        rows = self._owners[host.index].rows
        return [
            name[1]
            for (of, name), row in rows.items()
            if of == scope and not row.is_deleted
        ]

    def last(self, row: Row) -> Row | None:
        """Return what a row's owner has written last about the same; None if gone."""
        owner = self._cluster.index_of(row.owner)
        return self._owners[owner].rows.get((row.scope, row.name))

    def members(self, scope: Scope) -> list["Host"]:
        """Return the live nodes that take part in a network."""
        return [
            host
            for host in self._cluster.live()
            if scope in self._owners[host.index].attached
        ]

    def _command(
        self, host: "Host", verb: Callable[[Tables, float], _Result]
    ) -> _Result:
        engine = tabled(host.engine)
        results: list[_Result] = []

        def act(now: float) -> None:
            results.append(engine.command(now, lambda tables: verb(tables, now)))

        host.command(act)
        return results[0]

    def _note_saved(self, host: "Host", row: Row) -> None:
        """Take note of a row that its owner has stored, and so has said."""
        if row.table == ENDPOINT:
            about = (host.index, row.scope, row.name)
            written = self._written.setdefault(about, {})
            # What an earlier life has said and this one took back is no new word.
            if row.version not in written:
                written[row.version] = row.body
                self._owners[host.index].rows[row.scope, row.name] = row

    # What is looked at

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started: it shows nothing so far."""
        held = tabled(engine)
        held.storage.saved = lambda row: self._note_saved(host, row)
        self._watches[host.index] = held.tables.watch(table=ENDPOINT)
        self._shown[host.index] = {}
        self.after_input(host, engine)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """A member changed at an observer."""

    def delivered(self, host: "Host") -> None:
        """A payload came up at a node."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """A node sent something."""

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Look at what a node shows now, and at what it holds."""
        watch = self._watches.get(host.index)
        while watch is not None and (change := watch.poll()) is not None:
            self._check_change(host, change)
            self.listener(host, change)
        scopes = tabled(engine).tables.scopes()
        if len(scopes) > 1:
            self._check_scopes(host, tabled(engine))

    def _check_scopes(self, host: "Host", engine: Tabled) -> None:
        attached = self._owners[host.index].attached
        for scope in engine.tables.scopes():
            if scope != CLUSTER and scope not in attached:
                self.foreign += len(engine.tables.rows(scope))
                message = f"holds rows of {scope.hex()}, and is not in it"
                self._cluster.checkers.violate("row_scope", host.index, message)

    def _check_change(self, host: "Host", change: Change) -> None:
        """Demand that what is shown was written by its owner, and no older."""
        if change.current is None:
            return
        row = change.current.row
        owner = self._cluster.index_of(row.owner)
        about = (owner, row.scope, row.name)
        violate = self._cluster.checkers.violate
        if self._written.get(about, {}).get(row.version) != row.body:
            violate("row_owner", host.index, f"shows {_show(row, owner)}: not written")
        before = self._shown[host.index].get(about)
        if before is not None and row.version < before:
            violate("row_version", host.index, f"{_show(row, owner)} after {before}")
        self._shown[host.index][about] = row.version

    def check_all(self) -> None:
        """Demand that all show what its owners last wrote, and hold the same."""
        for host, message in self.errors():
            self._cluster.checkers.violate("row_union", host.index, message)

    def errors(self) -> Iterator[tuple["Host", str]]:
        """Yield what is wrong in a live node's view, or in what it holds."""
        scopes = {s: None for owner in self._owners for s in owner.attached}
        for scope in scopes:
            hosts = self.members(scope)
            expected = self._expected(scope)
            for host in hosts:
                yield from self._errors_of(host, scope, expected)
            yield from self._unlike(scope, hosts)
        yield from self._unlike(CLUSTER, self._cluster.live())

    def _expected(self, scope: Scope) -> dict[bytes, Row]:
        """Return what a network's nodes must show, of owners that run, by key."""
        rows = [
            row
            for host in self.members(scope)
            for (of, _), row in self._owners[host.index].rows.items()
            if of == scope and not row.is_deleted
        ]
        return {row.key: row for row in sorted(rows, key=lambda row: row.rank)}

    def _errors_of(
        self, host: "Host", scope: Scope, expected: dict[bytes, Row]
    ) -> Iterator[tuple["Host", str]]:
        engine = tabled(host.engine)
        shown = engine.tables.table(scope, ENDPOINT)
        running = {other.node: None for other in self._cluster.live()}
        for key, row in expected.items():
            held = shown.get(key)
            if held is None or (held.row != row and held.row.owner in running):
                yield host, f"does not show {_show(row, self._index(row))}"
            elif held.row == row and held.dormant:
                about = _show(row, self._index(row))
                yield host, f"{about} is dormant, its owner runs"
        for key, held in shown.items():
            if held.row.owner not in running and not held.dormant:
                row = held.row
                yield host, f"{_show(row, self._index(row))} is awake, its owner is not"
            if key not in expected and held.row.owner in running:
                row = held.row
                yield host, f"shows {_show(row, self._index(row))}, it is no more"

    def _unlike(
        self, scope: Scope, hosts: list["Host"]
    ) -> Iterator[tuple["Host", str]]:
        digests = {h.index: tabled(h.engine).tables.digest(scope) for h in hosts}
        for host in hosts[1:]:
            if digests[host.index] != digests[hosts[0].index]:
                where = scope.hex() or "the cluster"
                yield host, f"holds other rows of {where} than {hosts[0].index}"

    def _index(self, row: Row) -> int:
        return self._cluster.index_of(row.owner)


def _show(row: Row, owner: int) -> str:
    return f"{row.table} {row.key!r} of {owner} at {row.version}"
