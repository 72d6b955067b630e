"""Commands that may have to wait for something of others: a number, or a word.

A command is attempted at once. It happens as a whole, or raises and has changed
nothing. Where it raises `Lacking`, somebody else may have what it lacks: that is asked
for, and the command is attempted again when something has come, or comes free here,
until it is refused or its time is over.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from swarmnet.errors import Refused
from swarmnet.node.realms import Want

COMMAND_S: Final = 10.0
"""So long a command waits at most."""

Attempt = Callable[[float], object]


class Lacking(Refused):
    """What is wanted is not this node's, or not yet; another may give it.

    `wants` are tried in turn; at `free_at`, if any, this node has it itself.
    """

    def __init__(
        self, message: str, wants: tuple[Want, ...], free_at: float | None = None
    ) -> None:
        super().__init__(message)
        self.wants = wants
        self.free_at = free_at


class NotYet(Refused):
    """What is in the way goes by itself, maybe soon: it is worth waiting for."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command has happened; `result` is what it returns."""

    ticket: int
    result: object


@dataclass(frozen=True, slots=True)
class Failed:
    """A command has not happened, and changed nothing; `reason` is one line."""

    ticket: int
    reason: str


@dataclass(slots=True)
class _Waiting:
    ticket: int
    attempt: Attempt
    due: float
    lacking: Lacking | NotYet
    refused: dict[Want, str] = field(default_factory=dict)

    @property
    def wants(self) -> list[Want]:
        if isinstance(self.lacking, NotYet):
            return []
        return [one for one in self.lacking.wants if one not in self.refused]

    @property
    def again_at(self) -> float:
        """When to attempt it again, or to give up."""
        free_at = None if isinstance(self.lacking, NotYet) else self.lacking.free_at
        return self.due if free_at is None else min(free_at, self.due)

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody gives what is wanted, nor does it come free in time."""
        is_given_up = isinstance(self.lacking, Lacking) and not self.wants
        return is_given_up and self.again_at == self.due

    @property
    def reason(self) -> str:
        told = "; ".join(text for text in self.refused.values() if text)
        return f"{self.lacking} ({told})" if told else str(self.lacking)


class Commands:
    """The commands of one node that are under way."""

    __slots__ = ("_ticket", "_waiting", "outputs")

    def __init__(self) -> None:
        self._ticket = 0
        self._waiting: dict[int, _Waiting] = {}
        self.outputs: deque[Done | Failed] = deque()

    def submit(self, now: float, attempt: Attempt) -> int:
        """Attempt a command; return the ticket that `Done` or `Failed` will name."""
        self._ticket += 1
        self._attempt(now, self._ticket, attempt, None)
        return self._ticket

    def cancel(self, ticket: int) -> None:
        """Give a command up, if it has not happened yet."""
        self._waiting.pop(ticket, None)

    def retry(self, now: float, grown: Collection[bytes] | None = None) -> None:
        """Something has come: attempt again what waits, or waits for those realms."""
        for waiting in list(self._waiting.values()):
            is_due = grown is None or isinstance(waiting.lacking, NotYet)
            if not is_due and not any(one in (grown or ()) for one, _ in waiting.wants):
                continue
            if self._waiting.pop(waiting.ticket, None) is not None:
                self._attempt(now, waiting.ticket, waiting.attempt, waiting)

    def wants(self) -> list[Want]:
        """Return what is to be asked for, each once."""
        wants = (w.wants[0] for w in self._waiting.values() if w.wants)
        return list(dict.fromkeys(wants))

    def note_given_up(self, want: Want, reason: str) -> None:
        """Nobody gives that: who waits for it turns to what else would do, or fails."""
        for waiting in list(self._waiting.values()):
            if want in waiting.wants:
                waiting.refused[want] = reason
                if waiting.is_hopeless:
                    self._fail(waiting)

    def handle_timeout(self, now: float) -> None:
        """Attempt what can be done by now, and give up what has waited for too long."""
        for waiting in list(self._waiting.values()):
            if now >= waiting.due:
                self._fail(waiting)
            elif now >= waiting.again_at:
                del self._waiting[waiting.ticket]
                self._attempt(now, waiting.ticket, waiting.attempt, waiting)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next, or None."""
        return min((one.again_at for one in self._waiting.values()), default=None)

    def _attempt(
        self, now: float, ticket: int, attempt: Attempt, before: _Waiting | None
    ) -> None:
        try:
            self.outputs.append(Done(ticket, attempt(now)))
        except (Lacking, NotYet) as lacking:
            due = now + COMMAND_S if before is None else before.due
            waiting = _Waiting(ticket, attempt, due, lacking)
            if before is not None:
                waiting.refused = before.refused
            self._waiting[ticket] = waiting
            if waiting.is_hopeless:
                self._fail(waiting)
        except Refused as refused:
            self.outputs.append(Failed(ticket, str(refused)))

    def _fail(self, waiting: _Waiting) -> None:
        del self._waiting[waiting.ticket]
        self.outputs.append(Failed(waiting.ticket, waiting.reason))
