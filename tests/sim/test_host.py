"""What a host does to its engine: clocks, pauses, slowness, lives."""

from random import Random

import pytest

from sim.cluster import Cluster
from sim.options import Options
from sim.trace import Trace
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram, State
from tests.sim.toy_engine import ToyEngine, ToyProfile


class Diary(ToyEngine):
    """Writes down its inputs and when they came, and does nothing else."""

    pages: list[tuple[str, float]]
    began_s = 0.0
    deadline_s: float | None = None

    def start(self, now: float) -> None:
        self.pages = []
        self.began_s = now
        self.deadline_s = now + 1

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        self._write(data.decode(), now)

    def note_late(self, now: float, seconds: float) -> None:
        self._write(f"late {seconds:.3f}", now)

    def handle_timeout(self, now: float) -> None:
        assert self.deadline_s is not None
        assert now >= self.deadline_s
        self.deadline_s += 1
        self._write("timer", now)

    def poll_timeout(self) -> float | None:
        return self.deadline_s

    def _write(self, what: str, now: float) -> None:
        self.pages.append((what, round(now - self.began_s, 3)))


class Rig:
    """Two hosts with diaries; `say` reaches the second 1 ms later."""

    def __init__(self) -> None:
        options = Options("idle", 2, 1, "toy")
        self.cluster = Cluster(options, ToyProfile(Diary), Trace(), 2)
        self.cluster.underlay.latency = lambda source, target: 0.001
        self.cluster.start_with_full_views()
        self.world = self.cluster.world
        self.here, self.there = self.cluster.hosts

    def say(self, at_s: float, text: str) -> None:
        output = SendDatagram(self.there.node, self.there.address, text.encode())
        self.world.at(at_s, self.cluster.underlay.send, self.here, output)

    def diary(self, until_s: float) -> list[tuple[str, float]]:
        self.world.run(until_s, flush=self.cluster.flush)
        engine = self.there.engine
        assert isinstance(engine, Diary)
        return engine.pages


def test_inputs_come_when_they_arrive_and_timers_when_they_are_due() -> None:
    rig = Rig()
    rig.say(0.5, "a")
    assert rig.diary(2.5) == [("a", 0.501), ("timer", 1.0), ("timer", 2.0)]


def test_a_resumed_host_is_late_then_reads_its_backlog_then_runs_its_timers() -> None:
    rig = Rig()
    rig.world.at(0.5, rig.there.pause)
    rig.say(0.6, "a")
    rig.say(1.6, "b")
    rig.world.at(1.8, rig.there.resume)
    assert rig.diary(2.5) == [
        ("late 0.800", 1.8),
        ("a", 1.8),
        ("b", 1.8),
        ("timer", 1.8),
        ("timer", 2.0),
    ]


def test_a_short_pause_is_not_late() -> None:
    rig = Rig()
    rig.world.at(0.5, rig.there.pause)
    rig.say(0.55, "a")
    rig.world.at(0.6, rig.there.resume)
    assert rig.diary(0.9) == [("a", 0.6)]


def test_a_paused_host_drops_what_its_socket_buffer_cannot_hold() -> None:
    rig = Rig()
    rig.there.pause()
    for _ in range(220):
        rig.say(0.1, "x" * 1000)
    rig.world.at(0.5, rig.there.resume)
    assert len(rig.diary(0.6)) == 212
    assert rig.cluster.underlay.coverage["datagram_buffer"] == 8


def test_on_a_slow_host_each_input_costs_time_and_inputs_queue() -> None:
    rig = Rig()
    rig.there.input_cost_s = 0.1
    rig.say(0.2, "a")
    rig.say(0.2, "b")
    assert rig.diary(1.5) == [
        ("a", 0.301),
        ("b", 0.401),
        ("late 0.100", 1.1),
        ("timer", 1.1),
    ]


@pytest.mark.parametrize(("rate", "timers"), [(0.5, 2), (1.0, 4), (2.0, 8)])
def test_a_drifting_clock_brings_timers_early_or_late(rate: float, timers: int) -> None:
    rig = Rig()
    rig.there.set_rate(rate)
    assert len(rig.diary(4.25)) == timers


def test_a_datagram_for_somebody_else_is_not_opened() -> None:
    rig = Rig()
    output = SendDatagram(rig.here.node, rig.there.address, b"x")
    rig.cluster.underlay.send(rig.here, output)
    assert rig.diary(0.5) == []
    assert rig.cluster.underlay.coverage["datagram_stranger"] == 1


def test_a_restart_with_state_raises_the_epoch_and_keeps_the_view() -> None:
    rig = Rig()
    rig.cluster.crash(rig.there)
    assert (rig.there.up, rig.cluster.live()) == (False, [rig.here])
    rig.cluster.restart(rig.there, with_state=True, random=Random(1))
    engine = rig.there.engine
    assert engine is not None
    assert engine.states() == {rig.here.node: State.ALIVE}
    assert (rig.there.boot_epoch, rig.there.life) == (2, 2)


def test_a_restart_without_state_begins_anew_and_joins() -> None:
    rig = Rig()
    rig.cluster.crash(rig.there)
    rig.cluster.restart(rig.there, with_state=False, random=Random(1))
    engine = rig.there.engine
    assert isinstance(engine, Diary)
    assert (engine.states(), rig.there.boot_epoch) == ({}, 1)
    assert engine.join_through == [rig.here.address]


def test_a_clone_has_the_same_identity_elsewhere() -> None:
    rig = Rig()
    twin = rig.cluster.clone(rig.there)
    assert (twin.index, twin.node, twin.boot_epoch) == (2, rig.there.node, 2)
    assert twin.address != rig.there.address
    assert rig.cluster.live() == [rig.here, rig.there]
