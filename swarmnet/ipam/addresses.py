"""Giving the addresses of one subnet to endpoints, at one node, without asking anybody.

Rules, each after Docker's Swarm except where it says so:

1. Addresses go up in serial order and wrap (`ledger`).
2. A freed address rests (60 s by default; Docker: not at all) before it is given again,
   for the forwarding entries of other hosts may outlive the endpoint for a moment.
   Before anybody is refused, that which has rested longest is given, if it was freed
   here at least `EARLY_S` ago: by then others have heard, as good as always.
3. An endpoint may name its address, also one outside the ip-range (that is what people
   set an ip-range for) and also one that rests: who names it wants just that one, and
   most often is the same container, restarted.
4. Only what this node owns is given. What it owns may change at any time; endpoints
   whose address is no longer owned keep it and are reported, to be settled by the node.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.ledger import Ledger
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import Subnet
from swarmnet.timers import Timers, earliest

QUARANTINE_S: Final = 60.0
"""How long a freed address rests by default: well beyond any convergence time."""
EARLY_S: Final = 5.0
"""How long it rests in any case."""


class Exhausted(Refused):
    """Nothing is left of what this node owns; others may have some.

    `free_at` is when the next one can be given, on the engine's clock, or None.
    """

    def __init__(self, message: str, free_at: float | None = None) -> None:
        super().__init__(message)
        self.free_at = free_at


@dataclass(frozen=True, slots=True)
class Counts:
    """How the addresses of a subnet stand at this node.

    `owned` counts what it could use: reserved addresses are left out. `resting` and
    `free` count what can be given to those who name no address.
    """

    owned: int
    in_use: int
    resting: int
    free: int


class Addresses:
    """The allocator of one subnet at one node.

    Addresses are integers of the subnet's family; users are named by what shall stand
    in an error, such as an endpoint's id. Times are seconds on the engine's clock. It
    gives nothing until `hold` has said what it owns. After a restart: a new allocator,
    `hold`, `restore` for every endpoint that exists, `rest` for those freed of late.
    """

    __slots__ = (
        "_aside",
        "_broken",
        "_foreign",
        "_ledger",
        "_others",
        "_quarantine_s",
        "_resting",
        "subnet",
    )

    def __init__(
        self,
        subnet: Subnet,
        *,
        quarantine_s: float = QUARANTINE_S,
        last: int | None = None,
    ) -> None:
        assert 0 <= quarantine_s < inf, f"quarantine of {quarantine_s} s"
        self.subnet = subnet
        self._ledger = Ledger(subnet.claimable(), subnet.assignable(), last=last)
        self._quarantine_s = quarantine_s
        # Those that can be given early, those that others used, and those that cannot
        # be given: not owned, or outside the ip-range. So the oldest that can is found
        # without a search.
        self._resting: Timers[int] = Timers()
        self._foreign: Timers[int] = Timers()
        self._aside: Timers[int] = Timers()
        # What rests in full, wherever it does.
        self._others: set[int] = set()
        # Until when those would have rested that were given before that.
        self._broken: dict[int, float] = {}

    @property
    def last(self) -> int | None:
        """The address given last in serial order, or None."""
        return self._ledger.last

    def counts(self, now: float) -> Counts:
        """Return how many addresses are owned, in use, resting and free."""
        self._wake(now)
        book = self._ledger
        resting = len(self._resting) + len(self._foreign)
        return Counts(book.owned_count, book.used_count, resting, book.free_count)

    def free(self, now: float) -> Spans:
        """Return what could be granted on: owned, assignable, not used nor at rest."""
        self._wake(now)
        return self._ledger.free

    def user(self, address: int) -> str | None:
        """Return who uses `address` at this node, or None."""
        return self._ledger.user(address)

    def uses(self) -> dict[int, str]:
        """Return who uses what at this node; a copy."""
        return self._ledger.uses()

    def poll_timeout(self) -> float | None:
        """Return when the next address at rest comes free, or None."""
        return earliest(self._resting.next(), self._foreign.next())

    def hold(self, owned: Spans, first: Spans | None = None) -> tuple[int, ...]:
        """Own these from now on, and nothing else; those of `first` are given first.

        Returns the addresses in use that are not owned, ascending: each belongs to an
        endpoint that has no right to it. What rests goes on resting meanwhile.
        """
        strays = self._ledger.hold(owned, first)
        until = {number: self._deadline(number) for number in self._ledger.resting}
        self._resting, self._foreign, self._aside = Timers(), Timers(), Timers()
        for number, deadline in until.items():
            self._set_rest(number, deadline)
        return strays

    def allocate(self, now: float, user: str, *, early: bool = False) -> int:
        """Give `user` the next address; `early` also one that has not quite rested.

        Raises:
            Exhausted: none is free here. Nothing has changed.
        """
        self._wake(now)
        address = self._ledger.take_next(user)
        if address is None and early:
            address = self._take_early(now, user)
        if address is None:
            raise self._exhausted(now)
        return address

    def _take_early(self, now: float, user: str) -> int | None:
        until = self._resting.at
        if until - self._spared_s > now:
            return None
        oldest = self._resting.pop_due(inf)
        assert oldest is not None, "something rests until then"
        self._broken[oldest] = until
        self._ledger.wake(oldest)
        return self._ledger.take_next(user)

    def claim(self, address: int, user: str, *, owner: str | None = None) -> None:
        """Give `user` this very address; `owner` names whose it is if not ours.

        What a user wrote becomes an integer by `Subnet.number`.

        Raises:
            Refused: outside the subnet, reserved, in use, or not owned here. Nothing
                has changed.
        """
        self.subnet.number(self.subnet.address(address))
        what = f"address {self.subnet.address(address)}"
        reserved = self.subnet.reservation(address)
        if reserved is not None:
            raise Refused(f"{what}: is {reserved} of {self.subnet}; choose another")
        other = self._ledger.user(address)
        if other is not None:
            raise Refused(f"{what}: in use by {other}; choose another, or free it")
        if not self._ledger.is_owned(address):
            whose = "another node" if owner is None else owner
            raise Refused(
                f"{what}: in a range of {whose}; ask there, or choose another"
            )
        if self._ledger.is_resting(address):
            self._broken[address] = self._deadline(address)
        self._cancel(address)
        self._ledger.take(address, user)

    def release(self, now: float, address: int, user: str) -> bool:
        """Let an address rest that `user` used; False, and no error, if it did not."""
        if not self._ledger.put_back(address, user):
            return False
        self._broken.pop(address, None)
        self._others.discard(address)
        self._set_rest(address, now + self._quarantine_s)
        return True

    def forgo(self, address: int, user: str) -> None:
        """Free an address that `user` was given and never used.

        It does not rest, or goes on resting where it did before it was claimed.
        """
        if self._ledger.put_back(address, user):
            until = self._broken.pop(address, None)
            if until is None:
                self._ledger.wake(address)
            else:
                self._set_rest(address, until)

    def restore(self, address: int, user: str) -> str | None:
        """Note an endpoint that exists; return who else uses its address, or None."""
        self._cancel(address)
        return self._ledger.restore(address, user)

    def rest(self, address: int, until: float) -> None:
        """Keep back an address until `until`, for one that another life or node used.

        It is not given early, for its user may not be gone. One in use stays so.
        """
        if self._ledger.user(address) is None:
            self._ledger.rest(address)
            self._cancel(address)
            self._others.add(address)
            self._set_rest(address, until)

    def _exhausted(self, now: float) -> Exhausted:
        counts = self.counts(now)
        subnet = f"subnet {self.subnet}"
        own = self._resting.next()
        early_at = None if own is None else own - self._spared_s
        free_at = earliest(early_at, self._foreign.next())
        if free_at is not None:
            return Exhausted(
                f"{subnet}: of {counts.owned} addresses here {counts.in_use} are in use"
                f" and {counts.resting} rest after their use: the next can be given in"
                f" {max(free_at - now, 0.0):.1f} s",
                free_at,
            )
        if counts.owned == 0:
            return Exhausted(
                f"{subnet}: this node owns no address of it: wait until it is granted"
                " some, or add a subnet"
            )
        spent = "in use"
        if self.subnet.ip_range is not None:
            spent = f"in use or outside ip-range {self.subnet.ip_range}"
        return Exhausted(
            f"{subnet}: all {counts.owned} addresses here are {spent}: disconnect"
            " something, or add a subnet"
        )

    @property
    def _spared_s(self) -> float:
        """What is left of its rest when an address can be given early."""
        return max(self._quarantine_s - EARLY_S, 0.0)

    def _wake(self, now: float) -> None:
        for timers in (self._resting, self._foreign, self._aside):
            while timers.at <= now:
                address = timers.pop_due(now)
                assert address is not None, "it is due"
                self._others.discard(address)
                self._ledger.wake(address)

    def _set_rest(self, address: int, until: float) -> None:
        timers = self._aside
        if self._ledger.is_dynamic(address):
            timers = self._foreign if address in self._others else self._resting
        timers.set(address, until)

    def _cancel(self, address: int) -> None:
        for timers in (self._resting, self._foreign, self._aside):
            timers.cancel(address)

    def _deadline(self, address: int) -> float:
        for timers in (self._resting, self._foreign, self._aside):
            deadline = timers.deadline(address)
            if deadline is not None:
                return deadline
        raise AssertionError(f"{address} rests without an end")
