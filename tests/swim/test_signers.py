"""Claims whose author's key is not known yet: kept by whoever drives the engine."""

from random import Random

from swarmnet.ids import NodeId
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Seams
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import SignerUnknown, State
from tests.swim.worlds import (
    address,
    alive,
    changed,
    claims,
    drain,
    living,
    node,
    notes,
    proof_of,
    roster,
    route,
    seams,
    suspect,
    tell,
)

ALIVE = State.ALIVE


def engine_knowing(known: set[NodeId]) -> Swim:
    """Return an engine of 1 that has the keys of `known`, and holds 1, 2 and 3."""
    own = seams(1)

    def verify(author: NodeId, message: bytes, proof: bytes) -> bool | None:
        if author not in known:
            return None
        return proof == proof_of(author, message)

    engine = Swim(
        route(1),
        SwimConfig(),
        Random(1),
        Seams(own.sign, verify, own.serial),
        view=roster(1, living(1, 2, 3)),
    )
    engine.start(0.0)
    drain(engine)
    return engine


def test_a_claim_by_one_whose_key_is_unknown_is_handed_out_and_not_held() -> None:
    engine = engine_knowing({node(2), node(3)})
    claim = alive(4)
    assert tell(engine, 2, claim) == [
        SignerUnknown(node(4), claim.item, node(2), address(2))
    ]
    assert engine.member(node(4)) is None
    assert engine.counters()["signers_unknown"] == 1


def test_it_is_taken_once_the_key_is_known() -> None:
    known = {node(2), node(3)}
    engine = engine_knowing(known)
    tell(engine, 2, alive(4))
    known.add(node(4))
    outputs = tell(engine, 2, alive(4))
    assert notes(outputs) == [changed(4, None, ALIVE)]
    assert (3, alive(4)) in claims(outputs)


def test_an_accusation_by_a_stranger_starts_no_suspicion() -> None:
    engine = engine_knowing({node(2), node(3)})
    lie = suspect(3, 9)
    assert tell(engine, 2, lie) == [
        SignerUnknown(node(9), lie.item, node(2), address(2))
    ]
    held = engine.member(node(3))
    assert held is not None
    assert held.state is ALIVE
