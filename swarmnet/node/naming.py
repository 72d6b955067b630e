"""From the rows of the networks that this node takes part in to what DNS tells of them.

It is told by `Overlaying`, in step with the data plane, and of what that need not know:
that an owner has died, and under which name a network is shown.
"""

from collections.abc import Iterable, Iterator, Mapping

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.dns.book import WHOLE_S, Book, Domain, Named
from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.network_facts import NetworkFlag
from swarmnet.node.networks import KnownNetwork
from swarmnet.tables.engine import Tables


class Naming:
    """Keeps a book of names in step with the rows."""

    __slots__ = ("_late", "_me", "_names", "_tables", "book")

    def __init__(self, me: NodeId, tables: Tables) -> None:
        self._me = me
        self._tables = tables
        self._late: dict[Scope, float] = {}
        """Networks whose rows are still coming, and when nobody waits any more."""
        self._names: Mapping[Scope, str] = {}
        self.book = Book()

    def rename(self, names: Mapping[Scope, str]) -> None:
        """Take note under which name each network is shown."""
        self._names = names
        self.book.rename({one.hex(): name.lower() for one, name in names.items()})

    def set_network(
        self, now: float, known: KnownNetwork, endpoints: Iterable[KnownEndpoint]
    ) -> None:
        """Take note of a network, and of all that is known of its endpoints."""
        network = known.id.hex()
        before = self.book.domain(network)
        if before is None:
            self._late[known.id] = whole_at = now + WHOLE_S
        else:
            whole_at = before.whole_at
        name = self._names.get(known.id, known.facts.name).lower()
        is_internal = NetworkFlag.INTERNAL in known.facts.flags
        self.book.set_network(Domain(network, name, is_internal, whole_at))
        found = (named_of(one, self._me) for one in endpoints)
        self.book.set_endpoints(network, {one.id: one for one in found})

    def drop_network(self, network: Scope) -> None:
        """Forget a network."""
        self._late.pop(network, None)
        self.book.drop_network(network.hex())

    def put(self, known: KnownEndpoint) -> None:
        """Take note of an endpoint, or of what has become of it."""
        self.book.put(known.network.hex(), named_of(known, self._me))

    def drop(self, network: Scope, owner: NodeId, key: bytes) -> None:
        """Forget an endpoint."""
        self.book.drop(network.hex(), _id_of(owner, key))

    @property
    def is_waiting(self) -> bool:
        """Whether rows of a network are still coming, as far as is known."""
        return bool(self._late)

    def settle(self, now: float) -> None:
        """Look which networks are known by now, with all that is in them."""
        for network, whole_at in list(self._late.items()):
            is_here = network in self._tables.scopes()
            if now >= whole_at or (is_here and self._tables.is_informed(network)):
                del self._late[network]
                self.book.note_whole(network.hex())


def _id_of(owner: NodeId, key: bytes) -> str:
    # Keys are unique for each owner alone.
    return f"{owner.hex()}/{key.hex()}"


def named_of(known: KnownEndpoint, me: NodeId) -> Named:
    """Return an endpoint as DNS sees it; hidden while nobody is to go there.

    Its own name comes first, by which it is told when its address is asked. An address
    that its row only claims says nothing: whose it is, others are asked.
    """
    facts = known.facts
    addresses = [ip for _, ip in facts.addresses] if known.is_effective else []
    # Rows may say anything, also nothing.
    names = (facts.name, facts.sandbox, *facts.aliases, known.id.hex())
    return Named(
        id=_id_of(known.owner, known.id),
        names=tuple(dict.fromkeys(name.lower() for name in names if name)),
        addresses=tuple(addresses),
        ports=tuple(_ports(facts.publish)),
        box=facts.sandbox if known.owner == me else None,
        is_hidden=known.is_dormant or not known.is_effective,
    )


def _ports(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the ports inside that are published, each once, as a row has them."""
    found: dict[tuple[int, str], None] = {}
    for text in texts:
        try:
            port = parse_publish(text)
        except Refused:
            # Of a later version of us.
            continue
        found[port.port, port.protocol] = None
    yield from found
