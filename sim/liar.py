"""A member that lies: real keys, a real certificate, and a tongue of its own.

Its process runs as everybody's does, so that it is a member, has channels to all and
answers probes. Beside what its engine says, it says whatever it is told to, through the
same channels; what it says of others it signs with its own key, or not at all.
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from sim.profiles.channeled import ChanneledNode
from swarmnet.crypto.identity import Identity
from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import wrap_swim
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.codec import (
    claim_of,
    encode_accusation_body,
    encode_frame,
    encode_own_body,
)
from swarmnet.swim.core import Route
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State

if TYPE_CHECKING:
    from sim.host import Host


class Liar:
    """The voice of one process; `keys` are the private keys that it uses.

    `told` counts the messages. It says nothing while the process is down.
    """

    def __init__(self, host: "Host", keys: Identity, random: Random) -> None:
        self.host = host
        self.random = random
        self.keys = keys
        self.me = keys.node
        self.told = 0

    @property
    def engine(self) -> ChanneledNode:
        """The engine of the process, which runs."""
        engine = self.host.engine
        assert isinstance(engine, ChanneledNode)
        return engine

    def held(self, node: NodeId) -> Member | None:
        """Return what is known here of a member."""
        return self.engine.inner.swim.member(node)

    def tell(
        self, target: "Host", items: Sequence[bytes], *, streamed: bool = False
    ) -> None:
        """Send a membership frame of these items."""
        self.tell_envelope(target, wrap_swim(encode_frame(items)), streamed=streamed)

    def tell_envelope(
        self, target: "Host", message: bytes, *, streamed: bool = False
    ) -> None:
        """Send any envelope."""
        if not self.host.up:
            return
        self.told += 1
        engine, to = self.engine, Route(target.node, target.address)
        self.host.command(lambda now: engine.say(now, to, message, streamed=streamed))

    # What is signed with its own key, whoever it speaks of.

    def accusation(
        self, subject: NodeId, version: tuple[int, int], author: NodeId | None = None
    ) -> Claim:
        """Return an accusation, in its own name or in another's."""
        name = self.me if author is None else author
        body = encode_accusation_body(subject, version, name)
        return claim_of(body, self._sign(body))

    def statement(
        self,
        subject: NodeId,
        version: tuple[int, int],
        state: State,
        about: tuple[Address, bytes],
    ) -> Claim:
        """Return what a member would say of itself, be it this one or another."""
        body = encode_own_body(subject, version, state, about)
        return claim_of(body, self._sign(body))

    def _sign(self, body: bytes) -> bytes:
        return self.keys.sign(SIGN_DOMAIN + body)
