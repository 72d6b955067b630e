"""What a scenario is: a table row, and an object that follows one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.options import Curve, Figure
from sim.trace import Kind
from swarmnet.errors import Refused
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.application import Published
    from sim.cluster import Cluster
    from sim.faults import Fault
    from sim.host import Host
    from sim.profiles.contract import Profile


@dataclass(frozen=True, slots=True)
class Key:
    """A `--set` key of a scenario: a number from `least` to `most`.

    Both bounds are allowed, unless the key is `open`: then neither is.
    """

    help: str
    default: float
    least: float
    most: float
    whole: bool = False
    open: bool = False

    def read(self, name: str, text: str) -> float:
        """Return the number that `text` spells.

        Raises:
            Refused: it is no number, or out of bounds.
        """
        kind = "a whole number" if self.whole else "a number"
        try:
            value = float(int(text)) if self.whole else float(text)
        except ValueError:
            value = float("nan")
        at_bound = value in (self.least, self.most)
        if not self.least <= value <= self.most or (self.open and at_bound):
            bounds = f"of {self.least:g} to {self.most:g}"
            if self.open:
                bounds = f"above {self.least:g} and below {self.most:g}"
            raise Refused(f"--set {name}={text}: want {kind} {bounds}")
        return value


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scenario is given: its keys' values and the common limits."""

    keys: Mapping[str, float]
    duration_s: float
    without: frozenset[str]
    loss: float


class Scenario:
    """Follows one run; the simulator's own part does nothing by itself.

    `begin` boots the nodes and plans what will happen. `figures` is asked at the end,
    and `finish` before it, for what is checked when all is over.
    """

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self.setting = setting
        self.keys = setting.keys

    def begin(self) -> None:
        """Boot the nodes and plan the run."""
        self.cluster.start_with_full_views()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow a change of a member's state at one observer."""

    def delivered(self, host: "Host", published: "Published") -> None:
        """Follow the first arrival of a payload at a node."""

    def host_changed(self, host: "Host") -> None:
        """Follow a process that started or ended."""

    def finish(self) -> None:
        """Check what can only be checked at the end."""

    def figures(self) -> dict[str, Figure]:
        """Return the figures of this run."""
        return {}

    def curve(self) -> Curve | None:
        """Return what `--plot` draws, if there is anything to see."""
        return None


def check_channels(profile: "Profile", name: str) -> None:
    """Refuse a profile without real channels.

    Raises:
        Refused: with the one that has them, or the setting that turns them on.
    """
    seals = getattr(profile, "seals", None)
    if seals is None:
        raise Refused(
            f"profile {profile.name!r}: has no channels, which {name} attacks;"
            " want --profile swarmnet"
        )
    if not seals:
        raise Refused(f"setting channels='off': {name} attacks channels; want on")


def check_tables(profile: "Profile", _setting: Setting, _nodes: int) -> None:
    """Refuse a profile without tables.

    Raises:
        Refused: with the one that has them, or the setting that turns them on.
    """
    has_tables = getattr(profile, "has_tables", None)
    if has_tables is None:
        raise Refused(
            f"profile {profile.name!r}: has no tables; want --profile swarmnet"
        )
    if not has_tables:
        raise Refused("setting tables='off': this scenario writes rows; want on")


def note_attack(cluster: "Cluster", name: str) -> None:
    """Write down that an attack begins, and count it."""
    what = f"attack_{name.lower()}"
    cluster.underlay.coverage[what] += 1
    cluster.trace.note(cluster.world.now, -1, Kind.FAULT, -1, 0, detail=what)


def accept(_profile: "Profile", _setting: Setting, _nodes: int) -> None:
    """Refuse nothing."""


@dataclass(frozen=True, slots=True)
class ScenarioKind:
    """A row of the table of scenarios.

    `duration_s` is what a run takes at most by default, beside the `calm_of` a profile,
    a number of nodes and a loss, where a scenario ends with a calm phase.
    """

    name: str
    summary: str
    nodes: int
    nodes_min: int
    duration_s: float
    figures: Mapping[str, str]
    keys: Mapping[str, Key]
    build: Callable[["Cluster", Setting], Scenario]
    calm_of: Callable[["Profile", int, float], float] | None = None
    plan_of: Callable[["Profile", Setting, int, int], tuple["Fault", ...]] | None = None
    """Draws the faults, by profile, setting, nodes and seed; None: there are none."""
    check: Callable[["Profile", Setting, int], None] = accept
    """Refuses what this scenario cannot do, by profile, setting and nodes."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What this scenario sets of a profile that knows it, unless told otherwise."""


class FalseDeaths:
    """The (observer, victim) pairs in which a running node was declared dead.

    A paused victim runs: a protocol that cannot wait for it is wrong about it.
    """

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._pairs: set[tuple[int, int]] = set()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count a transition to dead, if its subject runs."""
        if event.current is not State.DEAD:
            return
        victim = self._cluster.index_of(event.member)
        if victim >= 0:
            subject = self._cluster.hosts[victim]
            if subject.up and not subject.leaving:
                self._pairs.add((host.index, victim))

    @property
    def count(self) -> int:
        """Return how many distinct pairs there were."""
        return len(self._pairs)


def since(start_s: float | None, end_s: float | None) -> float | None:
    """Return a span of time in s, rounded to microseconds; None if it never ended."""
    if start_s is None or end_s is None:
        return None
    return round(end_s - start_s, 6)


def worst(times_s: list[float | None]) -> float | None:
    """Return the longest of some times; None if one never came, or there is none."""
    known = [time_s for time_s in times_s if time_s is not None]
    return max(known) if known and len(known) == len(times_s) else None
