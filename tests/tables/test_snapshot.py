"""A newcomer takes what a scope holds, from donors that may be any kind of bad."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from swarmnet.ids import CLUSTER, U64_MAX, Scope
from swarmnet.tables.codec import decode_message_untrusted, encode_message
from swarmnet.tables.config import TableConfig
from swarmnet.tables.messages import Message, Page, WantPage
from swarmnet.tables.outputs import Completed
from tests.tables.links import NETWORK, Links, attach, item_of, items_of, peers
from tests.tables.wire import Mail, Wire, node_id

SMALL = replace(TableConfig(), page_bytes=2048)
COUNT = 120
BOUND_S = 125.0
"""24 turns of 5 s each, and a little."""


def full(donors: int, config: TableConfig = SMALL, rows: int = COUNT) -> Links:
    """Return a wire whose last node is new, and whose others hold the same rows."""
    links = Links(donors + 1, config=config)
    for number in range(1, donors + 1):
        links.hold(number, items_of(range(rows)))
    links.settle()
    links.passed.clear()
    return links


def join(links: Links, *donors: int) -> None:
    """Let the last node take what donors hold."""
    links[max(links.lives)].join(links.now, peers(donors))


def completed(links: Links, number: int = 0) -> list[Scope]:
    """Return the scopes that the last node, or another, has said to be complete."""
    notes = links.notes(number or max(links.lives), Completed)
    return [note.scope for note in notes if isinstance(note, Completed)]


def messages(links: Links, kind: type[Message]) -> list[tuple[int, int, Message]]:
    """Return the messages of one kind that have passed, with source and target."""
    found = []
    for mail in links.passed:
        message = None if mail.spread else decode_message_untrusted(mail.data)
        if isinstance(message, kind):
            found.append((mail.source, mail.target, message))
    return found


def given(links: Links) -> list[int]:
    """Return who has given pages, each once."""
    return sorted({source for source, _, _ in messages(links, Page)})


@pytest.mark.parametrize("donors", [1, 2, 3])
def test_a_newcomer_takes_a_part_from_each_donor(donors: int) -> None:
    links = full(donors)
    join(links, *range(1, donors + 1))
    links.settle()
    assert links.agree()
    assert completed(links) == [CLUSTER]
    assert given(links) == list(range(1, donors + 1))
    pages = [message for _, _, message in messages(links, Page)]
    items = [item for page in pages if isinstance(page, Page) for item in page.items]
    assert len(items) == len(set(items)) == COUNT
    assert all(len(mail.data) <= SMALL.page_bytes + 64 for mail in links.passed)


def test_of_many_donors_three_are_asked() -> None:
    links = full(5)
    join(links, 1, 2, 3, 4, 5)
    links.settle()
    assert links.agree()
    assert len(given(links)) == SMALL.donors


def test_what_came_is_used_before_the_rest_has_come() -> None:
    links = full(1)
    links.fate = lambda mail: not mail.spread and len(given(links)) == 0
    join(links, 1)
    links.settle()
    assert 0 < len(links[2].rows(CLUSTER)) < COUNT
    assert completed(links) == []


def test_whoever_has_nobody_to_ask_is_complete_at_once() -> None:
    links = Links(1)
    links[1].join(links.now, [])
    links[1].attach(links.now, NETWORK)
    links.settle()
    assert completed(links) == [CLUSTER, NETWORK]
    assert links[1].is_complete(CLUSTER)


Answer = Callable[[Links, Mail, WantPage], Mail | None]


@dataclass
class Bad:
    """Makes one donor bad: what it does instead of answering, given the question."""

    answer: Answer

    def install(self, links: Links, donor: int) -> None:
        """Let questions to `donor` be answered so."""
        before = links.fate

        def fate(mail: Mail) -> bool:
            message = None if mail.spread else decode_message_untrusted(mail.data)
            if mail.target != donor or not isinstance(message, WantPage):
                return before(mail)
            answer = self.answer(links, mail, message)
            if answer is not None:
                links.mail.append(answer)
            return False

        links.fate = fate


def page(mail: Mail, answer: Page) -> Mail:
    """Return a page as an answer to a question."""
    return Mail(mail.target, mail.source, encode_message(answer), False, True)


def silent(_links: Links, _mail: Mail, _want: WantPage) -> Mail | None:
    return None


def crumbs(_links: Links, mail: Mail, want: WantPage) -> Mail:
    last = min(want.first + 1, want.last)
    return page(mail, Page(want.scope, want.first, last, (item_of(5000),)))


def puts_off(_links: Links, mail: Mail, want: WantPage) -> Mail:
    return page(mail, Page(want.scope, want.first, want.first, ()))


def off_the_question(_links: Links, mail: Mail, want: WantPage) -> Mail:
    return page(mail, Page(want.scope, 0, U64_MAX, (item_of(5000),)))


def other_scope(_links: Links, mail: Mail, want: WantPage) -> Mail:
    return page(mail, Page(NETWORK, want.first, want.last, ()))


def rubbish(_links: Links, mail: Mail, _want: WantPage) -> Mail:
    return Mail(mail.target, mail.source, b"\x95\x07\xc4\x00\x00", False, True)


def forged(_links: Links, mail: Mail, want: WantPage) -> Mail:
    items = tuple(item[:-1] + b"?" for item in items_of(range(9)))
    last = min(want.first + 2**58, want.last)
    return page(mail, Page(want.scope, want.first, last, items))


@pytest.mark.parametrize(
    "answer",
    [silent, crumbs, puts_off, off_the_question, other_scope, rubbish, forged],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("bad", [1, 3])
def test_one_bad_donor_of_three_only_costs_time(answer: Answer, bad: int) -> None:
    links = full(3)
    Bad(answer).install(links, bad)
    join(links, 1, 2, 3)
    links.run(7.0)
    assert completed(links) == [CLUSTER]
    for number in (1, 2):
        links.show_digest(4, number)
        links.settle()
    held = set(links[4].rows(CLUSTER))
    assert set(links[2].rows(CLUSTER)) <= held
    sent = [mail for mail in links.passed if mail.target == bad]
    assert len(sent) <= 4000


@pytest.mark.parametrize(
    "answer", [silent, puts_off, off_the_question, forged], ids=lambda one: one.__name__
)
def test_where_all_donors_are_bad_it_ends_within_a_bound(answer: Answer) -> None:
    links = full(3)
    for number in (1, 2, 3):
        Bad(answer).install(links, number)
    join(links, 1, 2, 3)
    links.run(BOUND_S)
    assert completed(links) == [CLUSTER]
    assert len(links.passed) <= 300


def test_a_silent_donor_is_given_up_after_the_time_of_one_page() -> None:
    links = full(2)
    Bad(silent).install(links, 1)
    join(links, 1, 2)
    links.run(0.99)
    assert completed(links) == []
    links.run(0.02)
    assert completed(links) == [CLUSTER]
    assert links.agree()


def test_a_donor_that_dies_midway_is_followed_by_one_that_goes_on_there() -> None:
    links = full(2)
    seen: list[int] = []

    def fate(mail: Mail) -> bool:
        message = None if mail.spread else decode_message_untrusted(mail.data)
        if isinstance(message, Page) and mail.source == 1:
            seen.append(message.last)
        return not mail.spread and not (mail.source == 1 and len(seen) > 3)

    links.fate = fate
    join(links, 1, 2)
    links.run(1.5)
    assert completed(links) == [CLUSTER]
    assert links.agree()
    pages = [m for source, _, m in messages(links, Page) if source == 2]
    first = min(m.first for m in pages if isinstance(m, Page) and m.first > seen[0])
    assert first == seen[2] + 1


def test_a_donor_that_answers_slowly_for_ever_loses_his_turn() -> None:
    """One crumb each half a second: never silent, and never done."""
    links = full(3)
    held: list[Mail] = []
    Bad(lambda links, mail, want: held.append(crumbs(links, mail, want))).install(
        links, 1
    )
    join(links, 1, 2, 3)
    for _ in range(24):
        links.run(0.5)
        links.mail.extend(held)
        held.clear()
        links.settle()
    assert completed(links) == [CLUSTER]
    assert links.now < 100.0 + 13.0


def test_what_a_donor_repeats_is_taken_once() -> None:
    links = full(1)
    join(links, 1)
    links._drain(links.lives[2])
    for mail in [*links.mail, *links.mail]:
        links.mail.append(mail)
    links.settle()
    assert links.agree()
    assert completed(links) == [CLUSTER]
    assert links[2].counters()["pages_unasked"] > 0


def test_what_a_donor_leaves_out_is_found_by_digests_soon() -> None:
    links = full(2)
    Bad(
        lambda _links, mail, want: page(
            mail, Page(want.scope, want.first, want.last, ())
        )
    ).install(links, 1)
    join(links, 1, 2)
    links.settle()
    assert completed(links) == [CLUSTER]
    assert not links.agree()
    links.run(0.2)
    assert links.agree()


def test_two_newcomers_that_take_from_each_other_end_with_all_that_both_have() -> None:
    links = Links(2, config=SMALL)
    links.hold(1, items_of(range(40)))
    links.hold(2, items_of(range(20, 60)))
    links[1].join(links.now, peers([2]))
    links[2].join(links.now, peers([1]))
    links.settle()
    assert links.agree()
    assert completed(links, 1) == completed(links, 2) == [CLUSTER]
    assert len(links[1].rows(CLUSTER)) == 60


def test_newcomers_among_others_find_those_who_have_all() -> None:
    links = Links(5, config=SMALL)
    links.hold(1, items_of(range(COUNT)))
    for number in (2, 3, 4, 5):
        others = [n for n in (2, 3, 4, 5, 1) if n != number]
        links[number].join(links.now, peers(others))
    links.settle()
    for number in (2, 3, 4, 5):
        assert completed(links, number) == [CLUSTER]
    # Whoever was put off everywhere took what there was: digests do the rest.
    links.run(0.5)
    links.probe()
    assert links.agree()


def test_a_network_of_a_restarted_node_is_taken_once_its_members_are_known() -> None:
    links = Links(3)
    attach(links, (1, 2, 3))
    links.hold(1, items_of(range(30), NETWORK))
    links.hold(2, items_of(range(30), NETWORK))
    links.kill(3)
    links.start(3, saved=True)
    links[3].join(links.now, peers([1, 2]))
    links.run(0.2)
    assert completed(links) == [CLUSTER, NETWORK]
    assert links.agree(NETWORK)


def test_a_network_that_has_no_other_members_is_complete_soon_after_the_rest() -> None:
    links = Links(2)
    attach(links, (2,))
    links.kill(2)
    links.start(2, saved=True)
    links[2].join(links.now, peers([1]))
    links.run(1.2)
    assert completed(links) == [CLUSTER, NETWORK]


def test_a_donor_learns_that_we_take_part_before_he_is_asked() -> None:
    links = Links(3)
    attach(links, (1, 2))
    links.hold(1, items_of(range(30), NETWORK))
    links.hold(2, items_of(range(30), NETWORK))
    links.show_digest(3, 1)
    links.settle()
    links[3].introduce(links.now, b"node")
    links[3].attach(links.now, NETWORK)
    links.settle()
    assert node_id(3) in links[1].attached(NETWORK)
    assert completed(links) == [NETWORK]
    assert len(links[3].rows(NETWORK)) == 30


@pytest.mark.slow
def test_what_a_peer_takes_in_pages_is_bounded() -> None:
    links = full(1, TableConfig(), rows=900)
    want = WantPage(CLUSTER, 0, U64_MAX)
    for _ in range(200):
        links.tell(1, 7, want)
    assert 7 << 20 <= links.sent_bytes() <= 9 << 20
    small = WantPage(CLUSTER, 5, 6)
    taken = len(links.mail)
    for _ in range(9000):
        links.tell(1, 8, small)
    assert len(links.mail) < taken + 8300


@pytest.mark.slow
def test_a_page_is_bounded_in_a_table_of_any_size() -> None:
    links = full(2, TableConfig(), rows=10_000)
    join(links, 1, 2)
    links.settle()
    assert links.agree()
    assert max(len(mail.data) for mail in links.passed) <= 65_536 + 64
    assert len(messages(links, Page)) <= 40


def test_a_wire_moves_pages_only_to_those_who_run() -> None:
    wire = Wire(2)
    wire.kill(2)
    wire[1].join(wire.now, [node_id(2)])
    wire.run(60.0)
    assert wire.notes(1, Completed) == [Completed(CLUSTER)]


@pytest.mark.parametrize("way", ["dead", "detached"])
def test_donors_that_are_known_to_be_gone_are_waited_for_no_longer(way: str) -> None:
    """They were alive when it began, and there is nobody else."""
    wire = Wire(3)
    for number in (1, 2, 3):
        wire[number].introduce(wire.now, b"me")
    for number in (1, 2):
        wire[number].attach(wire.now, NETWORK)
    wire.settle()
    wire.fate = lambda mail: mail.spread
    wire[3].attach(wire.now, NETWORK)
    for number in (1, 2):
        if way == "dead":
            wire.kill(number)
        else:
            wire[number].detach(wire.now, NETWORK)
    wire.run(3.0)
    assert wire[3].is_complete(NETWORK)


def test_for_a_donor_that_died_another_member_is_asked() -> None:
    links = full(3)
    join(links, 1)
    links.kill(1)
    links.passed.clear()
    links.run(3.0)
    assert completed(links) == [CLUSTER]
    assert given(links) in ([2], [3])
