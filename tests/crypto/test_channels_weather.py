"""A terrible network: loss, copies, overtaking, restarts, renewals, moves, bad clocks.

One seed decides everything. While it lasts: nothing is delivered twice in one life,
nothing that was not sent, and nothing is sealed twice under one counter. When it is
over, everybody reaches everybody with the first thing that it sends.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest

from swarmnet.crypto.packets import Kind
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Transmit
from swarmnet.ids import Address
from tests.crypto.peers import Peer, Table, Weather
from tests.samples import mostly_slow

STEPS: Final = 150
CALM_S: Final = 12.0
"""Whoever has moved is sought at its last place for up to 10 s."""


def bad(random: Random, packet: Transmit) -> Sequence[float]:
    """Lose a fifth, double a tenth, and let a few come seconds late."""
    del packet
    if random.random() < 0.2:
        return ()
    copies = 2 if random.random() < 0.1 else 1
    late_s = 5.0 if random.random() < 0.05 else 0.1
    return [random.uniform(0.0, late_s) for _ in range(copies)]


def good(random: Random, packet: Transmit) -> Sequence[float]:
    del random, packet
    return (0.01,)


@dataclass
class Story:
    """What happens at one table, and what was said there."""

    seed: int
    table: Table
    weather: Weather
    random: Random
    said: dict[bytes, tuple[Peer, Peer, bool]] = field(default_factory=dict)
    lives: Counter[tuple[bytes, int, int]] = field(default_factory=Counter)

    def say(self, sender: Peer, receiver: Peer, *, replayable: bool) -> bytes:
        data = b"%d " % len(self.said) + bytes(self.random.choice((0, 10, 900, 1150)))
        self.said[data] = (sender, receiver, replayable)
        streamed = self.random.random() < 0.1
        now = self.table.now + sender.fast_s
        sender.send(now, receiver, data, replayable=replayable, streamed=streamed)
        return data

    def happen(self) -> None:
        """Let one thing happen."""
        random = self.random
        peers = self.table.peers
        one, other = random.sample(peers, 2)
        chance = random.random()
        if chance < 0.80:
            self.say(one, other, replayable=random.random() < 0.5)
        elif chance < 0.85:
            one.channels.open(self.table.now + one.fast_s, other.node, other.address)
        elif chance < 0.90:
            self.check(one)
            one.start()
        elif chance < 0.94:
            one.fast_s += random.choice((0.5, 3.0, 40.0))
        else:
            one.address = Address(bytes((10, one.number, *random.randbytes(2))), 7946)

    def check(self, *peers: Peer) -> None:
        """Look through what was received in the lives that now end or go on."""
        for peer in peers:
            for received in peer.received:
                sender, receiver, replayable = self.said[received.data]
                assert (received.peer, peer.number) == (sender.node, receiver.number)
                assert replayable or not received.early
                key = (received.data, peer.number, peer.life)
                self.lives[key] += 1
            peer.received.clear()
        # Who forgets a peer that has just sent something cannot tell it from a new one.
        most = 1 if peers[0].settings.channels_max > len(self.table.peers) else 2
        assert max(self.lives.values(), default=1) <= most

    def check_no_nonce_twice(self) -> None:
        for number, packet in self.table.passed:
            if packet.data[0] == Kind.TRANSPORT:
                key = (number, packet.data[:16], packet.streamed)
                # The same packet may go to both places where a peer may be.
                assert self.sealed.setdefault(key, packet.data) == packet.data
        self.table.passed.clear()

    sealed: dict[tuple[object, ...], bytes] = field(default_factory=dict)


def told(seed: int) -> Story:
    """Let a story happen in bad weather, and then the weather clear."""
    random = Random(f"story {seed}")
    settings = ChannelSettings(
        rekey_age_s=random.choice((1.0, 20.0)),
        rekey_packets=random.choice((5.0, 50.0, 1e9)),
        life_s=60.0,
        grace_s=10.0,
        channels_max=random.choice((2.0, 99.0)),
        half_open_max=random.choice((2.0, 99.0)),
    )
    table = Table(random.randint(2, 4), settings)
    story = Story(seed, table, Weather(table, seed, bad), random)
    for _ in range(STEPS):
        story.happen()
        story.weather.run(random.choice((0.0, 0.0, 0.01, 0.1, 1.0)))
        story.check(*table.peers)
        story.check_no_nonce_twice()
    story.weather.delays = good
    story.weather.run(CALM_S)
    story.check(*table.peers)
    return story


def check_everybody_is_reached(story: Story) -> None:
    peers = story.table.peers
    for sender in peers:
        for receiver in peers:
            if sender is receiver:
                continue
            for replayable in (True, False):
                data = story.say(sender, receiver, replayable=replayable)
                story.weather.run(1.5)
                assert receiver.data == [data], (sender.number, receiver.number)
                story.check(receiver)
    story.check_no_nonce_twice()


def check_nothing_is_left(story: Story) -> None:
    """Without anything to be sent no packet is sent, and all is forgotten in time."""
    story.table.passed.clear()
    story.weather.run(30.0)
    assert story.table.passed == []
    for peer in story.table.peers:
        sizes = peer.sizes()
        assert (sizes["replying"], sizes["outputs"]) == (0, 0)
    story.weather.run(300.0)
    for peer in story.table.peers:
        sizes = peer.sizes()
        del sizes["seen"]
        assert sizes == dict.fromkeys(sizes, 0)
        assert peer.channels.poll_timeout() is None


def check_story(seed: int) -> None:
    story = told(seed)
    check_everybody_is_reached(story)
    check_nothing_is_left(story)
    assert len(story.said) > STEPS // 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", mostly_slow(range(16), range(4)))
def test_in_bad_weather_nothing_comes_twice_and_when_it_clears_all_is_well(
    seed: int,
) -> None:
    check_story(seed)


@pytest.mark.slow
def test_in_a_long_spell_of_bad_weather_it_is_the_same() -> None:
    for seed in range(1000, 1120):
        check_story(seed)


@pytest.mark.slow
def test_one_seed_tells_one_story() -> None:
    told_twice = [
        [(p.count("initiations"), p.sizes()) for p in told(7).table.peers]
        for _ in range(2)
    ]
    assert told_twice[0] == told_twice[1]
