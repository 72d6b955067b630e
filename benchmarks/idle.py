"""What does a node receive per second while nothing happens?

Expected: each node pings once a second and is pinged once, so it receives a ping of
some 70 bytes and an ack with a coordinate of 110, the channel's 48 in each: 181
bytes/s. memberlist has bare pings and acks too, encrypted at 29 to 45 bytes each, and
160 to 200 bytes/s.
"""

from typing import Final

from benchmarks.lab import Lab, beside
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options

BYTES_S: Final = 500.0


def answer(lab: Lab) -> list[Row]:
    """Measure 60 quiet seconds of 1,000 nodes; suspicions should be none."""
    duration_s = 10.0 if lab.quick else 60.0
    options = Options("idle", nodes=1000, duration_s=duration_s)
    pair = beside(lab, options, lab.seeds(20, 2))
    return [
        pair.row(
            "N=1000: received by a node",
            "bytes",
            "B/s",
            Target(Of.WORST, BYTES_S),
            note="UDP payload, the channel's bytes included",
        ),
        pair.row("N=1000: suspicions", "suspicions", "", Target(Of.WORST, 0.0)),
    ]


QUESTION: Final[Question] = question("idle", __doc__, answer)
