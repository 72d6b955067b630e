"""How many endpoint changes a second does one network of 100 nodes carry?

Expected: a row of some 180 bytes costs a node about 5 copies of 230 bytes, 1,150; a
hundred a second are 115 kB/s, less where datagrams hold several. A node may send 128
kB/s for as long as it likes. NetworkDB drains one packet of 1,400 bytes each 200 ms,
in which a row is sent 12 times: by these constants 1.5 containers a second.
"""

from typing import Final

from benchmarks.lab import OURS, Lab, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question
from sim.options import Options

NODES: Final = (100, 16)
"""Fewer when it must be quick."""
PER_SECOND: Final = 100
COUNT: Final = 1000
RECKONED: Final = Spread("NetworkDB, reckoned", 1, 1.5, None, None)


def answer(lab: Lab) -> list[Row]:
    """Offer a hundred rows a second for ten seconds."""
    nodes = NODES[lab.quick]
    settings = {"count": str(COUNT), "rate_per_s": str(PER_SECOND)}
    options = Options("table-update", nodes=nodes, profile=OURS, settings=settings)
    outcomes = lab.simulate(options, lab.seeds(20, 1))
    rows = (
        ("shown by all, per second", "delivered_per_s", "", None, RECKONED),
        ("age, 99 % of the rows", "age_p99_s", "s", Target(Of.WORST, 1.0), None),
        ("received by a node", "bytes", "B/s", Target(Of.WORST, 128_000), None),
        ("bytes of a signed row", "row_bytes", "B", Target(Of.WORST, 220), None),
    )
    return [
        Row(
            measure=f"N={nodes}, {PER_SECOND} changes per second: {measure}",
            unit=unit,
            clock=Clock.VIRTUAL,
            ours=figure_spread(OURS, figure, outcomes),
            peer=peer,
            targets=() if target is None else (target,),
            violations=sum(outcome.violated for outcome in outcomes),
            note="a target of 100 was offered; the peer's figure is from its constants"
            if peer is not None
            else "",
        )
        for measure, figure, unit, target, peer in rows
    ]


QUESTION: Final[Question] = question("table_load", __doc__, answer)
"""Sustained endpoint changes; see `sim.scenarios.table_update`."""
