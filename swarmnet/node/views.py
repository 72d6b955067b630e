"""What may be asked of a whole node at any time, and changes nothing."""

from collections import Counter
from collections.abc import Mapping

from swarmnet.crypto.channels import Channels
from swarmnet.dns.book import Book
from swarmnet.ids import NodeId
from swarmnet.node.addressing import Addressing
from swarmnet.node.authors import Authors
from swarmnet.node.calls import Calls
from swarmnet.node.certification import Certification
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.exchange import CertificateExchange
from swarmnet.node.plane import Plane
from swarmnet.node.posting import Posting, Traffic
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster
from swarmnet.tables.engine import Tables


class NodeViews:
    """The views of `engine.Node`."""

    __slots__ = (
        "_authors",
        "_calls",
        "_certification",
        "_channels",
        "_counters",
        "_exchange",
        "_plane",
        "_posting",
    )

    _authors: Authors
    _calls: Calls
    _certification: Certification
    _channels: Channels
    _counters: Counter[str]
    _exchange: CertificateExchange
    _plane: Plane
    _posting: Posting

    @property
    def swim(self) -> Swim:
        """The membership engine, to be looked at and not driven."""
        return self._plane.swim

    @property
    def tables(self) -> Tables:
        """The tables, to be looked at and watched; written to by `command`."""
        return self._plane.tables

    @property
    def addressing(self) -> Addressing:
        """What is whose, to be looked at; commanded by `allocate`."""
        return self._plane.addressing

    def knows(self, head: bytes) -> bool:
        """Return whether a packet that begins so names a session with a member."""
        return self._channels.knows(head)

    def disowned_by(self) -> list[NodeId]:
        """Return the peers that have last said that they take us for removed."""
        return self._channels.disowned_by()

    @property
    def dataplane(self) -> Dataplane | None:
        """The data plane, to be looked at; None without a seat."""
        return self._plane.dataplane

    @property
    def names(self) -> Book:
        """The names of endpoints in the networks of this host, as DNS tells them."""
        return self._plane.names

    @property
    def certification(self) -> Certification:
        """Certificates, roots and tokens, to be looked at; commanded by `certify`."""
        return self._certification

    def issued_by(self, manager: NodeId) -> int:
        """Return the last serial of the members' certificates by a manager; 0: none.

        For its demotion (`Authority.change_role`): so much of what it issued stands.
        """
        return self._authors.issued(manager, self.tables.rules.introduced())

    def warnings(self) -> list[str]:
        """Return what a user should know, each in one line."""
        certificates = self._certification.renewing.warnings()
        return [*certificates, *self.addressing.networks.warnings()]

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member's state."""
        return self._plane.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return a member's (boot epoch, incarnation), or None for a stranger."""
        return self._plane.incarnation(member)

    def counters(self) -> Mapping[str, int]:
        """Return how often things happened, by name."""
        channels = {
            f"channel_{name}": count
            for name, count in self._channels.counters().items()
        }
        certificates = Counter(self._exchange.counters)
        certificates += self._certification.renewing.counters
        own = certificates + self._calls.counters + self._counters
        return {**self._plane.counters(), **channels, **own}

    @property
    def traffic(self) -> Traffic:
        """What was sent to peers and received of them, to be looked at."""
        return self._posting.traffic

    def save(self) -> Roster:
        """Return what a later life of this node may start from."""
        return self._plane.swim.save()
