"""A token bucket in bytes: what a node may send, in the long run and at once."""

from typing import Final

DEBT_MAX_S: Final = 0.5
RESERVE_SHARE: Final = 0.25
RESERVE_S: Final = 0.25
"""The reserve holds what accrues in so long: some datagrams."""


class Budget:
    """Tokens accrue at `rate` bytes per second up to `burst` bytes.

    What must go at once (probes, answers) is charged even when nothing is left. The
    debt delays what can wait, but never by more than `DEBT_MAX_S`. And a quarter of the
    rate is set aside for news, which answers do not touch: whoever makes a node answer
    without end must not be able to silence it.
    """

    __slots__ = (
        "_at",
        "_burst",
        "_debt_max",
        "_rate",
        "_reserve",
        "_reserve_max",
        "_tokens",
    )

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._debt_max = DEBT_MAX_S * rate
        self._tokens = burst
        self._reserve_max = self._reserve = min(burst, RESERVE_S * rate)
        self._at: float | None = None

    def tokens(self, now: float) -> float:
        """Return the bytes that may be sent now; negative while in debt."""
        if self._at is None:
            self._at = now
        elif now > self._at:
            gained = (now - self._at) * self._rate
            if self._reserve < self._reserve_max:
                lacking = self._reserve_max - self._reserve
                aside = min(RESERVE_SHARE * gained, lacking)
                self._reserve += aside
                self._tokens = min(self._burst, self._tokens + gained - aside)
            else:
                self._tokens = min(self._burst, self._tokens + gained)
            self._at = now
        return self._tokens

    def charge(self, now: float, count_bytes: int) -> None:
        """Take `count_bytes` that are being sent."""
        self._tokens = max(-self._debt_max, self.tokens(now) - count_bytes)

    def affords_news(self, now: float, count_bytes: float) -> bool:
        """Return whether news of `count_bytes` may be sent now."""
        return max(self.tokens(now), self._reserve) + 1 >= count_bytes

    def charge_news(self, now: float, count_bytes: int) -> None:
        """Take the bytes of news: from the reserve where nothing else is left."""
        if self.tokens(now) + 1 >= count_bytes:
            self._tokens -= count_bytes
        else:
            self._reserve = max(0.0, self._reserve - count_bytes)

    def news_ready_at(self, now: float, count_bytes: float) -> float:
        """Return when news of `count_bytes` may be sent; `now` if it may already."""
        lacking = max(0.0, count_bytes - self._reserve)
        reserved_at = now + lacking / (RESERVE_SHARE * self._rate)
        if count_bytes > self._reserve_max:
            return self.ready_at(now, count_bytes)
        return min(self.ready_at(now, count_bytes), reserved_at)

    def ready_at(self, now: float, count_bytes: float) -> float:
        """Return when `count_bytes` may be sent; `now` if that is already so."""
        return now + max(0.0, count_bytes - self.tokens(now)) / self._rate
