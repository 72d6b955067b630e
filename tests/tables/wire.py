"""A few nodes' tables on one wire that the test moves by hand.

Proofs are keyed hashes. Membership is played by the wire: who lives is told to all, and
a row that is spread goes to every node of its scope, as the test's `fate` has it.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.config import TableConfig
from swarmnet.tables.core import Seams
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import (
    Completed,
    Fenced,
    MaskWanted,
    Outbid,
    Output,
    Recovered,
    Save,
    ScopeChanged,
    Send,
    Spread,
    Unsave,
    Verify,
)
from swarmnet.tables.row import REVOCATION, TOKEN, Row, TableName
from swarmnet.tables.rules import Presence
from swarmnet.tables.stored import StoredRows

MANAGERS = 3
"""The nodes 1 to 3 may remove others."""
MOVED_MAX = 20_000
"""Packets between two moments; the largest test takes a few thousand."""
Place = tuple[Scope, TableName, bytes]
"""Where a row of one's own is saved."""


def node_id(number: int) -> NodeId:
    """Return the id of node `number`."""
    return NodeId(number.to_bytes(16, "big"))


def proof(owner: NodeId, message: bytes) -> bytes:
    """Return what stands for an owner's signature."""
    return blake2b(message, digest_size=64, key=owner).digest()


@dataclass
class Mail:
    """A message or a spread row on its way."""

    source: int
    target: int
    data: bytes
    spread: bool
    streamed: bool


@dataclass
class Life:
    """One node: its tables, what its storage holds, and what it was told."""

    number: int
    tables: Tables
    saved: dict[Place, bytes] = field(default_factory=dict)
    notes: list[Output] = field(default_factory=list)
    epoch: int = 1


Fate = Callable[[Mail], bool]
"""Whether a packet arrives."""


def lost(_mail: Mail) -> bool:
    """The fate of every packet where nothing arrives."""
    return False


def delivered(_mail: Mail) -> bool:
    """The fate of every packet where all arrive."""
    return True


