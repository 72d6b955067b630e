"""Claims that wait for their author's certificate."""

from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import WANTED_MAX
from swarmnet.node.introductions import (
    ANSWERS_PER_S,
    ASK_AGAIN_S,
    AUTHORS_MAX,
    CLAIMS_MAX,
    KEPT_S,
    Introductions,
)
from swarmnet.swim.outputs import SignerUnknown


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(16, "big"))


def address(number: int) -> Address:
    return Address(bytes((10, 0, 0, number)), 7946)


def unknown(author: int, item: bytes = b"claim", sender: int = 1) -> SignerUnknown:
    return SignerUnknown(node(author), item, node(sender), address(sender))


def test_the_sender_is_asked_once_for_each_author_he_spoke_of() -> None:
    waiting = Introductions()
    for author in (7, 8, 7):
        waiting.park(1.0, unknown(author))
    assert list(waiting.questions()) == [(node(1), address(1), [node(7), node(8)])]
    assert list(waiting.questions()) == []


def test_the_next_who_speaks_of_him_is_asked_when_there_was_no_answer() -> None:
    waiting = Introductions()
    waiting.park(1.0, unknown(7))
    assert len(list(waiting.questions())) == 1
    waiting.park(1.0 + ASK_AGAIN_S / 2, unknown(7, sender=2))
    assert list(waiting.questions()) == []
    waiting.park(1.0 + ASK_AGAIN_S, unknown(7, sender=2))
    assert list(waiting.questions()) == [(node(2), address(2), [node(7)])]


def test_more_authors_than_one_message_holds_are_asked_for_in_several() -> None:
    waiting = Introductions()
    for author in range(WANTED_MAX + 1):
        waiting.park(1.0, unknown(author))
    counts = [len(authors) for _, _, authors in waiting.questions()]
    assert counts == [WANTED_MAX, 1]


def test_what_waited_is_released_once_in_its_order() -> None:
    waiting = Introductions()
    first, second = unknown(7, b"a"), unknown(7, b"b", sender=2)
    for one in (first, second, first):
        waiting.park(1.0, one)
    assert waiting.release(node(7)) == [first, second]
    assert waiting.release(node(7)) == []
    assert len(waiting) == 0


def test_only_so_many_claims_are_kept_for_one_author() -> None:
    waiting = Introductions()
    for number in range(CLAIMS_MAX + 5):
        waiting.park(1.0, unknown(7, bytes((number,))))
    assert len(waiting.release(node(7))) == CLAIMS_MAX


def test_authors_whom_nobody_vouches_for_are_forgotten() -> None:
    waiting = Introductions()
    waiting.park(1.0, unknown(7))
    waiting.park(1.0 + KEPT_S, unknown(8))
    assert waiting.release(node(7)) == []
    assert waiting.release(node(8)) == [unknown(8)]


def test_made_up_authors_push_out_the_oldest_and_no_more() -> None:
    waiting = Introductions()
    for author in range(AUTHORS_MAX + 10):
        waiting.park(1.0, unknown(author))
    assert len(waiting) == AUTHORS_MAX
    assert waiting.release(node(9)) == []
    assert waiting.release(node(10)) == [unknown(10)]


def test_one_peer_gets_so_many_certificates_a_second_and_others_theirs() -> None:
    waiting = Introductions()
    assert waiting.may_give(1.0, node(1), 100) == 100
    assert waiting.may_give(1.5, node(1), 100) == ANSWERS_PER_S - 100
    assert waiting.may_give(1.9, node(1), 1) == 0
    assert waiting.may_give(1.9, node(2), 64) == 64
    assert waiting.may_give(2.0, node(1), 64) == 64
