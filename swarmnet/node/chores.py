"""What one node sees to from time to time, for nothing waits for it.

That every member has a slice of what is ours, that we have heirs, that we have not run
short, that we are in no network for nothing, and that nodes that stay dead are removed.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from swarmnet.ids import CLUSTER
from swarmnet.node.creating import Creating
from swarmnet.node.endpoints import Endpoints
from swarmnet.node.forgetting import Forgetting
from swarmnet.node.granting import Granting
from swarmnet.node.network_facts import NetworkFlag
from swarmnet.node.networks import Networks
from swarmnet.node.realms import Realms
from swarmnet.tables.engine import Tables

CHORES_S: Final = 1.0
LOW_WATER: Final = 4
"""A node with fewer free numbers of a realm that it gives out of asks for more."""
_LOW_WATER_AGAIN_S: Final = 10.0


class Chores:
    """The chores of one node.

    `attempt` does one, or leaves it undone where the tables refuse.
    """

    __slots__ = (
        "_creating",
        "_endpoints",
        "_forgetting",
        "_granting",
        "_low_at",
        "_networks",
        "_realms",
        "_stale",
        "_tables",
        "_try",
    )

    def __init__(
        self,
        tables: Tables,
        realms: Realms,
        networks: Networks,
        endpoints: Endpoints,
        granting: Granting,
        *,
        creating: Creating,
        forgetting: Forgetting,
        attempt: Callable[[Callable[[], object]], None],
    ) -> None:
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._endpoints = endpoints
        self._granting = granting
        self._creating = creating
        self._forgetting = forgetting
        self._try = attempt
        # Realms whose slices are to be looked at, and since when.
        self._stale: dict[bytes, float] = {}
        self._low_at: dict[bytes, float] = {}

    def note_changed(self, now: float, realms: Iterable[bytes]) -> None:
        """Who lives, or who owns what of some realms, is another thing than before."""
        for name in realms:
            self._stale.setdefault(name, now)

    def do(self, now: float) -> None:
        """Do all that is to be done."""
        pool, granting = self._networks.pool, self._granting
        if pool is None or self._tables.is_silent:
            return
        self._try(partial(self._networks.routes.publish, now, pool.pools))
        self._try(partial(granting.review_will, now))
        # A member that leaves gives all back a moment before it is gone.
        due = [one for one, since in self._stale.items() if now - since >= CHORES_S]
        for name in due:
            del self._stale[name]
            self._try(partial(granting.share, now, name))
        self._try(partial(self._retire_masked, now))
        self._try(partial(self._forgetting.review, now, pool))
        self._try(partial(self._detach_idle, now))
        self._ask_ahead(now)

    def _retire_masked(self, now: float) -> None:
        """Say ourselves that a network of ours goes which another wants gone."""
        for known in [one for one in self._networks.all() if one.is_removing]:
            is_said = NetworkFlag.REMOVING in known.facts.flags
            if known.owner == self._realms.me and not is_said:
                self._creating.retire(now, known)

    def _detach_idle(self, now: float) -> None:
        """Leave networks in which we have no endpoint: a connect was cut short."""
        for scope in self._tables.scopes():
            is_ours = scope != CLUSTER and self._networks.get(scope) is not None
            if is_ours and not self._endpoints.mine(scope):
                self._tables.detach(now, scope)

    def _ask_ahead(self, now: float) -> None:
        """Ask for more of what runs short here, before somebody needs it."""
        for name, book in self._networks.books.items():
            if now < self._low_at.get(name, now):
                continue
            if self._networks.is_drawn_on(name) and book.free(now).size < LOW_WATER:
                self._low_at[name] = now + _LOW_WATER_AGAIN_S
                live = self._granting.others()
                self._realms.want(now, (name, None), live, ahead=True)
