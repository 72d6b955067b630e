"""Inquiries: every member is asked until it has given the word that is wanted."""

from collections.abc import Sequence
from itertools import pairwise

from swarmnet.ids import NodeId
from swarmnet.node.address_messages import Answer, Inquiry, Matter
from swarmnet.node.inquiries import AGAIN_S, AGAIN_S_MAX, Inquiries, Question

ABOUT: Question = (Matter.DEEDS, b"somebody")
OTHER: Question = (Matter.ABSENT, b"somebody")
WORD = b"what is wanted"


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(16, "big"))


def asked(inquiries: Inquiries) -> list[int]:
    """Return who is to be asked, and take it out."""
    found = [int.from_bytes(peer, "big") for peer, _ in inquiries.outputs]
    inquiries.outputs.clear()
    return found


def answer(inquiries: Inquiries, number: int, word: bytes = WORD) -> None:
    inquiries.note_answer(node(number), Answer(*ABOUT, word))


def missing(inquiries: Inquiries, members: Sequence[int] = (1, 2, 3)) -> list[int]:
    found = inquiries.missing(ABOUT, WORD, [node(number) for number in members])
    return [int.from_bytes(one, "big") for one in found]


def step(inquiries: Inquiries, now: float, members: Sequence[int] = (1, 2, 3)) -> None:
    left = [node(number) for number in missing(inquiries, members)]
    inquiries.ask(now, ABOUT, left)


def test_all_are_asked_at_once_and_then_those_whose_word_is_missing() -> None:
    inquiries = Inquiries()
    assert inquiries.poll_timeout() is None
    inquiries.open(5.0, ABOUT)
    assert inquiries.poll_timeout() == 5.0
    step(inquiries, 5.0)
    assert inquiries.outputs == [(node(n), Inquiry(*ABOUT)) for n in (1, 2, 3)]
    assert asked(inquiries) == [1, 2, 3]
    answer(inquiries, 2)
    answer(inquiries, 3, b"another word")
    assert missing(inquiries) == [1, 3]
    step(inquiries, 5.0 + AGAIN_S - 0.01)
    assert asked(inquiries) == []
    assert inquiries.poll_timeout() == 5.0 + AGAIN_S
    step(inquiries, 5.0 + AGAIN_S)
    assert asked(inquiries) == [1, 3]


def test_those_who_say_nothing_are_asked_ever_more_seldom_but_always() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    times = []
    for _ in range(8):
        due = inquiries.poll_timeout()
        assert due is not None
        times.append(due)
        step(inquiries, due)
        assert asked(inquiries) == [1, 2, 3]
    waits = [later - one for one, later in pairwise(times)]
    assert waits[0] == AGAIN_S
    assert waits == sorted(waits)
    assert AGAIN_S < waits[-1] <= AGAIN_S_MAX


def test_a_later_word_takes_the_place_of_an_earlier_one() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    answer(inquiries, 1, b"another word")
    assert missing(inquiries) == [1, 2, 3]
    for number in (1, 2, 3):
        answer(inquiries, number)
    assert missing(inquiries) == []
    answer(inquiries, 1, b"another word")
    assert missing(inquiries) == [1]


def test_who_becomes_a_member_meanwhile_is_missing() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    answer(inquiries, 1)
    assert missing(inquiries, (1,)) == []
    assert missing(inquiries, (1, 4)) == [4]


def test_what_was_not_asked_is_known_by_nobody_and_answers_to_it_are_dropped() -> None:
    inquiries = Inquiries()
    answer(inquiries, 1)
    assert missing(inquiries) == [1, 2, 3]
    step(inquiries, 9.0)
    assert asked(inquiries) == []
    inquiries.open(9.0, OTHER)
    answer(inquiries, 1)
    assert missing(inquiries) == [1, 2, 3]
    assert inquiries.questions() == [OTHER]


def test_a_question_that_is_closed_is_asked_anew_and_old_words_are_forgotten() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    step(inquiries, 0.0)
    answer(inquiries, 1)
    inquiries.open(0.2, ABOUT)
    assert missing(inquiries) == [2, 3]
    inquiries.close(ABOUT)
    inquiries.close(ABOUT)
    assert (inquiries.questions(), inquiries.poll_timeout()) == ([], None)
    inquiries.open(0.3, ABOUT)
    assert missing(inquiries) == [1, 2, 3]
    assert inquiries.poll_timeout() == 0.3


def test_many_are_asked_some_at_a_time_and_each_once_a_round() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    members, seen, rounds = range(1, 151), list[int](), []
    for _ in range(3):
        due = inquiries.poll_timeout()
        assert due is not None
        step(inquiries, due, members)
        rounds.append((round(due, 3), len(inquiries.outputs)))
        seen += asked(inquiries)
    assert sorted(seen) == list(members)
    assert rounds == [(0.0, 64), (0.05, 64), (0.1, 22)]
    later = inquiries.poll_timeout()
    assert later is not None
    assert later >= AGAIN_S


def test_two_questions_are_asked_each_in_its_time() -> None:
    inquiries = Inquiries()
    inquiries.open(0.0, ABOUT)
    step(inquiries, 0.0)
    inquiries.open(0.1, OTHER)
    assert inquiries.poll_timeout() == 0.1
    inquiries.ask(0.1, OTHER, [node(3)])
    assert inquiries.outputs[-1] == (node(3), Inquiry(*OTHER))
    assert inquiries.poll_timeout() == AGAIN_S
