"""Estates: what a node may use is used by nobody else, whoever falls and whenever."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import GRANTS_MAX, Deed
from swarmnet.ipam.estate import Estate, Proposal
from swarmnet.ipam.lives import Lives
from swarmnet.ipam.ownership import Ownership, Root
from swarmnet.ipam.spans import Span, Spans

REALM = b"realm"
WHOLE = Span(0, 255)


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(16, "big"))


class Member:
    """One node: the deeds that it holds, and whom it knows to have fallen."""

    def __init__(self, number: int, heir: int | None = 2) -> None:
        self.number = number
        self.heir = None if heir is None else node(heir)
        self.ownership = Ownership(Root(WHOLE, node(1)))
        if self.heir is not None:
            self.ownership.note_wills({node(1): (self.heir,)})
        self.lives = Lives(number, is_first=True)
        self.estate = Estate(
            *(node(number), REALM, self.ownership, Random(number)), lives=self.lives
        )
        self.confirm = self.estate.confirm
        self.deeds: dict[tuple[NodeId, int], Deed] = {}
        self.acknowledged: set[int] = set()
        self.fallen: set[int] = set()
        self.written = 0

    def hear(self, deed: Deed) -> None:
        """Hold a deed."""
        self.deeds[deed.granter, deed.number] = deed
        self.ownership.put(deed)

    def grant(self, *shares: tuple[int, int, int]) -> list[Deed]:
        """Grant (first, last, grantee)s."""
        spans = [(Span(first, last), node(to)) for first, last, to in shares]
        return self._write(self.estate.grant(spans))

    def give_back(self, free: Spans) -> list[Deed]:
        """Give back what is free."""
        return self._write(
            self.estate.give_back(free, lambda giver: giver or self.heir)
        )

    def _write(self, proposals: Iterable[Proposal]) -> list[Deed]:
        written = []
        for proposal in proposals:
            self.written += 1
            written.append(proposal.signed((1, self.written)))
            self.hear(written[-1])
        return written

    def fall(self, *numbers: int) -> None:
        """Learn that nodes have fallen, and up to where their words count."""
        self.fallen |= set(numbers)
        self.ownership.note_fallen([node(number) for number in self.fallen])

    def usable(self) -> list[tuple[int, int]]:
        """Return what may be used."""
        return [(one.first, one.last) for one in self.estate.usable()]


def test_a_share_in_two_holdings_takes_two_deeds() -> None:
    one, two = Member(1), Member(2)
    for deed in one.grant((0, 15, 2), (16, 31, 2)):
        two.hear(deed)
    assert two.usable() == [(0, 31)]
    # The lowest quarter of each is kept.
    deeds = two.grant((4, 31, 3))
    assert [deed.grants[0].span for deed in deeds] == [Span(4, 15), Span(20, 31)]
    assert two.usable() == [(0, 3), (16, 19)]
    three = Member(3)
    for deed in (*deeds, *one.deeds.values()):
        three.hear(deed)
    assert three.usable() == [(4, 15), (20, 31)]


def test_many_shares_take_several_deeds_of_bounded_size() -> None:
    one = Member(1)
    deeds = one.grant(*((n, n, 2) for n in range(100)))
    assert [len(deed.grants) for deed in deeds] == [GRANTS_MAX] * 4 + [4]
    numbers = [grant.number for deed in deeds for grant in deed.grants]
    assert len(set(numbers)) == 100
    assert one.usable() == [(100, 255)]


def test_who_leaves_gives_back_what_is_free_to_whom_he_had_it_from() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    for deed in one.grant((0, 63, 2)):
        two.hear(deed)
        three.hear(deed)
    for deed in two.grant((32, 63, 3)):
        three.hear(deed)
        one.hear(deed)
    # Each keeps the lowest quarter of what he was granted.
    for deed in three.give_back(Spans([Span(36, 63)])):
        two.hear(deed)
        one.hear(deed)
    assert (two.usable(), three.usable()) == ([(0, 31), (40, 63)], [(32, 39)])
    for deed in two.give_back(Spans([Span(0, 255)])):
        one.hear(deed)
    assert one.usable() == [(16, 31), (46, 255)]
    assert two.usable() == [(0, 15), (40, 45)]
    # What never left the root goes to the heir, and without one stays.
    assert one.give_back(Spans([Span(100, 120)]))[0].grants[0].grantee == node(2)
    lone = Member(1, heir=None)
    assert lone.give_back(Spans([Span(100, 120)])) == []


def test_what_fell_to_a_node_is_held_back_until_all_is_known() -> None:
    one, two = Member(1), Member(2)
    for deed in one.grant((0, 63, 2)):
        two.hear(deed)
    (unheard,) = two.grant((48, 63, 3))
    one.fall(2)
    assert one.usable() == [(64, 255)]
    assert list(one.estate.held_back()) == [Span(0, 63)]
    assert one.estate.awaited() == [node(2)]
    one.hear(unheard)
    one.estate.confirm(node(2))
    assert one.usable() == [(0, 47), (64, 255)]
    assert (list(one.estate.held_back()), one.estate.awaited()) == ([], [])


class Cluster:
    """Nodes that grant, hear, leave and are removed, each by what it knows.

    A removal goes as the tables have it: every member acknowledges it, and hears no
    deed of the removed one from then on but what another member holds. When all have,
    the cut is known; and a member confirms once it holds what each of the others does.
    """

    def __init__(self, random: Random, count: int) -> None:
        self.random = random
        self.members = {number: Member(number) for number in range(1, count + 1)}
        self.removed: set[int] = set()

    def pick(self) -> Member:
        return self.random.choice(list(self.members.values()))

    def staying(self) -> list[Member]:
        return [m for n, m in self.members.items() if n not in self.removed]

    def grant(self) -> None:
        member = self.pick()
        spans = list(member.estate.usable())
        if spans:
            span = self.random.choice(spans)
            first = self.random.randint(span.first, span.last)
            last = self.random.randint(first, span.last)
            member.grant((first, last, self.random.choice(list(self.members))))

    def give_back(self) -> None:
        member = self.pick()
        first = self.random.randint(0, 255)
        last = self.random.randint(first, 255)
        member.give_back(Spans([Span(first, last)]))

    def hear(self) -> None:
        giver, taker = self.pick(), self.pick()
        if giver.deeds:
            self.tell(taker, giver, self.random.choice(list(giver.deeds.values())))

    def tell(self, taker: Member, giver: Member, deed: Deed) -> None:
        """Let a member hear a deed from another, if it listens to him."""
        if giver.number in taker.acknowledged:
            return
        taker.hear(deed)

    def remove(self) -> None:
        if len(self.staying()) > 2:
            self.removed.add(self.random.choice(self.staying()).number)

    def acknowledge(self) -> None:
        if self.removed:
            member = self.pick()
            member.acknowledged.add(self.random.choice(list(self.removed)))

    def fall(self) -> None:
        """Let somebody learn of a cut, which is there when all have spoken."""
        for number in self.removed:
            if all(number in member.acknowledged for member in self.staying()):
                self.pick().fall(number)

    def confirm(self) -> None:
        member = self.pick()
        for gone in member.estate.awaited():
            known = {
                key for other in self.staying() for key in other.deeds if key[0] == gone
            }
            if known <= member.deeds.keys():
                member.estate.confirm(gone)

    def shared(self) -> Spans:
        """Return what two members that were not removed may both use."""
        seen, twice = Spans(), Spans()
        for member in self.staying():
            usable = member.estate.usable()
            twice |= usable & seen
            seen |= usable
        return twice


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), count=st.integers(2, 5))
def test_nothing_usable_is_usable_twice(seed: int, count: int) -> None:
    random = Random(seed)
    cluster = Cluster(random, count)
    common = [cluster.grant, cluster.hear, cluster.hear, cluster.hear]
    steps = [*common, cluster.give_back, cluster.acknowledge, cluster.fall]
    for step in range(120):
        act = random.choice([*steps, cluster.confirm])
        if step % 40 == 25:
            act = cluster.remove
        act()
        assert not cluster.shared()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32), count=st.integers(3, 5))
def test_nothing_is_lost_for_good_once_all_have_spoken(seed: int, count: int) -> None:
    random = Random(seed)
    cluster = Cluster(random, count)
    for _ in range(60):
        random.choice((cluster.grant, cluster.hear, cluster.give_back))()
    cluster.remove()
    (gone,) = cluster.removed
    staying = cluster.staying()
    for member in staying:
        member.acknowledged.add(gone)
    for taker in staying:
        for giver in staying:
            for deed in list(giver.deeds.values()):
                cluster.tell(taker, giver, deed)
    for member in staying:
        member.fall(gone)
        member.estate.confirm(node(gone))
    assert not cluster.shared()
    owned = sum(member.estate.usable().size for member in staying)
    assert owned == WHOLE.size
