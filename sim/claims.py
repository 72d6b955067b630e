"""From when do all observers know of one change? Changes are followed one by one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.host import Host


class News(Enum):
    """What a change of a member is."""

    GONE = auto()
    """It has left: known where it is left or dead."""
    BACK = auto()
    """It is alive at a claim of its new life, or a greater one."""


@dataclass(slots=True, eq=False)
class Change:
    """One change of `subject`; `missing` are the observers that do not know yet."""

    news: News
    subject: "Host"
    at_s: float
    least: tuple[int, int]
    missing: dict[int, None] = field(default_factory=dict)
    done_s: float | None = None
    void: bool = False
    """Something newer took its place before all knew it."""

    def look(self, observers: Iterable["Host"]) -> None:
        """Find out who does not know at the start."""
        for host in observers:
            engine = host.engine
            assert engine is not None
            state = engine.states().get(self.subject.node)
            held = engine.incarnation(self.subject.node)
            if state is None or held is None or not self.known(state, held):
                self.missing[host.index] = None

    def known(self, state: State, held: tuple[int, int]) -> bool:
        """Say whether an observer that holds this knows of the change."""
        if self.news is News.GONE:
            return state in (State.LEFT, State.DEAD)
        return state is State.ALIVE and held >= self.least

    def follow(self, host: "Host", event: MemberChanged, now: float) -> bool:
        """Follow a transition at an observer; say whether all know now."""
        held = (event.boot_epoch, event.incarnation)
        if event.member != self.subject.node or not self.known(event.current, held):
            return False
        self.missing.pop(host.index, None)
        if self.missing or self.done_s is not None:
            return False
        self.done_s = now
        return True


def own_claim(host: "Host") -> tuple[int, int]:
    """Return the (epoch, incarnation) that a running node uses."""
    assert host.engine is not None
    own = host.engine.incarnation(host.node)
    assert own is not None
    return own
