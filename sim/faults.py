"""The faults of a run, drawn from the seed before it begins.

Every kind draws from a random source of its own, and draws all that it may need, so
that masking one kind, or one fault by its name, shifts nothing in the others: that is
how `sim.shrink` shrinks a failing schedule.
"""

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Final

from swarmnet.errors import Refused

KINDS: Final = (
    "crash",
    "restart",
    "leave",
    "pause",
    "slow",
    "drift",
    "clone",
    "loss",
    "duplicate",
    "reorder",
    "corrupt",
    "replay",
    "rate",
    "mtu",
    "one_way",
    "udp_only",
    "stream_only",
    "clog",
    "partition",
    "sleep",
    "mask",
    "remove",
    "restore",
)
OF_TABLES: Final = frozenset({"sleep", "mask", "remove"})
"""Those that strike rows; where nobody holds any, they are left out."""
OF_ADDRESSES: Final = frozenset({"restore"})
"""Those that are about what a node owns; where it owns nothing, they are left out."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How a kind is drawn: how often, for how long, how strong, on how many nodes."""

    per_minute: float
    length_s: tuple[float, float]
    amount: tuple[float, float] = (0.0, 0.0)
    share: tuple[float, float] = (0.0, 0.0)


DRAWS: Final[dict[str, Draw]] = {
    "crash": Draw(2, (0, 0)),
    "restart": Draw(4, (0.05, 4)),
    "leave": Draw(1, (0, 0)),
    "pause": Draw(4, (0.05, 6)),
    "slow": Draw(2, (2, 15), amount=(0.001, 0.03)),
    "drift": Draw(2, (5, 30), amount=(0.95, 1.05)),
    "clone": Draw(0.5, (2, 8)),
    "loss": Draw(2, (2, 15), amount=(0.05, 0.4), share=(0.2, 1)),
    "duplicate": Draw(2, (2, 15), amount=(0.05, 0.5), share=(0.2, 1)),
    "reorder": Draw(2, (2, 15), amount=(0.05, 0.5), share=(0.2, 1)),
    "corrupt": Draw(2, (2, 15), amount=(0.02, 0.3), share=(0.2, 1)),
    "replay": Draw(2, (2, 15), amount=(0.02, 0.3), share=(0.2, 1)),
    "rate": Draw(1, (2, 10), amount=(2_000, 40_000)),
    "mtu": Draw(1, (2, 10), amount=(500, 1_100)),
    "one_way": Draw(2, (1, 10)),
    "udp_only": Draw(1, (2, 15)),
    "stream_only": Draw(1, (2, 10)),
    "clog": Draw(2, (0.2, 4)),
    "partition": Draw(1.5, (1, 20), share=(0.1, 0.5)),
    "sleep": Draw(1.5, (30, 70)),
    "mask": Draw(20, (0, 0)),
    "remove": Draw(1.5, (1, 20), share=(0.1, 0.5)),
    "restore": Draw(2, (0.5, 20)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when, what, for how long, on whom, and how strong.

    `number` counts the faults of its kind from 1, in order of time. `order` ranks the
    nodes, the likeliest victim first; `nodes` is the group that a fault of the underlay
    strikes. `coin` decides what else there is to decide: state kept or lost, process or
    machine, outward or inward.
    """

    at_s: float
    kind: str
    number: int
    length_s: float
    amount: float
    order: tuple[int, ...]
    nodes: frozenset[int]
    coin: float

    @property
    def name(self) -> str:
        """Return what `--without` calls it: `pause.3`."""
        return f"{self.kind}.{self.number}"

    def describe(self) -> str:
        """Return the detail column of the trace."""
        group = ",".join(map(str, sorted(self.nodes))) or "-"
        return (
            f"{self.name} length={self.length_s:.3f} amount={self.amount:.4g}"
            f" nodes={group} coin={self.coin:.3f}"
        )


def check_name(name: str) -> None:
    """Refuse what names neither a kind nor one fault of a kind.

    A number beyond those that a seed draws is good: it names nothing.

    Raises:
        Refused: with the kinds that there are.
    """
    kind, dot, number = name.partition(".")
    # Decimal and not "03", which would never equal a fault's name.
    is_number = number.isascii() and number.isdigit() and number[0] != "0"
    if kind not in KINDS or (dot and not is_number):
        raise Refused(
            f"fault {name!r}: want {', '.join(KINDS)}; or one of a kind, as pause.3"
        )


def draw_plan(
    seed: int,
    nodes: int,
    until_s: float,
    *,
    intensity: float = 1.0,
    without: Collection[str] = (),
) -> tuple[Fault, ...]:
    """Return the faults of a run, in order of time; none begins after `until_s`.

    `intensity` scales how many there are; `without` names kinds and single faults.
    """
    faults: list[Fault] = []
    for kind in KINDS:
        drawn = _draw_kind(
            Random(f"{seed}/fault/{kind}"), kind, nodes, until_s, intensity
        )
        if kind not in without:
            faults += [fault for fault in drawn if fault.name not in without]
    return tuple(sorted(faults, key=lambda fault: (fault.at_s, fault.kind)))


def _draw_kind(
    random: Random, kind: str, nodes: int, until_s: float, intensity: float
) -> list[Fault]:
    draw = DRAWS[kind]
    faults: list[Fault] = []
    at_s = 0.0
    while True:
        at_s += random.expovariate(draw.per_minute * intensity / 60)
        if at_s >= until_s:
            return faults
        order = tuple(random.sample(range(nodes), nodes))
        size = round(random.uniform(*draw.share) * nodes)
        faults.append(
            Fault(
                at_s=at_s,
                kind=kind,
                number=len(faults) + 1,
                length_s=random.uniform(*draw.length_s),
                amount=random.uniform(*draw.amount),
                order=order,
                nodes=frozenset(order[: max(size, 1)]),
                coin=random.random(),
            )
        )
