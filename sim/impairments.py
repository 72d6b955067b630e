"""What is wrong with a path right now: values, each on a set of ordered pairs.

A healthy underlay has none. The faults of a run add and remove them; a partition is two
cuts, one a direction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Effect(StrEnum):
    """What an impairment does, and what its `amount` means."""

    CUT = "cut"
    """Nothing passes. A stream needs both directions."""
    DATAGRAM_CUT = "datagram_cut"
    """Streams alone pass."""
    STREAM_CUT = "stream_cut"
    """Datagrams alone pass."""
    LOSS = "loss"
    """Each packet is lost with probability `amount`; streams retransmit."""
    DUPLICATE = "duplicate"
    """A datagram arrives twice with probability `amount`."""
    REORDER = "reorder"
    """With probability `amount` a datagram waits up to `delay_s` more."""
    CORRUPT = "corrupt"
    """With probability `amount` bytes of a datagram are flipped."""
    REPLAY = "replay"
    """With probability `amount` a datagram arrives again up to `delay_s` later."""
    RATE = "rate"
    """The sender's uplink carries `amount` bytes per second, and queues."""
    MTU = "mtu"
    """Datagrams above `amount` bytes vanish."""
    CLOG = "clog"
    """All is held until `until_s`, then released."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """One effect on every path from `sources` to `targets`; None means every node."""

    effect: Effect
    sources: frozenset[int] | None = None
    targets: frozenset[int] | None = None
    amount: float = 1.0
    delay_s: float = 0.0
    until_s: float = inf

    def hits(self, source: int, target: int) -> bool:
        """Say whether the path from `source` to `target` is impaired."""
        return (self.sources is None or source in self.sources) and (
            self.targets is None or target in self.targets
        )


def partition(group: Iterable[int], rest: Iterable[int]) -> tuple[Impairment, ...]:
    """Return what cuts `group` off from `rest`, both ways."""
    here, there = frozenset(group), frozenset(rest)
    return (
        Impairment(Effect.CUT, here, there),
        Impairment(Effect.CUT, there, here),
    )


@dataclass(frozen=True, slots=True)
class Path:
    """Everything that is wrong with one ordered pair, summed up.

    `loss` is the chance that a packet is lost to any cause; `rate` and `mtu` are the
    lowest that apply; `held_until_s` is 0 where nothing is clogged.
    """

    datagram_cut: bool = False
    stream_cut: bool = False
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_s: float = 0.0
    corrupt: float = 0.0
    replay: float = 0.0
    replay_s: float = 0.0
    rate: float = inf
    mtu: float = inf
    held_until_s: float = 0.0


HEALTHY = Path()


def either(first: float, second: float) -> float:
    """Return the probability that at least one of two independent events happens."""
    return 1 - (1 - first) * (1 - second)


def path_of(hits: Iterable[Impairment], loss: float) -> Path:
    """Sum up the impairments of one ordered pair over a base `loss`."""
    cut: set[Effect] = set()
    chance = {
        Effect.LOSS: loss,
        Effect.DUPLICATE: 0.0,
        Effect.REORDER: 0.0,
        Effect.CORRUPT: 0.0,
        Effect.REPLAY: 0.0,
    }
    delay_s = {Effect.REORDER: 0.0, Effect.REPLAY: 0.0}
    lowest = {Effect.RATE: inf, Effect.MTU: inf}
    held_until_s = 0.0
    for hit in hits:
        if hit.effect in chance:
            chance[hit.effect] = either(chance[hit.effect], hit.amount)
            if hit.effect in delay_s:
                delay_s[hit.effect] = max(delay_s[hit.effect], hit.delay_s)
        elif hit.effect in lowest:
            lowest[hit.effect] = min(lowest[hit.effect], hit.amount)
        elif hit.effect is Effect.CLOG:
            held_until_s = max(held_until_s, hit.until_s)
        else:
            cut.add(hit.effect)
    return Path(
        datagram_cut=bool(cut & {Effect.CUT, Effect.DATAGRAM_CUT}),
        stream_cut=bool(cut & {Effect.CUT, Effect.STREAM_CUT}),
        loss=chance[Effect.LOSS],
        duplicate=chance[Effect.DUPLICATE],
        reorder=chance[Effect.REORDER],
        reorder_s=delay_s[Effect.REORDER],
        corrupt=chance[Effect.CORRUPT],
        replay=chance[Effect.REPLAY],
        replay_s=delay_s[Effect.REPLAY],
        rate=lowest[Effect.RATE],
        mtu=lowest[Effect.MTU],
        held_until_s=held_until_s,
    )
