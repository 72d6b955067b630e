"""Asking others: in turn, once at a time, and never without an end."""

import pytest

from swarmnet.ids import NodeId
from swarmnet.ipam.asking import (
    ANSWER_S,
    LATER_S,
    NAMED_MAX,
    Ask,
    Asking,
    GivenUp,
    Output,
    Reason,
)
from swarmnet.ipam.deeds import Deed, Grant
from swarmnet.ipam.ownership import Ownership, Root
from swarmnet.ipam.spans import Span

REALM = b"realm"


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(16, "big"))


def owned(*shares: tuple[int, int, int]) -> Ownership:
    """Return who owns what of 0 to 255: (first, last, owner), and node 1 the rest."""
    ownership = Ownership(Root(Span(0, 255), node(1)))
    grants = tuple(
        Grant(place, Span(first, last), node(owner))
        for place, (first, last, owner) in enumerate(shares)
    )
    ownership.put(Deed(REALM, node(1), (1, 1), None, 0, grants))
    return ownership


SHARED = owned((0, 15, 2), (16, 31, 3), (32, 95, 4))
LIVE = [node(number) for number in (1, 2, 3, 4)]


def drain(asking: Asking) -> list[Output]:
    found = []
    while (output := asking.poll_output()) is not None:
        found.append(output)
    return found


def ask(peer: int, number: int | None = None) -> Ask:
    return Ask(node(peer), REALM, number)


def test_whoever_owns_most_is_asked_first_and_the_dead_never() -> None:
    asking = Asking(node(2), REALM)
    asking.want(0.0, SHARED, [node(2), node(3), node(4)])
    assert drain(asking) == [ask(4)]
    asking.note_refused(0.1, node(4), None, Reason.NONE_FREE)
    assert drain(asking) == [ask(3)]
    asking.note_refused(0.2, node(3), None, Reason.NONE_FREE)
    refusals = ((node(4), Reason.NONE_FREE), (node(3), Reason.NONE_FREE))
    assert drain(asking) == [GivenUp(REALM, None, refusals)]
    assert asking.poll_timeout() is None


def test_a_want_that_is_under_way_is_not_said_twice() -> None:
    asking = Asking(node(2), REALM)
    for _ in range(3):
        asking.want(0.0, SHARED, LIVE)
    assert drain(asking) == [ask(1)]
    asking.note_grown()
    assert asking.poll_timeout() is None
    asking.want(5.0, SHARED, LIVE)
    assert drain(asking) == [ask(1)]


def test_a_number_is_asked_of_its_owner_alone() -> None:
    asking = Asking(node(2), REALM)
    asking.want(0.0, SHARED, LIVE, 20)
    assert drain(asking) == [ask(3, 20)]
    asking.note_owned(owned((20, 20, 2)))
    assert asking.poll_timeout() is None
    asking.want(1.0, SHARED, LIVE, 20)
    asking.note_refused(1.1, node(3), 20, Reason.IN_USE)
    assert drain(asking)[1:] == [GivenUp(REALM, 20, ((node(3), Reason.IN_USE),))]


@pytest.mark.parametrize("number", [5, 20, 300])
def test_a_number_of_ours_of_the_dead_or_of_nobody_is_given_up_at_once(
    number: int,
) -> None:
    asking = Asking(node(2), REALM)
    asking.want(0.0, SHARED, [node(1), node(4)], number)
    assert drain(asking) == [GivenUp(REALM, number, ())]


def test_who_is_silent_is_passed_over_and_his_late_answer_changes_nothing() -> None:
    asking = Asking(node(2), REALM)
    asking.want(0.0, SHARED, [node(3), node(4)])
    assert asking.poll_timeout() == ANSWER_S
    asking.handle_timeout(0.99)
    assert drain(asking) == [ask(4)]
    asking.handle_timeout(ANSWER_S)
    assert drain(asking) == [ask(3)]
    asking.note_refused(1.5, node(4), None, Reason.NONE_FREE)
    asking.note_refused(1.5, node(1), None, Reason.NONE_FREE)
    assert drain(asking) == []
    asking.handle_timeout(2.0)
    refusals = ((node(4), Reason.SILENT), (node(3), Reason.SILENT))
    assert drain(asking) == [GivenUp(REALM, None, refusals)]


def test_who_was_asked_too_often_is_asked_again_after_a_while() -> None:
    asking = Asking(node(2), REALM)
    asking.want(0.0, SHARED, LIVE, 20)
    assert drain(asking) == [ask(3, 20)]
    asking.note_refused(0.1, node(3), 20, Reason.LATER)
    due = 0.1 + LATER_S
    assert (asking.is_asking(20), asking.poll_timeout()) == (True, due)
    # Till then nobody is asked, and nobody's answer counts.
    asking.note_refused(0.2, node(3), 20, Reason.IN_USE)
    asking.want(0.2, SHARED, LIVE, 20)
    asking.handle_timeout(due - 0.01)
    assert drain(asking) == []
    asking.handle_timeout(due)
    assert drain(asking) == [ask(3, 20)]
    assert asking.poll_timeout() == due + ANSWER_S
    asking.note_refused(due, node(3), 20, Reason.IN_USE)
    assert drain(asking) == [GivenUp(REALM, 20, ((node(3), Reason.IN_USE),))]


def test_who_says_later_without_end_is_passed_over_in_the_end() -> None:
    asking, now, times = Asking(node(2), REALM), 0.0, 1
    asking.want(now, SHARED, [node(3), node(4)])
    assert drain(asking) == [ask(4)]
    asking.note_refused(now, node(4), None, Reason.LATER)
    while (said := drain(asking)) == [] and times < 1000:
        now += LATER_S
        asking.handle_timeout(now)
        assert drain(asking) == [ask(4)]
        times += 1
        asking.note_refused(now, node(4), None, Reason.LATER)
    assert said == [ask(3)]
    assert 1 < times < 100
    asking.note_refused(now, node(3), None, Reason.NONE_FREE)
    refusals = ((node(4), Reason.LATER), (node(3), Reason.NONE_FREE))
    assert drain(asking) == [GivenUp(REALM, None, refusals)]
    assert asking.poll_timeout() is None


def test_what_nobody_gives_is_told_by_reason_and_few_nodes_are_named() -> None:
    many = tuple((node(n), Reason.NONE_FREE) for n in range(1, NAMED_MAX + 5))
    silent, few = (node(99), Reason.SILENT), many[:NAMED_MAX]
    told = GivenUp(REALM, None, (*many[:2], silent, *many[2:])).reason
    named = ", ".join(node(n).hex() for n in range(1, NAMED_MAX + 1))
    # One reason, one part, in the order in which they were first given.
    first, second = told.split("; ")
    assert first == f"node {named} and 4 more: none free"
    assert second == f"node {node(99).hex()}: no answer"
    assert "more" not in GivenUp(REALM, None, few).reason
    assert GivenUp(REALM, None, few).reason.startswith(f"node {named}: ")
    nobody = "no other member that lives owns any"
    assert GivenUp(REALM, None, ()).reason == nobody
    # However many there are, it stays short.
    crowd = tuple((node(n), one) for n in range(500) for one in Reason)
    assert len(GivenUp(REALM, None, crowd).reason) < 1500
