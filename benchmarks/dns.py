"""How soon, how often and how freshly does a sandbox's resolver answer?

Expected: most of an answer's time is the system's, for an answer is kept until some
name changes; first asked it takes what the library takes to read a query, some 0.1 to
0.2 ms. dnsmasq, which has no loop in Python, answers several times as many. A name
follows its row, which is everywhere within milliseconds; Docker's TTL is 600 s.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter, sleep
from typing import Final

import dns.message
import dns.rcode

from benchmarks import debian
from benchmarks.clusters import Agents, until
from benchmarks.hosts import Ground, path_of
from benchmarks.lab import OURS, Lab
from benchmarks.lifelines import bound_to_us
from benchmarks.name_server import FIRST, name_of
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread
from swarmnet.dns.codec import TTL_S
from swarmnet.runtime.linux import run_in

COUNT: Final = 1000
ASKED: Final = (20_000, 2_000)
TRIALS: Final = (5, 1)
ROUNDS: Final = (40, 3)
WINDOW: Final = 32
"""So many queries are under way at once."""
RESOLVER: Final = ("127.0.0.11", 53)
DNSMASQ: Final = "dnsmasq"
PAUSE_S, ASK_AGAIN_S = 0.1, 0.0005
ANSWER_MS, CHANGE_MS, PER_SECOND = 1.0, 20.0, 5_000.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


Told = tuple[float, float]
"""When something was told, in ms: after the call had returned, and after it began."""


class Client:
    """Asks a resolver in a namespace, by one socket as libc has it."""

    def __init__(self, namespace: int) -> None:
        self._socket = run_in(namespace, _connected)

    def close(self) -> None:
        self._socket.close()

    def asks(self, query: bytes) -> bytes:
        """Return an answer."""
        self._socket.send(query)
        return self._socket.recv(65_535)

    def times_ms(self, queries: Sequence[bytes]) -> list[float]:
        """Return how long each took, one after the other."""
        found = []
        for query in queries:
            began = perf_counter()
            self.asks(query)
            found.append((perf_counter() - began) * 1e3)
        return found

    def crowd(self, queries: Sequence[bytes]) -> None:
        """Ask all, some at once."""
        send, receive = self._socket.send, self._socket.recv
        for query in queries[:WINDOW]:
            send(query)
        for query in queries[WINDOW:]:
            receive(65_535)
            send(query)
        for _ in queries[:WINDOW]:
            receive(65_535)

    def code(self, query: bytes) -> dns.rcode.Rcode:
        """Return the code of an answer."""
        return dns.message.from_wire(self.asks(query)).rcode()


def _connected() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect(RESOLVER)
    made.settimeout(10.0)
    return made


def query_of(name: str) -> bytes:
    return dns.message.make_query(name, "A", id=7).to_wire()


def mixed(number: int, times: int) -> str:
    """Return a name in letters of a case that was not asked before."""
    bits = iter(bin(times + (1 << 12))[3:])
    name = name_of(number)
    return "".join(
        c.upper() if c.isalpha() and next(bits, "0") == "1" else c for c in name
    )


@contextmanager
def started(ground: Ground, *command: str) -> Iterator[tuple[Client, int]]:
    """Start a server in a namespace of its own; give who asks it, and its process."""
    fd = ground.host()
    enter = ("nsenter", f"--net={path_of(fd)}")
    with ExitStack() as stack:
        process = subprocess.Popen(
            bound_to_us(*enter, *command), stdin=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        client = Client(fd)
        stack.callback(client.close)
        until("it answers", lambda: _answers(client))
        yield client, process.pid


def _answers(client: Client) -> bool:
    try:
        client.asks(query_of(name_of(1)))
    except OSError:
        return False
    return True


def cpu_s(pid: int) -> float:
    """Return how long a process has been on a core."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def per_core(client: Client, pid: int, queries: Sequence[bytes]) -> float:
    """Return how many are answered in a second of the server's own time on a core."""
    before = cpu_s(pid)
    client.crowd(queries)
    used = cpu_s(pid) - before
    return len(queries) / used if used else float("inf")


