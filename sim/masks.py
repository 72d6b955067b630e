"""Masked rows: hidden where the mask is known, and gone once their owner can.

What each mask covers is taken down when it is written, not read from its row.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.profiles.tabled import tabled
from sim.removals import Removals
from sim.said import About, Said, Wrong
from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.row import MASK, Name, Row, Version
from swarmnet.tables.view import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cluster import Cluster
    from sim.host import Host


@dataclass(frozen=True, slots=True)
class Mask:
    """Who wants whose row gone; `name` is that of the mask's own row."""

    masker: int
    about: About
    version: Version
    lamport: int
    name: Name

    @property
    def scope(self) -> Scope:
        """The scope of the mask, and of what it masks."""
        return self.about[1]

    def covers(self, row: Row) -> bool:
        """Return whether a row of that owner about that name is to go."""
        return row.version <= self.version or row.lamport == self.lamport


class Masks:
    """Every mask of a run; the rule `row_mask`."""

    def __init__(self, cluster: "Cluster", said: Said, removals: Removals) -> None:
        self._cluster = cluster
        self._said = said
        self._removals = removals
        self._masks: dict[About, list[Mask]] = {}
        self.count = 0

    def order(self, masker: "Host", masked: Row, mask: Row) -> None:
        """A node has masked another's row."""
        about = (self._said.index_of(masked.owner), masked.scope, masked.name)
        one = Mask(masker.index, about, masked.version, masked.lamport, mask.name)
        masks = self._masks.setdefault(about, [])
        if one not in masks:
            masks.append(one)
            self.count += 1

    def saved(self, host: "Host", row: Row) -> str | None:
        """Return what is wrong with what a node has just said, or None.

        A mask goes when its row is gone, and not before.
        """
        if row.table != MASK or not row.is_deleted:
            return None
        for mask in self._all():
            mine = (mask.masker, mask.scope, mask.name)
            if mine == (host.index, row.scope, row.name) and not self._is_done(mask):
                return f"lifts its mask of {_read(mask)}, which lives"
        return None

    def changed(self, host: "Host", change: Change) -> str | None:
        """Return what is wrong with what a node shows now, or None."""
        if change.current is None:
            return None
        row = change.current.row
        for mask in self._covering(row):
            if self._counts_at(host, mask):
                return f"shows {self._said.show(row)}, that it knows to be masked"
        return None

    def may_hide(self, row: Row) -> bool:
        """Return whether a row may be hidden by a mask that somebody may hold."""
        removed = self._removals.removed()
        return any(
            mask.scope == CLUSTER or mask.masker not in removed
            for mask in self._covering(row)
        )

    def errors(self, hosts: list["Host"]) -> "Iterator[Wrong]":
        """Yield what is wrong at the nodes that run and were not removed."""
        running = {host.index: host for host in hosts}
        for mask in self._all():
            masker = running.get(mask.masker)
            if masker is None or not self._stands(mask):
                continue
            for host in hosts:
                if self._shows(host, mask):
                    yield Wrong("row_mask", host, f"shows {_read(mask)}, masked")
            owner = mask.about[0]
            if owner in running and self._said.takes_part(owner, mask.scope):
                what = f"still masks {_read(mask)}, whose owner could have deleted it"
                yield Wrong("row_mask", masker, what)

    def _all(self) -> list[Mask]:
        return [mask for masks in self._masks.values() for mask in masks]

    def _covering(self, row: Row) -> list[Mask]:
        about = (self._said.index_of(row.owner), row.scope, row.name)
        return [mask for mask in self._masks.get(about, ()) if mask.covers(row)]

    def _is_done(self, mask: Mask) -> bool:
        """Return whether what a mask wants gone is so, or will be."""
        is_followed = self._said.is_followed(mask.about, mask.version, mask.lamport)
        return is_followed or mask.about[0] in self._removals.ordered

    def _stands(self, mask: Mask) -> bool:
        """Return whether its author still wants the row gone, and may."""
        row = self._said.last((mask.masker, mask.scope, mask.name))
        wants = row is not None and not row.is_deleted
        return wants and self._said.takes_part(mask.masker, mask.scope)

    def _counts_at(self, host: "Host", mask: Mask) -> bool:
        """Return whether a node holds a mask, and that its author may mask.

        Who was removed takes part in no network any more.
        """
        tables = tabled(host.engine).tables
        author = self._cluster.hosts[mask.masker].node
        owners = [one.row.owner for one in tables.claimants(mask.scope, mask.name)]
        if author not in owners or mask.scope == CLUSTER:
            return author in owners
        is_removed = self._removals.knows(host, author)
        return author in tables.members(mask.scope) and not is_removed

    def _shows(self, host: "Host", mask: Mask) -> bool:
        owner, scope, name = mask.about
        tables = tabled(host.engine).tables
        node = self._cluster.hosts[owner].node
        return any(
            one.row.owner == node and mask.covers(one.row)
            for one in tables.claimants(scope, name)
        )


def _read(mask: Mask) -> str:
    owner, _, (table, key) = mask.about
    return f"{table} {key!r} of {owner} at {mask.version}"