class Wire:
    """Nodes 1 to `count`, all alive and started, in the cluster's scope."""

    def __init__(
        self, count: int, seed: int = 1, config: TableConfig | None = None
    ) -> None:
        self.config = TableConfig() if config is None else config
        self.random = Random(f"wire {seed}")
        self.now = 100.0
        self.mail: deque[Mail] = deque()
        self.passed: list[Mail] = []
        self.fate: Fate = delivered
        self.tokens = 1e9
        self.managers = set(range(1, MANAGERS + 1))
        self.spread: dict[bytes, Row] = {}
        """Every row that its owner has ever given out."""
        self.lives: dict[int, Life] = {}
        self.down: set[int] = set()
        for number in range(1, count + 1):
            self.start(number)

    def start(self, number: int, *, saved: bool = False, epoch: int = 0) -> Tables:
        """Start a node for the first time, from what was saved, or with that lost."""
        before = self.lives.get(number)
        kept = dict(before.saved) if saved and before is not None else {}
        was = 0 if before is None else before.epoch
        tables = Tables(
            node_id(number),
            self.config,
            Random(f"{number} {was}"),
            self._seams(number),
            epoch=epoch or was + 1,
            stored=StoredRows(tuple(kept.values())) if saved or not before else None,
        )
        life = Life(number, tables, kept, epoch=epoch or was + 1)
        self.lives[number] = life
        self.down.discard(number)
        tables.start(self.now)
        for other in self.lives.values():
            for one in self.lives:
                presence = Presence.DEAD if one in self.down else Presence.LIVE
                other.tables.note_presence(self.now, node_id(one), presence)
        self._drain(life)
        return tables

    def __getitem__(self, number: int) -> Tables:
        return self.lives[number].tables

    def resume(self, number: int, saved: Mapping[Place, bytes]) -> Tables:
        """Start a node from a backup of what one of its lives has saved."""
        self.lives[number].saved = dict(saved)
        return self.start(number, saved=True)

    def give(self, number: int, *items: bytes, sender: int = 99) -> None:
        """Give a node rows, one by one, as relay does; what it says goes on its way."""
        for item in items:
            self[number].receive_row(self.now, node_id(sender), item)
            self._drain(self.lives[number])

    def promote(self, number: int, *, is_manager: bool) -> None:
        """Let a node be a manager or not, and tell all."""
        (self.managers.add if is_manager else self.managers.discard)(number)
        for life in self.lives.values():
            life.tables.note_roles(self.now, node_id(number))
        self.settle()

    def note(self, number: int, presence: Presence) -> None:
        """Let membership say of a node what it is, to all others."""
        for life in self.lives.values():
            life.tables.note_presence(self.now, node_id(number), presence)

    def kill(self, number: int) -> None:
        """End a node's process, and let everybody know."""
        self.down.add(number)
        self.note(number, Presence.DEAD)

    def settle(self) -> None:
        """Move packets until nothing moves."""
        for life in self.lives.values():
            self._drain(life)
        moved = 0
        while self.mail:
            self._deliver(self.mail.popleft())
            moved += 1
            assert moved < MOVED_MAX, "they talk without end"

    def run(self, seconds: float) -> None:
        """Let time pass; timers come in their turn, and packets take none."""
        end = self.now + seconds
        self.settle()
        while True:
            due = [
                (at, number)
                for number, life in self.lives.items()
                if number not in self.down
                and (at := life.tables.poll_timeout()) is not None
            ]
            if not due or min(due)[0] > end:
                break
            at, number = min(due)
            self.now = max(self.now, at)
            self[number].handle_timeout(self.now)
            self.settle()
        self.now = end

    def probe(self) -> None:
        """Let every node's digests ride on a probe to every other, and settle."""
        for source in self._up():
            for target in self._up():
                if source == target:
                    continue
                for scope in self[source].scopes():
                    digest = self[source].digest(scope)
                    assert digest is not None
                    self[target].receive_digest(
                        self.now, node_id(source), scope, digest
                    )
                    self.settle()
            self.now += self.config.repair_interval_s

    def agree(self, scope: Scope = CLUSTER) -> bool:
        """Return whether all who run and hold a scope hold the same rows of it."""
        held = [self[n].digest(scope) for n in self._up()]
        return len({digest for digest in held if digest is not None}) <= 1

    def notes(self, number: int, kind: type[Output]) -> list[Output]:
        """Return what a node was told, of one kind."""
        return [note for note in self.lives[number].notes if isinstance(note, kind)]

    def _up(self) -> list[int]:
        return [number for number in self.lives if number not in self.down]

    def _seams(self, number: int) -> Seams:
        me = node_id(number)
        return Seams(
            sign=lambda message: proof(me, message),
            may_write=self._may_write,
            tokens=lambda _now: self.tokens,
            charge=lambda _now, _bytes: None,
            neighbours=lambda scope: self._neighbours(number, scope),
            distance=lambda _node: None,
        )

    def _may_write(self, owner: NodeId, table: TableName) -> bool:
        number = int.from_bytes(owner, "big")
        return table not in (REVOCATION, TOKEN) or number in self.managers

    def _neighbours(self, number: int, scope: Scope) -> Sequence[NodeId]:
        others = [n for n in self._up() if n != number]
        return [
            node_id(n)
            for n in others
            if scope == CLUSTER or node_id(n) in self[number].attached(scope)
        ]

    def _drain(self, life: Life) -> None:
        if life.number in self.down:
            return
        while (output := life.tables.poll_output()) is not None:
            self._carry(life, output)

    def _carry(self, life: Life, output: Output) -> None:
        number = life.number
        match output:
            case Save(row):
                life.saved[row.scope, row.table, row.key] = row.item
            case Unsave(row):
                place = (row.scope, row.table, row.key)
                if life.saved.get(place) == row.item:
                    del life.saved[place]
            case Spread(row):
                if row.owner == node_id(number):
                    self.spread[row.item] = row
                for other in self._up():
                    attached = self[number].attached(row.scope)
                    if row.scope == CLUSTER or node_id(other) in attached:
                        self._post(Mail(number, other, row.item, True, False))
            case Send(peer, data, streamed):
                target = int.from_bytes(peer, "big")
                self._post(Mail(number, target, data, False, streamed))
            case Verify(number_):
                claims = output.claims
                verdicts = [p == proof(o, message) for o, message, p in claims]
                life.tables.verified(self.now, number_, verdicts)
            case (
                Completed()
                | Fenced()
                | MaskWanted()
                | Outbid()
                | Recovered()
                | ScopeChanged()
            ):
                life.notes.append(output)

    def _post(self, mail: Mail) -> None:
        if mail.source == mail.target or not self.fate(mail):
            return
        self.mail.append(mail)
        self.passed.append(mail)

    def _deliver(self, mail: Mail) -> None:
        if mail.target in self.down or mail.target not in self.lives:
            return
        life = self.lives[mail.target]
        peer = node_id(mail.source)
        if mail.spread:
            life.tables.receive_row(self.now, peer, mail.data)
        else:
            life.tables.receive(self.now, peer, mail.data, streamed=mail.streamed)
        self._drain(life)
