"""Joining through any one member, and leaving so that everyone knows at once."""

from collections.abc import Sequence
from typing import Final

from swarmnet.ids import Address, NodeId
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.messages import Join, Ping, Welcome
from swarmnet.swim.outputs import Departed, Joined, JoinFailed
from swarmnet.swim.repair import Repair

_JOIN: Final = (Due.JOIN, None)
_LEAVE_OVER: Final = (Due.LEAVE_OVER, None)
_BACKOFF_MAX: Final = 4
"""Doublings of the time between two attempts."""
_WELCOME_S: Final = 0.5
"""Half of the time after which a joiner tries again."""
_DONORS: Final = 2
_LEAVE_TRIES: Final = 4


class Joining:
    """The join exchange, on both sides.

    The joiner shows its claim; any member answers with a page of others'. The joiner
    then asks two of them for all that it lacks, so that no single member has to carry
    a thousand joins.
    """

    __slots__ = ("_addresses", "_core", "_repair", "_since", "_tries", "_welcomed")

    def __init__(self, core: Core, repair: Repair) -> None:
        self._core = core
        self._repair = repair
        self._addresses: tuple[Address, ...] = ()
        self._tries = 0
        self._since = float("-inf")
        self._welcomed: dict[NodeId, None] = {}

    def join(self, now: float, addresses: Sequence[Address], own: Claim) -> None:
        """Ask the addresses in turn, until one answers; our own is passed over."""
        self._addresses = tuple(one for one in addresses if one != own.address)
        self._tries = 0
        if self._addresses:
            self.handle_timeout(now, own)
        else:
            self.stop()
            self._core.outputs.append(JoinFailed(tuple(addresses)))

    def stop(self) -> None:
        """Join no more: we are leaving."""
        self._core.timers.cancel(_JOIN)

    def handle_timeout(self, now: float, own: Claim) -> None:
        """Ask the next address; wait twice as long after each round of them."""
        rounds, place = divmod(self._tries, len(self._addresses))
        if rounds and not place:
            self._core.outputs.append(JoinFailed(self._addresses))
        self._tries += 1
        route = Route(None, self._addresses[place])
        join = encode_message(Join())
        self._core.send_stream(now, route, (own.item, join))
        wait_s = self._core.config.join_timeout_s * 2 ** min(_BACKOFF_MAX, rounds)
        self._core.timers.set(_JOIN, now + wait_s)

    def receive_join(self, now: float, route: Route, own: Claim) -> None:
        """Welcome a joiner, whose claim has been admitted; again if it asks again.

        But not more often than it should: a welcome is worth a kilobyte at least.
        """
        assert route.node is not None, "a joiner has a name"
        if now >= self._since + _WELCOME_S:
            self._since = now
            self._welcomed.clear()
        if route.node in self._welcomed:
            self._core.count("answers_refused")
            return
        self._welcomed[route.node] = None
        welcome = encode_message(Welcome(self._core.roster.digest()))
        page = self._repair.page(now, route.node)
        self._core.count("joins_welcomed")
        self._core.send_stream(now, route, (own.item, *page, welcome))

    def receive_welcome(self, now: float, sender: NodeId, welcome: Welcome) -> None:
        """A member has answered, and its page been admitted: ask two for the rest."""
        core = self._core
        if core.timers.deadline(_JOIN) is None:
            return
        core.timers.cancel(_JOIN)
        core.outputs.append(Joined(sender))
        if welcome.digest == core.roster.digest():
            return
        for donor in core.roster.sample(core.random, _DONORS, core.me):
            route = core.route(donor)
            if route is not None:
                self._repair.open(now, route)


class Leaving:
    """A graceful leave: those who witness it take over telling the others.

    The claim goes straight to the ring neighbours, each with a ping that it answers.
    Once as many have answered as could convict a member, or the time is up, the node
    may go: the news no longer needs it.
    """

    __slots__ = ("_acknowledged", "_core", "_last", "_pending", "_tries", "active")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pending: dict[int, NodeId] = {}
        self._acknowledged = 0
        self._last = 0
        self._tries = 0
        self.active = False

    def leave(self, now: float, left: Claim) -> None:
        """Tell the neighbours that we have left."""
        self.active = True
        for node in self._core.roster.rings.neighbours():
            self._last += 1
            self._pending[self._last] = node
        self._tell(now, left)

    def receive_ack(self, sequence: int, sender: NodeId) -> bool:
        """Count a neighbour that holds the leave; return whether the ack was ours."""
        if self._pending.get(sequence) != sender:
            return False
        del self._pending[sequence]
        self._acknowledged += 1
        self._conclude_if_known()
        return True

    def handle_timeout(self, now: float, left: Claim) -> None:
        """Tell those who have not answered again, a few times; then go."""
        if self._tries < _LEAVE_TRIES:
            self._tell(now, left)
        else:
            self._conclude()

    def _tell(self, now: float, left: Claim) -> None:
        core = self._core
        self._tries += 1
        if self._tries > 1:
            self._add_witnesses()
        for sequence, node in self._pending.items():
            route = core.route(node)
            if route is not None:
                ping = encode_message(Ping(sequence, core.roster.digest()))
                core.send_anyhow(now, route, (left.item, ping))
        wait_s = core.config.leave_timeout_s / _LEAVE_TRIES
        core.timers.set(_LEAVE_OVER, now + wait_s)
        self._conclude_if_known()

    def _add_witnesses(self) -> None:
        """Tell others as well, as many as have been silent: those may be gone."""
        core = self._core
        told = dict.fromkeys(self._pending.values())
        for node in core.roster.sample(core.random, 2 * len(told), core.me):
            if node not in told and len(self._pending) < 2 * len(told):
                self._last += 1
                self._pending[self._last] = node

    def _conclude_if_known(self) -> None:
        if not self._pending or self._acknowledged >= self._core.config.confirmations:
            self._conclude()

    def _conclude(self) -> None:
        self._core.timers.cancel(_LEAVE_OVER)
        self._pending.clear()
        if self.active:
            self.active = False
            self._core.outputs.append(Departed(self._acknowledged))
