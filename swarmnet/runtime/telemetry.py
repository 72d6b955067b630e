"""What monitors ask: /metrics, /healthz and /readyz, on the socket and by TCP.

The TCP address serves these three alone. Whoever reaches it can read names, addresses
and counts, and change nothing; so it is one that its user has named.
"""

import socket
from time import monotonic
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.runtime.datagrams import FAMILIES, pair_of
from swarmnet.runtime.exposing import CONTENT_TYPE, expose
from swarmnet.runtime.health import illness, unreadiness
from swarmnet.runtime.http import Answer, Bounds, Plain, Request, Unserved
from swarmnet.runtime.locating import parse_address
from swarmnet.runtime.measuring import measure

if TYPE_CHECKING:
    from swarmnet.runtime.agent import Agent

PATHS: Final = ("/metrics", "/healthz", "/readyz")
STRANGERS: Final = Bounds(clients_max=64, request_s=10.0, idle_s=120.0, body_max=0)
"""Who scrapes has sent all he has to say within 10 s, and scrapes every two minutes."""
BACKLOG: Final = 64


class Telemetry:
    """Answers monitors about one agent."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    async def serve(self, request: Request) -> Answer:
        """Answer one of the `PATHS`.

        Raises:
            Unserved: there is no such path, it is only read, or something is wrong.
        """
        if request.path not in PATHS:
            known = ", ".join(PATHS)
            raise Unserved(404, f"{request.path[:80]}: no such path; here are {known}")
        if request.method != "GET":
            raise Unserved(405, f"{request.path}: want GET")
        if request.path == "/metrics":
            return await self._metrics()
        life = self._agent.life
        if request.path == "/healthz":
            return _verdict("healthy", illness(life))
        return _verdict("ready", unreadiness(life, monotonic()))

    async def _metrics(self) -> Answer:
        sheet = await measure(self._agent.life)
        text = await trio.to_thread.run_sync(expose, sheet)
        return Plain(text, CONTENT_TYPE)


def _verdict(what: str, fault: str | None) -> Answer:
    if fault is not None:
        raise Unserved(503, f"not {what}: {fault}")
    return {what: True}


def listen_for_monitors(text: str) -> socket.socket:
    """Return a TCP socket that listens at `IP:PORT`.

    Raises:
        Refused: that is no such address, or cannot be had.
    """
    address = _parse(text)
    found = socket.socket(FAMILIES[len(address.host)], socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if found.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(pair_of(address))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise Refused(
            f"metrics address {text}: {error.strerror}: name an address of this host"
            " and a port that nobody has, as --metrics-addr 127.0.0.1:9946"
        ) from None
    return found


def _parse(text: str) -> Address:
    has_port = "]:" in text if text.startswith("[") else text.count(":") == 1
    if not has_port:
        raise Refused(f"metrics address {text[:60]!r}: want IP:PORT or [IPv6]:PORT")
    return parse_address("metrics address", text)
