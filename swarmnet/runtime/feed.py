"""What rows become here, as events; and since when each endpoint is known."""

from collections.abc import Iterator, Mapping
from time import time
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId, Scope
from swarmnet.node.network_facts import (
    EndpointFacts,
    NetworkFacts,
    decode_endpoint_untrusted,
    decode_network_untrusted,
)
from swarmnet.runtime.news import Event
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ENDPOINT, NETWORK, Row
from swarmnet.tables.view import Change

Place = tuple[Scope, NodeId, bytes]
_WORDS: Final = {(False, True): "added", (True, False): "removed"}


class Feed:
    """Follows the rows of networks and endpoints. `poll` it after every input.

    `since` says when a row was first shown here, in Unix seconds; what was there when
    it had `begun` has no entry.
    """

    def __init__(self, tables: Tables) -> None:
        self._networks = tables.watch(None, NETWORK)
        self._endpoints = tables.watch(None, ENDPOINT)
        self.since: dict[Place, float] = {}
        self.begun = time()
        for watch in (self._networks, self._endpoints):
            while watch.poll() is not None:
                continue

    def poll(self) -> Iterator[Event]:
        """Yield what has become of networks and endpoints since it was last asked."""
        while (change := self._networks.poll()) is not None:
            row = _row(change)
            facts = _network(row)
            yield {
                "kind": "network",
                "change": _word(change),
                "network": row.key.hex(),
                "name": None if facts is None else facts.name,
                "owner": row.owner.hex(),
            }
        while (change := self._endpoints.poll()) is not None:
            self._note(change)
            row = _row(change)
            yield {
                "kind": "endpoint",
                "change": _word(change),
                "network": change.scope.hex(),
                "endpoint": row.key.hex(),
                "node": row.owner.hex(),
                **_shown(_endpoint(row)),
            }

    def _note(self, change: Change) -> None:
        if change.previous is not None and change.current is None:
            row = change.previous.row
            self.since.pop((change.scope, row.owner, row.key), None)
        elif change.current is not None:
            row = change.current.row
            self.since.setdefault((change.scope, row.owner, row.key), time())


def _row(change: Change) -> Row:
    shown = change.current or change.previous
    assert shown is not None, "something has changed"
    return shown.row


def _word(change: Change) -> str:
    states = (change.previous is not None, change.current is not None)
    return _WORDS.get(states, "changed")


def _network(row: Row) -> NetworkFacts | None:
    try:
        return decode_network_untrusted(row.value)
    except BadPacket:
        return None


def _endpoint(row: Row) -> EndpointFacts | None:
    try:
        return decode_endpoint_untrusted(row.value)
    except BadPacket:
        return None


def _shown(facts: EndpointFacts | None) -> Mapping[str, object]:
    if facts is None:
        return {}
    addresses = [str(address) for _, address in facts.addresses]
    return {"name": facts.name, "addresses": addresses}
