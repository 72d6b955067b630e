"""Paths of a member among others: probes, claims and payloads, as a node takes them."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from sim.profiles.channeled import ChanneledNode
from sim.profiles.contract import Engine, Identity
from sim.profiles.swarmnet import SwarmnetProfile, simulated_proof
from swarmnet.ids import CLUSTER, Address, NodeId
from swarmnet.node.envelope import wrap_swim
from swarmnet.node.outputs import Output
from swarmnet.node.rider import Riders
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import (
    claim_of,
    decode_frame_untrusted,
    encode_accusation_body,
    encode_ack,
    encode_frame,
    encode_message,
    encode_own_body,
    payload_news,
)
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.core import Route
from swarmnet.swim.messages import Ping
from swarmnet.swim.outputs import Deliver, Payload, PayloadClass, SendDatagram, State

MEMBERS: Final = 32
CROWD: Final = 64
TIMES: Final = 20
SEALED: Final = {"channels": "on", "tables": "on"}
PERIODS: Final = 10
HOP_S: Final = 0.001
FIRST: Final = (1, 0)
"""The version that all members' claims have at the start."""

Action = Callable[[], None]


def drain(engine: Engine) -> list[Output]:
    """Return all that an engine wants done."""
    found: list[Output] = []
    while (output := engine.poll_output()) is not None:
        found.append(output)
    return found


def _identities(profile: SwarmnetProfile, count: int) -> list[Identity]:
    found = []
    for index in range(count):
        node = profile.node_id(1, index) or NodeId(Random(index).randbytes(16))
        address = Address((0x0A000001 + index).to_bytes(4, "big"), 7946)
        found.append(Identity(index, node, address))
    return found


class Two:
    """Two of many members with a session between them; all others are silent."""

    def __init__(self) -> None:
        profile = SwarmnetProfile(SEALED)
        identities = _identities(profile, MEMBERS)
        view = profile.full_view(identities)
        self.homes = identities[:2]
        self.nodes = [self._begun(profile, one, view) for one in self.homes]
        for node, home in zip(self.nodes, self.homes, strict=True):
            # All others hold the same, so nothing is left to be found out.
            tables = node.inner.tables
            digest = tables.digest(CLUSTER)
            assert digest is not None
            for other in identities:
                if other is not home:
                    tables.receive_digest(0.0, other.node, CLUSTER, digest)
            assert tables.has_all
            drain(node)
        self.numbers = iter(range(1, 1 << 32))
        for _ in range(2):
            self.carry(0, self.probe())

    @staticmethod
    def _begun(
        profile: SwarmnetProfile, identity: Identity, view: object
    ) -> ChanneledNode:
        random = Random(identity.index)
        node = profile.build(identity, boot_epoch=1, random=random, view=view)
        assert isinstance(node, ChanneledNode)
        node.start(0.0)
        drain(node)
        return node

    def probe(self) -> list[bytes]:
        """Return the packets of the first's next probe of the second."""
        one, other = self.nodes[0], self.homes[1]
        rider = Riders(one.inner.tables).rider_for(other.node)
        ping = encode_message(Ping(next(self.numbers), one.digest(), rider))
        route = Route(other.node, other.address)
        one.say(0.1, route, wrap_swim(encode_frame((ping,))))
        return self.sent(0)

    def sent(self, sender: int) -> list[bytes]:
        """Return the packets that one wants the other to have."""
        peer = self.homes[1 - sender].address
        return [
            output.data
            for output in drain(self.nodes[sender])
            if isinstance(output, SendDatagram) and output.address == peer
        ]

    def take(self, sender: int, packet: bytes) -> list[bytes]:
        """Let the other have a packet; return its answer."""
        home, node = self.homes[sender], self.nodes[1 - sender]
        node.receive_datagram(0.1, home.node, home.address, packet)
        return self.sent(1 - sender)

    def carry(self, sender: int, packets: Sequence[bytes]) -> None:
        """Carry packets to and fro until there are no more."""
        answers = [one for packet in packets for one in self.take(sender, packet)]
        if answers:
            self.carry(1 - sender, answers)


def probe_answered() -> Action:
    """A sealed probe of a member is opened, read, answered and sealed."""
    two = Two()
    (packets,) = zip(*(two.probe() for _ in range(TIMES)), strict=True)

    def act() -> None:
        for packet in packets:
            assert two.take(0, packet)

    return act


