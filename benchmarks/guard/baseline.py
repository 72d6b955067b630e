"""What the guard allows: guard.json, and the judgement of what was counted by it.

A path may cost `PATH_MARGIN` more than it did (`CALLS_MARGIN` more calls), a number of
a run `RUN_MARGIN` more than the worst of a few groups of seeds: so small things may
change, and an added loop, call or message may not. Instructions are kept for each minor
version of Python; calls of C and runs are the same on all.

A version that has no numbers yet is held against those of the nearest, multiplied by
the median ratio over all paths: so one path that grew is seen among the others, beyond
`OTHER_MARGIN`, but not if all grew alike.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.guard.counting import Work
from benchmarks.guard.runs import Numbers
from swarmnet.errors import Refused

FILE: Final = Path(__file__).parent.parent / "guard.json"
PATH_MARGIN: Final = 0.005
"""Counts are exact: a copy more of a message for each of six neighbours is 0.7 %."""
CALLS_MARGIN: Final = 0.004
"""Less than one more call where 200 are made: what one costs inside is not seen."""
RUN_MARGIN: Final = 0.03
OTHER_MARGIN: Final = 0.15
RENEW: Final = "python -m benchmarks guard --renew"
CALLS: Final = "calls"
INSTRUCTIONS: Final = "instructions"

Version = tuple[int, int]
"""Major and minor."""


@dataclass(frozen=True, slots=True)
class Number:
    """What was counted: of what, and what it is to be; None if nothing is known.

    Below `least` it has improved so much that the gain should be kept.
    """

    what: str
    unit: str
    counted: float
    before: float | None = None
    most: float = inf
    least: float = 0.0

    @property
    def is_worse(self) -> bool:
        """Whether it must not stay so: it grew too much, or was never agreed to."""
        return self.before is None or self.counted > self.most

    @property
    def is_better(self) -> bool:
        """Whether a smaller number should be kept from growing again."""
        return self.counted < self.least

    def line(self) -> str:
        """Return what it was and is."""
        if self.before is None:
            return f"{self.what}: {_show(self.counted)} {self.unit}, not counted before"
        change = f"{self.counted / self.before - 1:+.1%}" if self.before else "from 0"
        return (
            f"{self.what}: {_show(self.counted)} {self.unit}, {_show(self.before)}"
            f" before ({change}; at most {_show(self.most)})"
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was agreed to: of paths the calls, and instructions by version of Python.

    Of a run's numbers what they were, and the largest that other seeds gave.
    """

    calls: Mapping[str, int]
    instructions: Mapping[str, Mapping[Version, int]]
    runs: Mapping[str, Mapping[str, tuple[float, float]]]

    def versions(self) -> list[Version]:
        """Return the versions of Python of which something is known."""
        return sorted({one for by in self.instructions.values() for one in by})

    def names(self) -> list[str]:
        """Return the paths and runs of which something is known."""
        return [*self.calls, *self.runs]


def this_version() -> Version:
    """Return the version of Python that runs."""
    return sys.version_info[0], sys.version_info[1]


def judged_paths(
    baseline: Baseline, found: Mapping[str, Work], version: Version
) -> Iterator[Number]:
    """Yield what each path costs beside what it may cost."""
    base = _base_version(baseline.versions(), version)
    scale, margin = 1.0, PATH_MARGIN
    if base != version:
        scale, margin = _scale(baseline, found, base), OTHER_MARGIN
    for name, work in found.items():
        known = baseline.instructions.get(name, {}).get(base)
        before = None if known is None else round(known * scale)
        yield _number(name, INSTRUCTIONS, work.instructions, before, margin)
        calls = baseline.calls.get(name)
        yield _number(name, "calls of C", work.calls, calls, CALLS_MARGIN)


def _base_version(known: Sequence[Version], version: Version) -> Version:
    """Return the version itself, or the latest before it, or else the first."""
    if not known:
        return version
    return max((one for one in known if one <= version), default=known[0])


def _scale(baseline: Baseline, found: Mapping[str, Work], base: Version) -> float:
    ratios = [
        work.instructions / known
        for name, work in found.items()
        if (known := baseline.instructions.get(name, {}).get(base))
    ]
    return median(ratios) if ratios else 1.0


def _number(
    what: str, unit: str, counted: float, before: float | None, margin: float
) -> Number:
    if before is None:
        return Number(what, unit, counted)
    most, least = before * (1 + margin), before * (1 - margin)
    return Number(what, unit, counted, before, most, least)


def judged_runs(baseline: Baseline, found: Mapping[str, Numbers]) -> Iterator[Number]:
    """Yield what each run came to beside what it may come to."""
    for name, numbers in found.items():
        for unit, counted in numbers.items():
            known = baseline.runs.get(name, {}).get(unit)
            if known is None:
                yield Number(name, unit, counted)
                continue
            before, worst = known
            most, least = worst * (1 + RUN_MARGIN), before * (1 - RUN_MARGIN)
            yield Number(name, unit, counted, before, most, least)


def _show(value: float) -> str:
    if isinf(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


# The file


def renewed(
    baseline: Baseline,
    work: Mapping[str, Work],
    version: Version,
    runs: Mapping[str, Mapping[str, tuple[float, float]]],
) -> Baseline:
    """Return what is agreed to now; other versions' counts of a path are kept."""
    instructions = {
        name: {**baseline.instructions.get(name, {}), version: one.instructions}
        for name, one in work.items()
    }
    return Baseline({k: one.calls for k, one in work.items()}, instructions, runs)


def read_baseline(path: Path = FILE) -> Baseline:
    """Return what the file says; nothing if there is none.

    Raises:
        Refused: it cannot be read, as where two changes of it were merged badly.
    """
    if not path.exists():
        return Baseline({}, {}, {})
    try:
        return _baseline(json.loads(path.read_text(encoding="utf-8")))
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise Refused(
            f"{path}: {line}; restore it, or remove it and run {RENEW}"
        ) from None


def _baseline(document: dict[str, Any]) -> Baseline:
    paths = document["paths"]
    return Baseline(
        {name: one[CALLS] for name, one in paths.items()},
        {name: _by_version(one[INSTRUCTIONS]) for name, one in paths.items()},
        {
            name: {unit: (before, worst) for unit, (before, worst) in one.items()}
            for name, one in document["runs"].items()
        },
    )


def _by_version(counts: Mapping[str, int]) -> dict[Version, int]:
    found = {}
    for text, count in counts.items():
        major, minor = text.split(".")
        found[int(major), int(minor)] = count
    return found


def write_baseline(baseline: Baseline, path: Path = FILE) -> None:
    """Write it with a line for each path and run."""
    paths = {
        name: {
            CALLS: calls,
            INSTRUCTIONS: {
                f"{major}.{minor}": count
                for (major, minor), count in sorted(baseline.instructions[name].items())
            },
        }
        for name, calls in baseline.calls.items()
    }
    runs = {
        name: {unit: list(pair) for unit, pair in numbers.items()}
        for name, numbers in baseline.runs.items()
    }
    about = json.dumps(f"what may not grow; to agree to other numbers: {RENEW}")
    entries = {"about": about, "paths": _lines(paths), "runs": _lines(runs)}
    text = ",\n".join(f'"{name}": {value}' for name, value in entries.items())
    path.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def _lines(entries: Mapping[str, object]) -> str:
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n}"
