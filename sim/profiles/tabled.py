"""What the simulator adds to an engine that has tables: storage, and a verifier.

Storage keeps what `Save` gave out, and survives the process. Signatures that a node
would have verified by another thread are verified at once: that takes no virtual time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final, Protocol, TypeVar

from sim.profiles.contract import Identity
from swarmnet.ids import NodeId, Scope
from swarmnet.ipam.lives import Continuation
from swarmnet.node.addressing import Addressing
from swarmnet.node.commands import Done, Failed
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import Apply, Drifted, Forget, KernelOutput, Read
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.node.seat import Seat
from swarmnet.node.settings import NodeSettings
from swarmnet.tables.engine import Tables
from swarmnet.tables.outputs import (
    Completed,
    Fenced,
    MaskWanted,
    Outbid,
    Recovered,
    Save,
    Unsave,
)
from swarmnet.tables.row import Name, Row, TableName
from swarmnet.tables.stored import StoredRows

Result = TypeVar("Result")
Note = Completed | Recovered | Outbid | Fenced | MaskWanted | Done | Failed
Place = tuple[Scope, TableName, bytes]
ANY_SEAT: Final = Seat(ip_address("0.0.0.0"))
"""Stands in the settings of a run for the seat that each node has of its own."""


class Inner(Protocol):
    """An engine with tables, whole or behind no channels."""

    @property
    def tables(self) -> Tables: ...

    @property
    def addressing(self) -> Addressing: ...

    def command(self, now: float, verb: Callable[[Tables], Result]) -> Result: ...

    def allocate(self, now: float, verb: Callable[[Addressing], Result]) -> Result: ...

    def program(self, now: float, verb: Callable[[Dataplane], Result]) -> Result: ...

    def verified(self, now: float, number: int, verdicts: Sequence[bool]) -> None: ...

    def poll_output(self) -> Output | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a machine keeps of a process beside its storage, until it is started again.

    `before` is what the process knew of itself; None if that is gone.
    """

    before: Continuation | None = None


def rebooted(saved: object) -> object:
    """Return what is left of what a process saved once its machine was started again.

    Nor does a backup bring more along, or a copy of a disk.
    """
    return replace(saved, before=None) if isinstance(saved, Kept) else saved


@dataclass(slots=True)
class Storage:
    """The rows that a node has stored, its own; and what it was told of them."""

    rows: dict[Place, bytes] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    saved: Callable[[Row], None] = lambda _row: None
    """Told of each row that is stored: now its owner has said it."""
    told: Callable[[Note], None] = lambda _note: None
    """Told of each note."""
    wanted: Callable[[KernelOutput], None] = lambda _output: None
    """Told of all that is wanted of the kernel; whoever serves it answers later."""

    def take(self, output: Output) -> bool:
        """Take an output that is for storage, or a note; return whether it was one."""
        match output:
            case Save(row):
                self.rows[_place(row)] = row.item
                self.saved(row)
            case Unsave(row):
                if self.rows.get(_place(row)) == row.item:
                    del self.rows[_place(row)]
            case Completed() | Recovered() | Outbid() | Fenced() | MaskWanted():
                self.notes.append(output)
                self.told(output)
            case Done() | Failed():
                self.told(output)
            case Read() | Apply() | Forget() | Drifted():
                self.wanted(output)
            case _:
                return False
        return True

    def copy(self) -> "Storage":
        """Return what is stored now, to be stored elsewhere, or put back later."""
        return Storage(dict(self.rows))

    def stored(self) -> StoredRows:
        """Return what a later life is started from."""
        return StoredRows(own=tuple(self.rows.values()))


class Tabled:
    """An engine with tables behind the simulator's contract: what all such share."""

    def __init__(
        self,
        node: NodeId,
        inner: Inner,
        check: Callable[[bytes, bytes, bytes], bool],
        storage: Storage,
    ) -> None:
        self.node = node
        self.storage = storage
        self._inner = inner
        self._check = check

    @property
    def tables(self) -> Tables:
        """The tables, to be looked at and watched."""
        return self._inner.tables

    def held(self, scope: Scope, owner: NodeId, name: Name) -> Row | None:
        """Return an owner's row about a name, shown or not; None if there is none."""
        shelf = self.tables._core.shelves.get(scope)
        return None if shelf is None else shelf.get(owner, name)

    def known(self) -> tuple[bytes, ...]:
        """Return the rows of others that are held, as they travel."""
        return tuple(
            row.item
            for scope in self.tables.scopes()
            for row in self.tables.rows(scope).values()
            if row.owner != self.node
        )

    def command(self, now: float, verb: Callable[[Tables], Result]) -> Result:
        """Let `verb` write to the tables."""
        return self._inner.command(now, verb)

    @property
    def addressing(self) -> Addressing:
        """What is whose, to be looked at."""
        return self._inner.addressing

    def allocate(self, now: float, verb: Callable[[Addressing], Result]) -> Result:
        """Let `verb` command addresses."""
        return self._inner.allocate(now, verb)

    def program(self, now: float, verb: Callable[[Dataplane], Result]) -> Result:
        """Let `verb` tell the data plane something, or answer it."""
        return self._inner.program(now, verb)

    def poll_output(self) -> Output | None:
        """Return the next output that is not for storage."""
        while (output := self._inner.poll_output()) is not None:
            if not self.storage.take(output):
                return output
        return None

    def verify(self, now: float, wanted: VerifySignatures) -> None:
        """Verify signatures, and tell the engine whose they are."""
        verdicts = [self._check(*claim) for claim in wanted.claims]
        self._inner.verified(now, wanted.number, verdicts)


def seated(settings: NodeSettings, identity: Identity) -> NodeSettings:
    """Return a node's settings; what it says of its data path is its own address."""
    if settings.seat is None:
        return settings
    vtep = ip_address(identity.address.host)
    return replace(settings, seat=replace(settings.seat, vtep=vtep))


def _place(row: Row) -> Place:
    return (row.scope, row.table, row.key)


def tabled(engine: object) -> Tabled:
    """Return an engine of whom it is known that it has tables."""
    assert isinstance(engine, Tabled), "tables are on"
    return engine
