"""What fits into no datagram of a peer goes to it on a stream instead."""

import pytest

from swarmnet.ids import CLUSTER
from swarmnet.swim.codec import payload_news
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import ClaimNews, Want
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    Output,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.swim.payloads import payload_id
from tests.swim.worlds import (
    Network,
    advance,
    alive,
    claims,
    drain,
    messages,
    network,
    node,
    route,
    suspect,
    swim,
    tell,
)

ROOMY = SwimConfig(meta_bytes_max=512)
META = b"m" * 512


def limited(limit: int) -> Swim:
    """Return an engine of 1 whose claim is large, and that may send 2 so little."""
    engine = swim(1, (2, 3), ROOMY)
    engine.update(0.0, meta=META)
    advance(engine, 1.0)
    engine.limit_datagrams(node(2), limit)
    return engine


def ways(outputs: list[Output], to: int) -> list[type[Output]]:
    """Return by which ways something is sent to a member."""
    return [
        type(one)
        for one in outputs
        if isinstance(one, (SendDatagram, SendStream)) and one.peer == node(to)
    ]


@pytest.mark.parametrize(
    ("sizes", "way"),
    [([1148], SendDatagram), ([1149], SendStream), ([600, 548], SendDatagram),
     ([600, 549], SendStream)],
)  # fmt: skip
def test_what_is_above_the_room_by_a_byte_goes_on_a_stream(
    sizes: list[int], way: type[Output]
) -> None:
    engine = swim(1, (2,))
    items = [
        b"\xc5" + (size - 3).to_bytes(2, "big") + bytes(size - 3) for size in sizes
    ]
    engine._core.send_anyhow(0.0, route(2), items)
    assert ways(drain(engine), 2) == [way]


@pytest.mark.parametrize(("limit", "way"), [(512, SendStream), (1200, SendDatagram)])
def test_an_accuser_of_an_old_version_is_answered_whatever_its_limit(
    limit: int, way: type[Output]
) -> None:
    engine = limited(limit)
    outputs = tell(engine, 2, suspect(1, 2), now=1.0)
    assert claims(outputs) == [(2, alive(1, 1, 1, meta=META))]
    assert ways(outputs, 2) == [way]


def test_a_distant_accuser_receives_a_large_refutation_on_a_stream() -> None:
    engine = swim(1, range(2, 40), ROOMY)
    engine.update(0.0, meta=META)
    advance(engine, 1.0)
    neighbours = engine.save().rings.neighbours()
    far = next(n for n in range(2, 40) if node(n) not in neighbours)
    engine.limit_datagrams(node(far), 512)
    outputs = tell(engine, far, suspect(1, far, 1, 1), now=2.0)
    assert ways(outputs, far) == [SendStream]
    assert (far, alive(1, 1, 2, meta=META)) in claims(outputs)


def test_who_believes_in_one_who_left_receives_a_large_leave_on_a_stream() -> None:
    world = network(range(1, 4), ROOMY)
    world.engines[3].update(0.0, meta=META)
    world.settle(3)
    world.run(1.0)
    world.engines[3].leave(world.now)
    world.settle(3)
    world.run(1.0)
    engine = world.engines[1]
    engine.limit_datagrams(node(2), 512)
    outputs = tell(engine, 2, alive(3), now=world.now)
    assert ways(outputs, 2) == [SendStream]
    assert [claim.state for _, claim in claims(outputs)] == [State.LEFT]


def test_a_payload_above_a_peers_limit_reaches_it() -> None:
    world = network(range(1, 8))
    for number, engine in world.engines.items():
        if number != 5:
            engine.limit_datagrams(node(5), 512)
    payload = Payload(b"key", CLUSTER, PayloadClass.URGENT, bytes(700))
    world.engines[1].publish(0.0, payload)
    world.settle(1)
    world.run(1.0)
    got = sorted(n for _, n, one in world.log if isinstance(one, Deliver))
    assert got == [2, 3, 4, 5, 6, 7]


def test_a_wanted_payload_above_a_peers_limit_is_given_on_a_stream() -> None:
    engine = swim(1, (2, 3))
    engine.limit_datagrams(node(2), 512)
    payload = Payload(b"key", CLUSTER, PayloadClass.URGENT, bytes(700))
    engine.publish(0.0, payload)
    drain(engine)
    news = payload_news(payload)
    outputs = tell(engine, 2, Want((payload_id(news.item),)), now=0.1)
    assert (ways(outputs, 2), messages(outputs)) == ([SendStream], [(2, news)])


def test_a_leave_above_its_neighbours_limits_is_known_to_them() -> None:
    world: Network = network(range(1, 8), ROOMY)
    world.engines[1].update(0.0, meta=META)
    world.settle(1)
    world.run(1.0)
    for number in range(2, 8):
        world.engines[1].limit_datagrams(node(number), 512)
    world.sent.clear()
    world.engines[1].leave(world.now)
    world.settle(1)
    first = messages([one for _, _, one in world.sent])
    neighbours = swim(1, range(1, 8)).save().rings.neighbours()
    assert [node(to) for to, one in first if isinstance(one, ClaimNews)] == [
        *neighbours
    ]
    world.run(0.05)
    assert [one for _, n, one in world.log if n == 1 and isinstance(one, Departed)] == [
        Departed(3)
    ]
    assert [world.states(n)[1] for n in range(2, 8)] == [State.LEFT] * 6
