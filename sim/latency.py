"""One-way delays of the underlay, per ordered pair of nodes.

`lan`       uniform 0.5 to 1.5 ms; the default of every figure.
`region`    one cloud region with three zones (node index modulo 3): 0.15 ms inside a
            zone and 0.5 ms across, plus an exponential tail of mean 0.1 ms; one
            datagram in a hundred waits up to 5 ms more.
`regions3`  three regions (node index modulo 3), as US east, US west and western Europe:
            0.5 ms inside one, 32, 38 and 70 ms across, plus an exponential tail of mean
            3 % of that.
a file      JSON `{"matrix_s": [[...]], "jitter": 0.1}`: one-way seconds from row to
            column, where a node's row is its index modulo the number of rows; each
            delay is stretched by a uniform share of up to `jitter`.
"""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final

from swarmnet.errors import Refused

Latency = Callable[[int, int], float]
"""Draws the one-way delay in seconds from node index to node index."""

NAMES: Final = ("lan", "region", "regions3")
DELAY_S_MAX: Final = 60.0
JITTER_MAX: Final = 10.0
KEYS: Final = ("matrix_s", "jitter")
ZONES: Final = 3

_REGIONS3_S: Final = (
    (0.0005, 0.032, 0.038),
    (0.032, 0.0005, 0.070),
    (0.038, 0.070, 0.0005),
)
_TAIL_SHARE: Final = 0.03


def latency_named(name: str, random: Random) -> Latency:
    """Return the distribution called `name`, or the one in the file of that name.

    Raises:
        Refused: no such name, or the file is unreadable or no delay matrix.
    """
    if name == "lan":
        return _lan(random)
    if name == "region":
        return _region(random)
    if name == "regions3":
        return _regions3(random)
    if not name.endswith(".json") and not Path(name).is_file():
        raise Refused(
            f"latency {name!r}: want {', '.join(NAMES)}, or a JSON file with matrix_s"
        )
    return _matrix(*_read_matrix(name), random)


def _lan(random: Random) -> Latency:
    draw = random.random
    return lambda source, target: 0.0005 + 0.001 * draw()


def _region(random: Random) -> Latency:
    def sample(source: int, target: int) -> float:
        base = 0.00015 if source % ZONES == target % ZONES else 0.0005
        tail = random.expovariate(1 / 0.0001)
        burst = 0.005 * random.random() if random.random() < 0.01 else 0.0
        return base + tail + burst

    return sample


def _regions3(random: Random) -> Latency:
    def sample(source: int, target: int) -> float:
        base = _REGIONS3_S[source % ZONES][target % ZONES]
        return base + random.expovariate(1 / (_TAIL_SHARE * base))

    return sample


def _matrix(
    matrix_s: Sequence[Sequence[float]], jitter: float, random: Random
) -> Latency:
    size = len(matrix_s)

    def sample(source: int, target: int) -> float:
        base = matrix_s[source % size][target % size]
        return base * (1 + jitter * random.random())

    return sample


def _read_matrix(name: str) -> tuple[list[list[float]], float]:
    try:
        document = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Refused(
            f"latency file {name!r}: {reason}; want JSON with matrix_s"
        ) from None
    if isinstance(document, list):
        document = {"matrix_s": document}
    if not isinstance(document, dict):
        document = {}
    for key in document:
        if key not in KEYS:
            raise Refused(f"latency file {name!r}: key {key!r}; want {', '.join(KEYS)}")
    rows = document.get("matrix_s")
    jitter = document.get("jitter", 0.0)
    if not isinstance(rows, list) or not _is_square(rows):
        raise Refused(
            f"latency file {name!r}: want matrix_s, a square list of lists of seconds"
        )
    if not all(_within(value, DELAY_S_MAX) for value in chain.from_iterable(rows)):
        raise Refused(f"latency file {name!r}: want delays of 0 to {DELAY_S_MAX:g} s")
    if not isinstance(jitter, int | float) or not _within(jitter, JITTER_MAX):
        raise Refused(f"latency file {name!r}: want jitter of 0 to {JITTER_MAX:g}")
    return [[float(value) for value in row] for row in rows], float(jitter)


def _is_square(rows: list[object]) -> bool:
    return bool(rows) and all(
        isinstance(row, list) and len(row) == len(rows) for row in rows
    )


def _within(value: object, bound: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= bound
