"""A node put together from what the data directory holds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from secrets import randbits, token_bytes
from time import time

from swarmnet.crypto.directory import Directory
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId, unpack_address_untrusted
from swarmnet.node.about import chain_of_untrusted
from swarmnet.node.credentials import Credentials
from swarmnet.node.engine import Node
from swarmnet.node.seat import Seat
from swarmnet.node.settings import NodeSettings, node_swim
from swarmnet.runtime.continuing import Continuing
from swarmnet.runtime.standing import Standing
from swarmnet.runtime.store import Store
from swarmnet.swim.codec import claim_of
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster
from swarmnet.tables.codec import decode_row_untrusted
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import is_own_word, node_facts
from swarmnet.tables.stored import StoredRows
from swarmnet.wire import array, blob, pack, unpack_array_untrusted

SEED_BITS = 128


@dataclass(frozen=True, slots=True)
class Built:
    """A node, whom it knows, and where it should say that it is here.

    `is_new` is whether it was never started before.
    """

    node: Node
    directory: Directory
    peers: tuple[Address, ...]
    is_new: bool


def rebuild(
    standing: Standing, store: Store, seat: Seat, continuing: Continuing
) -> Built:
    """Return this node, as a new life of it; the store knows that it has begun.

    Raises:
        Refused: the data directory cannot be written.
    """
    wall = time()
    epoch = int.from_bytes(store.get("boot_epoch") or b"", "big") + 1
    directory = standing.directory(wall)
    known = store.known()
    for chain in (*_kept_chains(store), *_chains_in(known)):
        directory.learn_untrusted(chain, wall)
    before = continuing.take(store.written)
    store.put(boot_epoch=epoch.to_bytes(8, "big"))
    cluster = directory.trust.cluster
    settings = NodeSettings(
        swim=replace(node_swim(), cluster_key=cluster),
        tables=TableConfig(cluster_key=cluster),
        seat=seat,
    )
    rows = StoredRows(own=store.own(), known=known)
    node = Node(
        Credentials(
            standing.identity, standing.chain.encoded, directory, wall, rows, before
        ),
        standing.place.address,
        settings,
        Random(randbits(SEED_BITS)),
        random_bytes=token_bytes,
        boot_epoch=epoch,
        view=_roster(standing.identity.node, store, directory, settings),
    )
    return Built(node, directory, read_peers(store), is_new=epoch == 1)


def keep_peers(
    store: Store, addresses: Iterable[Address], chains: Iterable[bytes]
) -> None:
    """Keep through whom this node joins, and the certificates that it was given.

    Raises:
        Refused: they cannot be written.
    """
    store.put(
        peers=pack(tuple(one.pack() for one in addresses)), chains=pack(tuple(chains))
    )


def read_peers(store: Store) -> tuple[Address, ...]:
    """Return through whom this node joined."""
    return tuple(unpack_address_untrusted(one) for one in _blobs(store, "peers"))


def _kept_chains(store: Store) -> list[bytes]:
    return _blobs(store, "chains")


def _blobs(store: Store, key: str) -> list[bytes]:
    data = store.get(key)
    if data is None:
        return []
    return [blob(one, len(data)) for one in array(unpack_array_untrusted(data), 0)]


def _chains_in(items: Iterable[bytes]) -> list[bytes]:
    """Return the certificates that nodes' own rows bring."""
    found = []
    for item in items:
        try:
            row = decode_row_untrusted(item, b"")
        except BadPacket:
            continue
        facts = node_facts(row) if is_own_word(row) else None
        chain = None if facts is None else chain_of_untrusted(facts.about)
        if chain is not None:
            found.append(chain)
    return found


def _roster(
    me: NodeId, store: Store, directory: Directory, settings: NodeSettings
) -> Roster | None:
    """Return the members that were known, or None if there were none."""
    members = []
    for node, body, proof, number in store.members():
        state = State(number)
        if NodeId(node) == me:
            continue
        if directory.ring_serial(NodeId(node)) is None:
            # It introduces itself anew.
            continue
        if state is State.SUSPECT:
            # Who accuses it says so again.
            state = State.ALIVE
        members.append(Member(claim_of(body, proof), (), state))
    if not members:
        return None
    config = settings.swim

    def serial(node: NodeId) -> bytes:
        found = directory.ring_serial(node)
        assert found is not None, "a member has a certificate"
        return found

    roster = Roster(me, config.cluster_key, config.rings, serial)
    roster.fill(members)
    return roster
