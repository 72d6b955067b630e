"""Conversations at random: bad weather, a liar, and then agreement all the same.

Each seed is one conversation of two or three nodes that hold different rows, and of a
member who runs nothing and says anything. A seed that fails is to become a test. `make
test` runs 2,000; `SYNC_CONVERSATIONS=10000` before it runs as many as one likes.
"""

import os
from random import Random

import pytest

from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import encode_message
from swarmnet.tables.row import SIGN_DOMAIN, Row
from tests.tables.links import (
    NETWORK,
    Liar,
    Links,
    attach,
    attachment_of,
    item_of,
)
from tests.tables.wire import proof

LIAR = 9
FAST = 200
SLOW = int(os.environ.get("SYNC_CONVERSATIONS", "1000"))
SHARE = 200
ANSWER_BYTES_MAX = 17 * 65_600
"""Of what one message brings about: 16 pages of rows, and one more of anything."""
STEPS_MAX = 4000
ROUNDS_MAX = 8


def differing(links: Links, random: Random, scope: Scope, count: int) -> None:
    """Give nodes rows of which each lacks some, or holds an older version."""
    total = random.choice([3, 10, 30, 80])
    for number in range(1, count + 1):
        chosen = [n for n in range(total) if random.random() < 0.7]
        items = [item_of(n, scope=scope, version=random.choice([1, 2])) for n in chosen]
        links.hold(number, items)


def lie(links: Links, liar: Liar, random: Random, target: int, scope: Scope) -> None:
    """Let the liar say one thing, and check that the answer is bounded."""
    data = encode_message(liar.say(links, target, scope))
    if random.random() < 0.1:
        data = data[: random.randrange(len(data))]
    before = len(links.mail)
    links.tell_bytes(target, liar.number, data, streamed=random.random() < 0.9)
    answers = list(links.mail)[before:]
    assert sum(len(mail.data) for mail in answers) <= ANSWER_BYTES_MAX
    assert all(len(mail.data) <= links.config.page_bytes + 64 for mail in answers)


def act(links: Links, liar: Liar, random: Random, scope: Scope, count: int) -> None:
    """Let one thing happen."""
    one, other = random.sample(range(1, count + 1), 2)
    match random.randrange(6):
        case 0 | 1:
            links.show_digest(one, other, scope)
        case 2 | 3:
            lie(links, liar, random, one, scope)
        case 4:
            links.now += random.random()
        case _:
            item = item_of(random.randrange(90), scope=scope, version=3)
            links.hold(one, [item])


def check_conversation(seed: int) -> None:
    """Have one conversation, and check how it ends."""
    random = Random(f"conversation {seed}")
    count, scope = random.choice([2, 2, 3]), random.choice([CLUSTER, NETWORK])
    links = Links(count, seed)
    if scope != CLUSTER:
        attach(links, range(1, count + 1), scope)
        if random.random() < 0.8:
            for number in range(1, count + 1):
                links.hold(number, [attachment_of(LIAR)])
    differing(links, random, scope, count)
    liar = Liar(LIAR, random)
    links.weather = random
    for _ in range(random.randrange(25)):
        act(links, liar, random, scope, count)
        if random.random() < 0.5:
            links.settle()
    links.settle()
    assert links.steps <= STEPS_MAX
    links.weather = None
    rounds = 0
    while not links.agree(scope):
        assert rounds < ROUNDS_MAX, f"seed {seed}: no agreement"
        links.probe()
        rounds += 1
    check_rows(links, scope, count)


def check_rows(links: Links, scope: Scope, count: int) -> None:
    """Check that all hold the same, and nothing that nobody has signed."""
    held: list[dict[int, Row]] = [
        dict(links[number].rows(scope)) for number in range(1, count + 1)
    ]
    assert all(rows == held[0] for rows in held)
    for row in held[0].values():
        assert row.proof == proof(row.owner, SIGN_DOMAIN + row.body)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, FAST, 20))
def test_conversations_end_in_agreement_whatever_was_said(start: int) -> None:
    for seed in range(start, start + 20):
        check_conversation(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(FAST, FAST + SLOW, SHARE))
def test_many_conversations_end_in_agreement(start: int) -> None:
    for seed in range(start, start + SHARE):
        check_conversation(seed)
