"""Which integers a node gives out, in serial order: the book behind addresses and VNIs.

A number is *owned* if a range says so, and it is *in use*, *resting* or *free*. Next
comes the least free number above the one given last, and after the highest the lowest:
so what was given back is reused as late as possible. Docker's Swarm allocates its
addresses so, for an address is released before its old user has stopped.

The ledger is not the truth: the endpoints and networks that exist are. It is rebuilt
from them (`restore`), and what they use stays in use though its range be lost.
"""

from collections.abc import Iterator

from swarmnet.ipam.spans import Span, Spans


class Ledger:
    """The numbers of one space at one node: who uses which, and which is next.

    `space` is all that may be used; `dynamic`, a part of it, what is given to those
    who name no number. It owns nothing until told by `hold`. A number costs a bisection
    and a shift of a list of spans, some microseconds with ten thousand in use.
    """

    __slots__ = (
        "_dynamic",
        "_first",
        "_free",
        "_last",
        "_owned",
        "_resting",
        "_space",
        "_users",
    )

    def __init__(
        self, space: Spans, dynamic: Spans | None = None, *, last: int | None = None
    ) -> None:
        self._space = space.copy()
        self._dynamic = self._space if dynamic is None else dynamic & space
        self._owned = Spans()
        self._first = Spans()
        self._free = Spans()
        self._users: dict[int, str] = {}
        # In the order in which they were given back.
        self._resting: dict[int, None] = {}
        self._last = last

    @property
    def last(self) -> int | None:
        """The number given last, or None; a later life may go on from it."""
        return self._last

    @property
    def owned(self) -> Spans:
        """What this node owns of the space; a copy."""
        return self._owned.copy()

    @property
    def owned_count(self) -> int:
        """The size of `owned`, without the copy."""
        return self._owned.size

    @property
    def free(self) -> Spans:
        """What would be given to those who name no number; a copy."""
        return self._free.copy()

    @property
    def free_count(self) -> int:
        """The size of `free`, without the copy."""
        return self._free.size

    @property
    def used_count(self) -> int:
        """How many numbers are in use, owned or not."""
        return len(self._users)

    @property
    def resting(self) -> Iterator[int]:
        """The numbers at rest, owned or not, the one given back first at the front."""
        return iter(self._resting)

    def is_owned(self, number: int) -> bool:
        """Say whether this node owns `number`."""
        return self._owned.covers(number)

    def is_dynamic(self, number: int) -> bool:
        """Say whether it owns `number` and may give it to those who name none."""
        return self._owned.covers(number) and self._dynamic.covers(number)

    def is_resting(self, number: int) -> bool:
        """Say whether `number` was given back and has not been woken yet."""
        return number in self._resting

    def user(self, number: int) -> str | None:
        """Return who uses `number`, or None."""
        return self._users.get(number)

    def uses(self) -> dict[int, str]:
        """Return who uses what; a copy."""
        return dict(self._users)

    def hold(self, owned: Spans, first: Spans | None = None) -> tuple[int, ...]:
        """Own these from now on, and nothing else; return `strays`.

        Of `first` numbers are given as long as there are any; then of the rest.
        Linear in the spans of both and in what is in use, some 10 ms with ten thousand:
        ownership changes seldom.
        """
        self._owned = owned & self._space
        self._first = Spans() if first is None else first & self._owned
        taken = Spans.of([*self._users, *self._resting])
        self._free = (self._owned & self._dynamic) - taken
        return self.strays()

    def strays(self) -> tuple[int, ...]:
        """Return what is in use and not owned, ascending."""
        lost = [number for number in self._users if not self._owned.covers(number)]
        return tuple(sorted(lost))

    def take_next(self, user: str) -> int | None:
        """Give the next free number to `user`; None if none is free."""
        start = 0 if self._last is None else self._last + 1
        number = self._next_of_first(start)
        if number is None:
            number = self._free.at_or_after(start)
        if number is None:
            number = self._free.at_or_after(0)
        if number is not None:
            self.take(number, user)
            self._last = number
        return number

    def _next_of_first(self, start: int) -> int | None:
        for since in (start, 0):
            for span in self._first.since(since):
                number = self._free.at_or_after(span.first)
                if number is not None and number <= span.last:
                    return number
        return None

    def take(self, number: int, user: str) -> None:
        """Give `number`, which nobody uses, to `user`; the serial order goes on."""
        assert number not in self._users, f"{number} is used by {self._users[number]}"
        self._resting.pop(number, None)
        self._free.remove(Span(number, number))
        self._users[number] = user

    def restore(self, number: int, user: str) -> str | None:
        """Note a use that exists, owned or not; return who else uses it, or None.

        The use that was noted first stays.
        """
        other = self._users.get(number)
        if other is not None:
            return None if other == user else other
        self.take(number, user)
        return None

    def put_back(self, number: int, user: str) -> bool:
        """Let `number` rest if `user` uses it; False, and no error, if it does not.

        A release that comes late or twice so never takes a number from its next user.
        """
        if self._users.get(number) != user:
            return False
        del self._users[number]
        self._resting[number] = None
        return True

    def rest(self, number: int) -> None:
        """Keep back `number`, which nobody uses, until it is woken."""
        assert number not in self._users, f"{number} is used by {self._users[number]}"
        self._free.remove(Span(number, number))
        self._resting[number] = None

    def wake(self, number: int) -> None:
        """End the rest of `number`: if it is owned, it is free."""
        if number in self._resting:
            del self._resting[number]
            if self.is_dynamic(number):
                self._free.add(Span(number, number))
