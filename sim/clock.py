"""A node's own monotonic clock: it begins anywhere, and may drift."""


class LocalClock:
    """Maps virtual time to one node's time, in seconds; it never runs backwards."""

    __slots__ = ("_offset_s", "_rate", "last")

    def __init__(self, offset_s: float) -> None:
        self._offset_s = offset_s
        self._rate = 1.0
        self.last = offset_s

    def read(self, virtual_s: float) -> float:
        """Return what the clock shows at `virtual_s`, which is now."""
        local = self._offset_s + self._rate * virtual_s
        if local < self.last:
            return self.last
        self.last = local
        return local

    def reach(self, local_s: float) -> float:
        """Show exactly `local_s`, a deadline that rounding put just ahead of now."""
        self.last = local_s
        return local_s

    def virtual(self, local_s: float) -> float:
        """Return when the clock will show `local_s`, if its rate stays."""
        return (local_s - self._offset_s) / self._rate

    def set_rate(self, virtual_s: float, rate: float) -> None:
        """Run at `rate` seconds per second from `virtual_s` on, without a jump."""
        local = self._offset_s + self._rate * virtual_s
        self._rate = rate
        self._offset_s = local - rate * virtual_s
