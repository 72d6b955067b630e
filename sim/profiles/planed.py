"""The control plane in the simulator: membership and tables, with no channels below.

What `--set tables=on` of the profile `swarmnet` runs where channels are off. Proofs are
keyed hashes that only the simulator can check; inside, nobody forges.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from sim.profiles.contract import Identity
from sim.profiles.tabled import Kept, Storage, Tabled, seated
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.node.plane import Plane
from swarmnet.node.seams import PlaneSeams
from swarmnet.node.settings import NodeSettings
from swarmnet.swim.core import Route
from swarmnet.swim.core import Seams as SwimSeams
from swarmnet.swim.roster import Roster
from swarmnet.tables.codec import encode_body
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.outputs import Save
from swarmnet.tables.row import NODE, SIGN_DOMAIN, Flag
from swarmnet.tables.stored import StoredRows, stored_rows

_BEFORE = (0, 1)
"""A version before every life of a run."""


@dataclass(frozen=True, slots=True)
class Memory(Kept):
    """What a node begins with: its view, the rows it knows, and its own, stored.

    In a first life its own are among those that it knows, and `storage` is None.
    """

    roster: Roster
    known: tuple[bytes, ...] = ()
    storage: Storage | None = None


class PlanedNode(Tabled):
    """A `Plane` behind the simulator's contract of an engine."""

    def __init__(
        self, node: NodeId, plane: Plane, seams: PlaneSeams, storage: Storage
    ) -> None:
        super().__init__(node, plane, seams.check, storage)
        self.inner = plane
        self.start = plane.start
        self.join = plane.join
        self.leave = plane.leave
        self.publish = plane.publish
        self.relay = plane.relay
        self.receive_datagram = plane.receive_datagram
        self.receive_stream = plane.receive_stream
        self.stream_failed = plane.stream_failed
        self.note_late = plane.note_late
        self.handle_timeout = plane.handle_timeout
        self.poll_timeout = plane.poll_timeout
        self.states = plane.states
        self.incarnation = plane.incarnation
        self.counters = plane.counters

    def save(self) -> Memory:
        """Return what a restart with state is given as `view`."""
        return Memory(
            *(self.inner.swim.save(), self.known(), self.storage.copy()),
            before=self.addressing.continuation(),
        )


def build_plane(
    identity: Identity,
    settings: NodeSettings,
    seams: SwimSeams,
    start: tuple[int, Memory | None],
    random: Random,
) -> PlanedNode:
    """Return a node; `start` is its boot epoch, and what it knows already."""
    boot_epoch, memory = start
    node = identity.node
    storage = Storage()
    rows: StoredRows | None = None
    if memory is not None:
        storage = memory.storage or first_storage(
            node, memory.known, settings.tables.cluster_key
        )
        rows = replace(storage.stored(), known=memory.known)
    plane_seams = PlaneSeams(
        sign=seams.sign,
        verify=seams.verify,
        serial=seams.serial,
        signer=lambda owner: owner,
        check=lambda key, message, proof: (
            seams.verify(NodeId(key), message, proof) is True
        ),
        may_write=lambda _node, _table: True,
        introduce=lambda _about: True,
    )
    plane = Plane(
        Route(node, identity.address),
        seated(settings, identity),
        random,
        plane_seams,
        boot_epoch=boot_epoch,
        view=None if memory is None else memory.roster,
        rows=rows,
        before=None if memory is None else memory.before,
    )
    return PlanedNode(node, plane, plane_seams, storage)


def first_row(node: NodeId, sign: Callable[[bytes], bytes], about: bytes) -> bytes:
    """Return a node's own row as it was written before the run began."""
    body = encode_body(
        node,
        (CLUSTER, (NODE, bytes(node))),
        _BEFORE,
        0,
        (Flag(0), NodeFacts(about=about).encode()),
    )
    return body + sign(SIGN_DOMAIN + body)


def first_storage(node: NodeId, known: Sequence[bytes], key: bytes) -> Storage:
    """Return what a node has stored before the run began: its own of the rows."""
    storage = Storage()
    for row in stored_rows(known, key):
        if row.owner == node:
            storage.take(Save(row))
    return storage
