"""Asking every member the same until each has given the word that is wanted.

Some things may be done only when nobody knows better: use what fell to us, or what an
earlier life of ours had; delete a network. So every member that counts is asked, again
and again, what it knows. What it does is never more than it has told: it takes no more
of a removed node once it has acknowledged that, and in a network that goes it takes no
part. Members that are dead are waited for; until then nothing is done.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.node.address_messages import Answer, Inquiry, Matter

AGAIN_S: Final = 0.5
"""Whoever has not given the word is asked again after so long; later less often."""
AGAIN_S_MAX: Final = 4.0
_AT_ONCE: Final = 64
"""So many are asked in one go, and the next after `_STEP_S`."""
_STEP_S: Final = 0.05

Question = tuple[Matter, bytes]


@dataclass(slots=True)
class _Round:
    """One question: what each member has answered, and when to ask again."""

    words: dict[NodeId, bytes] = field(default_factory=dict)
    queue: list[NodeId] = field(default_factory=list)
    due: float = 0.0
    wait_s: float = AGAIN_S


class Inquiries:
    """The questions that one node has open."""

    __slots__ = ("_rounds", "outputs")

    def __init__(self) -> None:
        self._rounds: dict[Question, _Round] = {}
        self.outputs: list[tuple[NodeId, Inquiry]] = []
        """What is to be sent to whom; whoever sends it takes it out."""

    def open(self, now: float, question: Question) -> None:
        """Begin to ask, unless that goes on already."""
        if question not in self._rounds:
            self._rounds[question] = _Round(due=now)

    def close(self, question: Question) -> None:
        """Ask no more, and forget the answers."""
        self._rounds.pop(question, None)

    def questions(self) -> list[Question]:
        """Return what is being asked."""
        return list(self._rounds)

    def note_answer(self, peer: NodeId, answer: Answer) -> None:
        """Take a member's word."""
        asked = self._rounds.get((answer.matter, answer.subject))
        if asked is not None:
            asked.words[peer] = answer.word

    def answered(self, question: Question, members: Iterable[NodeId]) -> int:
        """Return how many members have given any word."""
        asked = self._rounds.get(question)
        words = {} if asked is None else asked.words
        return sum(node in words for node in members)

    def missing(
        self, question: Question, word: bytes, members: Iterable[NodeId]
    ) -> list[NodeId]:
        """Return which members have not given that word; all if it was not asked."""
        asked = self._rounds.get(question)
        words = {} if asked is None else asked.words
        return [node for node in members if words.get(node) != word]

    def ask(self, now: float, question: Question, missing: list[NodeId]) -> None:
        """Ask those who have not given the word, if it is time to."""
        asked = self._rounds.get(question)
        if asked is None or now < asked.due:
            return
        if not asked.queue:
            asked.queue = list(missing)
            asked.wait_s = min(2 * asked.wait_s, AGAIN_S_MAX)
        some, asked.queue = asked.queue[:_AT_ONCE], asked.queue[_AT_ONCE:]
        self.outputs += [(node, Inquiry(*question)) for node in some]
        asked.due = now + (_STEP_S if asked.queue else asked.wait_s / 2)

    def poll_timeout(self) -> float | None:
        """Return when somebody is to be asked again, or None."""
        return min((one.due for one in self._rounds.values()), default=None)
