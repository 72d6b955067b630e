"""The whole node in the simulator: membership behind real channels, with real keys.

What `--set channels=on` of the profile `swarmnet` runs. The simulator's word on who
sent a packet is not listened to: the packet itself must show it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from sim.ledger import Ledger, NotedIdentity
from sim.pki import WALL_S, Pki
from sim.profiles.contract import Identity
from sim.profiles.planed import first_row, first_storage
from sim.profiles.tabled import Kept, Storage, Tabled, seated
from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.packets import Kind, has_mac1, kind_of
from swarmnet.ids import Address, NodeId
from swarmnet.node.about import encode_about
from swarmnet.node.credentials import Credentials
from swarmnet.node.engine import Node
from swarmnet.node.settings import NodeSettings
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import claim_of, encode_own_body
from swarmnet.swim.core import Route
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Digest
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster
from swarmnet.tables.stored import StoredRows

_FIRST_VERSION = (1, 0)


Watch = Callable[[NodeId, Address, tuple[bytes, bool]], None]
"""Told of each packet before it is opened: by whom it was truly sent, from where; its
bytes, and whether it came on a stream."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the nodes of one run are made from."""

    pki: Pki
    settings: NodeSettings
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Acquaintance(Kept):
    """What a node begins with: its view, and the certificates of those in it."""

    roster: Roster
    directory: Directory
    known: tuple[bytes, ...] = ()
    storage: Storage | None = None


class ChanneledNode(Tabled):
    """A `Node` behind the simulator's contract of an engine.

    `watch` is for checkers. The last few methods are for those who look where nobody
    outside a process can, and for members that lie.
    """

    def __init__(
        self, me: NodeId, node: Node, directory: Directory, storage: Storage
    ) -> None:
        super().__init__(me, node, directory.trust.signatures.verify, storage)
        self.inner = node
        self.watch: Watch | None = None
        self._directory = directory
        self.start = node.start
        self.join = node.join
        self.leave = node.leave
        self.publish = node.publish
        self.relay = node.relay
        self.note_late = node.note_late
        self.handle_timeout = node.handle_timeout
        self.poll_timeout = node.poll_timeout
        self.states = node.states
        self.incarnation = node.incarnation
        self.counters = node.counters

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a datagram, from whomever it is."""
        if self.watch is not None:
            self.watch(sender, source, (data, False))
        self.inner.receive_datagram(now, source, data)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a packet of a stream, from whomever it is."""
        if self.watch is not None:
            self.watch(sender, source, (data, True))
        self.inner.receive_stream(now, source, data)

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        """A stream could not be opened, or broke."""
        del peer
        self.inner.stream_failed(now, address)

    def save(self) -> Acquaintance:
        """Return what a restart with state is given as `view`."""
        directory = self._directory.copy()
        return Acquaintance(
            *(self.inner.save(), directory),
            storage=self.storage.copy(),
            before=self.addressing.continuation(),
        )

    def say(
        self, now: float, to: Route, message: bytes, *, streamed: bool = False
    ) -> None:
        """Send a peer any envelope, through our channel to him: we may be lying."""
        assert to.node is not None, "a lie has an addressee"
        parcel = Parcel(
            message, to.address, streamed=streamed, replayable=False, since=now
        )
        self.inner._channels.send(now, to.node, parcel)
        self.inner._settle(now)

    def paths(self) -> Mapping[NodeId, tuple[int, Address | None]]:
        """Return under which session each peer is written to, and where he is."""
        channels = self.inner._channels._board.channels.values()
        return {
            one.node: (0 if one.current is None else one.current.local, one.path)
            for one in channels
        }

    def is_for_us(self, data: bytes) -> bool:
        """Return whether a packet names us, or anything of ours."""
        board = self.inner._channels._board
        kind = kind_of(data)
        if kind is Kind.INITIATION:
            return has_mac1(board.own_label, data)
        if kind is None or kind is Kind.OPENING:
            return kind is not None
        receiver = int.from_bytes(data[4:8], "big")
        return receiver in board.sessions or receiver in board.by_index

    def losses(self) -> tuple[int, int]:
        """Return how many handshakes were taken, and packets of unknown sessions."""
        counters = self.inner._channels._board.counters
        taken = counters.get("initiations_received", 0)
        return taken, counters.get("unknown_sessions", 0)

    def digest(self) -> Digest:
        """Return the digest of all claims that are held."""
        return self.inner.swim._core.roster.digest()


def full_acquaintance(outfit: Outfit, identities: Sequence[Identity]) -> Acquaintance:
    """Return a view in which all are alive, and everybody's certificate."""
    directory = outfit.pki.directory_of(len(identities))
    config = outfit.settings.swim
    roster = Roster(
        NodeId(b""), config.cluster_key, config.rings, serials_of(directory)
    )
    roster.fill(_first_claim(outfit, identity) for identity in identities)
    if not outfit.settings.introduces:
        return Acquaintance(roster, directory)
    known = tuple(_first_row(outfit, identity) for identity in identities)
    return Acquaintance(roster, directory, known)


def build_node(
    outfit: Outfit,
    identity: Identity,
    start: tuple[int, Acquaintance | None],
    random: Random,
) -> ChanneledNode:
    """Return a node; `start` is its boot epoch, and what it knows already."""
    boot_epoch, known = start
    pki = outfit.pki
    directory = pki.directory() if known is None else known.directory.copy()
    index = pki.index_of(identity.node)
    chain = pki.chain(index)
    directory.learn(chain, WALL_S)
    keys = Random(random.getrandbits(64))
    own = NotedIdentity(pki.identity(index), outfit.ledger)
    storage = Storage()
    rows: StoredRows | None = None
    if known is not None:
        key = outfit.settings.tables.cluster_key
        storage = known.storage or first_storage(identity.node, known.known, key)
        rows = replace(storage.stored(), known=known.known)
    before = None if known is None else known.before
    node = Node(
        Credentials(own, chain.encoded, directory, WALL_S, rows, before),
        identity.address,
        seated(outfit.settings, identity),
        random,
        random_bytes=keys.randbytes,
        boot_epoch=boot_epoch,
        view=None if known is None else known.roster,
    )
    return ChanneledNode(identity.node, node, directory, storage)


def serials_of(directory: Directory) -> Callable[[NodeId], bytes]:
    """Return what places nodes on the rings: their issuer's numbers."""

    def serial(node: NodeId) -> bytes:
        number = directory.ring_serial(node)
        assert number is not None, "a node without a certificate"
        return number

    return serial


def _first_row(outfit: Outfit, identity: Identity) -> bytes:
    keys = NotedIdentity(outfit.pki.identity(identity.index), outfit.ledger)
    about = encode_about(outfit.pki.chain(identity.index).encoded)
    return first_row(identity.node, keys.sign, about)


def _first_claim(outfit: Outfit, identity: Identity) -> Member:
    keys = NotedIdentity(outfit.pki.identity(identity.index), outfit.ledger)
    about = (identity.address, b"")
    body = encode_own_body(identity.node, _FIRST_VERSION, State.ALIVE, about)
    claim = claim_of(body, keys.sign(SIGN_DOMAIN + body))
    return Member(claim, (), State.ALIVE)
