"""What the room above wants before each frame stands there, and costs nothing else."""

from dataclasses import replace
from random import Random
from typing import Final

from swarmnet.ids import CLUSTER
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Digest, Join, Ping
from swarmnet.swim.outputs import (
    Output,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
)
from tests.swim.worlds import (
    address,
    advance,
    alive,
    drain,
    frame,
    living,
    node,
    roster,
    route,
    seams,
)

ENVELOPE: Final = b"\x00room"


def life(envelope: bytes) -> list[Output]:
    """Return what an engine sends in three seconds of its life, of every kind."""
    engine = Swim(
        route(1),
        SwimConfig(),
        Random(1),
        replace(seams(1), envelope=envelope),
        view=roster(1, living(1, 2, 3)),
    )
    engine.start(0.0)
    engine.publish(0.0, Payload(b"key", CLUSTER, PayloadClass.NORMAL, b"data"))
    ping = Ping(7, Digest(bytes(16), 9))
    engine.receive_datagram(0.0, node(2), address(2), frame(alive(2, 1, 1), ping))
    engine.receive_stream(0.0, node(4), address(4), frame(alive(4), Join()))
    return [*drain(engine), *(output for _, output in advance(engine, 3.0))]


def test_each_frame_goes_out_behind_the_envelope() -> None:
    bare, wrapped = life(b""), life(ENVELOPE)
    kinds = (SendDatagram, SendStream)
    assert {type(one) for one in bare if isinstance(one, kinds)} == set(kinds)
    assert wrapped == [
        replace(one, data=ENVELOPE + one.data) if isinstance(one, kinds) else one
        for one in bare
    ]
