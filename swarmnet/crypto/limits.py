"""What strangers may cost: handshakes answered, cookies and hints sent, per second.

Before a peer is authenticated it gets one cheap check (mac1). What passes is answered
by a key exchange, some hundred times as dear. So those are counted: while there are
many, a cookie is asked for first (`cookies`), and who shows one gets a bounded number
per host, as WireGuard (section 5.3) does: one host has as many ports as it likes, and
whoever has an address of IPv6 has all of its network of 64 bits.
"""

from enum import Enum, auto
from typing import Final

from swarmnet.ids import Address

_SOURCE_RATE: Final = 20.0
"""A small share of what is answered in the long run: others must get through."""
_SOURCE_BURST: Final = 5.0
_NETWORK_BYTES: Final = 8
_SOURCES_MAX: Final = 4096
_LOADED_BELOW: Final = 0.5


class Bucket:
    """A token bucket: `rate` per second up to `burst`; full at first."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = float("-inf")

    def level(self, now: float) -> float:
        """Return how full it is now, as a share of the burst."""
        if now > self._at:
            gained = (now - self._at) * self._rate
            self._tokens = min(self._burst, self._tokens + gained)
            self._at = now
        return self._tokens / self._burst

    def take(self, now: float) -> bool:
        """Take one token; return False if there is none."""
        self.level(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Admission(Enum):
    """What becomes of a packet that would begin a handshake."""

    ANSWER = auto()
    ASK_COOKIE = auto()
    DROP = auto()


class Gate:
    """Decides which first packets are worth a key exchange.

    `rate` handshakes per second are answered in the long run, `burst` at once. Cookies
    are not counted: one costs some ten times what the packet that it answers cost to
    check, is a third as long, and whoever is refused one cannot get through at all.
    """

    __slots__ = ("_handshakes", "_sources")

    def __init__(self, rate: float, burst: float) -> None:
        self._handshakes = Bucket(rate, burst)
        # By host, the one that showed a cookie last at the end.
        self._sources: dict[bytes, Bucket] = {}

    def is_loaded(self, now: float) -> bool:
        """Return whether so many came of late that cookies are asked for."""
        return self._handshakes.level(now) < _LOADED_BELOW

    def admit(self, now: float, source: Address, *, has_cookie: bool) -> Admission:
        """Return what is to be done with a first packet whose mac1 is right.

        `has_cookie` need be known only while `is_loaded`.
        """
        if self.is_loaded(now):
            if not has_cookie:
                return Admission.ASK_COOKIE
            if not self._source(source).take(now):
                return Admission.DROP
        return Admission.ANSWER if self._handshakes.take(now) else Admission.DROP

    def _source(self, source: Address) -> Bucket:
        """Return the bucket of who has shown that he is at `source`."""
        host = source.host[:_NETWORK_BYTES]
        bucket = self._sources.pop(host, None)
        if bucket is None:
            bucket = Bucket(_SOURCE_RATE, _SOURCE_BURST)
            if len(self._sources) >= _SOURCES_MAX:
                # Whoever fills this has shown cookies from thousands of hosts.
                del self._sources[next(iter(self._sources))]
        self._sources[host] = bucket
        return bucket
