"""Certificates renewed by themselves, and handed over by managers.

A node asks a live manager once two thirds of its certificate's life are over, or once
its root has a successor, and asks again, ever more seldom, until it has one. Managers
hand over what their `crypto.authority` issued, also unasked, to change a role.

**What is taken** is what a manager sends, of our own keys, name and place on the rings,
that is judged good and goes before ours in the directory: a manager's before a
worker's unless a root has said otherwise since, and then what was issued later. So an
old certificate that is sent again changes nothing, and a demotion holds.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from swarmnet.crypto.authority import needs_renewal, renewal_due
from swarmnet.crypto.certificate import (
    Chain,
    Role,
    Verdict,
    decode_chain_untrusted,
)
from swarmnet.crypto.directory import Directory
from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.node.acquaintances import Acquaintances, named_untrusted
from swarmnet.node.envelope import GIVEN, RENEWAL_WANTED
from swarmnet.node.outputs import RenewalWanted
from swarmnet.node.plane import Plane
from swarmnet.node.posting import Post
from swarmnet.swim.outputs import State
from swarmnet.tables.allowance import Allowance

KINDS: Final = (RENEWAL_WANTED, GIVEN)
AGAIN_S: Final = 5.0
"""Who got none asks again after so long, and after twice that the next time."""
AGAIN_MAX_S: Final = 3600.0
REST_S: Final = 10.0
"""Who has got one asks for no other within so long."""
_LEFT_SHARE: Final = 16
"""But not later than after such a part of what is left of the certificate's life."""
_SPREAD_S: Final = 0.05
"""So long after each other members begin to ask, when all are to have new ones."""
_LATER_S: Final = 0.01
ENVELOPES_PER_S: Final = 0.5
ENVELOPES_AT_ONCE: Final = 4.0
"""Certificates that one peer has verified here: two signatures each."""


class Reason(Enum):
    """Why another certificate is wanted."""

    AGE = auto()
    ROOT = auto()


