"""Who has no certificate: random bytes on both ports, half-open connections."""

import socket
from contextlib import ExitStack
from random import Random

from swarmnet.runtime.linux import run_in
from tests.agent.hosts import PORT, World

SEED = 8
DATAGRAMS = 3000
STREAMS = 60
SIZES = (0, 1, 4, 48, 200, 1200, 60_000)


def test_garbage_on_both_ports_harms_nobody(cluster: World) -> None:
    random, host = Random(SEED), cluster[0]
    before = host.get("status")
    with ExitStack() as stack:
        udp = stack.enter_context(
            run_in(cluster[1].fd, lambda: socket.socket(type=socket.SOCK_DGRAM))
        )
        for _ in range(DATAGRAMS):
            udp.sendto(random.randbytes(random.choice(SIZES)), (host.ip, PORT))
        for number in range(STREAMS):
            stream = stack.enter_context(
                run_in(cluster[1].fd, lambda: socket.create_connection((host.ip, PORT)))
            )
            data = random.randbytes(random.choice(SIZES))
            # Some say that little follows, some that much does, some hang on.
            head = (len(data), 1 << 31, 0)[number % 3].to_bytes(4, "big")
            try:
                stream.sendall(head + data)
            except OSError:
                continue
            if number % 2:
                stream.close()
        assert host.serves()
    assert host.get("status")["members"] == before["members"]
    cluster.until_alive()