class Asked:
    """What was measured of one server: times in ms, and rates."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.rates: list[float] = []
        self.first: list[float] = []
        """Rates of questions that were not put before."""

    def ask(self, client: Client, pid: int, asked: int, trials: int) -> None:
        """Ask for all names in turn."""
        names = [query_of(name_of(number)) for number in range(COUNT)]
        queries = list(islice(cycle(names), asked))
        for trial in range(trials):
            self.times += client.times_ms(queries[: asked // 10])
            self.rates.append(per_core(client, pid, queries))
            news = [
                query_of(mixed(number % COUNT, 1 + trial * 16 + number // COUNT))
                for number in range(min(asked, 10 * COUNT))
            ]
            self.first.append(per_core(client, pid, news))


def served(sizes: tuple[int, int]) -> list[Row]:
    """Ask our resolver and dnsmasq the same, in turn."""
    found: dict[str, Asked] = {}
    with Ground() as ground:
        for name, command in _servers(ground):
            found[name] = Asked()
            with started(ground, *command) as (client, pid):
                found[name].ask(client, pid, *sizes)
    ours, peer = found[OURS], found.get(DNSMASQ)
    return [
        Row(
            f"an answer for a local name of {COUNT}",
            "ms",
            Clock.WALL,
            spread(OURS, ours.times),
            None if peer is None else spread(DNSMASQ, peer.times),
            (Target(Of.MEDIAN, ANSWER_MS),),
        ),
        _rates(
            "answers per second of a core",
            ours.rates,
            None if peer is None else peer.rates,
        ),
        _rates(
            "the same, of questions not put before",
            ours.first,
            None if peer is None else peer.first,
        ),
    ]


def _rates(measure: str, ours: Sequence[float], peer: Sequence[float] | None) -> Row:
    beside: Spread | None = None
    if peer is not None:
        beside = spread(DNSMASQ, peer, larger_is_better=True)
    return Row(
        measure,
        "/s",
        Clock.WALL,
        spread(OURS, ours, larger_is_better=True),
        beside,
        (Target(Of.MEDIAN, PER_SECOND, at_least=True),),
    )


def _servers(ground: Ground) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield OURS, (sys.executable, "-m", "benchmarks.name_server", str(COUNT))
    path = debian.path_of(DNSMASQ)
    if path is None:
        return
    hosts = ground.run_dir() / "hosts"
    hosts.write_text("".join(f"{FIRST + n} {name_of(n)}\n" for n in range(COUNT)))
    yield (
        DNSMASQ,
        (
            *(path, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"),
            *("--no-hosts", f"--addn-hosts={hosts}", "--local-ttl=1", "--user=root"),
            *("--bind-interfaces", f"--listen-address={RESOLVER[0]}", "--pid-file="),
        ),
    )


# How fresh


def fresh(rounds: int) -> list[Row]:
    """Connect a name on one host, and ask for it on another until it is told."""
    came: list[Told] = []
    went: list[Told] = []
    with Ground() as ground, Agents(ground, 2) as agents:
        agents.begin()
        network = agents.call(0, "POST", "networks", {"name": "front"})["id"]
        agents.wait_network(1, network)
        agents.sandbox(1, "asks", "front")
        agents.call(0, "POST", "sandboxes", {"name": "web-1"})
        fd = os.open(agents.pin(1, "box/asks"), os.O_RDONLY)
        client = Client(ground.keep(fd))
        until("it is served", lambda: _answers(client))
        for _ in range(rounds):
            came.append(_changed(agents, client, "connect", dns.rcode.NOERROR))
            went.append(_changed(agents, client, "disconnect", dns.rcode.NXDOMAIN))
        client.close()
    return [
        *_told_rows("a name told on another host, its endpoint connected", came),
        *_told_rows("a name gone on another host, its endpoint disconnected", went),
    ]


def _told_rows(what: str, told: Sequence[Told]) -> list[Row]:
    returned, called = zip(*told, strict=True)
    return [
        Row(
            f"{what}: after the call's return",
            "ms",
            Clock.WALL,
            spread(OURS, returned),
            targets=(Target(Of.MEDIAN, CHANGE_MS),),
            note=f"negative: before it; TTL {TTL_S} s, Docker's 600",
        ),
        Row(f"{what}: after its beginning", "ms", Clock.WALL, spread(OURS, called)),
    ]


def _changed(
    agents: Agents, client: Client, verb: str, wanted: dns.rcode.Rcode
) -> Told:
    """Let a call change something, and see when that is told elsewhere."""
    began: list[float] = []
    ended: list[float] = []

    def change() -> None:
        began.append(monotonic())
        agents.call(0, "POST", f"networks/front/{verb}", {"sandbox": "web-1"})
        ended.append(monotonic())

    query = query_of(name_of(1))
    sleep(PAUSE_S)
    thread = Thread(target=change)
    thread.start()
    while client.code(query) != wanted:
        sleep(ASK_AGAIN_S)
    seen = monotonic()
    thread.join()
    return (seen - ended[0]) * 1e3, (seen - began[0]) * 1e3


def answer(lab: Lab) -> list[Row]:
    """Measure in processes of their own."""
    debian.said_missing("dns", DNSMASQ, is_peer=True)
    sizes = (ASKED[lab.quick], TRIALS[lab.quick])
    return [
        *lab.alone("answers", served, sizes),
        *lab.alone("changes", fresh, ROUNDS[lab.quick]),
    ]


QUESTION: Final[Question] = question("dns", __doc__, answer, needs_root=True)
