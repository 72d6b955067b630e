"""Runs of the table scenarios, and what is read in their results."""

from sim.faults import KINDS
from sim.options import Options, Result
from sim.run import run


def outcome(
    scenario: str,
    nodes: int,
    seed: int = 1,
    *,
    without: tuple[str, ...] = (),
    **settings: str,
) -> Result:
    """Run a scenario for as long as it takes, or for `duration_s`."""
    duration_s = settings.pop("duration_s", None)
    return run(
        Options(
            scenario,
            nodes,
            seed,
            duration_s=None if duration_s is None else float(duration_s),
            settings=settings,
            without=without,
        )
    )


def struck(seed: int, nodes: int, *kinds: str, **settings: str) -> Result:
    """Run `table-chaos` with faults of some kinds alone, and less time for them."""
    without = tuple(kind for kind in KINDS if kind not in kinds)
    return outcome(
        "table-chaos",
        nodes,
        seed,
        without=without,
        **{"acts_per_s": "10", "duration_s": "175", **settings},
    )


def rules_of(result: Result) -> set[str]:
    """Return the rules that a run broke."""
    return {violation.checker for violation in result.violations}


def figure(result: Result, name: str) -> float:
    """Return a figure that must be there."""
    value = result.figures[name]
    assert value is not None
    return value
