"""What may be asked of a control plane at any time, and changes nothing."""

from collections import Counter
from collections.abc import Mapping

from swarmnet.dns.book import Book
from swarmnet.ids import Address, NodeId
from swarmnet.node.addressing import Addressing
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.followers import Followers
from swarmnet.node.rider import Riders
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State
from swarmnet.tables.engine import Tables


class PlaneViews:
    """The views of `plane.Plane`."""

    __slots__ = (
        "_counters",
        "_followers",
        "_members",
        "_riders",
        "addressing",
        "swim",
        "tables",
    )

    _counters: Counter[str]
    _followers: Followers
    _members: Mapping[NodeId, Member]
    _riders: Riders
    addressing: Addressing
    swim: Swim
    tables: Tables

    @property
    def dataplane(self) -> Dataplane | None:
        """The data plane; None without a seat."""
        return self._followers.overlaying.plane

    @property
    def names(self) -> Book:
        """The names of endpoints; none without a seat."""
        return self._followers.overlaying.naming.book

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member's state."""
        return self.swim.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return a member's (boot epoch, incarnation), or None for a stranger."""
        return self.swim.incarnation(member)

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        tables = {f"table_{k}": v for k, v in self.tables.counters().items()}
        counters = {"bad_riders": self._riders.bad, **self._counters}
        told = {**counters, **self.addressing.counters}
        return {**self.swim.counters(), **tables, **told}

    def address_of(self, node: NodeId) -> Address | None:
        """Return where a member says that it is, or None for a stranger."""
        member = self._members.get(node)
        return None if member is None else member.claim.address
