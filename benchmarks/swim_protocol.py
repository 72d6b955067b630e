"""What do twenty members cost and take, beside swim-protocol, another in Python?

Expected: swim-protocol probes one member a second and sends gossip to one each half
second, so metadata is everywhere after some 3 s, and a death some 6.5 s after it, its
5 s of suspicion included; it uses 0.4 % of a core and 25 MiB a process (by a first run
of this, on two busy cores). Ours has news everywhere after some 30 ms of CPU, a death
after 2 to 3 s; four probes a second, sealed, cost some 0.6 %, and the libraries more
memory: 35 MiB.

A process a member, on loopback, no loss, the same Python. Ours is the whole node, with
channels of AES-256-GCM, certificates and signed claims (`real_members`); swim-protocol
has its defaults: an HMAC over a pickle, nothing encrypted. 100 bytes are told: a
payload of ours, metadata of a member of theirs. The extra `peers` brings swim-protocol.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from secrets import token_hex
from typing import Final

from benchmarks import real_members
from benchmarks.asked import rows_of
from benchmarks.crowd import Kind
from benchmarks.lab import OURS, Lab
from benchmarks.trials import Contest, Trial, asked, contested
from benchmarks.values import Question, Row, question

PACKAGE: Final = "swim-protocol"
COUNT: Final = 20
SECRET_BYTES: Final = 32
FULL: Final = Trial(COUNT, 10, 5, settle_s=15.0, rest_s=30.0)
QUICK: Final = Trial(COUNT // 2, 3, 1, settle_s=2.0, rest_s=4.0)
ROUNDS: Final = (2, 1)
ASKED: Final = asked(all_share=0.1, dead_share=0.5)


def missing() -> str | None:
    """Return in a line that swim-protocol is not here; None if it is."""
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        return f"no {PACKAGE}: install the extra 'peers'"
    return None


def ours(count: int) -> Kind:
    """Return a cluster of ours, a process a member."""
    return Kind(OURS, real_members.commands(1, count, each=1))


def theirs() -> Kind:
    """Return a cluster of swim-protocol's, a process a member, with a new secret."""
    secret = token_hex(SECRET_BYTES)

    def commands(ports: Sequence[int]) -> Mapping[tuple[int, ...], Sequence[str]]:
        module = (sys.executable, "-m", "benchmarks.swim_member", secret)
        told = [str(port) for port in ports]
        return {(who,): (*module, str(who), *told) for who in range(len(ports))}

    return Kind(f"{PACKAGE} {version(PACKAGE)}", commands)


def measured(task: tuple[Trial, int]) -> list[Row]:
    """Let both take turns."""
    trial, rounds = task
    contest = Contest((ours(trial.count), theirs()), trial, rounds)
    return rows_of(contested(contest), f"N={trial.count}", ASKED)


def answer(lab: Lab) -> list[Row]:
    """Measure both in turn; nothing where there is nobody to stand beside."""
    lack = missing()
    if lack is not None:
        print(f"swim_protocol: skipped: {lack}", file=sys.stderr)
        return []
    task = (QUICK if lab.quick else FULL, ROUNDS[lab.quick])
    return lab.alone("swim-protocol", measured, task)


QUESTION: Final[Question] = question("swim_protocol", __doc__, answer)
