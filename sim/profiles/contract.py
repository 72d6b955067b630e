"""What the simulator asks of an engine, whichever protocol it speaks.

The swarmnet engine, memberlist's rules and the SWIM paper's all stand behind these two
protocols, so that every figure can have its peer from the same run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from swarmnet.ids import Address, NodeId
from swarmnet.node.outputs import Output
from swarmnet.swim.outputs import Payload, State


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a simulated node is; `index` is its short name in traces and figures."""

    index: int
    node: NodeId
    address: Address


class Engine(Protocol):
    """One node's protocol, sans-I/O.

    `now` is the node's own monotonic clock in seconds: any origin, and possibly
    drifting. After every input the caller drains `poll_output` until None, then reads
    `poll_timeout` again.
    """

    def start(self, now: float) -> None:
        """Begin to probe. Called once, before any other input."""

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Join the cluster through any one of `addresses`; retried until `Joined`."""

    def leave(self, now: float) -> None:
        """Leave gracefully; `Departed` says that the process may exit."""

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own to every member of its scope."""

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a payload that was delivered and has been found good."""

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a datagram. The channel below has authenticated `sender`."""

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take one whole frame of a stream."""

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        """A stream to that peer could not be opened, or broke."""

    def note_late(self, now: float, seconds: float) -> None:
        """The driver ran that much later than it was asked to."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`; called at or after `poll_timeout`."""

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""

    def poll_timeout(self) -> float | None:
        """Return the next deadline on the node's own clock, or None."""

    def states(self) -> Mapping[NodeId, State]:
        """Return every *other* member known here and its state; not to be changed."""

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return the (boot epoch, incarnation) held for `member`; self included."""

    def counters(self) -> Mapping[str, int]:
        """Return drops, refutations, repairs and the like, by name."""

    def save(self) -> object:
        """Return what a restart with state is given as `view`."""


class Profile(Protocol):
    """A protocol with its settings: makes the engines of one simulated cluster."""

    name: str
    overhead_bytes: int
    """What the channel adds to every datagram: counted as received, never sent in."""

    def calm_s(self, nodes: int) -> float:
        """Return by when all views agree once every fault has ended, in s."""

    def full_view(self, identities: Sequence[Identity]) -> object:
        """Return a view in which all `identities` are alive, for nodes to share."""

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine.

        `view` is None for a node that knows nobody, or what `full_view` of this
        profile or `save` of an engine of it returned. `boot_epoch` is at least 1; it
        is greater than before after a restart with state, and 1 again without.
        """
