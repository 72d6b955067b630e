"""Our own rows: numbered, signed, and given out to be saved before they are sent."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, SCOPE_BYTES_MAX, NodeId, Scope
from swarmnet.tables.bounds import check_fits, check_membership
from swarmnet.tables.codec import (
    LAMPORT_MAX,
    decode_row_untrusted,
    encode_again,
    encode_body,
)
from swarmnet.tables.core import Core
from swarmnet.tables.door import Door, Verdict
from swarmnet.tables.facts import (
    NEVER,
    MaskFacts,
    NodeFacts,
    encode_attachment,
    mask_facts,
    node_facts,
)
from swarmnet.tables.lines import begin_line, first_of, line_of
from swarmnet.tables.outputs import MaskWanted, Outbid, Save, Spread, Unsave
from swarmnet.tables.row import (
    ATTACHMENT,
    MASK,
    NODE,
    SIGN_DOMAIN,
    Flag,
    Name,
    Row,
    Version,
)

_NO_FLAGS: Final = Flag(0)
_NONCE_BITS: Final = 32


class Writer:
    """Writes for one owner. `epoch` exceeds that of every earlier life of it."""

    __slots__ = (
        "_core",
        "_door",
        "_epochs",
        "_facts",
        "_is_lost",
        "_set_aside",
        "epoch",
        "life",
        "sequence",
    )

    def __init__(self, core: Core, door: Door, epoch: int, *, lost: bool) -> None:
        self._core = core
        self._door = door
        self._is_lost = lost
        self.epoch = begin_line(epoch, core.random) if lost else epoch
        self.life: Version = (self.epoch, core.random.getrandbits(_NONCE_BITS))
        self.sequence = 0
        # Those of this life: there are several if we were outbid.
        self._epochs = {self.epoch: None}
        # Whatever was ours before and is not durable counts no more: we know nothing
        # of it.
        self._facts = NodeFacts(floor=(self.epoch, 0) if lost else NEVER)
        # Durable rows of ours in networks that we take no part in now.
        self._set_aside: dict[Scope, list[Row]] = {}

    @property
    def is_lost(self) -> bool:
        """Whether this life, or one before it, knew nothing of those before."""
        return self._is_lost

    @property
    def facts(self) -> NodeFacts:
        """What our own `node` row says."""
        return self._facts

    def load(self, rows: Iterable[Row]) -> None:
        """Take up our own rows as they were saved, whole and true."""
        ordered = sorted(rows, key=lambda row: (row.scope, row.table != NODE))
        newest = max((row.epoch for row in ordered), default=0)
        if newest >= self.epoch:
            self.epoch = newest + 1
            self._epochs = {self.epoch: None}
            self.life = (self.epoch, self.life[1])
        # What an earlier life has lost is lost for this one, too.
        self._is_lost = line_of(self.epoch) != 0
        if self._is_lost:
            self._facts = NodeFacts(floor=(first_of(line_of(self.epoch)), 0))
        for row in ordered:
            assert row.owner == self._core.me, "another's row was saved as our own"
            if row.table == NODE and row.scope == CLUSTER:
                self._facts = node_facts(row) or self._facts
            if row.scope in self._core.shelves:
                self._restore(row)
            elif row.is_durable:
                self._set_aside.setdefault(row.scope, []).append(row)
            else:
                self._core.outputs.append(Unsave(row))

    def _restore(self, row: Row) -> None:
        """Hold a row of ours again that was kept."""
        opens = row.table == ATTACHMENT and row.scope == CLUSTER and not row.is_deleted
        if self._door.apply(row) in (Verdict.VOID, Verdict.OVER_QUOTA):
            self._core.outputs.append(Unsave(row))
        elif opens and Scope(row.key) not in self._core.shelves:
            self.open(Scope(row.key))

    def open(self, scope: Scope) -> None:
        """Begin to hold a network's rows, with those of ours that were set aside."""
        self._door.open(scope)
        for row in self._set_aside.pop(scope, ()):
            self._restore(row)

    def close(self, scope: Scope) -> None:
        """Hold a network's rows no more, and set aside those of ours that last."""
        lasting = self._door.close(scope)
        if lasting:
            self._set_aside[scope] = lasting

    def set_aside(self) -> list[Row]:
        """Return our rows in networks that we take no part in, and that outlive it."""
        return [row for rows in self._set_aside.values() for row in rows]

    # Commands

    def put(self, scope: Scope, name: Name, value: bytes, flags: Flag) -> Row:
        """Write a row; what is written already is not written again.

        Raises:
            Refused: a bound is exceeded, or we are not in the scope.
        """
        self._check(scope, name, value)
        held = self._core.shelves[scope].get(self._core.me, name)
        if held is not None and (held.flags, held.value) == (flags, value):
            return held
        if held is not None and held.is_durable and Flag.DURABLE not in flags:
            # The void of the one that is not durable would uncover the one that is.
            raise Refused(
                f"{name[0]} {name[1].hex()}: it was durable; write it so again, or"
                " delete it and wait until it is collected"
            )
        return self._write(scope, name, value, flags)

    def delete(self, scope: Scope, name: Name) -> Row:
        """Write a tombstone in place of a row of our own.

        Raises:
            Refused: we have no such row.
        """
        check_membership(self._core)
        shelf = self._core.shelves.get(scope)
        held = None if shelf is None else shelf.get(self._core.me, name)
        if held is None or held.is_deleted:
            others = () if shelf is None else shelf.about(name)
            cure = "mask it" if any(not one.is_deleted for one in others) else "none is"
            raise Refused(f"{name[0]} {name[1].hex()}: not a row of ours; {cure}")
        kept = held.flags & Flag.DURABLE
        return self._write(scope, name, b"", kept | Flag.DELETED)

    def mask(self, scope: Scope, name: Name, owner: NodeId) -> Row:
        """Say that another owner's durable row is to go.

        Raises:
            Refused: there is no such row, or it is not durable.
        """
        shelf = self._core.shelves.get(scope)
        row = None if shelf is None else shelf.get(owner, name)
        what = f"{name[0]} {name[1].hex()} of {owner.hex()}"
        if row is None or row.is_deleted:
            raise Refused(f"{what}: no such row; nothing is to be masked")
        if not self._core.rules.may_mask(row) or owner == self._core.me:
            raise Refused(f"{what}: only others' durable rows are masked; delete it")
        if not self._core.seams.may_write(self._core.me, name[0]):
            raise Refused(f"{what}: only a manager may do that; ask one")
        facts = MaskFacts(name, owner, row.version, row.lamport)
        key = row.hash128.to_bytes(16, "big")
        return self.put(scope, (MASK, key), facts.encode(), Flag.DURABLE)

    def attach(self, scope: Scope, about: bytes) -> Row:
        """Take part in a network; `about` is for the rooms above.

        Raises:
            Refused: it is no network's scope, or `about` is too long.
        """
        if not 1 <= len(scope) <= SCOPE_BYTES_MAX:
            raise Refused(f"scope of {len(scope)} bytes: want 1 to {SCOPE_BYTES_MAX}")
        name = (ATTACHMENT, bytes(scope))
        since: Version = (self.epoch, self.sequence + 1)
        self._check(CLUSTER, name, encode_attachment(since, about))
        if scope not in self._core.shelves:
            row = self._write(CLUSTER, name, encode_attachment(since, about), _NO_FLAGS)
            self.open(scope)
            return row
        held = self._core.rules.since_of(self._core.me, scope)
        return self.put(CLUSTER, name, encode_attachment(held, about), _NO_FLAGS)

    def detach(self, scope: Scope) -> None:
        """Take part in a network no more, and hold nothing of it.

        Raises:
            Refused: we are not in it, or durable rows of ours are.
        """
        shelf = self._core.shelves.get(scope)
        if shelf is None or scope == CLUSTER:
            raise Refused(f"scope {scope.hex()}: not attached; nothing to leave")
        mine = shelf.rows_of(self._core.me).values()
        lasting = sum(row.is_durable and not row.is_deleted for row in mine)
        if lasting:
            raise Refused(
                f"scope {scope.hex()}: {lasting} durable rows of ours are in it;"
                " delete them or hand over what they stand for first"
            )
        self.delete(CLUSTER, (ATTACHMENT, bytes(scope)))
        self.close(scope)

    def introduce(self, about: bytes) -> Row:
        """Say who we are; `about` is for the rooms above.

        Raises:
            Refused: `about` is too long.
        """
        return self.state(replace(self._facts, about=about, left=False))

    def leave(self) -> Row:
        """Say that we have left: by this one row all that is not durable is void."""
        floor = (self.epoch, self.sequence + 1)
        return self.state(replace(self._facts, floor=floor, left=True))

    def state(self, facts: NodeFacts) -> Row:
        """Write our `node` row anew if it does not say this already.

        Raises:
            Refused: what it says is too long.
        """
        name = (NODE, bytes(self._core.me))
        self._check(CLUSTER, name, facts.encode())
        self._facts = facts
        return self.put(CLUSTER, name, facts.encode(), _NO_FLAGS)

    def rewrite(self, row: Row) -> Row:
        """Write a row of ours again as it is, so that it stands above the old one.

        It keeps its Lamport counter, for nothing new is said by it.
        """
        version = (self.epoch, self.sequence + 1)
        return self._sign(encode_again(row, version))

    # Consequences

    def outbid(self, epoch: int) -> None:
        """Count on above an epoch of ours that we know nothing of.

        If our state was lost, what another line has written was lost with it.
        """
        is_before = self._is_lost and not self._is_of_our_line(epoch)
        later = begin_line(epoch, self._core.random) if is_before else epoch + 1
        self.epoch, self.sequence = later, 0
        self._epochs[self.epoch] = None
        self._core.outputs.append(Outbid(self.epoch))
        if is_before:
            # The lives since the loss have one line, and stand together.
            ours = {line_of(one) for one in self._epochs}
            facts = replace(self._facts, floor=(self.epoch, 0))
            self._stand(facts, lambda row: line_of(row.epoch) in ours)

    def redraw(self) -> None:
        """Be another life than a copy of this very process is: that drew the same."""
        seed = (self._core.random.getrandbits(64), sorted(self._core.counters.items()))
        drawn = blake2b(repr(seed).encode(), digest_size=_NONCE_BITS // 8).digest()
        self.life = (self.life[0], int.from_bytes(drawn, "big"))

    def announce(self) -> None:
        """Say which life of ours it is that has outbid another."""
        self.stand(replace(self._facts, life=self.life))

    def adopt(self, facts: NodeFacts) -> None:
        """Take for ours what an elder process says of us."""
        self._facts = facts

    def rise(self) -> None:
        """Count on above all that we hold of our own."""
        shelves = self._core.shelves.values()
        mine = [r for shelf in shelves for r in shelf.rows_of(self._core.me).values()]
        newest = max((row.epoch for row in mine), default=0)
        if newest >= self.epoch:
            self.outbid(newest)

    def is_new(self, row: Row) -> bool:
        """Return whether a row of ours was written in this life."""
        return row.epoch in self._epochs

    def _is_of_our_line(self, epoch: int) -> bool:
        return any(line_of(epoch) == line_of(one) for one in self._epochs)

    def stand(self, facts: NodeFacts) -> None:
        """Say other things of ourselves; what we said in this life stands all the same.

        So does that we take part in what we take part in. Until we are introduced, all
        this is only remembered.
        """
        self._stand(facts, self.is_new)

    def _stand(self, facts: NodeFacts, is_ours: Callable[[Row], bool]) -> None:
        core = self._core
        shelves = list(core.shelves.values())
        for row in [r for shelf in shelves for r in shelf.rows_of(core.me).values()]:
            is_low = not row.is_durable and row.version < facts.floor
            is_low = is_low or row.version <= facts.collected
            is_kept = is_ours(row) or row.table == ATTACHMENT
            if is_low and is_kept and row.table != NODE:
                self.rewrite(row)
        self._facts = facts
        name = (NODE, bytes(core.me))
        if core.shelves[CLUSTER].get(core.me, name) is not None:
            self._write(CLUSTER, name, facts.encode(), _NO_FLAGS)

    def attend(self, row: Row) -> None:
        """Do what a mask of our rows asks of us, and what our masks were for."""
        core = self._core
        if core.is_silent or self._facts.left:
            return
        facts = mask_facts(row) if row.table == MASK and not row.is_deleted else None
        if facts is not None and facts.owner == core.me:
            mine = core.shelves[row.scope].get(core.me, facts.name)
            if mine is not None and not mine.is_deleted and core.rules.is_masked(mine):
                core.outputs.append(MaskWanted(mine, mine.version))
        if row.is_durable or row.table == NODE:
            self._lift_masks()

    def attend_all(self) -> None:
        """Do the same for all masks that are held: an earlier life may have not."""
        shelves = list(self._core.shelves.values())
        rows = [row for shelf in shelves for row in shelf.elements().values()]
        for row in [one for one in rows if one.table == MASK]:
            self.attend(row)

    def _lift_masks(self) -> None:
        """Delete those masks of ours whose rows are gone, not those yet to come."""
        core = self._core
        for scope, key, mask in core.rules.masks.by(core.me):
            row = core.shelves[scope].get(mask.owner, mask.name)
            if row is None:
                is_gone = core.rules.is_past(mask.owner, mask.version)
            else:
                is_gone = row.is_deleted or not mask.covers(row)
            if is_gone:
                self.delete(scope, (MASK, key))

    def _write(self, scope: Scope, name: Name, value: bytes, flags: Flag) -> Row:
        version = (self.epoch, self.sequence + 1)
        lamport = min(self._door.clock + 1, LAMPORT_MAX)
        place, content = (scope, name), (flags, value)
        return self._sign(encode_body(self._core.me, place, version, lamport, content))

    def _sign(self, body: bytes) -> Row:
        """Sign and take what is our next word; save it before it has consequences."""
        core = self._core
        self.sequence += 1
        item = body + core.seams.sign(SIGN_DOMAIN + body)
        row = decode_row_untrusted(item, core.config.cluster_key)
        assert row.version == (self.epoch, self.sequence), row.version
        core.outputs.append(Save(row))
        verdict = self._door.apply(row)
        assert verdict is Verdict.NEWS, verdict
        if row.table == NODE:
            self._prune()
        core.outputs.append(Spread(row))
        return row

    def _check(self, scope: Scope, name: Name, value: bytes) -> None:
        version, clock = (self.epoch, self.sequence + 1), self._door.clock + 1
        check_fits(self._core, (scope, name), value, (version, clock))

    def _prune(self) -> None:
        """Keep nothing aside that is void by what we say of ourselves."""
        core = self._core
        for scope, rows in list(self._set_aside.items()):
            void = [row for row in rows if core.rules.is_void(row)]
            core.outputs.extend(Unsave(row) for row in void)
            left = [row for row in rows if row not in void]
            self._set_aside[scope] = left
            if not left:
                del self._set_aside[scope]
