"""results.json, as `python -m benchmarks run --out` wrote it, read back into values."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isfinite, isinf
from pathlib import Path
from typing import Any

from benchmarks.report import SCHEMA, Place
from benchmarks.values import Clock, Of, Spread
from swarmnet.errors import Refused


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two rows of two files the same row.

    `copy` counts the rows before it in its file of which all else is the same.
    """

    question: str
    measure: str
    ours: str
    peer: str
    copy: int = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """A target as it was: `value` is what it bounds, infinity is never."""

    of: Of
    limit: float
    at_least: bool
    value: float
    met: bool


@dataclass(frozen=True, slots=True)
class Result:
    """One row of a file; `violations` counts runs that broke a rule."""

    unit: str
    clock: Clock
    ours: Spread
    peer: Spread | None
    targets: tuple[Bound, ...]
    violations: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One file: where it was made, by which command, and its rows.

    `unanswered` are the questions that failed.
    """

    place: Place
    command: str
    rows: dict[Key, Result]
    unanswered: tuple[str, ...] = ()


def read_results(path: str) -> Kept:
    """Return what a file holds.

    Raises:
        Refused: there is no such file, or it is not what `run --out` writes now.
    """
    document = _load(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or "results" not in document:
        raise Refused(
            f"{path!r}: no results; name a results.json that"
            " `python -m benchmarks run --out DIR` wrote"
        )
    if schema != SCHEMA:
        raise Refused(
            f"{path!r}: schema {schema!r}, want {SCHEMA}; run its benchmarks again"
            " with this version"
        )
    try:
        return _results(document)
    except (
        AttributeError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
    ) as error:
        what = f"{type(error).__name__} {' '.join(str(error).split())}"
        raise Refused(f"{path!r}: damaged ({what}); run its benchmarks again") from None


def _load(path: str) -> object:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise Refused(
            f"{path!r}: {reason}; name a results.json that"
            " `python -m benchmarks run --out DIR` wrote"
        ) from None
    except (ValueError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise Refused(
            f"{path!r}: no JSON ({line}); name a results.json that"
            " `python -m benchmarks run --out DIR` wrote"
        ) from None


def _results(document: dict[str, Any]) -> Kept:
    place = Place(*(_text(document[name]) for name in ("machine", "python", "commit")))
    seen: Counter[Key] = Counter()
    rows: dict[Key, Result] = {}
    for one in document["results"]:
        result = _result(one)
        peer = "" if result.peer is None else result.peer.name
        names = (_text(one["question"]), _text(one["measure"]), result.ours.name, peer)
        first = Key(*names)
        rows[Key(*names, copy=seen[first])] = result
        seen[first] += 1
    # Files of before this was kept have no such list.
    failed = document.get("unanswered", [])
    unanswered = tuple(_text(one["question"]) for one in failed)
    return Kept(place, _text(document["command"]), rows, unanswered)


def _result(row: dict[str, Any]) -> Result:
    peer = row["peer"]
    return Result(
        unit=_text(row["unit"]),
        clock=Clock(row["clock"]),
        ours=_spread(row),
        peer=None if peer is None else _spread(peer),
        targets=tuple(_bound(one) for one in row["targets"]),
        violations=_count("violations", row["violations"]),
    )


def _spread(row: dict[str, Any]) -> Spread:
    runs = _count("runs", row["runs"])
    series = _all_reached(row["series"])
    if len(series) > runs:
        raise ValueError(f"series of {len(series)}: want at most {runs}, its runs")
    return Spread(
        name=_text(row["of"]),
        runs=runs,
        median=_reached(row["median"]),
        p90=_reached(row["p90"]),
        worst=_reached(row["worst"]),
        never=_count("never", row["never"], runs),
        values=_all_reached(row["values"]),
        larger_is_better=bool(row["larger_is_better"]),
        series=series,
    )


def _bound(target: dict[str, Any]) -> Bound:
    return Bound(
        of=Of(target["of"]),
        limit=_reached(target["limit"]),
        at_least=bool(target["at_least"]),
        value=_reached(target["value"]),
        met=bool(target["met"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(what: str, value: object, most: float = inf) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        bound = "a number from 0" if isinf(most) else f"a number from 0 to {most}"
        raise ValueError(f"{what} {value!r}: want {bound}")
    return value


def _reached(value: object) -> float:
    """Return a number; null is never."""
    if value is None:
        return inf
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    if not isfinite(value):
        raise ValueError(f"{value!r}: want a finite number, or null for never")
    return float(value)


def _all_reached(values: Iterable[object]) -> tuple[float, ...]:
    return tuple(_reached(value) for value in values)
