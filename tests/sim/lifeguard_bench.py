"""One Lifeguard node on a bench, and words to give it, for its tests."""

from collections.abc import Mapping
from random import Random

from sim.profiles.lifeguard import LifeguardProfile
from sim.profiles.lifeguard.codec import (
    LIFEGUARD,
    decode_update_untrusted,
    encode_update,
)
from sim.profiles.lifeguard.membership import LifeguardMembership
from sim.profiles.lifeguard.prober import LifeguardProber
from sim.profiles.lifeguard.suspicion import Accusation
from sim.profiles.peer_roster import View
from sim.profiles.swim_paper.codec import (
    Kind,
    Packet,
    decode_packet_untrusted,
    encode_packet,
)
from sim.profiles.swim_paper.rules import Update
from swarmnet.swim.outputs import (
    SendDatagram,
    State,
)
from tests.sim.toy_network import ToyNetwork, identity

ME, VICTIM = identity(0), identity(1)
FIELDS = LIFEGUARD.packet_fields


class Bench:
    """Node 0 of `size`: its beliefs and its prober, without an engine around."""

    def __init__(self, size: int, **settings: str) -> None:
        profile = LifeguardProfile(settings)
        view = profile.full_view([identity(index) for index in range(size)])
        assert isinstance(view, View)
        self.beliefs = LifeguardMembership(
            ME.node, ME.address, profile.config, Random(1), view
        )
        self.prober = LifeguardProber(profile.config, self.beliefs, Random(1))

    def sent(self) -> list[tuple[SendDatagram, Packet]]:
        """Take what was sent since."""
        outputs = list(self.beliefs.outputs)
        self.beliefs.outputs.clear()
        return [
            (one, decode_packet_untrusted(one.data, FIELDS))
            for one in outputs
            if isinstance(one, SendDatagram)
        ]

    def told(self) -> list[Update | object]:
        """Take what waits to be told, in the order of a packet."""
        waiting = self.beliefs.queue.take(3, 1300, 1)
        return [decode_update_untrusted(one) for one in waiting]


def word(state: State, index: int, incarnation: int = 0) -> Update:
    """Return what is told of the node of that index, in its first life."""
    who = identity(index)
    return Update(state, who.node, 1, incarnation, who.address)


def accused(index: int, accuser: int, incarnation: int = 0) -> Accusation:
    """Return the suspicion of one node by another."""
    who, by = identity(index), identity(accuser).node
    return Accusation(State.SUSPECT, who.node, 1, incarnation, who.address, by)


def lifeguard(size: int, settings: Mapping[str, str] | None = None) -> ToyNetwork:
    """Return a network in which all know each other."""
    return ToyNetwork(LifeguardProfile(settings or {}), size, seed=1, joined=True)


def tell(net: ToyNetwork, index: int, update: Update) -> None:
    """Give a node an update, as if node 0 had sent it along with an ack."""
    data = encode_packet(Packet(Kind.ACK, 0, None, None, (encode_update(update),)))
    net.act(
        index,
        lambda one: one.receive_datagram(net.now, ME.node, ME.address, data),
    )
