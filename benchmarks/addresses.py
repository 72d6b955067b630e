"""What does one local allocation cost with 10,000 addresses in use?

Expected: a bisection in the list of free spans and a shift of its tail, some 5 us, and
three times that where what is free is scattered over thousands of spans. 50 us is the
bound, for a `network connect` has more to do than that. There is no peer: Docker asks
its managers.
"""

from random import Random
from time import perf_counter
from typing import Final

from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.ipam.addresses import Addresses
from swarmnet.ipam.subnets import parse_subnet

IN_USE: Final = 10_000
SUBNET: Final = "10.64.0.0/16"
ALLOCATED: Final = 1000
ROUNDS: Final = (21, 3)
BOUND_US: Final = 50.0


def filled(*, scattered: bool, count: int = IN_USE) -> Addresses:
    """Return an allocator with `count` in use, side by side or all over the place."""
    subnet = parse_subnet(SUBNET)
    assignable = subnet.assignable()
    numbers = [n for span in assignable for n in range(span.first, span.last + 1)]
    used = Random(1).sample(numbers, count) if scattered else numbers[:count]
    addresses = Addresses(subnet)
    for number in used:
        addresses.restore(number, f"endpoint {number}")
    addresses.hold(assignable)
    return addresses


def allocating(rounds: int, *, scattered: bool) -> Row:
    """Measure `allocate`, each time after giving the last one back."""
    addresses = filled(scattered=scattered)
    times: list[float] = []
    for turn in range(rounds):
        now = 1000.0 * turn
        began = perf_counter()
        given = [addresses.allocate(now, "another") for _ in range(ALLOCATED)]
        times.append((perf_counter() - began) / ALLOCATED * 1e6)
        for number in given:
            addresses.release(now, number, "another")
    where = "scattered" if scattered else "side by side"
    return Row(
        measure=f"one allocation, {IN_USE:,} in use {where}",
        unit="us",
        clock=Clock.WALL,
        ours=spread(OURS, times),
        targets=(Target(Of.MEDIAN, BOUND_US),),
    )


def answer(lab: Lab) -> list[Row]:
    """Measure both."""
    rounds = ROUNDS[lab.quick]
    return [allocating(rounds, scattered=one) for one in (False, True)]


QUESTION: Final[Question] = question("addresses", __doc__, answer)
