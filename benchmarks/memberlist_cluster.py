"""How soon do all hear news, and of a death, beside the real memberlist, in real time?

Expected: memberlist passes news on at ticks of 200 ms, three packets each: some 0.3 s
to all of ten and 0.6 s to all of a hundred, and a death is told 4 to 5 s after the
first suspicion, later the more members there are: 5.6, 8.4 and 10.9 s at 10, 50 and
100 (by a first run of this, on two busy cores). Ours passes news on at once: three hops
of some milliseconds, and the CPU of all members' copies, five each at 0.3 ms, one after
the other on the cores that there are: 75 ms for fifty. A death is told two to three
seconds after it. Of wrong views of death under loss memberlist has none up to 20 %, as
long as TCP answers; ours must have no more.

Both are clusters of members on loopback, of real sockets, both sealed (memberlist: its
DefaultLANConfig, AES-256, in Go, one process on all cores; ours: AES-256-GCM in
channels with keys of each pair, in Python, five members to a process), no loss unless
said, and then in UDP alone, each packet by itself, at the sender. The payload is 100
bytes. The member that is killed ends without a word, and its port is closed.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from benchmarks import golang, real_members
from benchmarks.asked import Asked, rows_of
from benchmarks.charts import Picture
from benchmarks.crowd import Kind
from benchmarks.golang import said_missing
from benchmarks.lab import OURS, Lab
from benchmarks.trials import (
    Contest,
    Losing,
    Trial,
    alarmed,
    asked,
    contested,
    curves,
)
from benchmarks.values import Question, Row, question

PROGRAM: Final = "memberlist_cluster"
KEY_BYTES: Final = 32
MEMBERS_EACH: Final = 5
"""Those of one process wait for each other, and each takes that for its own slowness:
the more there are the later they accuse. A process each would be a host's, and the
memory of as many interpreters."""
ASKED: Final = asked(all_share=0.25, dead_share=0.5)
ALARMS: Final = (
    Asked("views", "wrong views of death per node-hour", "", 1.0),
    Asked("victims", "members so wronged per node-hour", "", 1.0),
    Asked("used", "CPU meanwhile, each", "% of a core"),
)


@dataclass(frozen=True, slots=True)
class Size:
    """Trials of some sizes, and what loses packets: members, shares, and how long."""

    trials: Sequence[Trial]
    rounds: int
    lossy: int
    shares: Sequence[float]
    lossy_s: float
    settle_s: float


FULL: Final = Size(
    tuple(Trial(n, 7, 4, settle_s=15.0, rest_s=10.0) for n in (10, 50, 100)),
    rounds=3,
    lossy=64,
    shares=(0.1, 0.2, 0.3),
    lossy_s=120.0,
    settle_s=15.0,
)
QUICK: Final = Size(
    (Trial(10, 3, 1, settle_s=2.0, rest_s=2.0),),
    rounds=1,
    lossy=16,
    shares=(0.3,),
    lossy_s=6.0,
    settle_s=2.0,
)


def ours(count: int) -> Kind:
    """Return a cluster of ours, some members to a process."""
    return Kind(OURS, real_members.commands(1, count, each=MEMBERS_EACH))


def theirs(program: Path) -> Kind:
    """Return a cluster of memberlist's, with a new key."""
    command = (str(program), token_hex(KEY_BYTES))
    return Kind(
        golang.memberlist_name(),
        lambda ports: {tuple(range(len(ports))): (*command, *map(str, ports))},
    )


@contextmanager
def built(question_name: str) -> Iterator[Path | None]:
    """Give the program that is a cluster of memberlist's; None where Go is missing."""
    if said_missing(question_name):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield golang.build(PROGRAM, Path(folder))


def _kinds(count: int, program: Path | None) -> list[Kind]:
    return [ours(count), *([] if program is None else [theirs(program)])]


Task = tuple[Trial, int, Path | None]
LossyTask = tuple[Size, float, Path | None]


def measured(task: Task) -> list[Row | Picture]:
    """Let both take turns at one size."""
    trial, rounds, program = task
    found = contested(Contest(_kinds(trial.count, program), trial, rounds))
    rows = rows_of(found, f"N={trial.count}", ASKED)
    return [*rows, curves(found, trial.count)] if found else []


def lossy(task: LossyTask) -> list[Row]:
    """Let both lose the same share of their UDP packets."""
    size, share, program = task
    kinds = _kinds(size.lossy, program)
    how = Losing(kinds, size.lossy, share, size.lossy_s, size.settle_s, 1)
    prefix = f"N={size.lossy}, {share:.0%} of UDP lost"
    return rows_of(alarmed(how), prefix, ALARMS, f"for {size.lossy_s:g} s; TCP works")


def compared(size: Size, lab: Lab, program: Path | None) -> Iterator[Row | Picture]:
    """Yield what comes of all trials, each in a process of its own."""
    for trial in size.trials:
        task = (trial, size.rounds, program)
        yield from lab.alone(f"N={trial.count}", measured, task)
    for share in size.shares:
        yield from lab.alone(f"loss {share:.0%}", lossy, (size, share, program))


def answer(lab: Lab) -> list[Row | Picture]:
    """Measure ours and the real memberlist, in turn."""
    with built("memberlist_cluster") as program:
        return list(compared(QUICK if lab.quick else FULL, lab, program))


QUESTION: Final[Question] = question("memberlist_cluster", __doc__, answer)
