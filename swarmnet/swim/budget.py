"""A token bucket in bytes: what a node may send, in the long run and at once."""

from typing import Final

DEBT_MAX_S: Final = 0.5


class Budget:
    """Tokens accrue at `rate` bytes per second up to `burst` bytes.

    What must go at once (probes, answers) is charged even when nothing is left. The
    debt delays what can wait, but never by more than `DEBT_MAX_S`: whoever makes a
    node answer much must not be able to silence it for long.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def tokens(self, now: float) -> float:
        """Return the bytes that may be sent now; negative while in debt."""
        if self._at is None:
            self._at = now
        elif now > self._at:
            self._tokens = min(
                self._burst, self._tokens + (now - self._at) * self._rate
            )
            self._at = now
        return self._tokens

    def charge(self, now: float, count_bytes: int) -> None:
        """Take `count_bytes` that are being sent."""
        debt = DEBT_MAX_S * self._rate
        self._tokens = max(-debt, self.tokens(now) - count_bytes)

    def ready_at(self, now: float, count_bytes: float) -> float:
        """Return when `count_bytes` may be sent; `now` if that is already so."""
        return now + max(0.0, count_bytes - self.tokens(now)) / self._rate
