"""One run from options to result: the simulator as a function."""

import gc
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from random import Random
from time import perf_counter  # noqa: TID251 - for `wall_s` alone
from typing import Final, TextIO

from sim.cluster import Cluster
from sim.course import Course
from sim.faults import Fault, check_name
from sim.files import check_writable, unwritable
from sim.latency import latency_named
from sim.options import DURATION_S_MAX, Curve, Options, Result, check_numbers
from sim.profiles.contract import Profile
from sim.scenarios import SCENARIOS
from sim.scenarios.scenario import Scenario, ScenarioKind, Setting
from sim.trace import Trace
from swarmnet.errors import Refused

ProfileTable = Mapping[str, Callable[[Mapping[str, str]], Profile]]

YOUNG_COLLECTION: Final = 200_000
"""Allocations between collections: engines make no cycles worth a frequent look."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The profiles that there are, and the help of each one's settings."""

    profiles: ProfileTable
    settings: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What options come to, once they are found good."""

    kind: ScenarioKind
    setting: Setting
    profile: Profile
    nodes: int


def registry() -> Registry:
    """Return the profiles of `sim.profiles`; loaded late, for they are heavy."""
    module = import_module("sim.profiles")
    return Registry(module.PROFILES, module.SETTINGS)


def check(options: Options, known: Registry | None = None) -> None:
    """Refuse what `run` would refuse, without running anything.

    Raises:
        Refused: an option is out of bounds.
    """
    _resolve(options, registry() if known is None else known)
    latency_named(options.latency, Random(0))
    if options.trace is not None:
        check_writable("trace", options.trace)


def run(
    options: Options, known: Registry | None = None, *, course: Course | None = None
) -> Result:
    """Run one scenario and return what it came to.

    `course` follows the run in place of the usual one: give a new `Views` to see each
    node's view afterwards. It changes nothing in the run.

    Raises:
        Refused: an option is out of bounds; nothing has run.
    """
    plan = _resolve(options, registry() if known is None else known)
    with ExitStack() as stack:
        stack.enter_context(_rare_collection())
        file = _open_trace(options.trace, stack)
        return _run(options, plan, file, Course() if course is None else course)


def planned(options: Options, known: Registry | None = None) -> tuple[Fault, ...]:
    """Return the faults that `run` would play, in order of time.

    Raises:
        Refused: an option is out of bounds, or the scenario draws no faults.
    """
    plan = _resolve(options, registry() if known is None else known)
    plan_of = plan.kind.plan_of
    if plan_of is None:
        names = [name for name, kind in SCENARIOS.items() if kind.plan_of is not None]
        raise Refused(
            f"scenario {options.scenario!r}: it draws no faults; want"
            f" {', '.join(names)}"
        )
    return plan_of(plan.profile, plan.setting, plan.nodes, options.seed)


def _run(options: Options, plan: _Plan, file: TextIO | None, course: Course) -> Result:
    """Run it; whatever it takes is garbage when this returns."""
    began = perf_counter()
    cluster = Cluster(options, plan.profile, Trace(file), plan.nodes)
    cluster.course = course
    scenario = plan.kind.build(cluster, plan.setting)
    cluster.watcher = scenario
    failure = _drive(cluster, scenario, plan.setting.duration_s)
    return _result(options, cluster, scenario, perf_counter() - began, failure)


def _resolve(options: Options, known: Registry) -> _Plan:
    kind = SCENARIOS.get(options.scenario)
    if kind is None:
        raise Refused(f"scenario {options.scenario!r}: want {', '.join(SCENARIOS)}")
    if options.profile not in known.profiles:
        names = ", ".join(known.profiles)
        raise Refused(f"profile {options.profile!r}: want {names}")
    check_numbers(options, kind.nodes_min)
    for name in options.without:
        check_name(name)
    help_of = known.settings.get(options.profile, {})
    keys, told = _split(options, kind, help_of)
    wanted = {key: text for key, text in kind.settings.items() if key in help_of}
    profile = known.profiles[options.profile]({**wanted, **told})
    nodes = kind.nodes if options.nodes is None else options.nodes
    duration_s = options.duration_s
    if duration_s is None:
        duration_s = _default_duration_s(kind, profile, nodes, options.loss)
    without = frozenset(options.without)
    setting = Setting(keys, duration_s, without, options.loss)
    kind.check(profile, setting, nodes)
    return _Plan(kind, setting, profile, nodes)


def _default_duration_s(
    kind: ScenarioKind, profile: Profile, nodes: int, loss: float
) -> float:
    if kind.calm_of is None:
        return kind.duration_s
    duration_s = kind.duration_s + kind.calm_of(profile, nodes, loss)
    if duration_s > DURATION_S_MAX:
        raise Refused(
            f"duration {duration_s:g}: the calm phase of these settings is longer than"
            f" a run may be; want {DURATION_S_MAX:g} s at most"
        )
    return duration_s


def _split(
    options: Options, kind: ScenarioKind, help_of: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the scenario's keys, all of them, and the settings of the profile."""
    keys = {name: key.default for name, key in kind.keys.items()}
    rest: dict[str, str] = {}
    for name, text in options.settings.items():
        if name in kind.keys:
            keys[name] = kind.keys[name].read(name, text)
        elif name in help_of:
            rest[name] = text
        else:
            there = ", ".join([*kind.keys, *help_of])
            raise Refused(f"--set key {name!r}: {kind.name} wants {there or 'none'}")
    return keys, rest


