"""What tests ask the resolvers of sandboxes, and the servers that these ask in turn."""

import os
import socket
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

from swarmnet.runtime.linux import run_in
from tests.agent.hosts import Host

RESOLVER: Final = "127.0.0.11"
ASK_S: Final = 10.0
Answer = Callable[[dns.message.Message, bool], dns.message.Message | None]


def inside(host: Host, sandbox: str, what: Callable[[], object]) -> object:
    """Run something in a sandbox."""
    fd = os.open(host.run_dir / "netns" / "box" / sandbox, os.O_RDONLY)
    try:
        return run_in(fd, what)
    finally:
        os.close(fd)


def asked(
    host: Host,
    sandbox: str,
    name: str,
    kind: str = "A",
    *,
    by_tcp: bool = False,
    payload: int | None = None,
) -> dns.message.Message:
    """Return what a sandbox's resolver answers; raises what dnspython does."""
    query = dns.message.make_query(name, kind, payload=payload)

    def ask() -> dns.message.Message:
        if by_tcp:
            return dns.query.tcp(query, RESOLVER, timeout=ASK_S)
        # Like libc's, it is connected, and hears that nobody is there.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((RESOLVER, 53))
            sock.setblocking(False)
            return dns.query.udp(query, RESOLVER, timeout=ASK_S, sock=sock)

    found = inside(host, sandbox, ask)
    assert isinstance(found, dns.message.Message)
    return found


def told(
    host: Host, sandbox: str, name: str, kind: str = "A", *, by_tcp: bool = False
) -> list[str]:
    """Return the code of an answer and its records, sorted; or why there is none."""
    try:
        answer = asked(host, sandbox, name, kind, by_tcp=by_tcp)
    except (OSError, dns.exception.DNSException) as error:
        return [type(error).__name__]
    code = dns.rcode.to_text(answer.rcode())
    return [code, *sorted(str(rd) for rrset in answer.answer for rd in rrset)]


def records(
    query: dns.message.Message, *texts: str, code: str = "NOERROR"
) -> dns.message.Message:
    """Return an answer with A records."""
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(dns.rcode.from_text(code))
    if texts:
        name = query.question[0].name
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *texts))
    return answer


class Upstream:
    """A server of names on a host, which answers as a test says; a context.

    `answer` is given a query, and whether it came by TCP; None is no answer. `asked`
    counts the names.
    """

    def __init__(self, host: Host, ip: str, answer: Answer) -> None:
        self.asked: Counter[str] = Counter()
        self.payloads: list[int] = []
        self._answer = answer
        self._udp, self._tcp = run_in(host.fd, lambda: _sockets(ip))
        self._threads = [
            threading.Thread(target=one) for one in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Upstream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sock in (self._udp, self._tcp):
            sock.close()
        for thread in self._threads:
            thread.join()

    def _reply(self, data: bytes, *, by_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        self.asked[str(query.question[0].name).rstrip(".")] += 1
        self.payloads.append(query.payload if query.edns >= 0 else 0)
        answer = self._answer(query, by_tcp)
        return None if answer is None else answer.to_wire()

    def _serve_udp(self) -> None:
        while True:
            try:
                data, client = self._udp.recvfrom(65_535)
            except TimeoutError:
                continue
            except OSError:
                return
            reply = self._reply(data, by_tcp=False)
            if reply is not None:
                self._udp.sendto(reply, client)

    def _serve_tcp(self) -> None:
        while True:
            try:
                sock, _ = self._tcp.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with sock:
                sock.settimeout(ASK_S)
                length = int.from_bytes(sock.recv(2), "big")
                reply = self._reply(sock.recv(length), by_tcp=True)
                if reply is not None:
                    sock.sendall(len(reply).to_bytes(2, "big") + reply)


def _sockets(ip: str) -> tuple[socket.socket, socket.socket]:
    """Return sockets that look now and then whether they are closed."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((ip, 53))
    tcp = socket.create_server((ip, 53))
    for sock in (udp, tcp):
        sock.settimeout(0.05)
    return udp, tcp
