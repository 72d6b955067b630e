"""Which rows of two results are the same row, and what the two have in common."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from benchmarks.kept import Key

UNKNOWN: Final = "unknown"
DIRTY: Final = "-dirty"
QUICK: Final = "--quick"


def pairs_of(old: Collection[Key], new: Collection[Key]) -> dict[Key, Key]:
    """Return for each row of the old file its like in the new one, if it has one.

    A row that stood beside another peer, or beside none, is the same row, where there
    is no doubt which: else one that got worse would hide behind a peer's new version.
    """
    found = {key: key for key in old if key in new}
    olds, news = _alone(old, found), _alone(new, found)
    found |= {olds[what]: news[what] for what in olds.keys() & news.keys()}
    return {key: found[key] for key in old if key in found}


def _alone(keys: Iterable[Key], paired: Collection[Key]) -> dict[tuple[str, ...], Key]:
    """Return the rows without a like, by all but the peer; none that has a twin."""
    by_rest: defaultdict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key in keys:
        if key not in paired:
            by_rest[key.question, key.measure, key.ours].append(key)
    return {rest: alike[0] for rest, alike in by_rest.items() if len(alike) == 1}


def is_one_program(one: str, other: str) -> bool:
    """Return whether two peers are the same but for the version behind the name."""
    return one.split()[:1] == other.split()[:1]


def is_known(commit: str) -> bool:
    """Return whether a commit says what code ran."""
    return commit != UNKNOWN and not commit.endswith(DIRTY)


def is_one_world(one: str, other: str) -> bool:
    """Return whether two commands ask for the same sizes."""
    return (QUICK in _words(one)) == (QUICK in _words(other))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # No command of ours; nothing follows from it.
        return command.split()
