"""Invariant G: lanes are bounded by subjects, ordered by rank, fair, and fit."""

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.codec import (
    FRAME_OVERHEAD_BYTES,
    decode_frame_untrusted,
    encode_frame,
    payload_news,
)
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.messages import Have
from swarmnet.swim.outputs import Payload, PayloadClass, SendDatagram
from swarmnet.swim.relay import Lane, Rank
from tests.swim.worlds import (
    address,
    advance,
    alive,
    drain,
    fewer,
    frame,
    left,
    messages,
    node,
    route,
    suspect,
    swim,
    tell,
)

ROOM = 1148
PUTS = st.lists(
    st.tuples(
        st.sampled_from(Rank),
        st.binary(min_size=1, max_size=1),
        st.integers(1, ROOM),
    ),
    max_size=40,
)


def drained(lane: Lane, room: int = ROOM) -> list[list[bytes]]:
    """Take datagrams until nothing waits."""
    found = []
    while lane.bytes:
        found.append(lane.take(room))
    return found


def test_what_is_newer_of_the_same_thing_takes_its_place() -> None:
    lane = Lane()
    lane.put(Rank.CLAIM, b"a", b"old")
    lane.put(Rank.CLAIM, b"b", b"other")
    lane.put(Rank.OWN_CLAIM, b"a", b"newer")
    assert lane.bytes == 10
    assert lane.take(ROOM) == [b"newer", b"other"]
    assert lane.bytes == 0


def test_a_datagram_is_filled_in_the_order_of_ranks() -> None:
    lane = Lane()
    for rank in reversed(Rank):
        lane.put(rank, bytes((rank, 1)), bytes((rank, 1)))
        lane.put(rank, bytes((rank, 2)), bytes((rank, 2)))
    expected = [bytes((rank, n)) for rank in Rank for n in (1, 2)]
    assert lane.take(ROOM) == expected


def test_each_fourth_datagram_begins_with_another_rank_in_turn() -> None:
    lane = Lane()
    for rank in Rank:
        for number in range(40):
            lane.put(rank, bytes((rank, number)), bytes((rank,)))
    firsts = [lane.take(1)[0][0] for _ in range(24)]
    assert firsts == [*(0, 0, 0, 1), *(0, 0, 0, 2), *(0, 0, 0, 3),
                      *(0, 0, 0, 4), *(0, 0, 0, 5), *(0, 0, 0, 1)]  # fmt: skip


@given(PUTS, st.lists(st.integers(0, 99), max_size=40))
def test_everything_queued_last_is_sent_once_and_fits(
    puts: list[tuple[Rank, bytes, int]], ids: list[int]
) -> None:
    lane = Lane()
    latest: dict[bytes, bytes] = {}
    for number, (rank, about, size) in enumerate(puts):
        item = number.to_bytes(2, "big") + bytes(size)
        latest[about] = item[:size]
        lane.put(rank, about, item[:size])
    for number in ids:
        lane.put_id(number, reminds=number % 2 == 0)
    assert lane.bytes == sum(map(len, latest.values())) + 8 * len(set(ids))
    datagrams = drained(lane)
    assert all(sum(map(len, one)) <= ROOM for one in datagrams)
    sent = [item for one in datagrams for item in one]
    have = [item for item in sent if item.startswith(b"\x93\x07")]
    assert sorted(item for item in sent if item not in have) == sorted(latest.values())
    read = decode_frame_untrusted(encode_frame(have)).messages
    told = [n for one in read if isinstance(one, Have) for n in one.payload_ids]
    assert sorted(told) == sorted(set(ids))
    assert all(
        one.reminds == (n % 2 == 0)
        for one in read
        if isinstance(one, Have)
        for n in one.payload_ids
    )


@given(st.sampled_from(Rank), st.integers(0, 30))
def test_nothing_waits_for_ever_behind_more_urgent_news(rank: Rank, sent: int) -> None:
    lane = Lane()
    for number in range(sent):
        lane.put(Rank.OWN_CLAIM, number.to_bytes(2, "big"), bytes(1000))
        lane.take(ROOM)
    lane.put(rank, b"mine", b"mine" + bytes(996))
    waited = 0
    while True:
        for other in Rank:
            if other is not rank:
                lane.put(other, bytes((other, waited)), bytes(1000))
        waited += 1
        if any(item.startswith(b"mine") for item in lane.take(ROOM)):
            break
        assert waited < 4 * len(Rank)
    assert waited <= 4 * (len(Rank) - 1)


def test_what_no_datagram_could_hold_is_dropped_and_nothing_else() -> None:
    lane = Lane()
    lane.put(Rank.CLAIM, b"a", bytes(21))
    lane.put(Rank.CLAIM, b"b", b"item")
    lane.put(Rank.PAYLOAD, b"c", bytes(21))
    lane.put(Rank.PAYLOAD, b"d", b"data")
    assert lane.take(20) == [b"item", b"data"]
    assert (lane.bytes, lane.has_items, lane.take(ROOM)) == (0, False, [])


def test_what_is_replaced_keeps_its_place_unless_its_rank_is_another() -> None:
    lane = Lane()
    for about in (b"a", b"b", b"c"):
        lane.put(Rank.CLAIM, about, about)
    lane.put(Rank.CLAIM, b"a", b"a2")
    lane.put(Rank.OWN_CLAIM, b"c", b"c2")
    assert lane.take(ROOM) == [b"c2", b"a2", b"b"]
    assert lane.bytes == 0


