"""What the wire does with a datagram, and with a stream, under each impairment."""

from dataclasses import dataclass, field
from math import inf

import pytest

from sim.impairments import Effect, Impairment, Path, partition, path_of
from sim.streams import Streams
from sim.trace import Trace
from sim.underlay import Underlay
from sim.world import World
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram, SendStream


@dataclass(eq=False)
class Ear:
    """An endpoint that writes down what it hears, and when."""

    world: World
    index: int
    up: bool = True
    reachable: bool = True
    life: int = 1
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.node = NodeId(bytes([self.index]) * 16)
        self.address = Address(bytes([10, 0, 0, self.index + 1]), 7946)

    def take_datagram(
        self,
        sender: NodeId,
        source: Address,
        source_index: int,
        peer: NodeId | None,
        data: bytes,
    ) -> None:
        self.heard.append((self.world.now, data))

    def take_frame(
        self, sender: NodeId, source: Address, source_index: int, data: bytes
    ) -> None:
        self.heard.append((self.world.now, data))

    def take_failure(self, peer: NodeId | None, address: Address) -> None:
        self.failures.append(self.world.now)


class Rig:
    """Two ears on one underlay with a constant delay of 1 ms."""

    def __init__(self, loss: float = 0.0) -> None:
        self.world = World()
        self.underlay = Underlay(self.world, Trace(), seed=1, latency="lan", loss=loss)
        self.underlay.latency = lambda source, target: 0.001
        self.streams = Streams(self.underlay, seed=1)
        self.here = Ear(self.world, 0)
        self.there = Ear(self.world, 1)
        self.underlay.attach(self.here)
        self.underlay.attach(self.there)

    def datagram(self, data: bytes = b"x") -> None:
        self.underlay.send(
            self.here, SendDatagram(self.there.node, self.there.address, data)
        )

    def frame(self, data: bytes, peer: NodeId | None = None) -> None:
        self.streams.send(self.here, SendStream(peer, self.there.address, data))

    def heard(self, until_s: float = 60.0) -> list[tuple[float, bytes]]:
        self.world.run(until_s, flush=lambda: None)
        return [(round(at_s, 6), data) for at_s, data in self.there.heard]


def test_a_healthy_path_delivers_after_its_latency() -> None:
    rig = Rig()
    rig.datagram()
    assert rig.heard() == [(0.001, b"x")]


@pytest.mark.parametrize(
    ("impairment", "arrivals"),
    [
        (Impairment(Effect.CUT), []),
        (Impairment(Effect.CUT, frozenset({0}), frozenset({1})), []),
        (Impairment(Effect.CUT, frozenset({1}), frozenset({0})), [0.001]),
        (Impairment(Effect.DATAGRAM_CUT), []),
        (Impairment(Effect.STREAM_CUT), [0.001]),
        (Impairment(Effect.LOSS, amount=1), []),
        (Impairment(Effect.LOSS, amount=0), [0.001]),
        (Impairment(Effect.DUPLICATE), [0.001, 0.001]),
        (Impairment(Effect.CORRUPT), []),
        (Impairment(Effect.MTU, amount=9), []),
        (Impairment(Effect.MTU, amount=10), [0.001]),
        (Impairment(Effect.RATE, amount=100), [0.101]),
        (Impairment(Effect.CLOG, until_s=3), [3.001]),
    ],
)
def test_each_impairment_has_its_effect_on_a_datagram_of_10_bytes(
    impairment: Impairment, arrivals: list[float]
) -> None:
    rig = Rig()
    rig.underlay.impair(impairment)
    rig.datagram(bytes(10))
    assert [at_s for at_s, _ in rig.heard()] == arrivals


def test_a_reordered_datagram_comes_late_and_a_replayed_one_again() -> None:
    rig = Rig()
    rig.underlay.impair(Impairment(Effect.REORDER, amount=1, delay_s=0.2))
    rig.datagram()
    ((at_s, _),) = rig.heard()
    assert 0.001 < at_s <= 0.201
    rig = Rig()
    rig.underlay.impair(Impairment(Effect.REPLAY, amount=1, delay_s=20.0))
    rig.datagram()
    first, second = rig.heard()
    assert first == (0.001, b"x")
    assert 0.001 < second[0] <= 20.001


