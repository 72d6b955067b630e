"""Who is declared dead by mistake while processes stop for a second or two?

Expected: next to nobody. A suspicion lives at least 2 s, its subject answers the moment
it runs again, and whoever was stopped gives everybody the time back that it missed.
memberlist's suspicion lives 4 s and more, so it has few as well: what counts is that
the faster detector has no more. The paused nodes count as victims too. A minute of
pauses is measured besides, for who is accused again and again must not be believed
less, nor those who accuse it.
"""

from typing import Final

from benchmarks.lab import Lab, Pair, beside, joined
from benchmarks.values import Question, Row, question
from sim.options import Options

SETTINGS: Final = {"paused": "0.05"}
LOSSES: Final = (0.0, 0.05, 0.10, 0.20)
LONG: Final = {**SETTINGS, "at_s": "60"}
LONG_S: Final = 75.0
LONG_SIZES: Final = (10, 64)
SIZES: Final = (10, 64, 200)
QUICK_SIZES: Final = (10, 64)


def answer(lab: Lab) -> list[Row]:
    """Measure the crash of one node while 5 % of the others pause for 1 to 2 s."""
    rows: list[Row] = []
    pairs: list[Pair] = []
    for nodes in QUICK_SIZES if lab.quick else SIZES:
        for loss in LOSSES:
            options = Options("crash", nodes, loss=loss, settings=SETTINGS)
            pair = beside(lab, options, lab.seeds(20, 2))
            case = f"N={nodes}, loss {loss:.0%}:"
            rows.append(pair.mean(f"{case} false deads", "false_dead", "", 1.0))
            rows.append(pair.row(f"{case} all dead", "all_dead_s", "s"))
            pairs.append(pair)
    for nodes in LONG_SIZES[:1] if lab.quick else LONG_SIZES:
        options = Options("crash", nodes, duration_s=LONG_S, settings=LONG)
        pair = beside(lab, options, lab.seeds(20, 2))
        case = f"N={nodes}, a minute of pauses:"
        rows.append(pair.mean(f"{case} false deads", "false_dead", "", 1.0))
        pairs.append(pair)
    total = joined(pairs)
    return [*rows, total.mean("all of these: false deads", "false_dead", "", 1.0)]


QUESTION: Final[Question] = question("stalls", __doc__, answer)
