"""Invariants B and J: whatever was lost, one exchange makes two rosters equal."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.claim import Claim
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Compare, Digest, Message, Ranges, SketchOffer
from swarmnet.swim.outputs import Output, SendDatagram, SendStream, State
from tests.swim.worlds import (
    Network,
    address,
    advance,
    alive,
    claims,
    drain,
    fewer,
    frame,
    left,
    messages,
    network,
    node,
    stream,
    suspect,
    swim,
    tell,
)

OWN = st.one_of(
    st.builds(alive, st.integers(4, 12), st.integers(1, 2), st.integers(0, 2)),
    st.builds(alive, st.just(3), st.just(1), st.integers(0, 2)),
)
ACCUSED = st.builds(
    suspect, st.integers(2, 12), st.integers(13, 18), st.just(1), st.integers(0, 2)
)


@st.composite
def suspects(draw: st.DrawFn) -> list[Claim]:
    """Draw what makes a member suspect: its own claim, and accusations of that."""
    subject, incarnation = draw(st.integers(3, 12)), draw(st.integers(0, 2))
    authors = draw(st.lists(st.integers(13, 18), max_size=4))
    accusations = [suspect(subject, author, 1, incarnation) for author in authors]
    return [alive(subject, 1, incarnation), *accusations]


NEWS = st.lists(suspects() | st.lists(OWN | ACCUSED, max_size=4), max_size=8)


def fed(me: int, batches: Sequence[Sequence[Claim]]) -> Swim:
    """Return an engine of `me`, who knows 2 and 3, that was told the claims."""
    engine = swim(me, sorted({2, 3, me}))
    for batch in batches:
        engine.receive_stream(0.0, node(2), address(2), frame(*batch))
        drain(engine)
    return engine


def versions(claims_known: list[Claim]) -> list[Claim]:
    """Return the claims without accusations of what nobody has claimed."""
    own = {(c.subject, c.version) for c in claims_known if c.state is State.ALIVE}
    own |= {(node(2), (1, 0)), (node(3), (1, 0))}
    return [
        c
        for c in claims_known
        if c.state is not State.SUSPECT or (c.subject, c.version) in own
    ]


@given(st.lists(OWN, max_size=10), st.lists(ACCUSED, max_size=8), st.data())
def test_the_same_claims_in_any_order_give_the_same_roster(
    own: list[Claim], accusations: list[Claim], data: st.DataObject
) -> None:
    known = versions([*own, *accusations])
    forwards = fed(1, [known])
    shuffled: list[Claim] = data.draw(st.permutations(known))
    again: list[Claim] = data.draw(st.permutations(known))
    # What ran ahead of what it accuses comes once more: by repair, in the real world.
    backwards = fed(1, [shuffled, again, known])
    assert forwards.save().digest() == backwards.save().digest()
    assert forwards.states() == backwards.states()


def exchange(one: Swim, other: Swim, now: float) -> list[Message]:
    """Let 1 ask 2 to compare, deliver everything without loss; return what was said."""
    said: list[Message] = []
    waiting: list[tuple[Swim, int, Output]] = []
    opening = tell(other, 1, Compare(one.save().digest()), now=now)
    waiting += [(one, 2, output) for output in opening]
    while waiting:
        target, source, output = waiting.pop(0)
        if not isinstance(output, (SendDatagram, SendStream)):
            continue
        if output.peer != node(3 - source):
            continue
        said += [message for _, message in messages([output])]
        take = target.receive_datagram
        if isinstance(output, SendStream):
            take = target.receive_stream
        take(now, node(source), address(source), output.data)
        back = other if target is one else one
        waiting += [(back, 3 - source, answer) for answer in drain(target)]
    return said


@pytest.mark.slow
@given(NEWS, NEWS)
def test_one_exchange_without_loss_makes_two_rosters_equal(
    mine: list[list[Claim]], yours: list[list[Claim]]
) -> None:
    one, other = fed(1, mine), fed(2, yours)
    for engine in (one, other):
        engine.receive_stream(0.5, node(3), address(3), frame(alive(1), alive(2)))
        drain(engine)
    same = one.save().digest() == other.save().digest()
    said = exchange(one, other, 1.0)
    assert one.save().digest() == other.save().digest()
    assert one.save().members().keys() == other.save().members().keys()
    assert (said == []) == same


@pytest.mark.parametrize("subject", range(100, 112))
def test_one_exchange_brings_accusations_after_what_they_accuse(subject: int) -> None:
    accusations = [suspect(subject, author, 1, 1) for author in (50, 51)]
    one, other = fed(1, [[alive(subject, 1, 1), *accusations]]), fed(2, [])
    exchange(one, other, 1.0)
    held = Member(alive(subject, 1, 1), tuple(accusations), State.SUSPECT)
    assert other.member(node(subject)) == one.member(node(subject)) == held
    assert one.save().digest() == other.save().digest()


@pytest.mark.parametrize("count", [1, 5, 60, 300])
def test_repair_costs_what_differs(count: int) -> None:
    shared = [alive(n) for n in range(100, 400)]
    extra = [alive(n) for n in range(1000, 1000 + count)]
    one = swim(1, (2,))
    other = swim(2, (1,))
    for engine, known in ((one, shared), (other, [*shared, *extra])):
        engine.receive_stream(0.0, node(9), address(9), frame(*known))
        drain(engine)
    said = exchange(one, other, 1.0)
    assert one.save().digest() == other.save().digest()
    size = sum(len(frame(message)) for message in said)
    assert size <= 120 * count * 2 + 1500


def test_equal_digests_are_met_with_silence() -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 2, Compare(engine.save().digest())) == []
    assert advance(engine, 60.0) == []


def test_a_digest_that_differs_is_answered_by_the_first_cells() -> None:
    engine = swim(1, (2, 3))
    ours = engine.save().digest()
    outputs = tell(engine, 2, Compare(Digest(bytes(16), ours.count + 1)))
    ((to, offer),) = messages(outputs)
    assert (to, type(offer)) == (2, SketchOffer)
    assert engine.counters()["digests_differ"] == 1


def test_repairs_begun_are_bounded_in_time() -> None:
    engine = swim(1, (2, 3))
    strange = Compare(Digest(bytes(16), 9))
    sent = [len(tell(engine, 2, strange, now=n * 0.025)) for n in range(9)]
    assert sent == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_difference_of_thousands_is_settled_by_ranges() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 2, Compare(Digest(bytes(16), 5000)))
    ((to, opening),) = messages(outputs)
    assert (to, type(opening)) == (2, Ranges)
    assert [type(one) for one in outputs] == [SendStream]


def test_who_is_out_of_tokens_begins_no_repair_by_ranges() -> None:
    engine = swim(1, (2, 3))
    engine._core.budget.charge(0.0, 2_000_000)
    assert tell(engine, 2, Compare(Digest(bytes(16), 5000))) == []
    assert engine.counters()["refused_busy"] == 1


@pytest.mark.parametrize("message", [SketchOffer(b"?"), Ranges(b"?")])
def test_broken_cells_and_ranges_are_counted_and_dropped(message: Message) -> None:
    engine = swim(1, (2, 3))
    assert stream(engine, 2, message) == []
    assert engine.counters()["bad_packets"] == 1


def test_news_is_followed_by_a_digest_to_two_neighbours() -> None:
    engine = swim(1, (2, 3, 4))
    tell(engine, 2, alive(9))
    later = [one for one in advance(engine, 1.0) if messages([one[1]])]
    compared = [(at, to, m) for at, one in later for to, m in messages([one])]
    digest = engine.save().digest()
    assert [(at, m) for at, _, m in compared] == [(0.05, Compare(digest))] * 2
    assert len({to for _, to, _ in compared}) == 2


def test_what_one_repair_brought_in_bulk_is_not_relayed() -> None:
    engine = swim(1, (2, 3))
    few = [alive(n) for n in range(10, 26)]
    assert len(claims(stream(engine, 2, *few))) >= 16
    many = [alive(n) for n in range(30, 47)]
    assert claims(stream(engine, 2, *many, now=1.0)) == []


@pytest.mark.slow
@fewer(5)
@given(st.integers(0, 1000))
def test_a_cluster_that_lost_much_agrees_again(seed: int) -> None:
    world: Network = network(range(1, 7), SwimConfig(), seed)
    random = world.engines[1]._core.random
    world.drop = lambda source, target, sent: random.random() < 0.5
    for number in range(10, 16):
        engine = world.engines[1 + number % 6]
        data = frame(alive(number), suspect(number, 1 + number % 5))
        engine.receive_datagram(world.now, node(1), address(1), data)
        world.settle(1 + number % 6)
        world.run(0.1)
    world.drop = lambda source, target, sent: False
    world.run(6.0)
    # 10 to 15 do not exist: by now their deaths are concluded, and claimed by nobody.
    assert len(set(world.digests())) == 1


def test_those_who_left_stay_left_when_an_old_view_comes_back() -> None:
    world = network(range(1, 6))
    world.engines[5].leave(0.0)
    world.settle(5)
    world.run(1.0)
    del world.engines[5]
    world.engines[4] = swim(4, range(1, 6), seed=77, epoch=2)
    world.engines[4].start(world.now)
    world.settle(4)
    world.run(5.0)
    for observer in range(1, 5):
        assert world.states(observer)[5] is State.LEFT
    assert len(set(world.digests())) == 1
    assert left(5).version == (1, 1)
