"""What one exchange between two nodes finds, says and costs."""

from dataclasses import replace
from random import Random

import pytest

from swarmnet.ids import CLUSTER, U64_MAX
from swarmnet.sketch import Sketch, encode_cells
from swarmnet.sketch.codec import SPACE_END, Ids, RangeWriter
from swarmnet.tables.codec import decode_message_untrusted
from swarmnet.tables.config import TableConfig
from swarmnet.tables.messages import Compare, Offer, Ranges, Rows, Want
from tests.tables.links import NETWORK, Liar, Links, attach, item_of, items_of

OVERHEAD_BYTES = 64


def kinds(links: Links) -> list[str]:
    """Return the kinds of all messages that have passed, in their order."""
    found = []
    for mail in links.passed:
        message = None if mail.spread else decode_message_untrusted(mail.data)
        if message is not None:
            found.append(type(message).__name__)
    return found


def besides_rows(links: Links) -> int:
    """Return the bytes of all messages, but for the rows themselves."""
    rows = 0
    for mail in links.passed:
        message = None if mail.spread else decode_message_untrusted(mail.data)
        if isinstance(message, Rows):
            rows += sum(len(item) for item in message.items)
    return links.sent_bytes() - rows


def check_sizes(links: Links) -> None:
    """Check that no message is too large for what carries it."""
    config = links.config
    for mail in links.passed:
        most = config.page_bytes + OVERHEAD_BYTES
        assert mail.spread or len(mail.data) <= most
        assert mail.spread or mail.streamed or len(mail.data) <= config.datagram_bytes


def pair(
    shared: int, first: int, second: int, *, updated: int = 0, seed: int = 1
) -> Links:
    """Return two nodes of which each holds some rows that the other lacks.

    Of `updated` rows the second holds a later version.
    """
    links = Links(2, seed)
    start = 10_000 * seed
    both = items_of(range(start, start + shared))
    firsts = items_of(range(start + 50_000, start + 50_000 + first))
    seconds = items_of(range(start + 60_000, start + 60_000 + second))
    links.hold(1, both + firsts)
    links.hold(2, both + seconds)
    links.hold(2, [item_of(start + n, version=2) for n in range(updated)])
    links.settle()
    links.passed.clear()
    return links


def exchange(links: Links) -> None:
    """Let one digest ride from node 1 to node 2, and what follows happen."""
    links.show_digest(1, 2)
    links.settle()


@pytest.mark.parametrize(
    ("first", "second", "updated"),
    [(0, 1, 0), (1, 0, 0), (7, 3, 0), (0, 0, 5), (0, 200, 0), (200, 0, 0), (9, 9, 40)],
)
def test_one_exchange_without_loss_makes_two_nodes_equal(
    first: int, second: int, updated: int
) -> None:
    links = pair(300, first, second, updated=updated)
    assert not links.agree()
    exchange(links)
    assert links[1].rows(CLUSTER) == links[2].rows(CLUSTER)
    assert len(links[1].rows(CLUSTER)) == 300 + first + second
    # Proportional to what differs: some 2 cells of 13 bytes and 8 in a `Want` each,
    # and twice as much where the sizes do not tell how much it is.
    differ = first + second + 2 * updated
    assert besides_rows(links) <= 80 * (differ + 1) + 1300
    check_sizes(links)


def test_equal_digests_say_nothing() -> None:
    links = pair(20, 0, 0)
    exchange(links)
    assert list(links.passed) == []


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(1, 0), (0, 1), (10, 0), (0, 10)])
def test_ten_rows_of_ten_thousand_take_one_round_trip_and_no_stream(
    first: int, second: int
) -> None:
    links = pair(10_000, first, second)
    exchange(links)
    assert links.agree()
    assert kinds(links) == ["Offer", *(["Rows"] if first else ["Want", "Rows"])]
    assert besides_rows(links) <= 600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "updated"), [(0, 4000, 0), (9000, 0, 0), (500, 700, 3000)]
)
def test_what_differs_much_is_found_by_ranges(
    first: int, second: int, updated: int
) -> None:
    links = pair(6000, first, second, updated=updated)
    for _ in range(8):
        exchange(links)
        links.now += 1.0
    assert links.agree()
    assert "Ranges" in kinds(links)
    check_sizes(links)


