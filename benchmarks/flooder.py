"""The second process of a flood: it probes a node as many members, as it is told to.

    python -m benchmarks.flooder swarmnet ADDRESS PORT TOKEN MEMBERS
    python -m benchmarks.flooder memberlist ADDRESS PORT KEY MEMBERS

It joins as `MEMBERS` members, each with a socket of its own, and says "ready" once the
node answers all of them. Each line that it reads, `RATE SECONDS`, makes it probe so
often a second, all members in turn; at rate 0 as fast as it is answered, `IN_FLIGHT`
at a time. It says in a line of JSON how that went. It ends when its input does.
"""

import json
import select
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from itertools import cycle
from time import monotonic
from typing import Final

import trio

from benchmarks.speakers import Echo, Member, Prober, Speaker
from swarmnet.crypto.certificate import Role, Subject, decode_chain_untrusted
from swarmnet.crypto.token import Token
from swarmnet.ids import Address
from swarmnet.runtime.beginning import join_cluster
from swarmnet.runtime.standing import Place

PEER_NAME: Final = "peer"
"""What the node is called that speaks memberlist's language."""
IN_FLIGHT: Final = 32
GREET_S: Final = 0.2
GREETED_WITHIN_S: Final = 60.0
LAST_ANSWERS_S: Final = 0.3
"""So long after the last probe an answer still counts."""
STALLED_S: Final = 0.1
TICK_S: Final = 0.001
DATAGRAM_BYTES_MAX: Final = 65_535


class Flood:
    """Speakers at their sockets, and what has come of it."""

    def __init__(self, speakers: dict[socket.socket, Speaker]) -> None:
        self._by_fd = {one.fileno(): (one, who) for one, who in speakers.items()}
        self._turns = cycle(list(speakers.items()))
        self._poll = select.epoll()
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)
        self.sent = self.answered = self.sent_bytes = self.answered_bytes = 0
        self.answering: dict[int, None] = {}
        """The sockets at which there was an answer."""

    def attend(self, fd: int) -> None:
        """Answer the node until there is something to read elsewhere."""
        self._poll.register(fd, select.EPOLLIN)
        while fd not in (ready := dict(self._poll.poll())):
            self._take_all(ready)
        self._poll.unregister(fd)

    def serve(self, wait_s: float) -> int:
        """Take what comes, for up to so long; return how many answers there were."""
        before = self.answered
        self._take_all(dict(self._poll.poll(wait_s)))
        return self.answered - before

    def _take_all(self, ready: Iterable[int]) -> None:
        for fd in ready:
            self._take(*self._by_fd[fd])

    def _take(self, sock: socket.socket, speaker: Speaker) -> None:
        try:
            data = sock.recv(DATAGRAM_BYTES_MAX)
        except OSError:
            return
        answers, out = speaker.take(monotonic(), data)
        if answers:
            self.answered += answers
            self.answered_bytes += len(data)
            self.answering[sock.fileno()] = None
        self._send(sock, out)

    def _send(self, sock: socket.socket, packets: Sequence[bytes]) -> None:
        for packet in packets:
            try:
                sock.send(packet)
            except OSError:
                return

    def probe(self, number: int) -> None:
        """Let the next so many speakers probe once each."""
        for _ in range(number):
            sock, speaker = next(self._turns)
            packets = speaker.ping(monotonic())
            self._send(sock, packets)
            self.sent += 1
            self.sent_bytes += sum(map(len, packets))

    def greet(self, is_known: Callable[[], bool]) -> None:
        """Greet until all were answered, and the node is known.

        Raises:
            RuntimeError: that takes too long.
        """
        began = monotonic()
        while len(self.answering) < len(self._by_fd) or not is_known():
            if monotonic() - began > GREETED_WITHIN_S:
                raise RuntimeError(f"{len(self.answering)} members are answered")
            for fd, (sock, speaker) in self._by_fd.items():
                if fd not in self.answering:
                    self._send(sock, speaker.greet(monotonic()))
                    self.serve(TICK_S)
            self.serve(GREET_S)

    def pour(self, rate: float, seconds: float) -> dict[str, float]:
        """Probe at a rate, or as fast as answered; return what came of it."""
        self.sent = self.answered = self.sent_bytes = self.answered_bytes = 0
        began = monotonic()
        if rate:
            self._pace(rate, began, seconds)
        else:
            self._press(began + seconds)
        took_s = monotonic() - began
        until = monotonic() + LAST_ANSWERS_S
        while self.answered < self.sent and (left := until - monotonic()) > 0:
            self.serve(left)
        return {
            "seconds": took_s,
            "sent": self.sent,
            "answered": self.answered,
            "sent_bytes": self.sent_bytes,
            "answered_bytes": self.answered_bytes,
        }

    def _pace(self, rate: float, began: float, seconds: float) -> None:
        while (passed := monotonic() - began) < seconds:
            self.probe(int(passed * rate) - self.sent)
            self.serve(TICK_S)

    def _press(self, until: float) -> None:
        heard = monotonic()
        self.probe(IN_FLIGHT)
        while (now := monotonic()) < until:
            answers = self.serve(STALLED_S)
            if answers:
                heard = now
                self.probe(answers)
            elif now - heard >= STALLED_S:
                # They are lost: whoever waited for them asks anew.
                heard = now
                self.probe(IN_FLIGHT)


def connected(there: Address, count: int) -> list[tuple[socket.socket, Address]]:
    """Return sockets that are connected to a node, each with its own address."""
    found = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(0)
        sock.connect((str(ip_address(there.host)), there.port))
        found.append((sock, Address.parse(*sock.getsockname())))
    return found


async def admitted(
    there: Address, token: str, homes: Sequence[Address], echo: Echo
) -> list[Member]:
    """Join a cluster through a node, once for each home; return the members."""
    members = []
    for number, here in enumerate(homes):
        place = Place(here, ip_address(here.host))
        name = f"flooder{number}"
        welcome = await join_cluster(name, place, Token.parse(token), [there])
        node = _manager(welcome.members)
        members.append(Member(welcome.standing, node, (here, there), echo))
    return members


def _manager(chains: Sequence[bytes]) -> Subject:
    """Return who lets members in: here it is the only manager."""
    subjects = (decode_chain_untrusted(one).certificate.subject for one in chains)
    return next(one for one in subjects if one.role is Role.MANAGER)


def speakers_of(
    dialect: str, there: Address, secret: str, count: int
) -> tuple[Flood, Callable[[], bool]]:
    """Return a flood, and whether the node has said that it knows all of it."""
    homes = connected(there, count)
    sockets, at = [sock for sock, _ in homes], [here for _, here in homes]
    if dialect == "memberlist":
        key = bytes.fromhex(secret)
        probers = [Prober(key, PEER_NAME, here) for here in at]
        return Flood(dict(zip(sockets, probers, strict=True))), lambda: True
    echo = Echo()
    members = trio.run(admitted, there, secret, at, echo)
    flood = Flood(dict(zip(sockets, members, strict=True)))
    return flood, lambda: echo.digest.count > count


def main(words: Sequence[str]) -> None:
    dialect, host, port, secret, count = words
    there = Address.parse(host, int(port))
    flood, is_known = speakers_of(dialect, there, secret, int(count))
    flood.greet(is_known)
    print("ready", flush=True)
    while True:
        flood.attend(sys.stdin.fileno())
        line = sys.stdin.readline()
        if not line:
            return
        rate, seconds = map(float, line.split())
        print(json.dumps(flood.pour(rate, seconds)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