def probe_asked() -> Action:
    """A member is probed: what rides with it is said, and all is sealed."""
    two = Two()

    def act() -> None:
        for _ in range(TIMES):
            assert two.probe()

    return act


class Member:
    """One of many members that hear from each other, without keys."""

    def __init__(self) -> None:
        profile = SwarmnetProfile({})
        self.others = _identities(profile, CROWD)
        view = profile.full_view(self.others)
        me = self.others.pop(0)
        self.engine = profile.build(me, boot_epoch=1, random=Random(0), view=view)
        self.now = 0.0
        self.engine.start(self.now)
        drain(self.engine)

    def hear(self, number: int, item: bytes) -> list[Output]:
        """Take a message from one of the others; return what follows."""
        # Far enough apart that nothing waits to go with what comes next.
        self.now += 0.01
        peer = self.others[number % len(self.others)]
        frame = encode_frame((item,))
        self.engine.receive_datagram(self.now, peer.node, peer.address, frame)
        return drain(self.engine)

    def live(self, until: float, *, is_answered: bool = True) -> int:
        """Let it do all that is due; return how many of its probes were answered."""
        probes = 0
        while (due := self.engine.poll_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.engine.handle_timeout(self.now)
            for output in drain(self.engine):
                if is_answered and isinstance(output, SendDatagram):
                    probes += self._answer(output)
        return probes

    def _answer(self, sent: SendDatagram) -> int:
        """Answer the probes in a datagram, as whoever it is for would."""
        numbers = [
            message.sequence
            for message in decode_frame_untrusted(sent.data).messages
            if isinstance(message, Ping)
        ]
        peer = next(one for one in self.others if one.address == sent.address)
        for number in numbers:
            self.now += HOP_S
            frame = encode_frame((encode_ack(number, ORIGIN),))
            self.engine.receive_datagram(self.now, peer.node, peer.address, frame)
            drain(self.engine)
        return len(numbers)

    def claim(self, number: int, *, by: int | None = None) -> bytes:
        """Return a new claim of one of the others, or what another accuses it of."""
        subject, author = self.others[number], self.others[number if by is None else by]
        about = (subject.address, b"")
        body = (
            encode_own_body(subject.node, (1, 1), State.ALIVE, about)
            if by is None
            else encode_accusation_body(subject.node, FIRST, author.node)
        )
        return claim_of(body, simulated_proof(author.node, SIGN_DOMAIN + body)).item


def claim_admitted() -> Action:
    """A member's new claim is checked, held and passed on."""
    member = Member()
    items = [member.claim(number) for number in range(TIMES)]

    def act() -> None:
        for number, item in enumerate(items):
            assert member.hear(number, item)

    return act


def accusation_admitted() -> Action:
    """A member is accused: a suspicion begins, and is passed on."""
    member = Member()
    items = [member.claim(number, by=number + 1) for number in range(TIMES)]

    def act() -> None:
        for number, item in enumerate(items):
            assert member.hear(number, item)

    return act


def periods_lived() -> Action:
    """A member probes others for some periods, and all of them answer."""
    member = Member()
    member.live(1.0)

    def act() -> None:
        assert member.live(1.0 + PERIODS) >= PERIODS

    return act


def silence_lived() -> Action:
    """Nobody answers any more: helpers are asked, and others suspected."""
    member = Member()
    member.live(1.0)

    def act() -> None:
        member.live(1.0 + PERIODS, is_answered=False)
        assert State.SUSPECT in member.engine.states().values()

    return act


def payload_relayed() -> Action:
    """A payload comes, is delivered and passed on to the neighbours, then a copy."""
    member = Member()
    kind, data = PayloadClass.NORMAL, bytes(100)
    items = [
        payload_news(Payload(b"%d" % number, CLUSTER, kind, data)).item
        for number in range(TIMES)
    ]

    def act() -> None:
        for number, item in enumerate(items):
            (told,) = member.hear(number, item)
            assert isinstance(told, Deliver)
            member.engine.relay(member.now, told.payload)
            assert drain(member.engine)
            member.hear(number + 1, item)

    return act


PATHS: Final = {
    "sealed probe asked, 32 members": probe_asked,
    "sealed probe answered, 32 members": probe_answered,
    "claim admitted, 64 members": claim_admitted,
    "accusation admitted, 64 members": accusation_admitted,
    "payload relayed, and a copy": payload_relayed,
    "64 members: one lives 10 s, probes answered": periods_lived,
    "64 members: one lives 10 s, in silence": silence_lived,
}
