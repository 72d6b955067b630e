"""How long after a cable of 60 s is back is there one view again?

Expected: each of 100 nodes pings one member held dead each second, so the first contact
comes within 10 ms and the claims of both sides spread in a few hops; what is missed is
repaired in rounds of 100 ms: below 1 s. Core memberlist never contacts a member again
that has been dead for 30 s, so it heals only by a join. With serf's cure each of 100
tries a join with one failed member each 30 s: the first comes after 0.3 s, and what
that push/pull tells spreads by ticks of 200 ms against many deaths still told: seconds.
"""

from dataclasses import replace
from typing import Final

from benchmarks.charts import Picture, Whose
from benchmarks.healing import Case, pictures
from benchmarks.lab import OURS, PEER, Lab, Pair
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options

HEAL_S: Final = 2.0
SERF: Final = {"reconnect_interval_s": "30"}
AT_S: Final = 3.0
CUT_S: Final = 60.0
NODES: Final = (100, 50)
"""Of a full and a quick run: what memberlist's rules cost grows with their square."""
SHOWN_S: Final = (0.1, 5.0)
"""So long after the cable is back the maps show ours and serf's."""


def answer(lab: Lab) -> list[Row | Picture]:
    """Cut off 40 % of the nodes; beside core memberlist and beside serf's cure.

    The pictures are of the first seed.
    """
    seeds, nodes = lab.seeds(20, 1), NODES[lab.quick]
    settings = {"at_s": str(AT_S), "length_s": str(CUT_S)}
    options = Options("partition", nodes=nodes, settings=settings)
    serf_options = replace(options, profile=PEER, settings={**settings, **SERF})
    kinds = [replace(options, profile=one) for one in (OURS, PEER)]
    every = [(one, seeds) for one in (*kinds, serf_options)]
    ours, theirs, cured = lab.simulate_each(every)
    core, serf = Pair(ours, theirs), Pair(ours, cured)
    target = Target(Of.WORST, HEAL_S)
    return [
        core.row(f"N={nodes}, core memberlist: one view", "heal_s", "s", target),
        serf.row(
            f"N={nodes}, memberlist with serf's reconnect: one view",
            "heal_s",
            "s",
            target,
            note="peer: reconnect_interval_s=30, as serf sets it",
        ),
        *pictures(lab, _cases(options, serf_options)),
    ]


def _cases(options: Options, serf_options: Options) -> list[Case]:
    healed_s = AT_S + CUT_S
    ours_s, serf_s = SHOWN_S
    core = replace(options, profile=PEER)
    return [
        Case(OURS, Whose.OURS, replace(options, profile=OURS), healed_s, ours_s),
        Case(f"core {PEER}", Whose.PEER, core, healed_s),
        Case(f"{PEER}, serf's cure", Whose.PEER, serf_options, healed_s, serf_s),
    ]


QUESTION: Final[Question] = question("partition", __doc__, answer)
