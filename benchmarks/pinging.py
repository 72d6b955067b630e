"""Pings from one namespace to an address, and when each was answered."""

import signal
import subprocess
from re import MULTILINE
from re import compile as pattern
from typing import Final

from benchmarks.lifelines import bound_to_us

REPLY: Final = pattern(r"^\[(\d+\.\d+)\] .*icmp_seq=(\d+) ttl=", MULTILINE)
"""A line of `ping -D`: the time of the answer, in s since 1970, and whose it is."""
LATE_S: Final = 1.0
"""So long the last answers are waited for."""


def replies_in(text: str) -> dict[int, float]:
    """Return by number the time of each answer that `ping -D` told of, first ones."""
    found: dict[int, float] = {}
    for at, number in REPLY.findall(text):
        found.setdefault(int(number), float(at))
    return found


class Pings:
    """A ping that runs; it is to be ended by one of its methods."""

    def __init__(
        self, namespace: str, address: str, every_s: float, count: int | None = None
    ) -> None:
        """Ping from a namespace, without a count until it is interrupted."""
        command = ["ping", "-n", "-D", "-i", str(every_s), "-W", str(LATE_S)]
        command += [] if count is None else ["-c", str(count)]
        self._process = subprocess.Popen(
            bound_to_us("nsenter", f"--net={namespace}", *command, address),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self) -> dict[int, float]:
        """Wait for its end; return by number the times of the answers, since 1970."""
        return replies_in(self._process.communicate()[0])

    def interrupted(self) -> dict[int, float]:
        """End it now; return the same."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def kill(self) -> None:
        """End it, if it has not ended, for nobody wants to know any more."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
