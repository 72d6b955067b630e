"""What does a network cost each host, and what does it get for it?

Expected: one row of some 250 bytes says what the network is, and every host has a slice
by a grant of some 27 bytes, 24 in a row: 100 hosts are 2.9 kB, whether the subnet holds
250 addresses or a million. Docker's managers hold that alone, and a host asks them.
"""

from typing import Final

from benchmarks.lab import OURS, Lab, figure_spread
from benchmarks.values import Clock, Question, Row, question
from sim.options import Options

CASES: Final = (
    ((10, 24), (100, 24), (100, 16), (100, 12)),
    ((10, 24), (30, 24), (30, 12)),
)
"""How many hosts, and how long a prefix: fewer hosts when it must be quick."""


def answer(lab: Lab) -> list[Row]:
    """Make one network among some hosts, of some size."""
    rows: list[Row] = []
    for nodes, bits in CASES[lab.quick]:
        settings = {"bits": str(bits)}
        options = Options("address-share", nodes=nodes, profile=OURS, settings=settings)
        outcomes = lab.simulate(options, lab.seeds(5, 1))
        rows += [
            Row(
                measure=f"a /{bits} among {nodes} hosts: {measure}",
                unit=unit,
                clock=Clock.VIRTUAL,
                ours=figure_spread(OURS, figure, outcomes),
                peer=None,
                targets=(),
                violations=sum(outcome.violated for outcome in outcomes),
            )
            for measure, figure, unit in (
                ("held by each", "held_bytes", "B"),
                ("heard by each in 3 s", "heard_bytes", "B"),
                ("addresses of the poorest", "slice_min", ""),
                ("until all can give out", "shared_s", "s"),
            )
        ]
    return rows


QUESTION: Final[Question] = question("network_bytes", __doc__, answer)
"""See `sim.scenarios.address_share`."""
