"""Under a service manager that keeps sockets a query waits while the agent restarts."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

from tests.agent.hosts import Host, World, until
from tests.agent.names import told

FDS_MAX: Final = 16


class Manager:
    """Stands for systemd: takes notes, and keeps descriptors by their names."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.05)
        self.kept: dict[str, list[int]] = {}

    def close(self) -> None:
        self._socket.close()
        for name in list(self.kept):
            self._remove(name)

    def hears(self) -> dict[str, list[int]]:
        """Take what was said; return what is kept."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._socket, 4096, FDS_MAX)
            except TimeoutError:
                return self.kept
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            name = fields.get("FDNAME", "")
            if "FDSTOREREMOVE" in fields:
                self._remove(name)
            if "FDSTORE" in fields:
                self.kept.setdefault(name, []).extend(fds)

    def _remove(self, name: str) -> None:
        for fd in self.kept.pop(name, []):
            os.close(fd)

    def start(self, host: Host) -> None:
        """Start an agent with all that is kept."""
        held = [(name, fd) for name, fds in self.kept.items() for fd in fds]
        names = ":".join(name for name, _ in held)
        moves = "".join(
            f"exec {3 + n}<&{100 + n} {100 + n}<&-; " for n in range(len(held))
        )
        copies = [os.dup2(fd, 100 + n) for n, (_, fd) in enumerate(held)]
        told = f"LISTEN_PID=$$ LISTEN_FDS={len(held)} LISTEN_FDNAMES={names}"
        host.handed = tuple(copies)
        try:
            host.start("bash", "-c", f'{moves} export {told}; exec "$@"', "bash")
        finally:
            host.handed = ()
            for fd in copies:
                os.close(fd)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with closing(Manager(tmp_path / "notify")) as found:
        yield found


def test_a_query_waits_in_its_socket_until_the_next_agent_answers(
    make_world: Callable[[int], World], manager: Manager
) -> None:
    world = make_world(1)
    host = world[0]
    world.begin()
    host.post("networks", name="web")
    ip = host.sandbox("a", "web")
    host.post("sandboxes", name="gone")
    until("all are kept", lambda: sorted(manager.hears()) == ["dns-a", "dns-gone"])
    host.delete("sandboxes/gone")
    until("it is given up", lambda: sorted(manager.hears()) == ["dns-a"])
    assert [len(fds) for fds in manager.kept.values()] == [2]
    host.kill()
    answers: list[list[str]] = []
    asking = Thread(target=lambda: answers.append(told(host, "a", "a")))
    asking.start()
    manager.start(host)
    asking.join()
    assert answers == [["NOERROR", ip]]
    assert told(host, "a", "a", by_tcp=True) == ["NOERROR", ip]
    manager.hears()
    assert sorted(manager.kept) == ["dns-a"]
    assert [len(fds) for fds in manager.kept.values()] == [2]
    host.run("leave", "--force")
    until("nothing is kept", lambda: not manager.hears())


def test_sockets_of_another_namespace_are_not_taken(
    make_world: Callable[[int], World], manager: Manager
) -> None:
    world = make_world(1)
    host = world[0]
    world.begin()
    host.post("networks", name="web")
    ip = host.sandbox("a", "web")
    host.post("sandboxes", name="b")
    until("all are kept", lambda: len(manager.hears()) == 2)
    host.kill()
    manager.kept["other"] = [os.open("/dev/null", os.O_RDONLY)]
    mine, others = manager.kept["dns-a"], manager.kept["dns-b"]
    manager.kept |= {"dns-a": others, "dns-b": mine}
    manager.start(host)

    def answers() -> bool:
        # Until it is told to, the manager does not close what it has kept.
        manager.hears()
        return told(host, "a", "a") == ["NOERROR", ip]

    until("they are made anew", answers, within_s=60.0)
    assert sorted(manager.kept) == ["dns-a", "dns-b", "other"]
