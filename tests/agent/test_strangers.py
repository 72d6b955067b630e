"""Who has no certificate: random bytes on both ports, half-open connections."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Final

from swarmnet.crypto.packets import HEADS
from swarmnet.runtime.linux import run_in
from tests.agent.hosts import PORT, Host, World, until

SEED: Final = 8
ROUNDS: Final = int(os.environ.get("SWARMNET_NOISE_ROUNDS", "60"))
"""Of `DATAGRAMS` and as many streams; on two processors 600 take about a minute."""
DATAGRAMS: Final = 200
STREAMS: Final = 4
OPEN_MAX: Final = 64
SIZES: Final = (0, 1, 4, 48, 150, 200, 1200, 60_000)
GROWTH_KIB_MAX: Final = 16 * 1024
"""Lines of strangers, buffers of sockets, and what an allocator keeps of them."""


def noise(random: Random) -> bytes:
    """Return random bytes, every other time behind the head of a packet of ours."""
    head = random.choice(list(HEADS.values())) if random.random() < 0.5 else b""
    return head + random.randbytes(random.choice(SIZES))


class Stranger:
    """Sends noise from one host to the ports of another, and leaves lines open."""

    def __init__(self, host: Host, target: Host, random: Random) -> None:
        self._host, self._random = host, random
        self._to = (target.ip, PORT)
        self._stack = ExitStack()
        self._udp = self._stack.enter_context(
            run_in(host.fd, lambda: socket.socket(type=socket.SOCK_DGRAM))
        )
        self._lines: list[socket.socket] = []

    def send_datagrams(self) -> None:
        for _ in range(DATAGRAMS):
            self._udp.sendto(noise(self._random), self._to)

    def send_streams(self) -> None:
        for number in range(STREAMS):
            line = run_in(self._host.fd, socket.socket)
            line.settimeout(5.0)
            data = noise(self._random)
            # Some say that little follows, some that much does, some hang on.
            head = (len(data), 1 << 31, 0, 60)[number % 4].to_bytes(4, "big")
            with suppress(OSError):
                line.connect(self._to)
                line.sendall(head + data)
            self._lines.append(line)
        while len(self._lines) > OPEN_MAX:
            self._lines.pop(self._random.randrange(len(self._lines))).close()

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._stack.close()


def used(host: Host) -> tuple[int, int]:
    """Return how many descriptors an agent has, and KiB of memory."""
    assert host.process is not None
    process = Path(f"/proc/{host.process.pid}")
    status = process.joinpath("status").read_text().splitlines()
    (line,) = [one for one in status if one.startswith("VmRSS:")]
    return len(list(process.joinpath("fd").iterdir())), int(line.split()[1])


def dead(cluster: World) -> Iterator[str]:
    """Yield who is held for dead, and by whom."""
    for host in cluster:
        for name, state in host.states().items():
            if state == "dead":
                yield f"{name} by {host.name}"


def test_noise_on_both_ports_harms_nobody(cluster: World) -> None:
    random, host = Random(SEED), cluster[0]
    before = host.get("status")
    written = [len(one.log.read_text()) for one in cluster]
    descriptors, memory = used(host)
    strangers = [Stranger(one, host, random) for one in cluster.hosts[1:]]
    try:
        for _ in range(ROUNDS):
            for one in strangers:
                one.send_datagrams()
                one.send_streams()
            assert host.serves()
            assert list(dead(cluster)) == []
        assert used(host)[1] - memory < GROWTH_KIB_MAX
    finally:
        for one in strangers:
            one.close()
    cluster.until_alive()
    assert host.get("status")["members"] == before["members"]
    until("lines are closed", lambda: used(host)[0] <= descriptors)
    assert used(host)[1] - memory < GROWTH_KIB_MAX
    for told, start in zip(cluster, written, strict=True):
        said = told.log.read_text()[start:]
        assert "Traceback" not in said, said
        assert " error " not in said, said
