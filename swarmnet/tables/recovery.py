"""Rows of our own that come from others: we wrote them in a life we know nothing of.

Its state was lost, or an older one was restored. What we have said in this life stands
above them; the rest is as good as anything that we said then.

Two clones that live at once would outbid each other for ever. So each does it a few
times, and then now and then; and one that sees its word answered by an elder is fenced:
it writes nothing while that one is heard.
"""

from dataclasses import replace
from typing import Final

from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.allowance import Allowance
from swarmnet.tables.codec import VERSION_MAX
from swarmnet.tables.core import Core, Due
from swarmnet.tables.door import Door, Verdict
from swarmnet.tables.facts import (
    NEVER,
    NodeFacts,
    attachment_since,
    is_own_word,
    node_facts,
)
from swarmnet.tables.outputs import Fenced, MaskWanted, Recovered, Save
from swarmnet.tables.row import ATTACHMENT, Row
from swarmnet.tables.writer import Writer

_OUTBID_S: Final = 30.0
_OUTBIDS_AT_ONCE: Final = 8
_FENCED_S: Final = 120.0
"""An elder that lives says something of itself more often than that."""


class Recovery:
    """Takes our own rows back."""

    __slots__ = ("_announced", "_core", "_door", "_outbids", "_writer", "moved")

    def __init__(self, core: Core, door: Door, writer: Writer) -> None:
        self._core = core
        self._door = door
        self._writer = writer
        self._outbids = Allowance(1 / _OUTBID_S, _OUTBIDS_AT_ONCE)
        # The epoch to which we have counted on, and of which others were told.
        self._announced: int | None = None
        self.moved: dict[Scope, None] = {}
        """The scopes that rows taken back have opened or closed."""

    def recover(self, now: float, row: Row) -> None:
        """Take a row of our own, whose signature is good, from others."""
        core, writer = self._core, self._writer
        # Much may have come since it was judged.
        if core.rules.is_revoked(core.me) or self._door.judge(row) is not Verdict.NEWS:
            return
        core.count("own_rows_recovered")
        told = (node_facts(row) if is_own_word(row) else None) or NodeFacts()
        if told.life == writer.life:
            core.count("own_lives_equal")
            writer.redraw()
        # Void would be what we write below the horizon or the floor that we hear of.
        latest = max(row.epoch, told.floor[0], told.collected[0])
        if latest >= VERSION_MAX:
            # Only a thief of our key says so, and nobody has a word after that.
            core.count("own_rows_unbeatable")
        elif core.is_fenced or self._is_elders_answer(row, told):
            self._yield(now, row, told)
        elif latest < writer.epoch or self._outbid(now, latest):
            self._reconcile(row, told)

    def _outbid(self, now: float, latest: int) -> bool:
        """Count on above an epoch that we hear of, unless we did so too often."""
        core, writer = self._core, self._writer
        if not self._outbids.allows(now, core.me):
            # Digests go on differing, so it comes again.
            core.count("own_rows_put_off")
            return False
        self._outbids.spend(now, core.me, 1.0)
        writer.outbid(latest)
        writer.announce()
        self._announced = writer.epoch
        return True

    def _is_elders_answer(self, row: Row, told: NodeFacts) -> bool:
        """Return whether an elder process has heard that we live, and outbid us."""
        is_answer = self._announced is not None and row.epoch > self._announced
        return is_answer and NEVER < told.life < self._writer.life

    def _yield(self, now: float, row: Row, told: NodeFacts) -> None:
        """Write nothing while an elder process is heard; hold what it says of us."""
        core = self._core
        if not core.is_fenced:
            core.is_fenced = True
            core.outputs.append(Fenced(told.life))
        core.timers.set((Due.FENCE, None), now + _FENCED_S)
        if is_own_word(row):
            self._writer.adopt(told)
        self._take_back(row)

    def handle_fence(self) -> None:
        """The elder was not heard for a while: go on as if it were gone."""
        self._core.is_fenced = False
        self._writer.rise()

    def _reconcile(self, row: Row, told: NodeFacts) -> None:
        """Say again what we have said in this life; the rest is taken back."""
        core, writer = self._core, self._writer
        if is_own_word(row):
            facts = writer.facts
            collected = max(told.collected, facts.collected)
            floor = max(told.floor, facts.floor)
            writer.stand(replace(facts, collected=collected, floor=floor))
            return
        held = core.shelves[row.scope].get(core.me, row.name)
        if not row.is_durable and row.version < writer.facts.floor:
            core.count("own_rows_void")
        elif held is not None and writer.is_new(held):
            writer.rewrite(held)
        elif self._door.judge(row) is Verdict.NEWS:
            self._take_back(row)

    def _take_back(self, row: Row) -> None:
        core = self._core
        if row.table == ATTACHMENT and row.scope == CLUSTER:
            self._carry_over(row)
        core.outputs.append(Save(row))
        self._door.apply(row)
        core.outputs.append(Recovered(row))
        if core.rules.is_masked(row) and not row.is_deleted:
            core.outputs.append(MaskWanted(row, row.version))
        if row.table == ATTACHMENT and row.scope == CLUSTER:
            self._follow(Scope(row.key))

    def _carry_over(self, attachment: Row) -> None:
        """Let what this life has said in a network stand above a later attachment."""
        core, since = self._core, attachment_since(attachment)
        shelf = core.shelves.get(Scope(attachment.key))
        if shelf is None or since is None or attachment.is_deleted or core.is_fenced:
            return
        for row in list(shelf.rows_of(core.me).values()):
            is_low = not row.is_durable and row.version < since
            if is_low and self._writer.is_new(row):
                self._writer.rewrite(row)

    def _follow(self, scope: Scope) -> None:
        """Take part in a network or not, as our row says that we do."""
        takes_part = self._core.rules.is_attached(self._core.me, scope)
        if takes_part == (scope in self._core.shelves):
            return
        self.moved[scope] = None
        if takes_part:
            self._writer.open(scope)
        else:
            self._writer.close(scope)
