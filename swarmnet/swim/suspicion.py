"""How long a suspicion lives, and when it ends in death.

Lifeguard (arXiv 1707.00788) section IV-B, "Local Health Aware Suspicion": the life
decays from a maximum to a minimum with the logarithm of the distinct accusers.
"""

from dataclasses import dataclass, replace
from math import log


def suspicion_timeout(
    confirmations: int, wanted: int, minimum_s: float, maximum_s: float
) -> float:
    """Return a suspicion's life in seconds.

        max(min, max - (max - min) * log(C + 1) / log(K + 1))

    `confirmations` is C, the distinct accusers after the first; `wanted` is K, from
    how many on the life is at its minimum. K of 0 or less gives the minimum: nobody
    is there who could confirm.
    """
    if wanted <= 0 or confirmations >= wanted:
        return minimum_s
    decay = log(confirmations + 1) / log(wanted + 1)
    return max(minimum_s, maximum_s - (maximum_s - minimum_s) * decay)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One node's suspicion of a member at one (boot epoch, incarnation).

    `started` is when the member was first known to be silent, on the engine's clock:
    when an accusation was heard, or when the first ping was sent that our own probe
    got no answer to. `probe_failed` is whether that probe failed at this version:
    without that, only `wanted` distinct accusers besides the first may make the member
    dead here. `looked` is whether a last ping is under way.
    """

    version: tuple[int, int]
    started: float
    probe_failed: bool = False
    looked: bool = False

    def deadline(
        self, accusers: int, wanted: int, minimum_s: float, maximum_s: float
    ) -> float:
        """Return when this suspicion ends, with so many distinct accusers by now."""
        return self.started + suspicion_timeout(
            accusers - 1, wanted - 1, minimum_s, maximum_s
        )

    def convicts(self, accusers: int, wanted: int) -> bool:
        """Return whether an expired suspicion makes its subject dead here.

        Either this node has seen the failure with its own eyes, or `wanted` distinct
        members have signed that they have. One relayed accusation kills nobody.
        """
        return self.probe_failed or accusers >= wanted

    def with_own_failure(self, since: float) -> "Suspicion":
        """Return this suspicion, confirmed by our own probe, which began at `since`."""
        return replace(self, started=min(self.started, since), probe_failed=True)

    def with_answer(self) -> "Suspicion":
        """Return this suspicion after the member has answered us."""
        return replace(self, probe_failed=False, looked=False)

    def with_last_look(self) -> "Suspicion":
        """Return this suspicion with a last ping under way."""
        return replace(self, looked=True)

    def later(self, seconds: float) -> "Suspicion":
        """Return this suspicion as if it had begun so much later."""
        return replace(self, started=self.started + seconds)
