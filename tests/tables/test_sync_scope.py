"""A network's rows stay inside it: whoever takes no part hears nothing of them."""

from random import Random

import pytest

from swarmnet.ids import U64_MAX, NodeId, Scope
from swarmnet.tables.codec import decode_message_untrusted
from swarmnet.tables.messages import Compare, Offer, Ranges, Rows, Want, WantPage
from swarmnet.tables.row import ENDPOINT
from tests.tables.links import NETWORK, Liar, Links, attach, items_of, peers
from tests.tables.wire import node_id

OUTSIDER = 4


def inside(rows: int = 20) -> Links:
    """Return nodes 1 to 3 in a network with rows, and node 4 outside of it."""
    links = Links(4)
    attach(links, (1, 2, 3))
    links[OUTSIDER].introduce(links.now, b"node")
    links.hold(1, items_of(range(rows), NETWORK))
    links.settle()
    links.passed.clear()
    return links


def check_nothing_told(links: Links) -> None:
    """Check that the outsider was told nothing about the network, and holds nothing."""
    for mail in links.passed:
        if mail.target == OUTSIDER and not mail.spread:
            message = decode_message_untrusted(mail.data)
            assert message is None or message.scope != NETWORK
    assert links[OUTSIDER].rows(NETWORK) == {}


def test_whoever_is_outside_is_answered_nothing() -> None:
    links = inside()
    held = tuple(links[1].rows(NETWORK))
    for message in (
        Compare(NETWORK, bytes(16), 0),
        Compare(NETWORK, bytes(16), 1000),
        Offer(NETWORK, b""),
        Offer(NETWORK, bytes(13 * 30)),
        Want(NETWORK, held),
        Ranges(NETWORK, bytes(16)),
        WantPage(NETWORK, 0, U64_MAX),
        Rows(NETWORK, ()),
    ):
        links.now += 1.0
        links.tell(1, OUTSIDER, message)
    links.show_digest(OUTSIDER, 1, NETWORK)
    links[1].receive_digest(links.now, node_id(OUTSIDER), NETWORK, (bytes(16), 7))
    links.run(30.0)
    assert links[1].counters()["scope_refused"] >= 8
    check_nothing_told(links)


def test_a_liar_outside_learns_nothing_whatever_he_says() -> None:
    links, random = inside(), Random("outside")
    liar = Liar(OUTSIDER, random)
    for _ in range(120):
        message = liar.say(links, 1, NETWORK)
        if not isinstance(message, Rows):
            links.tell(random.choice([1, 2, 3]), OUTSIDER, message)
        links.now += 0.1
    links.run(10.0)
    check_nothing_told(links)


def test_news_are_compared_with_nobody_outside() -> None:
    class Loose(Links):
        """A wire whose neighbours are of any scope: membership is late."""

        def _neighbours(self, number: int, scope: Scope) -> list[NodeId]:
            return peers(other for other in self.lives if other != number)

    links = Loose(4)
    attach(links, (1, 2, 3))
    for number in range(6):
        links[1].put(links.now, NETWORK, (ENDPOINT, bytes([number])), b"x")
        links.run(1.0)
    links.run(30.0)
    assert links.agree(NETWORK)
    check_nothing_told(links)


@pytest.mark.parametrize("how", ["detached", "left", "revoked"])
def test_who_is_in_it_no_more_gets_nothing_more(how: str) -> None:
    links = inside()
    links.fate = lambda _mail: True
    links[OUTSIDER].attach(links.now, NETWORK)
    links.run(3.0)
    assert len(links[OUTSIDER].rows(NETWORK)) == 20
    match how:
        case "detached":
            links[OUTSIDER].detach(links.now, NETWORK)
        case "left":
            links[OUTSIDER].leave(links.now)
        case _:
            links[1].revoke(links.now, node_id(OUTSIDER))
    links.settle()
    held = tuple(links[1].rows(NETWORK))
    links.passed.clear()
    for message in (
        Want(NETWORK, held),
        WantPage(NETWORK, 0, U64_MAX),
        Compare(NETWORK, bytes(16), 3),
    ):
        links.tell(1, OUTSIDER, message)
    links.settle()
    told = [decode_message_untrusted(mail.data) for mail in links.passed]
    assert told == []
