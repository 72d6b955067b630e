"""What a node is told to do, and passes on to the room that does it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from swarmnet.ids import Address, NodeId
from swarmnet.node.addressing import Addressing
from swarmnet.node.certification import Certification
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.views import NodeViews
from swarmnet.swim.outputs import Payload
from swarmnet.tables.engine import Tables

Result = TypeVar("Result")


class NodeCommands(NodeViews, ABC):
    """The commands of `engine.Node` that are one room's alone."""

    __slots__ = ()

    @abstractmethod
    def _settle(self, now: float, *, stirs: bool = True) -> None:
        """Carry values between the rooms until none is left."""

    def update(
        self, now: float, address: Address | None = None, meta: bytes | None = None
    ) -> None:
        """Change our address or metadata; as `plane.Plane.update`."""
        self._plane.update(now, address, meta)
        self._settle(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Send a payload of our own; as `plane.Plane.publish`."""
        self._plane.publish(now, payload)
        self._settle(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Pass on a delivered payload, now that its owner has found it good."""
        self._plane.relay(now, payload)
        self._settle(now)

    def command(self, now: float, verb: Callable[[Tables], Result]) -> Result:
        """Let `verb` write to the tables, and do what follows; return its result.

        Raises:
            Refused: as the verb does; then nothing was written.
        """
        result = self._plane.command(now, verb)
        self._settle(now)
        return result

    def allocate(self, now: float, verb: Callable[[Addressing], Result]) -> Result:
        """Let `verb` command addresses; as `plane.Plane.allocate`."""
        result = self._plane.allocate(now, verb)
        self._settle(now)
        return result

    def program(self, now: float, verb: Callable[[Dataplane], Result]) -> Result:
        """Let `verb` tell the data plane something; as `plane.Plane.program`."""
        result = self._plane.program(now, verb)
        self._settle(now)
        return result

    def certify(self, now: float, verb: Callable[[Certification], Result]) -> Result:
        """Let `verb` command certificates and roots, and do what follows.

        Raises:
            Refused: as the verb does.
        """
        result = verb(self._certification)
        self._settle(now)
        return result

    def give_certificate(self, now: float, node: NodeId, chain: bytes) -> None:
        """Let a node have what the authority made for it, asked for or not.

        What a manager says that is demoted by it we say from now on.

        Raises:
            Refused: it is not good, or another's; we are no manager; or the node, which
                is to be no worker, does not live.
        """
        self.certify(now, lambda one: one.give(now, node, chain))

    def verified(self, now: float, number: int, verdicts: Sequence[bool]) -> None:
        """Take the answer to a `VerifySignatures`."""
        self._plane.verified(now, number, verdicts)
        self._settle(now)

    def call(self, now: float, peer: NodeId, body: bytes) -> int:
        """Ask a member; return the number under which `Replied` comes, in any case.

        Raises:
            Refused: `body` is too long, the peer is ourselves, or too many wait.
        """
        number = self._calls.call(now, peer, body)
        self._settle(now)
        return number

    def reply(self, now: float, peer: NodeId, number: int, body: bytes) -> None:
        """Answer a `Called`; nothing happens if that is over.

        Raises:
            Refused: `body` is too long; the call is still open.
        """
        self._calls.reply(now, peer, number, body)
        self._settle(now)