@pytest.mark.slow
def test_a_full_shelf_and_an_empty_one_agree_by_messages_of_bounded_size() -> None:
    for page_bytes in (1024, 65_536):
        links = Links(2, config=replace(TableConfig(), page_bytes=page_bytes))
        links.hold(1, items_of(range(10_000)))
        for _ in range(700):
            exchange(links)
            links.now += 1.0
            if links.agree():
                break
        assert links.agree()
        check_sizes(links)


def test_cells_that_are_too_few_are_answered_by_more_and_not_by_ranges() -> None:
    links = pair(500, 0, 0, updated=20)
    exchange(links)
    assert links.agree()
    assert [kind for kind in kinds(links) if kind != "Rows"] == [
        *("Offer", "Offer", "Want")
    ]


def test_cells_that_explain_nothing_are_followed_by_ranges() -> None:
    links = pair(200, 3, 3)
    nonsense = Sketch(64)
    for number in range(200):
        nonsense.add(number << 50)
    cells = encode_cells(nonsense.cells(0, 64))
    links.tell(1, 2, Offer(CLUSTER, cells))
    links.settle()
    assert kinds(links)[0] == "Ranges"
    assert links.agree()


@pytest.mark.parametrize(
    "cells", [b"", bytes(13), encode_cells(Sketch(64).cells(0, 9))]
)
def test_whatever_cells_a_peer_offers_repair_goes_on(cells: bytes) -> None:
    links = pair(40, 2, 2)
    links.tell(1, 2, Offer(CLUSTER, cells))
    links.settle()
    assert links.agree()


def test_more_cells_than_anybody_offers_are_refused() -> None:
    links = pair(40, 2, 2)
    links.tell(1, 2, Offer(CLUSTER, bytes(13 * 513)))
    assert list(links.mail) == []
    assert links[1].counters()["bad_packets"] == 1


def test_repairs_begun_are_bounded_for_each_peer_and_for_all() -> None:
    links = pair(40, 0, 0)
    for turn in range(50):
        for peer in (2, 3, 4, 5, 6, 7):
            links.tell(1, peer, Compare(CLUSTER, bytes([turn] * 16), 40))
    assert len(links.mail) == links.config.repairs_max
    assert len({mail.target for mail in links.mail}) == links.config.repairs_max
    links.now += links.config.repair_interval_s
    links.tell(1, 2, Compare(CLUSTER, bytes([99] * 16), 40))
    assert len(links.mail) == links.config.repairs_max + 1


@pytest.mark.slow
def test_a_peer_that_wants_without_end_gets_a_bounded_share() -> None:
    links = Links(2)
    links.hold(1, [item_of(n, value=bytes(800)) for n in range(400)])
    links.settle()
    links.passed.clear()
    wanted = Want(CLUSTER, tuple(links[1].rows(CLUSTER)) * 10)
    for _ in range(40):
        links.tell(1, 3, wanted)
    taken = links.sent_bytes()
    assert 4 << 20 <= taken <= 5 << 20
    # One second later there is as much again, and others had theirs all the while.
    links.now += 1.0
    for _ in range(40):
        links.tell(1, 3, wanted)
    assert 8 << 20 <= links.sent_bytes() <= 10 << 20
    before = links.sent_bytes()
    links.tell(1, 2, wanted)
    assert links.sent_bytes() > before


