"""Bytes and inputs of any kind: no exception, bounded outputs, counted drops."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.codec import decode_frame_untrusted
from swarmnet.swim.coordinates import ORIGIN, Coordinate
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Have, Join, Nack, PingRequest, Want, WantClaims
from swarmnet.swim.outputs import (
    Deliver,
    Output,
    Payload,
    PayloadClass,
    SendDatagram,
    State,
)
from tests.swim.worlds import (
    IDLE,
    Network,
    address,
    alive,
    drain,
    fewer,
    frame,
    left,
    network,
    node,
    suspect,
    swim,
)

OUTPUTS_MAX = 400
FAR = Coordinate((9.0, *[-1.0] * 7), 0.0, -5.0, 10.0)


@cache
def conversation() -> tuple[bytes, ...]:
    """Return the frames of some minutes among six members, with joins and losses."""
    world = network(range(1, 6))
    world.engines[6] = swim(6, seed=6)
    world.engines[6].start(0.0)
    world.engines[6].join(0.0, [address(1)])
    world.settle(6)
    random = world.engines[1]._core.random
    world.drop = lambda source, target, sent: random.random() < 0.2
    for number in range(1, 6):
        payload = Payload(b"%d" % number, CLUSTER, PayloadClass.NORMAL, b"data")
        world.engines[number].publish(world.now, payload)
        world.settle(number)
        world.run(1.0)
    spread_a_difference(world, 20)
    spread_a_difference(world, 200)
    world.engines[5].leave(world.now)
    world.settle(5)
    world.run(3.0)
    del world.engines[4]
    world.run(20.0)
    frames = dict.fromkeys(one.data for _, _, one in world.sent)
    alike: dict[tuple[str, ...], list[bytes]] = {}
    for data in sorted(frames, key=lambda data: (len(data), data)):
        alike.setdefault(kinds(data), []).append(data)
    # Some of each composition, small and large: most are but a ping or an ack.
    return tuple(
        data for group in alike.values() for data in group[:: 1 + len(group) // 10]
    )


def kinds(data: bytes) -> tuple[str, ...]:
    """Return the kinds of message in a frame, each once, in order of name."""
    read = decode_frame_untrusted(data).messages
    return tuple(sorted({type(message).__name__ for message in read}))


def spread_a_difference(world: Network, count: int) -> None:
    """Tell one member of many: few are settled by sketches, more by ranges."""
    many = frame(*(alive(1000 + count + number) for number in range(count)))
    world.engines[2].receive_stream(world.now, node(1), address(1), many)
    world.settle(2)
    world.run(1.0)


def test_the_conversation_has_every_kind_of_message() -> None:
    spoken = {kind for data in conversation() for kind in kinds(data)}
    assert spoken >= {
        *("Ping", "Ack", "Nack", "PingRequest", "ClaimNews", "PayloadNews"),
        *("Have", "Want"),
        *("Compare", "SketchOffer", "Join", "Welcome", "Ranges"),
    }


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a real frame, cut, doubled or with some bytes changed."""
    data = bytearray(draw(st.sampled_from(conversation())))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["set", "cut", "insert", "double"]))
        if kind == "set" and data:
            data[place] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[place : place + draw(st.integers(1, 8))]
        elif kind == "insert":
            data[place:place] = draw(st.binary(max_size=8))
        else:
            data[place:place] = data[place : place + draw(st.integers(1, 40))]
    return bytes(data)


SENDERS = st.integers(1, 9)
SMALL = st.integers(0, 12)
MESSAGES = st.one_of(
    st.builds(alive, SENDERS, SMALL, SMALL),
    st.builds(left, SENDERS, SMALL, SMALL),
    st.tuples(SENDERS, SENDERS, SMALL, SMALL)
    .filter(lambda parts: parts[0] != parts[1])
    .map(lambda parts: suspect(*parts)),
    st.builds(Ack, SMALL, st.sampled_from([None, ORIGIN, FAR])),
    st.builds(Nack, SMALL),
    st.builds(
        PingRequest,
        SMALL,
        st.builds(node, SENDERS),
        st.builds(address, SENDERS),
        st.sampled_from([0.001, 0.4, 60.0]),
    ),
    st.builds(Have, st.lists(SMALL, max_size=20).map(tuple), st.booleans()),
    st.builds(Want, st.lists(SMALL, max_size=20).map(tuple)),
    st.builds(WantClaims, st.lists(SMALL, min_size=1, max_size=20).map(tuple)),
    st.just(Join()),
)
FRAMES = (
    mutated()
    | st.binary(max_size=60)
    | st.lists(MESSAGES, max_size=5).map(lambda sent: frame(*sent))
)


