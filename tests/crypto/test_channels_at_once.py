"""Both sides begin at once: whatever arrives in whatever order, they settle on one."""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Final

import pytest

from swarmnet.crypto.packets import Kind
from tests.crypto.peers import PATIENT, Mail, Table, agree, kinds, pair
from tests.samples import mostly_slow

RESPONSE, TRANSPORT = Kind.RESPONSE, Kind.TRANSPORT
STARTS: Final = [(False, False), (False, True), (True, False), (True, True)]
"""Whether what each side sends first may travel in the first packet."""


def begun(table: Table, early: tuple[bool, bool]) -> list[Mail]:
    """Let both begin; return both initiations."""
    one, other = table.peers
    one.send(table.now, other, b"one", replayable=early[0])
    other.send(table.now, one, b"other", replayable=early[1])
    return table.collect()


def talk(table: Table, rounds: int = 3) -> list[bytes]:
    """Let both send in turn, a second apart; return all that they send."""
    one, other = table.peers
    said = []
    for number in range(rounds):
        for sender, receiver in ((one, other), (other, one)):
            said.append(b"%d of %d" % (number, sender.number))
            sender.send(table.now, receiver, said[-1], replayable=False)
            table.run()
        table.wait(1.1)
    return said


def check_settled(table: Table) -> None:
    """Both send under one session, and every datagram arrives, for an hour to come."""
    one, other = table.peers
    heard = [*one.data, *other.data]
    said = talk(table)
    assert agree(one, other)
    assert sorted([*one.data, *other.data]) == sorted(heard + said)
    table.passed.clear()
    # The session that was not settled on is forgotten, and nobody misses it.
    table.wait(60.0)
    assert table.passed == []
    assert (one.channel(other).former, other.channel(one).former) == ([], [])
    said += talk(table)
    assert kinds(table.passed) == [(1, TRANSPORT), (2, TRANSPORT)] * 3
    assert sorted([*one.data, *other.data]) == sorted(heard + said)


@pytest.mark.parametrize("early", STARTS)
def test_both_begin_and_nothing_is_lost(early: tuple[bool, bool]) -> None:
    table, one, other = pair()
    for mail in begun(table, early):
        table.deliver(mail)
    table.wait(0.5)
    assert (one.data, other.data) == ([b"other"], [b"one"])
    check_settled(table)


def arrival(early: tuple[bool, bool], choices: list[int]) -> tuple[Table, list[int]]:
    """Let what is on its way arrive in the order chosen: each time, which one.

    Where `choices` ends it is the oldest. Returns how many there were to choose from.
    """
    table, _, _ = pair()
    air, options = begun(table, early), list[int]()
    while air:
        chosen = choices[len(options)] if len(options) < len(choices) else 0
        options.append(len(air))
        table.deliver(air.pop(chosen))
        air += table.collect()
    return table, options


@pytest.mark.slow
@pytest.mark.parametrize("early", STARTS)
def test_both_begin_and_their_packets_come_in_every_possible_order(
    early: tuple[bool, bool],
) -> None:
    choices, orders = list[int](), 0
    while True:
        table, options = arrival(early, choices)
        check_settled(table)
        orders += 1
        choices += [0] * (len(options) - len(choices))
        while choices and choices[-1] == options[len(choices) - 1] - 1:
            choices.pop()
        if not choices:
            break
        choices[-1] += 1
    assert orders > 5


@pytest.mark.parametrize("early", STARTS)
@pytest.mark.parametrize("seed", mostly_slow(range(40), range(8)))
def test_both_begin_and_packets_are_shuffled_held_back_and_lost(
    early: tuple[bool, bool], seed: int
) -> None:
    random = Random(f"{early} {seed}")
    table, one, other = pair()
    air = begun(table, early)
    for _ in range(60):
        if air and random.random() < 0.7:
            mail = air.pop(random.randrange(len(air)))
            if random.random() < 0.7:
                table.deliver(mail)
        if random.random() < 0.2:
            sender, receiver = random.sample((one, other), 2)
            sender.send(table.now, receiver, b"more", replayable=random.random() < 0.5)
        table.now += random.choice((0.0, 0.001, 0.02, 0.3))
        for peer in table.peers:
            peer.channels.handle_timeout(table.now)
        air += table.collect()
    table.wait(1.1)
    one.received.clear()
    other.received.clear()
    talk(table)
    one.received.clear()
    other.received.clear()
    check_settled(table)


@pytest.mark.parametrize("lost", list(product((False, True), repeat=4)))
def test_whichever_of_the_four_packets_are_lost_the_next_ones_heal_it(
    lost: Sequence[bool],
) -> None:
    table, one, other = pair()
    fates = iter(lost)
    table.fate = lambda _number, packet: (
        packet.data[0] == TRANSPORT or not next(fates, False)
    )
    one.send(table.now, other, b"one", replayable=False)
    other.send(table.now, one, b"other", replayable=False)
    table.wait(1.0)
    assert (one.data, other.data) == ([b"other"], [b"one"])
    check_settled(table)


@pytest.mark.parametrize("speaker", [0, 1])
def test_they_settle_though_only_one_of_them_goes_on_talking(speaker: int) -> None:
    table, _, _ = pair(PATIENT)
    for mail in begun(table, (True, True)):
        table.deliver(mail)
    table.run()
    sender, receiver = table.peers[speaker], table.peers[1 - speaker]
    receiver.received.clear()
    said = [b"%d" % number for number in range(100)]
    for data in said:
        sender.send(table.now, receiver, data, replayable=False)
        table.wait(1.0)
    assert agree(sender, receiver)
    assert receiver.data == said
    assert {peer.sizes()["by_remote"] for peer in table.peers} == {1}


@pytest.mark.parametrize("gap_s", [0.01, 1.0, 4.99, 5.0, 5.01, 29.0])
@pytest.mark.parametrize("first", [0, 1])
def test_it_does_not_matter_how_far_apart_they_begin(first: int, gap_s: float) -> None:
    table, _, _ = pair()
    early, late = table.peers[first], table.peers[1 - first]
    early.send(table.now, late, b"early")
    (initiation,) = table.collect()
    table.deliver(initiation)
    # The first one's answer is on its way for as long as that takes.
    (answer,) = table.collect()
    table.now += min(gap_s, 4.9)
    table.deliver(answer)
    table.now += max(0.0, gap_s - 4.9)
    late.send(table.now, early, b"late")
    table.run()
    check_settled(table)
