"""What comes and goes leaves nothing: descriptors, links, namespaces, memory."""

import os
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from tests.agent.hosts import Host, World, until
from tests.runtime.conftest import ran

ROUNDS: Final = int(os.environ.get("SWARMNET_LEAK_ROUNDS", "50"))
WARM_UP: Final = 5
GROWTH_KIB_MAX: Final = 8192
"""Allocators keep some of what they were given once."""


class Held(NamedTuple):
    """What one agent holds."""

    descriptors: int
    threads: int
    links: tuple[int, ...]
    """Of the host, and of each pinned namespace."""
    rules: int
    """Lines of the firewall."""
    pinned: tuple[str, ...]


def held(host: Host) -> Held:
    assert host.process is not None
    process = Path(f"/proc/{host.process.pid}")
    pinned = tuple(host.pinned())
    places = [host.netns, *(str(host.run_dir / "netns" / one) for one in pinned)]
    rules = ran(host.fd, "nft", "list", "ruleset").count("\n")
    descriptors = len(list((process / "fd").iterdir()))
    threads = len(list((process / "task").iterdir()))
    return Held(descriptors, threads, tuple(map(links_in, places)), rules, pinned)


def links_in(netns: str) -> int:
    """Return how many links a namespace has."""
    command = ("nsenter", f"--net={netns}", "ip", "-o", "link")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.count("\n")


def memory_kib(host: Host) -> int:
    assert host.process is not None
    status = Path(f"/proc/{host.process.pid}/status").read_text()
    (line,) = [one for one in status.splitlines() if one.startswith("VmRSS:")]
    return int(line.split()[1])


def come_and_go(host: Host, times: int) -> None:
    for _ in range(times):
        host.sandbox("guest", "web", publish=["8081:80"])
        host.post("networks/web/disconnect", sandbox="guest")
        host.delete("sandboxes/guest")


def test_connects_and_disconnects_leak_nothing(cluster: World) -> None:
    host, other = cluster[0], cluster[1]
    host.post("networks", name="web")
    cluster.until_known("web")
    ip = host.sandbox("stays", "web")
    other.sandbox("peer", "web")
    until("reached", other.pings, "peer", ip)
    come_and_go(host, WARM_UP)
    before, memory = held(host), memory_kib(host)
    others, others_memory = held(other), memory_kib(other)
    come_and_go(host, ROUNDS)
    until("as before", lambda: _is_no_more(held(host), before))
    until("as before there", lambda: _is_no_more(held(other), others))
    assert memory_kib(host) - memory < GROWTH_KIB_MAX
    assert memory_kib(other) - others_memory < GROWTH_KIB_MAX
    until("reached", other.pings, "peer", ip)
    assert len(host.endpoints("web")) == 2


def _is_no_more(now: Held, before: Held) -> bool:
    return (
        now.descriptors <= before.descriptors
        and now.threads <= before.threads + 1
        and now[2:] == before[2:]
    )
