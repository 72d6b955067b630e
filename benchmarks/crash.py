"""How long until a crashed process is known to be dead, to one node and to all?

Expected: a suspicion lives at least 2 s from the first ping that got no answer. Up to
32 members each is pinged four times a second, and by its predecessor on the ring each
time, so N=10 takes 2.1 s; in large clusters it is one ping a second, which meets the
victim after e/(e-1) periods on average or sooner, and all know 0.5 s after the first:
2.6 to 3.5 s. memberlist's suspicion lives 4 * log10(N) s at the least, and six times as
long while too few confirm it: 5.5 to 14 s.
"""

from typing import Final

from benchmarks.lab import Lab, beside_each
from benchmarks.values import Question, Row, question
from sim.options import Options

SHARE: Final = 0.4
LOSSES: Final = (0.0, 0.05, 0.10, 0.20)
SIZES: Final = (10, 64, 200, 1000)
QUICK_SIZES: Final = (10, 64)
DEAR: Final = 1000
"""Here a run of memberlist's costs up to a minute of CPU: it has fewer seeds."""
PEER_SEEDS_DEAR: Final = 5


def answer(lab: Lab) -> list[Row]:
    """Measure one crash at a random instant of a second."""
    rows: list[Row] = []
    for nodes in QUICK_SIZES if lab.quick else SIZES:
        seeds = lab.seeds(20, 4)
        peer_seeds = seeds[:PEER_SEEDS_DEAR] if nodes == DEAR else seeds
        kinds = [Options("crash", nodes=nodes, loss=loss) for loss in LOSSES]
        pairs = beside_each(lab, [(one, seeds, peer_seeds) for one in kinds])
        for loss, pair in zip(LOSSES, pairs, strict=True):
            case = f"N={nodes}, loss {loss:.0%}:"
            rows += [
                pair.share(f"{case} first dead", "first_dead_s", "s", SHARE),
                pair.share(f"{case} all dead", "all_dead_s", "s", SHARE),
            ]
    return rows


QUESTION: Final[Question] = question("crash", __doc__, answer)
