"""A query on its way through the host's servers: whom to ask, and which answer holds.

Servers are asked one after the other, as resolv.conf(5) has it; who fails is asked last
for a while. An answer that comes late counts as well, so nobody is given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from swarmnet.dns.answering import Forward
from swarmnet.dns.codec import (
    Code,
    Query,
    answer_code_untrusted,
    cut_answer,
    encode_answer,
    with_id,
)
from swarmnet.errors import BadPacket

ANSWER_S: Final = 4.5
"""So long until a query fails: glibc and musl ask again, or give up, after 5 s."""
FAILED_S: Final = 10.0
"""So long a server that did not answer is asked after the others."""
FAILURES: Final = (Code.SERVFAIL, Code.NOTIMP, Code.REFUSED)
"""With these glibc, too, asks the next server."""


class Verdict(Enum):
    """What an answer is worth."""

    GOOD = auto()
    CUT = auto()
    """It is only the beginning; all of it can be had by TCP."""
    FAILED = auto()
    STRANGE = auto()
    """It answers something else, or somebody made it up."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One query under an id of our own: `id` is drawn, so that nobody can guess it."""

    forward: Forward
    id: int

    @property
    def data(self) -> bytes:
        """What servers are sent."""
        return with_id(self.id, self.forward.data)

    def judge(self, data: bytes) -> Verdict:
        """Return what something is that a server has sent."""
        question = self.forward.query.question
        try:
            code, is_cut = answer_code_untrusted(self.id, question, data)
        except BadPacket:
            return Verdict.STRANGE
        if code in FAILURES:
            return Verdict.FAILED
        return Verdict.CUT if is_cut else Verdict.GOOD

    def finish(self, data: bytes) -> bytes:
        """Return what the client gets of a server's answer."""
        if len(data) > self.forward.bytes_max:
            data = cut_answer(self.forward.query.question, data)
        return with_id(self.forward.query.id, data)


def failure(query: Query) -> bytes:
    """Return what a client gets when nobody has answered."""
    return encode_answer(query, Code.SERVFAIL, is_ours=False)


class Servers:
    """The host's servers, in the order in which they are to be asked."""

    __slots__ = ("_failed", "_servers")

    def __init__(self) -> None:
        self._servers: Sequence[str] = ()
        self._failed: dict[str, float] = {}

    def set_servers(self, servers: Sequence[str]) -> None:
        """Take these from now on."""
        self._servers = servers
        self._failed.clear()

    def ordered(self, now: float) -> list[str]:
        """Return all of them, those last that failed a short time ago."""

        def has_failed(server: str) -> bool:
            return now - self._failed.get(server, -FAILED_S) < FAILED_S

        return sorted(self._servers, key=has_failed)

    def note(self, now: float, server: str, *, is_good: bool) -> None:
        """Take note that a server has answered, or has not."""
        if is_good:
            self._failed.pop(server, None)
        else:
            self._failed[server] = now

    def share_s(self) -> float:
        """Return how long each has before the next is asked besides."""
        return ANSWER_S / max(1, len(self._servers))
