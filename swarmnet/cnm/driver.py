"""The one interface that all drivers answer: overlay, bridge, macvlan, remote ones.

A driver is a planner. From what is known of a network and of this host it says what the
kernel should hold; it changes nothing itself, and it is asked anew each time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from swarmnet.cnm.host import HostFacts
from swarmnet.cnm.network import NetworkView
from swarmnet.errors import Refused

PlanT_co = TypeVar("PlanT_co", covariant=True)


class DriverScope(StrEnum):
    """Whether a driver's networks reach beyond one host."""

    LOCAL = "local"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a driver (`--opt KEY=VALUE`): what it means, and its check.

    `check` raises `Refused` with the value, the bound and the cure.
    """

    key: str
    meaning: str
    check: Callable[[str], object]


class Driver(Protocol[PlanT_co]):
    """A driver: its name as users write it, its scope, its options, its plan."""

    @property
    def name(self) -> str: ...

    @property
    def scope(self) -> DriverScope: ...

    @property
    def options(self) -> Mapping[str, Option]: ...

    def plan(self, view: NetworkView, host: HostFacts) -> PlanT_co:
        """Return what this host's kernel should hold for a network."""
        ...


def check_options(
    driver: str, known: Mapping[str, Option], given: Mapping[str, str]
) -> None:
    """Refuse options that a driver does not know, or values that it cannot use.

    Raises:
        Refused: one is.
    """
    for key, value in given.items():
        option = known.get(key)
        if option is None:
            names = ", ".join(known) or "none"
            raise Refused(
                f"option {key[:40]}: driver {driver} has no such; it has: {names}"
            )
        option.check(value)
