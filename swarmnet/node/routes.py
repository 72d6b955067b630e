"""The routes of all members: no subnet of a pool may hide what a host reaches by them.

Each host tells those of its own that meet a pool, in one row that goes with it.

    route     [prefix, ...]                            key: the owner's id
"""

from collections.abc import Iterable, Sequence
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.ipam.overlaps import Taken, kept_routes, overlap
from swarmnet.ipam.pools import Pool
from swarmnet.ipam.subnets import Network
from swarmnet.node.network_facts import decode_prefixes_untrusted, encode_prefixes
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ROUTE

ROUTES_MAX: Final = 24
"""In one row; of more the shortest prefixes are told, which hide most."""


class Routes:
    """What is known of the routes of all hosts."""

    __slots__ = ("_marks", "_me", "_mine", "_of", "_tables")

    def __init__(self, me: NodeId, tables: Tables) -> None:
        self._me = me
        self._tables = tables
        self._marks = tables.mark(CLUSTER, ROUTE)
        self._mine: tuple[Network, ...] = ()
        self._of: dict[NodeId, tuple[Network, ...]] = {}

    def note(self, routes: Iterable[Network]) -> None:
        """Take note of this host's own routes, all of them."""
        self._mine = tuple(dict.fromkeys(routes))

    def update(self) -> bool:
        """Follow the rows; return whether something is another thing than before."""
        changed = False
        while (about := self._marks.poll()) is not None:
            changed = True
            key = about[1][1]
            self._of.pop(NodeId(key), None)
            for row in self._tables.held(CLUSTER, about[1]):
                if row.owner == key and not row.is_deleted:
                    self._of[row.owner] = _read(row.value)
        return changed

    def publish(self, now: float, pools: Sequence[Pool]) -> None:
        """Tell the others of our routes that meet a pool, if they do not know.

        Raises:
            Refused: the tables take no row of ours.
        """
        kept = kept_routes(Taken(route, "this host") for route in self._mine)
        met = [
            one.prefix
            for one in kept
            if any(overlap(one.prefix, pool.prefix) for pool in pools)
        ]
        met.sort(key=lambda one: (one.prefixlen, one.version, int(one.network_address)))
        told = tuple(met[:ROUTES_MAX])
        if told != self._of.get(self._me, ()):
            name = (ROUTE, bytes(self._me))
            self._tables.put(now, CLUSTER, name, encode_prefixes(told))

    def mine(self) -> list[Taken]:
        """Return this host's own routes."""
        return [Taken(route, "a route of this host") for route in self._mine]

    def all(self) -> list[Taken]:
        """Return every member's routes but defaults, as far as they are told."""
        theirs = [
            Taken(route, f"a route of node {node.hex()}")
            for node, routes in self._of.items()
            if node != self._me
            for route in routes
        ]
        return list(kept_routes([*self.mine(), *theirs]))


def _read(value: bytes) -> tuple[Network, ...]:
    try:
        return decode_prefixes_untrusted(value)[:ROUTES_MAX]
    except BadPacket:
        return ()
