"""Faults that come and go: a bad spell, a good one, again and again until the end."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sim.scenarios.scenario import Setting
from sim.trace import Kind
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.impairments import Impairment
    from sim.world import World

SPELL_S_MIN: Final = 0.001
"""Shorter spells would be a load on the simulator, and on no protocol."""


@dataclass(frozen=True, slots=True)
class Spells:
    """A fault that begins with `strike` and ends with `relent`, for ever.

    `strike` is told until when. Each length, in seconds, is asked for when its spell
    begins.
    """

    world: "World"
    strike: Callable[[float], None]
    relent: Callable[[], None]
    bad_s: Callable[[], float]
    good_s: Callable[[], float]

    def begin(self) -> None:
        """Begin a bad spell now."""
        length_s = self.bad_s()
        self.strike(self.world.now + length_s)
        self.world.after(length_s, self._end)

    def _end(self) -> None:
        self.relent()
        self.world.after(self.good_s(), self.begin)


@dataclass(slots=True, eq=False)
class WireFaults:
    """The impairments of the wire that one fault brings; `keys` are those of now."""

    cluster: "Cluster"
    keys: tuple[int, ...] = ()

    def impair(self, *impairments: "Impairment") -> None:
        """Begin `impairments`."""
        self.keys += self.cluster.underlay.impair(*impairments)
        for effect in dict.fromkeys(one.effect for one in impairments):
            self.cluster.underlay.coverage[f"fault_{effect}"] += 1
            self._note(effect)

    def mend(self) -> None:
        """End what `impair` began."""
        self.cluster.underlay.mend(*self.keys)
        self.keys = ()
        self._note("mended")

    def _note(self, what: str) -> None:
        cluster = self.cluster
        cluster.trace.note(cluster.world.now, -1, Kind.FAULT, -1, 0, detail=what)


def stop_process(cluster: "Cluster", host: "Host") -> None:
    """Stop a running process as SIGSTOP does; one that has ended stays as it is."""
    if host.up:
        cluster.process_event(host, "pause", -1)
        host.pause()


def continue_process(cluster: "Cluster", host: "Host") -> None:
    """Let a stopped process run again, late for everything."""
    if host.paused:
        cluster.process_event(host, "resume", -1)
        host.resume()


def stops(
    cluster: "Cluster",
    host: "Host",
    bad_s: Callable[[], float],
    good_s: Callable[[], float],
) -> Spells:
    """Return the spells in which the process of `host` is stopped."""
    return Spells(
        cluster.world,
        lambda _until_s: stop_process(cluster, host),
        partial(continue_process, cluster, host),
        bad_s,
        good_s,
    )


def check_spell(setting: Setting, *names: str) -> None:
    """Refuse a spell so short that a run would hardly end; 0 has a meaning apart.

    Raises:
        Refused: with the key, its value and the bound.
    """
    for name in names:
        if 0 < setting.keys[name] < SPELL_S_MIN:
            raise Refused(
                f"--set {name}={setting.keys[name]:g}: want 0 or at least {SPELL_S_MIN}"
            )