def _open_trace(path: str | None, stack: ExitStack) -> TextIO | None:
    if path is None:
        return None
    try:
        return stack.enter_context(open(path, "w", encoding="utf-8", newline="\n"))
    except OSError as error:
        raise unwritable("trace", path, error) from None


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a big, stable heap all the time.

    Hosts and their cluster refer to each other, so a run is collected when it is over.
    """
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_COLLECTION, 50, 1000)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()
        gc.set_threshold(*before)


def _drive(cluster: Cluster, scenario: Scenario, duration_s: float) -> str | None:
    """Run it; return the traceback if an engine raised."""
    try:
        scenario.begin()
    except Refused:
        raise
    except Exception as error:
        return _raised(cluster, error)
    gc.freeze()
    try:
        cluster.world.run(duration_s, flush=cluster.flush)
        if not cluster.checkers.aborted:
            scenario.finish()
    except Exception as error:
        # What was begun is good: whatever an engine refuses now, no user asked for.
        return _raised(cluster, error)
    return None


def _raised(cluster: Cluster, error: Exception) -> str:
    what = f"{type(error).__name__}: {error}"
    cluster.checkers.violate("exception", -1, " ".join(what.split()))
    return traceback.format_exc()


def _result(
    options: Options,
    cluster: Cluster,
    scenario: Scenario,
    wall_s: float,
    failure: str | None,
) -> Result:
    simulated_s = cluster.world.now
    return Result(
        scenario=options.scenario,
        profile=options.profile,
        nodes=cluster.nodes,
        seed=options.seed,
        simulated_s=round(simulated_s, 6),
        wall_s=round(wall_s, 3),
        events=cluster.trace.count(),
        trace_hash=cluster.trace.digest(),
        violations=tuple(cluster.checkers.violations),
        coverage=cluster.coverage(),
        bytes_per_node_s=_rates(cluster, simulated_s),
        figures=scenario.figures(),
        curve=scenario.curve() or _course(cluster),
        failure=failure,
    )


def _course(cluster: Cluster) -> Curve:
    """Return what can be drawn of any run."""
    end = (cluster.world.now, cluster.course.points[-1][1])
    return Curve(
        "members held alive",
        "mean over the nodes that run",
        (*cluster.course.points, end),
        "seconds since the start",
    )


def _rates(cluster: Cluster, simulated_s: float) -> dict[str, float]:
    """Return received UDP payload in bytes per second over the nodes and the run."""
    window_s = simulated_s or 1.0
    hosts = cluster.hosts[: cluster.nodes]
    rates = sorted(host.received_bytes / window_s for host in hosts)
    p99 = rates[ceil(0.99 * len(rates)) - 1]
    mean = sum(rates) / len(rates)
    return {"mean": round(mean, 3), "p99": round(p99, 3), "max": round(rates[-1], 3)}
