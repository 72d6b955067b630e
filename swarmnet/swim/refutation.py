"""Answering accusations of ourselves: at once, but not at the pace of a liar.

SWIM (DSN 2002, section 4.2): the accused, and nobody else, raises its incarnation. Each
refutation travels to everyone, so they have a budget of their own: a few at once, and
two a second for whoever is accused without end. An accusation thus stands for half a
second at most, which is what a suspicion's shortest life allows for. Where enough have
accused us to convict us the budget does not count. Where nobody but a liar himself has
told us of it nobody else holds it, and there is time.

Who is accused often has a bad path, on which a refutation gets lost as well, and that
one message decides between life and death. So it is said again, ever more slowly, until
somebody repeats it to us.
"""

from collections.abc import Callable, Sequence
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.claim import Claim
from swarmnet.swim.core import Core, Due
from swarmnet.swim.credit import Credit
from swarmnet.swim.outputs import State
from swarmnet.swim.selfhood import Selfhood

_INSIST: Final = (Due.INSIST, None)
_PACE_S: Final = 0.05
_AT_ONCE: Final = 8.0
_PER_S: Final = 2.0
_UNBELIEVED_PACE_S: Final = 5.0
"""Less than the life of a suspicion that one accuser alone upholds."""
_INSIST_S: Final = 0.1
_INSIST_MAX: Final = 4
"""At 0.1, 0.3, 0.7 and 1.5 s: within the shortest life of a suspicion."""


class Refutation:
    """The accusations of this node's present version, and when they were answered."""

    __slots__ = (
        "_accusers",
        "_allowance",
        "_allowance_at",
        "_announce",
        "_core",
        "_credit",
        "_insisted",
        "_refuted",
        "_relayed",
        "_self",
    )

    def __init__(
        self,
        core: Core,
        selfhood: Selfhood,
        credit: Credit,
        announce: Callable[[float], None],
    ) -> None:
        self._core = core
        self._self = selfhood
        self._credit = credit
        self._announce = announce
        self._refuted = float("-inf")
        self._insisted = 0
        self._accusers: dict[NodeId, Claim] = {}
        # The authors of those that somebody else has passed on: he believes them.
        self._relayed: dict[NodeId, None] = {}
        self._allowance = _AT_ONCE
        self._allowance_at = float("-inf")

    def receive(self, now: float, accusation: Claim, sender: NodeId) -> None:
        """Take an accusation of our present version, as `sender` has told us."""
        own = self._self.claim
        self._accusers = {
            author: claim
            for author, claim in self._accusers.items()
            if claim.version == own.version
        }
        self._accusers.setdefault(accusation.author, accusation)
        if sender != accusation.author:
            self._relayed[accusation.author] = None
        self.refute(now)

    def refute(self, now: float) -> None:
        """Answer what we are accused of, if it is time."""
        core = self._core
        version = self._self.claim.version
        accusations = [one for one in self._accusers.values() if one.version == version]
        if not accusations or self._self.claim.state is not State.ALIVE:
            return
        credit = self._credit
        due = self._due(now, accusations)
        if now < due:
            core.timers.set_earlier((Due.REFUTE, None), due)
            return
        self._refuted = now
        self._allowance = max(0.0, self._allowance - 1.0)
        core.count("refutations")
        # Lifeguard takes every refutation for a sign that we are slow. A member that
        # was wrong a moment ago tells more about itself.
        if any(credit.is_clean(now, one.author) for one in accusations):
            core.awareness.note(HealthEvent.REFUTED)
        credit.note_refuted(now, accusations, core.config.confirmations)
        self._accusers.clear()
        self._relayed.clear()
        self._self.raise_incarnation(State.ALIVE)
        self._announce(now)
        self._insisted = 0
        core.timers.set(_INSIST, now + _INSIST_S)

    def _due(self, now: float, accusations: Sequence[Claim]) -> float:
        """Return when these accusations are to be answered; it may be past."""
        gained = max(0.0, now - self._allowance_at) * _PER_S
        self._allowance = min(_AT_ONCE, self._allowance + gained)
        self._allowance_at = now
        soonest = self._refuted + _PACE_S
        if len(accusations) >= self._core.config.confirmations:
            return soonest
        if not any(
            one.author in self._relayed or self._credit.believes(now, one.author)
            for one in accusations
        ):
            return self._refuted + _UNBELIEVED_PACE_S
        return max(soonest, now + (1.0 - min(1.0, self._allowance)) / _PER_S)

    def insist(self, now: float) -> None:
        """Say once more that we are alive; nobody has repeated it yet."""
        if self._self.claim.state is not State.ALIVE:
            return
        self._announce(now)
        self._insisted += 1
        if self._insisted < _INSIST_MAX:
            self._core.timers.set(_INSIST, now + _INSIST_S * 2**self._insisted)

    def note_repeated(self) -> None:
        """Somebody has told us our own claim: it is known."""
        self._core.timers.cancel(_INSIST)
