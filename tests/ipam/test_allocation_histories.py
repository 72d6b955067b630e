"""Random histories of several nodes that share a subnet, and the cost of an allocation.

Whatever happens: no address has two users, nothing is given that is not owned or that
rests, be it early or not, and what is owned, used, resting and free adds up.
"""

from ipaddress import ip_network
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import EARLY_S, Addresses, Exhausted
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import parse_subnet, span_of

SUBNET = parse_subnet(
    "10.0.0.0/27", ip_range="10.0.0.0/28", auxiliaries={"x": "10.0.0.9"}
)
FIRST = int(ip_network("10.0.0.0/27").network_address)
QUARANTINE_S = 10.0
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["give", "early", "name", "free", "free", "move", "restart", "wait"]
        ),
        st.integers(0, 2),
        st.integers(0, 31),
        st.integers(0, 31),
    ),
    max_size=60,
)


class Nodes:
    """Three nodes, disjoint spans that move between them, and what they gave."""

    def __init__(self) -> None:
        self.now = 0.0
        self.owners = {FIRST + n: 0 for n in range(32)}
        self.users: dict[int, tuple[int, str]] = {}
        self.freed: dict[int, float] = {}
        # Those that were freed in this life of their owner.
        self.freed_here: set[int] = set()
        self.count = 0
        self.nodes = [self.start(node) for node in range(3)]

    def owned(self, node: int) -> Spans:
        return Spans.of(n for n, owner in self.owners.items() if owner == node)

    def start(self, node: int) -> Addresses:
        held = Addresses(SUBNET, quarantine_s=QUARANTINE_S)
        held.hold(self.owned(node))
        for address, (home, user) in self.users.items():
            if home == node:
                assert held.restore(address, user) is None
        for address, at in self.freed.items():
            held.rest(address, at + QUARANTINE_S)
            if self.owners[address] == node:
                self.freed_here.discard(address)
        return held

    def take(self, node: int, address: int, user: str) -> None:
        """An address was given: it was nobody's, and owned, and no reserved one."""
        assert address not in self.users
        assert self.owners[address] == node
        assert SUBNET.reservation(address) is None
        self.users[address] = (node, user)
        self.freed.pop(address, None)

    def rests(self, address: int, *, early: bool = False) -> bool:
        is_short = early and address in self.freed_here
        rest_s = EARLY_S if is_short else QUARANTINE_S
        return self.now < self.freed.get(address, -99.0) + rest_s

    def give(self, node: int, *, early: bool = False) -> None:
        self.count += 1
        user = f"e{self.count}"
        mine = SUBNET.assignable() & self.owned(node)
        left = mine - Spans.of(self.users)
        left -= Spans.of(a for a in self.freed if self.rests(a, early=early))
        try:
            address = self.nodes[node].allocate(self.now, user, early=early)
        except Exhausted:
            assert not left
            return
        assert left.covers(address)
        resting = Spans.of(a for a in self.freed if self.rests(a))
        assert not resting.covers(address) or not left - resting
        self.take(node, address, user)

    def name(self, node: int, address: int) -> None:
        self.count += 1
        user = f"e{self.count}"
        may = self.owners[address] == node and SUBNET.reservation(address) is None
        # A use under a range that was moved on is known to its home alone: whoever
        # grants a range must see to it, and here nobody moves what is in use.
        try:
            self.nodes[node].claim(address, user)
        except Refused:
            assert not may or address in self.users
        else:
            assert may
            self.take(node, address, user)

    def free(self, address: int) -> None:
        home, user = self.users.pop(address, (0, "nobody"))
        known = user != "nobody"
        assert self.nodes[home].release(self.now, address, user) == known
        if known:
            self.freed[address] = self.now
            self.freed_here.add(address)

    def move(self, to: int, first: int, last: int) -> None:
        """Grant to `to` what lies between and is neither in use nor at rest."""
        for address in range(min(first, last), max(first, last) + 1):
            if address not in self.users and not self.rests(address):
                self.owners[address] = to
        for node, held in enumerate(self.nodes):
            assert held.hold(self.owned(node)) == ()

    def check_sums(self) -> None:
        for node, held in enumerate(self.nodes):
            counts = held.counts(self.now)
            mine = {a: user for a, (home, user) in self.users.items() if home == node}
            assert held.uses() == mine
            assert counts.in_use == len(mine)
            assert counts.owned == (SUBNET.claimable() & self.owned(node)).size
            dynamic = SUBNET.assignable() & self.owned(node)
            in_use = dynamic & Spans.of(mine)
            assert counts.free + counts.resting + in_use.size == dynamic.size
            assert held.free(self.now).size == counts.free


@given(STEPS)
def test_no_address_has_two_users_and_all_add_up(
    steps: list[tuple[str, int, int, int]],
) -> None:
    world = Nodes()
    for verb, node, a, b in steps:
        world.now += 0.5
        match verb:
            case "give" | "early":
                world.give(node, early=verb == "early")
            case "name":
                world.name(node, FIRST + a)
            case "free":
                world.free(FIRST + a)
            case "move":
                world.move(node, FIRST + a, FIRST + b)
            case "restart":
                world.nodes[node] = world.start(node)
            case _:
                world.now += a / 4
        world.check_sums()


def scattered(count: int) -> Addresses:
    """Return a /16 with `count` addresses in use, and a gap after each."""
    subnet = parse_subnet("10.0.0.0/16")
    held = Addresses(subnet, quarantine_s=0.0)
    held.hold(Spans([span_of(subnet.prefix)]))
    for n in range(count):
        held.claim(FIRST + 2 + 2 * n, f"e{n}")
    return held


@pytest.mark.slow
def test_an_allocation_takes_fifty_microseconds_with_ten_thousand_in_use() -> None:
    """The best of five hundred, which a busy machine does not disturb."""
    held = scattered(10_000)
    times = []
    for n in range(500):
        begin = perf_counter()
        address = held.allocate(1.0, f"new{n}")
        times.append(perf_counter() - begin)
        assert address == FIRST + 3 + 2 * n
    assert sorted(times)[len(times) // 10] < 50e-6
