"""What rides on a probe: digests of the tables, the cluster's and some networks'.

    rider    cluster digest, 16 bytes; its rows, 4; then for each network
             4 bytes that stand for its scope, its digest, its rows

Only of networks that both sides take part in, as many as fit, in turn.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.swim.codec import RIDER_BYTES_MAX
from swarmnet.tables.engine import Tables

Digest = tuple[bytes, int]
"""16 bytes, and how many rows they sum up."""

_CLUSTER: Final = Struct(">16sI")
_NETWORK: Final = Struct(">4s16sI")
NETWORKS_MAX: Final = (RIDER_BYTES_MAX - _CLUSTER.size) // _NETWORK.size
_COUNT_MAX: Final = 2**32 - 1


def tag_of(scope: Scope) -> bytes:
    """Return the 4 bytes that stand for a network's scope."""
    return blake2b(scope, digest_size=4, person=b"swarmnet.rider").digest()


def encode_rider(cluster: Digest, networks: Sequence[tuple[Scope, Digest]]) -> bytes:
    """Return what rides on a probe; `networks` are `NETWORKS_MAX` at most."""
    assert len(networks) <= NETWORKS_MAX, len(networks)
    packed = _CLUSTER.pack(cluster[0], min(cluster[1], _COUNT_MAX))
    for scope, (digest, count) in networks:
        packed += _NETWORK.pack(tag_of(scope), digest, min(count, _COUNT_MAX))
    return packed


def decode_rider_untrusted(
    rider: bytes, scopes: Sequence[Scope]
) -> Iterator[tuple[Scope, Digest]]:
    """Yield the digests of those scopes among `scopes` that a rider speaks of.

    Raises:
        BadPacket: it is no rider; nothing was yielded.
    """
    if len(rider) < _CLUSTER.size:
        raise BadPacket(f"rider of {len(rider)} bytes")
    digest, count = _CLUSTER.unpack_from(rider)
    found: list[tuple[Scope, Digest]] = [(CLUSTER, (digest, count))]
    tags = {tag_of(scope): scope for scope in scopes if scope != CLUSTER}
    # What does not fill a network's place is a later version's.
    networks = (len(rider) - _CLUSTER.size) // _NETWORK.size
    end = _CLUSTER.size + networks * _NETWORK.size
    for tag, digest, count in _NETWORK.iter_unpack(rider[_CLUSTER.size : end]):
        if tag in tags:
            found.append((tags[tag], (digest, count)))
    return iter(found)


class Riders:
    """What one node lets ride on its probes, and makes of what rides on others'."""

    __slots__ = ("_tables", "_turn", "bad")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._turn = 0
        self.bad = 0
        """How many riders were malformed."""

    def rider_for(self, target: NodeId) -> bytes:
        """Return what to tell a member that is pinged; nothing while all is to come."""
        tables = self._tables
        if not tables.is_complete(CLUSTER):
            return b""
        cluster = tables.digest(CLUSTER)
        assert cluster is not None, "the cluster's rows are always held"
        shared = [
            scope
            for scope in tables.scopes()
            if target in tables.members(scope) and tables.is_complete(scope)
        ]
        self._turn += NETWORKS_MAX
        chosen: list[tuple[Scope, Digest]] = []
        for place in range(min(NETWORKS_MAX, len(shared))):
            scope = shared[(self._turn + place) % len(shared)]
            digest = tables.digest(scope)
            assert digest is not None, "it is among those held"
            chosen.append((scope, digest))
        return encode_rider(cluster, chosen)

    def take(self, now: float, sender: NodeId, rider: bytes) -> None:
        """Compare what a peer's rider says with what is held here."""
        if len(rider) == _CLUSTER.size:
            # Most share no network, or have said of it what there is to say.
            digest, count = _CLUSTER.unpack(rider)
            self._tables.receive_digest(now, sender, CLUSTER, (digest, count))
            return
        try:
            said = decode_rider_untrusted(rider, self._tables.scopes())
        except BadPacket:
            self.bad += 1
            return
        for scope, told in said:
            self._tables.receive_digest(now, sender, scope, told)