def claims_in_lanes(config: SwimConfig, count: int) -> list[SendDatagram]:
    """Feed one engine, out of tokens, with claims of `count` members over and over."""
    engine = swim(1, (2, 3), config)
    for number in range(200):
        subject = 10 + number % count
        claim = alive(subject, 1, number)
        engine.receive_datagram(0.0, node(2), address(2), frame(claim))
    drain(engine)
    sent = []
    while (due := engine.poll_timeout()) is not None:
        engine.handle_timeout(due)
        sent += [one for one in drain(engine) if isinstance(one, SendDatagram)]
    return sent


def test_what_waits_is_bounded_by_the_subjects() -> None:
    config = SwimConfig(burst_bytes=5000, eager_bytes=1, rate_bytes_s=100.0)
    sizes = [
        sum(len(sent.data) for sent in claims_in_lanes(config, count))
        for count in (5, 10)
    ]
    assert sizes[0] <= 5 * 100 * 8
    assert sizes[0] < sizes[1] <= 10 * 100 * 10


NEWS = st.lists(
    st.one_of(
        st.tuples(st.just("alive"), st.integers(10, 60), st.integers(0, 256)),
        st.tuples(st.just("suspect"), st.integers(2, 6), st.integers(7, 12)),
        st.tuples(st.just("publish"), st.integers(0, 9), st.integers(0, 900)),
        st.tuples(st.just("update"), st.integers(0, 9), st.integers(0, 256)),
        st.tuples(st.just("have"), st.integers(0, 500), st.integers(0, 300)),
    ),
    max_size=25,
)


@fewer(2)
@given(NEWS, st.sampled_from([512, 600, 1200, 1400]), st.sampled_from([0.0, 0.003]))
def test_no_datagram_is_above_its_peers_limit(
    news: list[tuple[str, int, int]], limit: int, pause_s: float
) -> None:
    engine = swim(1, range(1, 7))
    engine.limit_datagrams(node(2), limit)
    now = 0.0
    engine.start(now)
    sent = drain(engine)
    for kind, number, size in news:
        if kind == "publish":
            key = b"key%d" % number
            payload = Payload(key, CLUSTER, PayloadClass(number % 2), bytes(size))
            engine.publish(now, payload)
        elif kind == "update":
            engine.update(now, meta=bytes(size))
        else:
            data = frame(
                alive(number, meta=bytes(size))
                if kind == "alive"
                else suspect(number, size)
                if kind == "suspect"
                else Have(tuple(range(number, number + size)), reminds=True)
            )
            engine.receive_datagram(now, node(3), address(3), data)
        now += pause_s
        engine.handle_timeout(now)
        sent += drain(engine)
    while now < 3.0:
        now = max(now, engine.poll_timeout() or 3.0)
        engine.handle_timeout(now)
        sent += drain(engine)
    for one in sent:
        if isinstance(one, SendDatagram):
            bound = limit if one.peer == node(2) else 1200
            assert len(one.data) <= bound - 48


def test_a_payload_that_just_fits_is_sent_in_one_datagram() -> None:
    engine = swim(1, (2,))
    size = len(payload_news(Payload(b"k", Scope(b""), PayloadClass.URGENT, b"")).item)
    data = bytes(1200 - 48 - FRAME_OVERHEAD_BYTES - size - 2)
    payload = Payload(b"k", CLUSTER, PayloadClass.URGENT, data)
    engine.publish(0.0, payload)
    (sent,) = drain(engine)
    assert isinstance(sent, SendDatagram)
    assert decode_frame_untrusted(sent.data).messages == (payload_news(payload),)
    assert len(sent.data) <= 1200 - 48


@given(
    st.lists(st.integers(1, 700), max_size=20), st.sampled_from([512, 600, 1200, 1300])
)
def test_what_goes_at_once_goes_in_order_in_datagrams_that_fit(
    sizes: list[int], limit: int
) -> None:
    engine = swim(1, (2,))
    engine.limit_datagrams(node(2), limit)
    core = engine._core
    room = limit - 48 - FRAME_OVERHEAD_BYTES
    items = [
        payload_news(Payload(b"%d" % n, CLUSTER, PayloadClass.URGENT, bytes(size))).item
        for n, size in enumerate(sizes)
    ]
    core.send(0.0, route(2), items)
    frames = [one.data for one in drain(engine) if isinstance(one, SendDatagram)]
    assert all(len(data) <= limit - 48 for data in frames)
    fitting = [item for item in items if len(item) <= room]
    expected = decode_frame_untrusted(encode_frame(fitting)).messages
    read = [m for data in frames for m in decode_frame_untrusted(data).messages]
    assert read == list(expected)
    assert core.counters.get("too_large", 0) == len(items) - len(fitting)


def test_what_waits_for_one_who_left_is_dropped() -> None:
    engine = swim(1, (2, 3))
    engine.update(0.0, meta=b"first")
    drain(engine)
    engine.update(0.001, meta=b"second")
    assert drain(engine) == []
    tell(engine, 3, left(2), now=0.002)
    sent = [to for _, one in advance(engine, 0.02) for to, _ in messages([one])]
    assert sent == [3]


def test_a_backlog_has_an_age_until_it_is_gone() -> None:
    config = SwimConfig(rate_bytes_s=2000.0, burst_bytes=4800.0, eager_bytes=1000.0)
    engine = swim(1, range(2, 6), config)
    tell(engine, 2, *(alive(number) for number in range(10, 80)))
    waiting = engine.backlog(0.5)
    assert waiting.bytes > 0
    assert waiting.age_s == 0.5
    advance(engine, 60.0)
    assert engine.backlog(60.0).age_s < 1.0
