"""Do all show the union of what its owners last said, and hold the same?

The rule `row_union`. Asked are the nodes that run and were not removed; of those that
do not run, it is only demanded that all hold the same of them.
"""

from typing import TYPE_CHECKING, Final

from sim.masks import Masks
from sim.profiles.tabled import tabled
from sim.said import LASTING, Said, Wrong, describe
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.row import ENDPOINT, Row
from swarmnet.tables.rules import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cluster import Cluster
    from sim.host import Host

_RULE: Final = "row_union"


class Agreement:
    """Compares what nodes show and hold with the truth, and with each other."""

    def __init__(self, cluster: "Cluster", said: Said, masks: Masks) -> None:
        self._cluster = cluster
        self._said = said
        self._masks = masks

    def errors(self, hosts: list["Host"]) -> "Iterator[Wrong]":
        """Yield what is wrong at some nodes that run and were not removed."""
        for scope in (*self._said.scopes(), CLUSTER):
            members = [h for h in hosts if self._said.takes_part(h.index, scope)]
            expected = self._expected(scope, members)
            for host in members:
                if scope != CLUSTER:
                    yield from self._errors_of(host, scope, expected)
                yield from self._lasting_errors_of(host, scope, members)
            yield from self._unlike(scope, members)

    def _expected(self, scope: Scope, members: list["Host"]) -> dict[bytes, Row]:
        """Return what a network's nodes must show, of owners that run, by key."""
        rows = [
            row
            for host in members
            for row in self._said.living(host.index, scope, ENDPOINT)
        ]
        return {row.key: row for row in sorted(rows, key=lambda row: row.rank)}

    def _errors_of(
        self, host: "Host", scope: Scope, expected: dict[bytes, Row]
    ) -> "Iterator[Wrong]":
        shown = tabled(host.engine).tables.table(scope, ENDPOINT)
        running = self._running()
        for key, row in expected.items():
            held = shown.get(key)
            if held is None or (held.row != row and held.row.owner in running):
                yield Wrong(_RULE, host, f"does not show {self._said.show(row)}")
            elif held.row == row and held.dormant:
                about = self._said.show(row)
                yield Wrong(_RULE, host, f"{about} is dormant, its owner runs")
        for key, held in shown.items():
            about = self._said.show(held.row)
            if held.row.owner not in running and not held.dormant:
                yield Wrong(_RULE, host, f"{about} is awake, its owner is not")
            if key not in expected and held.row.owner in running:
                yield Wrong(_RULE, host, f"shows {about}, it is no more")

    def _lasting_errors_of(
        self, host: "Host", scope: Scope, members: list["Host"]
    ) -> "Iterator[Wrong]":
        """Compare rows that outlive their owner, each owner's apart."""
        shown = self._claims(host, scope)
        for owner in members:
            living = self._said.living(owner.index, scope, LASTING)
            held = [one.row for one in shown if one.row.owner == owner.node]
            for row in living:
                if row not in held and not self._masks.may_hide(row):
                    yield Wrong(_RULE, host, f"does not show {self._said.show(row)}")
            for row in held:
                if row not in living:
                    message = f"shows {self._said.show(row)}, it is no more"
                    yield Wrong(_RULE, host, message)

    def _claims(self, host: "Host", scope: Scope) -> list[Shown]:
        tables = tabled(host.engine).tables
        return [
            one
            for key in tables.table(scope, LASTING)
            for one in tables.claimants(scope, (LASTING, key))
        ]

    def _running(self) -> dict[NodeId, None]:
        return {host.node: None for host in self._cluster.live()}

    def _unlike(self, scope: Scope, hosts: list["Host"]) -> "Iterator[Wrong]":
        digests = {h.index: tabled(h.engine).tables.digest(scope) for h in hosts}
        for host in hosts[1:]:
            if digests[host.index] != digests[hosts[0].index]:
                other = f"rows of {describe(scope)} than {hosts[0].index}"
                yield Wrong(_RULE, host, f"holds other {other}")