class AnyInput(RuleBasedStateMachine):
    """One engine, given anything that a driver or the network may bring."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: Swim = swim(1, range(1, 7))
        self.now = 0.0
        self.own = (1, 0)
        self.engine.start(self.now)
        self.settle()

    def settle(self) -> None:
        """Take the outputs; relay what is delivered."""
        outputs: list[Output] = drain(self.engine)
        assert len(outputs) <= OUTPUTS_MAX
        for one in outputs:
            if isinstance(one, SendDatagram):
                assert len(one.data) <= 1200 - 48
            if isinstance(one, Deliver):
                self.engine.relay(self.now, one.payload)
        assert len(drain(self.engine)) <= OUTPUTS_MAX

    @rule(sender=SENDERS, data=FRAMES, streamed=st.booleans())
    def receive(self, sender: int, data: bytes, streamed: bool) -> None:
        take = self.engine.receive_stream if streamed else self.engine.receive_datagram
        take(self.now, node(sender), address(sender), data)
        self.settle()

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.05, 0.6, 3.0]), late=st.booleans())
    def wait(self, seconds: float, late: bool) -> None:
        until = self.now + seconds
        while not late and (due := self.engine.poll_timeout() or until + 1) <= until:
            self.now = max(self.now, due)
            self.engine.handle_timeout(self.now)
            self.settle()
        self.now = until
        self.engine.note_late(self.now, seconds if late else 0.0)
        self.engine.handle_timeout(self.now)
        self.settle()

    @rule(data=st.binary(max_size=100), scope=st.sampled_from([CLUSTER, Scope(b"n")]))
    def publish(self, data: bytes, scope: Scope) -> None:
        self.engine.attach(Scope(b"n"), [node(1), node(2)])
        payload = Payload(b"key" + data[:1], scope, PayloadClass.URGENT, data)
        self.engine.publish(self.now, payload)
        self.settle()

    @rule(meta=st.binary(max_size=256))
    def update(self, meta: bytes) -> None:
        self.engine.update(self.now, meta=meta)
        self.settle()

    @rule(numbers=st.lists(SENDERS, min_size=1, max_size=3))
    def join(self, numbers: list[int]) -> None:
        self.engine.join(self.now, [address(number) for number in numbers])
        self.settle()

    @rule(peer=SENDERS, limit=st.integers(512, 2000))
    def limit(self, peer: int, limit: int) -> None:
        self.engine.limit_datagrams(node(peer), min(limit, 1200))

    @rule(peer=SENDERS)
    def break_stream(self, peer: int) -> None:
        self.engine.stream_failed(self.now, node(peer), address(peer))
        self.settle()

    @invariant()
    def it_holds_itself_alive_and_never_goes_back(self) -> None:
        held = self.engine.member(node(1))
        assert held is not None
        assert (held.state, held.accusations) == (State.ALIVE, ())
        assert held.claim.version >= self.own
        self.own = held.claim.version

    @invariant()
    def its_sums_are_those_of_what_it_holds(self) -> None:
        roster = self.engine.save()
        assert roster.digest().count == len(dict(roster.elements()))
        assert 0 <= self.engine.counters()["health_score"] <= 7


TestAnyInput = AnyInput.TestCase
TestAnyInput.settings = settings(fewer(2), stateful_step_count=25)


def is_frame(data: bytes) -> bool:
    """Say whether `data` reads as a frame."""
    try:
        decode_frame_untrusted(data)
    except BadPacket:
        return False
    return True


@given(mutated(), st.booleans())
def test_a_frame_that_is_refused_is_counted_once_and_changes_nothing(
    data: bytes, streamed: bool
) -> None:
    engine = swim(1, range(1, 7))
    broken = data if not is_frame(data) else data[:-1]
    before = engine.save().digest()
    take = engine.receive_stream if streamed else engine.receive_datagram
    take(0.0, node(2), address(2), broken)
    after = (drain(engine), engine.poll_timeout(), engine.save().digest())
    assert after == ([], None, before)
    assert engine.counters() == {**IDLE, "bad_packets": 1}


@pytest.mark.slow
@fewer(10)
@given(st.integers(0, 1000))
def test_equal_seeds_give_equal_runs(seed: int) -> None:
    runs = []
    for _ in range(2):
        world = network(range(1, 7), seed=seed)
        world.run(3.0)
        del world.engines[6]
        world.engines[2].leave(world.now)
        world.settle(2)
        world.run(8.0)
        runs.append((world.sent, world.log, world.digests()))
    assert runs[0] == runs[1]
