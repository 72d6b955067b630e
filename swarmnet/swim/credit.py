"""Who is still believed: an accuser that is refuted again and again is not.

Anybody may accuse, and the accused answers by a new incarnation that travels to all. So
one member that lies, or that hears nobody and blames the others, could keep a whole
cluster busy and every health score high. Each refuted accusation that too few others
confirmed is held against its author (a penalty as in RFC 2439); beyond the cutoff its
word is not held, not passed on, and starts no suspicion, until the penalties have
faded. A true death is found all the same: by those who are believed, or by everyone's
own probes.

One accused counts once in a half-life, however often he was accused: whoever stops for
a second again and again makes honest members wrong about him again and again, and only
who is wrong about many is a liar, or deaf.
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.claim import Claim
from swarmnet.swim.merit import Merit, Thresholds

_BELIEF: Final = Thresholds(half_life_s=30.0, cutoff=6.0, reuse=3.0, most=12.0)
_FALSE: Final = 1.0
_CLEAN: Final = 0.5
"""A single mistake, one half-life ago."""
_CHARGES_MAX: Final = 16_384


class Credit:
    """The accusers that were wrong lately, as far as this node has seen."""

    __slots__ = ("_charged", "_merit")

    def __init__(self) -> None:
        self._merit = Merit(_BELIEF)
        # When an author was last charged for a subject, the oldest first.
        self._charged: dict[tuple[NodeId, NodeId], float] = {}

    def note_refuted(
        self, now: float, accusations: Sequence[Claim], confirmations: int
    ) -> None:
        """Hold refuted accusations against their authors, if those were few.

        As many as could have convicted the accused cannot all have been wrong: it was
        not to be reached.
        """
        if len(accusations) >= confirmations:
            return
        for accusation in accusations:
            if self._is_chargeable(now, (accusation.author, accusation.subject)):
                self._merit.add(now, accusation.author, _FALSE)

    def believes(self, now: float, author: NodeId) -> bool:
        """Return whether what `author` says of others is to be listened to."""
        return not self._merit.suppressed_s(now, author)

    def is_clean(self, now: float, author: NodeId) -> bool:
        """Return whether `author` has hardly been wrong of late."""
        return self._merit.penalty(now, author) < _CLEAN

    def _is_chargeable(self, now: float, pair: tuple[NodeId, NodeId]) -> bool:
        """Return whether an author was not charged for a subject lately; note it."""
        charged = self._charged
        if now - charged.get(pair, float("-inf")) < _BELIEF.half_life_s:
            return False
        charged.pop(pair, None)
        charged[pair] = now
        if len(charged) > _CHARGES_MAX:
            del charged[next(iter(charged))]
        return True