def test_raw_corruption_delivers_flipped_bytes() -> None:
    rig = Rig()
    rig.underlay.raw_corruption = True
    rig.underlay.impair(Impairment(Effect.CORRUPT))
    rig.datagram(bytes(100))
    ((at_s, data),) = rig.heard()
    assert at_s == 0.001
    assert len(data) == 100
    assert 1 <= sum(byte != 0 for byte in data) <= 3


def test_a_full_uplink_queues_and_then_drops() -> None:
    rig = Rig()
    rig.underlay.impair(Impairment(Effect.RATE, amount=1000))
    for _ in range(20):
        rig.datagram(bytes(100))
    expected = [round(0.1 * n + 0.001, 6) for n in range(1, 12)]
    assert [at_s for at_s, _ in rig.heard()] == expected
    assert rig.underlay.coverage["datagram_rate"] == 9


def test_a_mended_path_is_whole_again() -> None:
    rig = Rig()
    keys = rig.underlay.impair(*partition([0], [1]))
    rig.datagram(b"lost")
    rig.underlay.mend(*keys)
    rig.datagram(b"kept")
    assert rig.heard() == [(0.001, b"kept")]


def test_base_loss_hits_each_datagram_independently() -> None:
    rig = Rig(loss=0.2)
    for _ in range(5000):
        rig.datagram()
    assert 3880 < len(rig.heard()) < 4120


def test_impairments_add_up() -> None:
    hits = [
        Impairment(Effect.LOSS, amount=0.5),
        Impairment(Effect.RATE, amount=9),
        Impairment(Effect.RATE, amount=5),
        Impairment(Effect.STREAM_CUT),
    ]
    assert path_of(hits, 0.5) == Path(stream_cut=True, loss=0.75, rate=5, mtu=inf)


def test_a_new_stream_costs_a_round_trip_and_an_open_one_none() -> None:
    rig = Rig()
    rig.frame(b"first")
    rig.world.at(1.0, rig.frame, b"second")
    rig.world.at(20.0, rig.frame, b"after a long silence")
    assert rig.heard() == [
        (0.003, b"first"),
        (1.001, b"second"),
        (20.003, b"after a long silence"),
    ]


def test_frames_of_a_stream_arrive_in_order_under_loss() -> None:
    rig = Rig(loss=0.2)
    frames = [bytes([n]) for n in range(50)]
    for frame in frames:
        rig.frame(frame)
    heard = rig.heard()
    assert [data for _, data in heard] == frames
    assert heard[-1][0] > 0.2


def test_a_stream_through_which_nothing_passes_breaks() -> None:
    rig = Rig(loss=1.0)
    rig.frame(b"x")
    assert rig.heard() == []
    assert len(rig.here.failures) == 1


@pytest.mark.parametrize(
    ("cut_s", "heard", "failed"),
    [
        (0.1, [0.203], []),
        (1.0, [1.403], []),
        (2.99, [3.003], []),
        (5.0, [], [3.0]),
    ],
)
def test_a_cut_stream_retries_at_doubling_timeouts_and_breaks_after_3_s(
    cut_s: float, heard: list[float], failed: list[float]
) -> None:
    rig = Rig()
    keys = rig.underlay.impair(Impairment(Effect.CUT, frozenset({1}), frozenset({0})))
    rig.world.at(cut_s, rig.underlay.mend, *keys)
    rig.frame(b"x")
    assert [at_s for at_s, _ in rig.heard()] == heard
    assert [round(at_s, 6) for at_s in rig.here.failures] == failed


def test_a_machine_without_the_process_refuses_after_a_round_trip() -> None:
    rig = Rig()
    rig.there.up = False
    rig.frame(b"x")
    assert rig.heard() == []
    assert rig.here.failures == [0.002]


def test_a_dead_machine_is_found_out_after_3_s() -> None:
    rig = Rig()
    rig.there.up = rig.there.reachable = False
    rig.frame(b"x")
    assert rig.heard() == []
    assert [round(at_s, 6) for at_s in rig.here.failures] == [3.0]


def test_a_stream_to_somebody_else_fails() -> None:
    rig = Rig()
    rig.frame(b"x", NodeId(b"?" * 16))
    assert rig.heard() == []
    assert [round(at_s, 6) for at_s in rig.here.failures] == [0.004]