@pytest.mark.slow
def test_a_few_bytes_do_not_bring_more_than_a_megabyte() -> None:
    links = Links(2)
    links.hold(1, [item_of(n, value=bytes(800)) for n in range(2000)])
    links.settle()
    links.passed.clear()
    writer = RangeWriter(bytes(16), 1000)
    writer.put(Ids(SPACE_END, ()))
    links.tell(1, 2, Ranges(CLUSTER, writer.finish() or b""))
    assert 1_000_000 <= links.sent_bytes() <= 1 << 20
    check_sizes(links)


@pytest.mark.slow
def test_ranges_and_cells_without_end_are_answered_ever_less() -> None:
    links = Links(2)
    links.hold(1, items_of(range(1000)))
    links.settle()
    writer = RangeWriter(bytes(16), 1000)
    writer.put(Ids(2, (1,)))
    for number in range(1000):
        links.tell(1, 3, Ranges(CLUSTER, writer.finish() or b""))
        links.tell(1, 3, Offer(CLUSTER, bytes(13 * (65 + number % 400))))
    assert links[1].counters()["refused_busy"] > 1500
    # Whoever else comes is served.
    links.passed.clear()
    links.show_digest(2, 1)
    links.settle()
    assert "Offer" in kinds(links) or "Ranges" in kinds(links)


@pytest.mark.slow
def test_a_few_bytes_that_ask_for_everything_are_soon_answered_no_more() -> None:
    """Listing ten thousand rows takes milliseconds, sent or not."""
    links = Links(2)
    links.hold(1, items_of(range(10_000)))
    links.settle()
    writer = RangeWriter(bytes(16), 1000)
    writer.put(Ids(SPACE_END, ()))
    wanted = Ranges(CLUSTER, writer.finish() or b"")
    for _ in range(100):
        links.tell(1, 2, wanted)
    assert links[1].counters()["refused_busy"] >= 80


def test_who_has_no_bytes_left_to_send_begins_nothing() -> None:
    links = pair(40, 2, 2)
    links.tokens = -1.0
    exchange(links)
    links.tell(1, 2, Offer(CLUSTER, b""))
    links.tell(1, 2, Want(CLUSTER, tuple(links[1].rows(CLUSTER))))
    assert list(links.mail) == []
    links.tokens = 1.0
    links.now += 1.0
    exchange(links)
    assert links.agree()


def test_a_sum_of_rows_that_is_out_of_all_proportion_costs_no_more() -> None:
    links = pair(500, 0, 0)
    for count in (0, 400, 900, U64_MAX):
        links.now += 1.0
        links.tell(1, 2, Compare(CLUSTER, bytes(16), count))
    assert len(links.mail) == 4
    assert all(len(mail.data) <= 7000 for mail in links.mail)


def test_a_network_is_compared_from_time_to_time_with_those_who_live() -> None:
    links = Links(4)
    attach(links, (1, 2, 3))
    links.kill(3)
    links.hold(1, items_of(range(3), NETWORK))
    links.settle()
    links.passed.clear()
    links.run(20.0)
    assert links.agree(NETWORK)
    assert len(links[2].rows(NETWORK)) == 3
    about = [
        mail.target
        for mail in links.passed
        if not mail.spread
        and (message := decode_message_untrusted(mail.data)) is not None
        and message.scope == NETWORK
    ]
    assert sorted(set(about)) == [1, 2]


@pytest.mark.slow
def test_liars_that_never_stop_do_not_keep_honest_nodes_from_agreeing() -> None:
    links, random = pair(60, 5, 5), Random("never stop")
    liars = [Liar(number, random) for number in (7, 8, 9)]
    for turn in range(100):
        for liar in liars:
            links.tell(1, liar.number, Compare(CLUSTER, random.randbytes(16), turn))
            links.tell(2, liar.number, liar.say(links, 2, CLUSTER))
        if turn % 20 == 10:
            links.show_digest(2, 1)
            links.show_digest(1, 2)
        links.settle()
        links.now += 0.01
    held = [row.item for row in links[1].rows(CLUSTER).values()]
    assert all(item in held for item in items_of(range(70_000, 70_005)))
    assert links.agree()