class Renewing:
    """One node's own certificate, and what it is asked for by others.

    `adopted` is called when we have another one.
    """

    __slots__ = (
        "_adopted",
        "_allowance",
        "_ask_at",
        "_directory",
        "_known",
        "_me",
        "_plane",
        "_post",
        "_rests_until",
        "_tries",
        "counters",
        "outputs",
    )

    def __init__(
        self,
        me: NodeId,
        directory: Directory,
        known: Acquaintances,
        plane: Plane,
        *,
        post: Post,
        adopted: Callable[[float], None],
    ) -> None:
        self._me = me
        self._directory = directory
        self._known = known
        self._plane = plane
        self._post = post
        self._adopted = adopted
        self._allowance = Allowance(ENVELOPES_PER_S, ENVELOPES_AT_ONCE)
        self._tries = 0
        self._rests_until = float("-inf")
        self._ask_at: float | None = None
        self.outputs: deque[RenewalWanted] = deque()
        self.counters: Counter[str] = Counter()

    # When to ask

    def plan(self, now: float) -> None:
        """Look when to ask: our certificate, the roots or the calendar are others."""
        chain, reason = self._own(), self._reason()
        if chain is None:
            self._ask_at = None
        elif reason is None:
            due_s = renewal_due(chain.certificate) - self._known.wall
            self._tries = 0
            self._ask_at = max(now + due_s + _LATER_S, self._rests_until)
        elif self._tries == 0:
            phase = int.from_bytes(self._me[2:4], "big") / 0x1_0000
            all_s = _SPREAD_S * len(self._plane.states())
            at = now + phase * min(all_s, self._left_s(chain) / _LEFT_SHARE)
            at = max(at, self._rests_until)
            self._ask_at = at if self._ask_at is None else min(at, self._ask_at)

    def stop(self) -> None:
        """Ask no more: we leave."""
        self._ask_at = None

    def handle_timeout(self, now: float) -> None:
        """Ask, if it is time to."""
        if self._ask_at is None or now < self._ask_at:
            return
        chain, reason = self._own(), self._reason()
        if chain is None or reason is None:
            self.plan(now)
            return
        wait_s = min(AGAIN_S * 2.0 ** min(self._tries, 16), AGAIN_MAX_S)
        left_s = self._left_s(chain) / _LEFT_SHARE
        self._ask_at = now + min(wait_s, max(AGAIN_S, left_s))
        self._ask(now, reason)
        self._tries += 1

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._ask_at

    def warnings(self) -> list[str]:
        """Return what a user should know: nobody has renewed our certificate."""
        chain = self._own()
        if chain is None or self._tries < 2:
            return []
        subject = chain.certificate.subject
        left_s, tries = self._left_s(chain), self._tries
        if left_s == 0:
            return [f"certificate of {subject.name}: has ended: join again by a token"]
        cure = "start a manager" if subject.role is Role.WORKER else "unseal the root"
        return [
            f"certificate of {subject.name}: ends in {left_s / 3600:.0f} h, asked for"
            f" another {tries} times: {cure}"
        ]

    # What is asked and given

    def receive(self, now: float, peer: NodeId, envelope: bytes) -> None:
        """Take an envelope of one of the `KINDS`."""
        is_wanted, data = envelope[:1] == RENEWAL_WANTED, envelope[1:]
        asked = self._me if is_wanted else peer
        if not self.is_manager(asked) or not self._allowance.allows(now, peer):
            self.counters["certificates_turned_away"] += 1
            return
        self._allowance.spend(now, peer, 1.0)
        if not is_wanted:
            self.take(now, data)
        elif named_untrusted(data) == peer:
            self._known.introduce(data)
            chain = self._directory.chain_of(peer)
            if chain is not None:
                # By what is known of it, which may be later than what it says.
                self.outputs.append(RenewalWanted(peer, chain))
        else:
            self.counters["certificates_bad"] += 1

    def take(self, now: float, data: bytes) -> None:
        """Take a certificate that a manager made for us, if it is to be taken."""
        try:
            chain = decode_chain_untrusted(data)
        except BadPacket:
            self.counters["bad_envelopes"] += 1
            return
        if not self._is_ours(chain):
            self.counters["certificates_bad"] += 1
            return
        self._known.introduce(chain.encoded)
        if not self.follow_own(now):
            self.counters["certificates_known"] += 1

    def follow_own(self, now: float) -> bool:
        """Take what the directory holds to be our certificate; return if it is news."""
        chain = self._own()
        if chain is None or chain.encoded == self._known.chain:
            return False
        if self._directory.trust.standing_at(chain, self._known.wall) != Verdict.GOOD:
            return False
        self._known.chain = chain.encoded
        self._tries, self._ask_at = 0, None
        # It may end with its issuer's, and so be no better than the last.
        self._rests_until = now + REST_S
        self._adopted(now)
        self.plan(now)
        return True

    def is_manager(self, node: NodeId) -> bool:
        """Return whether a node is a manager whose certificate stands, in its time."""
        chain, wall = self._directory.chain(node), self._known.wall
        if chain is None or chain.certificate.subject.role is not Role.MANAGER:
            return False
        return self._directory.trust.standing_at(chain, wall) is Verdict.GOOD

    def _is_ours(self, chain: Chain) -> bool:
        """Return whether a certificate is good, and ours but for role and dates."""
        own, subject = self._own(), chain.certificate.subject
        if own is None or subject.node != self._me:
            return False
        before, terms = own.certificate, chain.certificate.terms
        return (
            replace(subject, role=before.subject.role) == before.subject
            and terms.ring_serial == before.terms.ring_serial
            and self._directory.trust.judge(chain, self._known.wall) is Verdict.GOOD
        )

    # Whom to ask

    def _ask(self, now: float, reason: Reason) -> None:
        managers = self._managers(reason)
        if not managers or self._plane.tables.is_silent:
            self.counters["renewals_without_manager"] += 1
            return
        peer = managers[self._tries % len(managers)]
        address = self._plane.address_of(peer)
        self.counters["renewals_asked"] += 1
        if peer == self._me:
            self.outputs.append(RenewalWanted(peer, self._known.chain))
        elif address is not None:
            data = RENEWAL_WANTED + self._known.chain
            self._post(now, peer, address, data, streamed=True)

    def _managers(self, reason: Reason) -> list[NodeId]:
        """Return whom to ask, the best first: ourselves, then the nearest.

        For a certificate under the newest root a worker asks only who has one.
        """
        live = [n for n, s in self._plane.states().items() if s is State.ALIVE]
        managers = [one for one in (self._me, *live) if self.is_manager(one)]
        if reason is Reason.ROOT and self._me not in managers:
            managers = [one for one in managers if not self.is_behind(one)]
        return sorted(managers, key=self._dearness)

    def _dearness(self, manager: NodeId) -> tuple[bool, bool, bool, float, NodeId]:
        chain = self._directory.chain(manager)
        assert chain is not None, "it was judged"
        distance = self._plane.swim.distance(manager)
        return (
            manager != self._me,
            self.is_behind(manager),
            needs_renewal(chain.certificate, self._known.wall),
            float("inf") if distance is None else distance,
            manager,
        )

    def is_behind(self, node: NodeId) -> bool:
        """Return whether a node's certificate is not of the newest root."""
        chain = self._directory.chain(node)
        newest = self._directory.trust.newest().key_id
        return chain is None or chain.top.terms.issuer != newest

    def _own(self) -> Chain | None:
        return self._directory.chain(self._me)

    def _reason(self) -> Reason | None:
        chain = self._own()
        if chain is None:
            return None
        if needs_renewal(chain.certificate, self._known.wall):
            return Reason.AGE
        return Reason.ROOT if self.is_behind(self._me) else None

    def _left_s(self, chain: Chain) -> float:
        return max(0.0, chain.life[1] - self._known.wall)
