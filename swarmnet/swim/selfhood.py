"""What a node says of itself: its claim, its refutations, and its other lives.

Only the subject raises its incarnation. It does so to refute an accusation of its very
version, to change its address or metadata, and to leave; a foreign claim never makes
the value jump. When its own signature is seen on a greater version (a life before a
lost disk, or a clone) it takes the epoch above that: at once the first time, then at
doubling intervals, for two clones would otherwise outbid each other for ever.
"""

from typing import Final

from swarmnet.ids import U64_MAX, Address
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.codec import claim_of, encode_own_body
from swarmnet.swim.core import Core, Due
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import IdentityConflict, State

_RECLAIM_FIRST_S: Final = 0.5
_RECLAIM_MAX_S: Final = 8.0
_RECLAIM: Final = (Due.RECLAIM, None)


class Selfhood:
    """This node's own claim; `claim` is the latest, and stands in the roster.

    `is_news` is whether the view that we started from did not hold it already. While it
    `is_yielding` another life under our key is left to speak: it is the elder.
    """

    __slots__ = (
        "_backoff_s",
        "_core",
        "_quiet_until",
        "_rival",
        "claim",
        "is_news",
        "is_yielding",
    )

    def __init__(self, core: Core, address: Address, boot_epoch: int) -> None:
        self._core = core
        self._backoff_s = _RECLAIM_FIRST_S
        self._quiet_until = float("-inf")
        self._rival: Claim | None = None
        self.is_yielding = False
        held = core.roster.get(core.me)
        self.is_news = True
        if held is not None and self._is_current(held, address, boot_epoch):
            self.claim = held.claim
            self.is_news = False
        else:
            meta = b"" if held is None else held.claim.meta
            version = (boot_epoch, 0)
            if held is not None and held.claim.boot_epoch >= boot_epoch:
                version = _next_life(held.claim.version)
            self.claim = self._sign(version, State.ALIVE, (address, meta))
            self._hold()

    @property
    def address(self) -> Address:
        """Where this node says that it is."""
        assert self.claim.address is not None, "an own claim has an address"
        return self.claim.address

    def raise_incarnation(
        self, state: State, address: Address | None = None, meta: bytes | None = None
    ) -> Claim:
        """Claim anew, one incarnation up; None keeps what was claimed before."""
        version = _next_incarnation(self.claim.version)
        about = (
            self.address if address is None else address,
            self.claim.meta if meta is None else meta,
        )
        self.claim = self._sign(version, state, about)
        self._hold()
        return self.claim

    def receive_rival(self, now: float, claim: Claim) -> Claim | None:
        """Take an own claim that is not ours, though the signature is.

        Returns our new claim if it is to be sent now.
        """
        if claim.precedence <= self.claim.precedence:
            return None
        if self._rival is None or claim.precedence > self._rival.precedence:
            assert claim.address is not None, "an own claim has an address"
            self._core.outputs.append(IdentityConflict(claim.boot_epoch, claim.address))
            self._core.count("identity_conflicts")
            self._rival = claim
        if self.is_yielding:
            return None
        if now >= self._quiet_until:
            return self.reclaim(now)
        self._core.timers.set_earlier(_RECLAIM, self._quiet_until)
        return None

    def reclaim(self, now: float) -> Claim | None:
        """Take the boot epoch above the rival's; None if there is nothing to outbid."""
        rival = self._rival
        is_over = rival is None or rival.precedence <= self.claim.precedence
        if rival is None or is_over or self.is_yielding:
            return None
        self._backoff_s = min(_RECLAIM_MAX_S, 2 * self._backoff_s)
        self._quiet_until = now + self._backoff_s
        about = (self.address, self.claim.meta)
        self.claim = self._sign(_next_life(rival.version), self.claim.state, about)
        self._hold()
        return self.claim

    def _is_current(self, held: Member, address: Address, boot_epoch: int) -> bool:
        return (
            held.claim.boot_epoch == boot_epoch
            and held.claim.address == address
            and held.state is State.ALIVE
        )

    def _hold(self) -> None:
        self._core.roster.put(Member(self.claim, (), self.claim.state))

    def _sign(
        self, version: tuple[int, int], state: State, about: tuple[Address, bytes]
    ) -> Claim:
        body = encode_own_body(self._core.me, version, state, about)
        return claim_of(body, self._core.seams.sign(SIGN_DOMAIN + body))


def _next_incarnation(version: tuple[int, int]) -> tuple[int, int]:
    """Return the next greater version; after the very last one, the same."""
    epoch, incarnation = version
    if incarnation < U64_MAX:
        return (epoch, incarnation + 1)
    return (epoch + 1, 0) if epoch < U64_MAX else version


def _next_life(version: tuple[int, int]) -> tuple[int, int]:
    """Return the first version of the next boot epoch, if there is one."""
    epoch, _ = version
    return (epoch + 1, 0) if epoch < U64_MAX else _next_incarnation(version)
