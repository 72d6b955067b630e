"""Rows in a run: what scenarios write, and the checkers of what becomes of it.

A scenario writes through this, so that it is known what is true (`said`). Each node's
watches are drained after each of its inputs, and each change is looked at as it
happens, by the rules of each matter: `masks`, `removals`, `tombstones`. `agreement` is
what must hold in the end.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

from sim.agreement import Agreement
from sim.masks import Masks
from sim.profiles.contract import Engine
from sim.profiles.tabled import Note, Tabled, tabled
from sim.removals import Removals
from sim.said import LASTING, About, Said, Wrong
from sim.tombstones import Tombstones, kept_s
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream
from swarmnet.tables.config import TableConfig
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import MaskWanted, Recovered
from swarmnet.tables.row import ENDPOINT, Row, Version
from swarmnet.tables.view import Change, Watch

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

_Result = TypeVar("_Result")
Listener = Callable[["Host", Change], None]
SCOPE_BYTES: Final = 16
_AGAIN_S: Final = 0.5
"""A process that is stopped is asked again."""


def scope_of(number: int) -> Scope:
    """Return the scope of a network: it is in no row but that network's own.

    But for attachments, which all may know.
    """
    return Scope(blake2b(b"network %d" % number, digest_size=SCOPE_BYTES).digest())


class Rows:
    """What scenarios write through; and a checker of it (`checkers.Guard`).

    `obey_s` is how long an owner takes to delete what another wants gone.
    """

    def __init__(self, cluster: "Cluster", *, obey_s: float = 0.0) -> None:
        self._cluster = cluster
        self._obey_s = obey_s
        self.said = Said(cluster)
        self.removals = Removals(cluster, self.said)
        self.masks = Masks(cluster, self.said, self.removals)
        self.tombstones = Tombstones(cluster, self.said, _kept_s(cluster))
        self._agreement = Agreement(cluster, self.said, self.masks)
        self._watches: dict[int, tuple[Watch, ...]] = {}
        self._shown: dict[int, dict[About, Version]] = {}
        self.foreign = 0
        """Rows that a node held of a network that it was not in."""
        self.listener: Listener = lambda _host, _change: None
        cluster.checkers.guards.append(self)

    # What scenarios do

    def attach(self, host: "Host", scope: Scope) -> None:
        """Let a node take part in a network."""
        self.said.attach(host.index, scope)
        self._command(host, lambda tables, now: tables.attach(now, scope))

    def detach(self, host: "Host", scope: Scope) -> None:
        """Let a node leave a network: what it wrote there is over."""
        self.said.detach(host.index, scope)
        # What it holds is gone, and what it will be given may be older.
        shown = self._shown[host.index]
        self._shown[host.index] = {a: v for a, v in shown.items() if a[1] != scope}
        self.tombstones.leave(host, scope)
        self._command(host, lambda tables, now: tables.detach(now, scope))

    def put(self, host: "Host", scope: Scope, key: bytes, value: bytes) -> Row:
        """Let a node write an endpoint's row."""
        name = (ENDPOINT, key)
        return self._command(host, lambda t, now: t.put(now, scope, name, value))

    def delete(self, host: "Host", scope: Scope, key: bytes) -> Row:
        """Let a node delete a row of its own."""
        name = (ENDPOINT, key)
        return self._command(host, lambda t, now: t.delete(now, scope, name))

    def put_lasting(self, host: "Host", scope: Scope, key: bytes, value: bytes) -> Row:
        """Let a node write a row that outlives it."""
        name = (LASTING, key)
        return self._command(
            host, lambda t, now: t.put(now, scope, name, value, durable=True)
        )

    def delete_lasting(self, host: "Host", scope: Scope, key: bytes) -> Row:
        """Let a node delete such a row of its own."""
        name = (LASTING, key)
        return self._command(host, lambda t, now: t.delete(now, scope, name))

    def mask(self, host: "Host", masked: Row) -> None:
        """Let a node say that another's row is to go."""
        scope, name, owner = masked.scope, masked.name, masked.owner
        mask = self._command(host, lambda t, now: t.mask(now, scope, name, owner))
        self.masks.order(host, masked, mask)

    def remove(self, host: "Host", victim: "Host") -> None:
        """Let a manager remove another node."""
        # Before it happens: what follows from it is looked at within the command.
        self.removals.order(host, victim)
        self._command(host, lambda t, now: t.revoke(now, victim.node))

    def lost(self, host: "Host") -> None:
        """A node has lost what it had stored: what it said before is over."""
        self.said.lose(host.index)
        self.removals.lose(host)

    def attached(self, host: "Host") -> list[Scope]:
        """Return the networks that a node takes part in."""
        return self.said.attached(host.index)

    def keys_of(self, host: "Host", scope: Scope) -> list[bytes]:
        """Return the keys of a node's endpoints in a network."""
        return [row.key for row in self.said.living(host.index, scope, ENDPOINT)]

    def last(self, row: Row) -> Row | None:
        """Return what a row's owner has written last about the same; None if gone."""
        return self.said.last((self.said.index_of(row.owner), row.scope, row.name))

    def members(self, scope: Scope) -> list["Host"]:
        """Return the live nodes that take part in a network."""
        live = self._cluster.live()
        return [host for host in live if self.said.takes_part(host.index, scope)]

    def standing(self) -> list["Host"]:
        """Return the live nodes that were not removed."""
        removed = self.removals.removed()
        return [host for host in self._cluster.live() if host.index not in removed]

    def _command(
        self, host: "Host", verb: Callable[[Tables, float], _Result]
    ) -> _Result:
        engine = tabled(host.engine)
        results: list[_Result] = []

        def act(now: float) -> None:
            results.append(engine.command(now, lambda tables: verb(tables, now)))

        try:
            host.command(act)
        except Refused as refused:
            # What scenarios ask for is allowed: no user is at fault.
            raise AssertionError(f"node {host.index} refused: {refused}") from refused
        return results[0]

    # What owners say, and are told

    def _note_saved(self, host: "Host", row: Row) -> None:
        """Take note of a row that its owner has stored, and so has said."""
        self.said.note(host, row)
        self.tombstones.saved(host, row)
        self._violate("row_mask", host, self.masks.saved(host, row))

    def _note_told(self, host: "Host", note: Note) -> None:
        if isinstance(note, Recovered):
            self.tombstones.note_break(host)
        if isinstance(note, MaskWanted):
            obey = (self._obey, host, host.life, note.row)
            self._cluster.world.after(self._obey_s, *obey)

    def _obey(self, host: "Host", life: int, row: Row) -> None:
        """Delete a row of a node's own that another wants gone, as the rooms above do.

        What was written since then about that name is none of his business.
        """
        if not host.up or host.life != life or host.leaving:
            return
        if host.paused:
            self._cluster.world.after(_AGAIN_S, self._obey, host, life, row)
            return
        held = tabled(host.engine).held(row.scope, row.owner, row.name)
        is_same = held is not None and held.lamport == row.lamport
        if is_same and not self.removals.knows(host, host.node):
            self._command(host, lambda t, now: t.delete(now, row.scope, row.name))

    # What is looked at

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started: it shows nothing so far."""
        held = tabled(engine)
        held.storage.saved = lambda row: self._note_saved(host, row)
        held.storage.told = lambda note: self._note_told(host, note)
        tables = (ENDPOINT, LASTING)
        self._watches[host.index] = tuple(held.tables.watch(table=t) for t in tables)
        self._shown[host.index] = {}
        self.tombstones.began(host)
        self.after_input(host, engine)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """A member changed at an observer."""

    def delivered(self, host: "Host") -> None:
        """A payload came up at a node."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """A node sent something."""

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Look at what a node shows now, and at what it holds."""
        self.tombstones.after_input(host)
        for watch in self._watches.get(host.index, ()):
            while (change := watch.poll()) is not None:
                self._check_change(host, change)
                self.listener(host, change)
        scopes = tabled(engine).tables.scopes()
        if len(scopes) > 1:
            self._check_scopes(host, tabled(engine))

    def _check_scopes(self, host: "Host", engine: Tabled) -> None:
        for scope in engine.tables.scopes():
            if not self.said.takes_part(host.index, scope):
                self.foreign += len(engine.tables.rows(scope))
                message = f"holds rows of {scope.hex()}, and is not in it"
                self._cluster.checkers.violate("row_scope", host.index, message)

    def _check_change(self, host: "Host", change: Change) -> None:
        """Demand that what is shown was written by its owner, and no older."""
        self._violate("row_removed", host, self.removals.changed(host, change))
        self._violate("row_mask", host, self.masks.changed(host, change))
        gone = self.tombstones.changed(host, change)
        if change.current is None:
            return
        row = change.current.row
        about = (self.said.index_of(row.owner), row.scope, row.name)
        if not self.said.is_written(row):
            message = f"shows {self.said.show(row)}: not written"
            self._violate("row_owner", host, message)
        before = self._shown[host.index].get(about)
        self._shown[host.index][about] = row.version
        if self.removals.knows(host, row.owner):
            # What is beyond the cut makes room for what was before it.
            return
        self._violate("row_resurrected", host, gone)
        if before is not None and row.version < before:
            message = f"{self.said.show(row)} after {before}"
            self._violate("row_version", host, message)

    def _violate(self, checker: str, host: "Host", message: str | None) -> None:
        if message is not None:
            self._cluster.checkers.violate(checker, host.index, message)

    def check_all(self) -> None:
        """Demand that all show what its owners last wrote, and hold the same."""
        for wrong in self.errors():
            self._violate(wrong.checker, wrong.host, wrong.message)

    def errors(self) -> Iterator[Wrong]:
        """Yield what is wrong in a live node's view, or in what it holds."""
        hosts = self.standing()
        yield from self._agreement.errors(hosts)
        yield from self.masks.errors(hosts)
        yield from self.removals.errors(hosts)


def _kept_s(cluster: "Cluster") -> float:
    settings = getattr(cluster.profile, "settings", None)
    config = getattr(settings, "tables", None)
    if not isinstance(config, TableConfig):
        config = TableConfig()
    return kept_s(config.tombstone_life_s, config.collect_interval_s)
