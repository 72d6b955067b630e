"""A few whole nodes with real keys on a table, over one virtual wire.

Every packet takes a millisecond. `drop` says which are lost; `passed` keeps what was
sent, as (sender's number, output).
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from random import Random

from sim.pki import WALL_S, Pki
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import verify_signature
from swarmnet.ids import CLUSTER, Address, NodeId
from swarmnet.node.credentials import Credentials
from swarmnet.node.engine import Node
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.node.settings import NodeSettings
from swarmnet.swim.outputs import SendDatagram, SendStream, State
from swarmnet.swim.roster import Roster
from swarmnet.tables.codec import encode_body
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import SIGN_DOMAIN, Flag, Name
from swarmnet.tables.stored import StoredRows

Send = SendDatagram | SendStream
LATENCY_S = 0.001
Seen = dict[int, State]


def address(number: int) -> Address:
    """Return where node `number` is."""
    return Address(bytes((10, 0, 0, number)), 7946)


class Table:
    """Nodes 1 to `count`, started and acquainted with nobody but by their keys."""

    def __init__(
        self,
        count: int,
        seed: int = 1,
        *,
        known: bool = True,
        pki: Pki | None = None,
    ) -> None:
        self.pki = Pki(seed) if pki is None else pki
        self.now = 50.0
        self.passed: list[tuple[int, Send]] = []
        self.notes: list[tuple[int, Output]] = []
        self.drop: Callable[[int, Send], bool] = lambda _number, _send: False
        self.batch_s: float | None = None
        """Datagrams for a node that come within so long are handed over together."""
        self.verified = 0
        """How many signatures nodes have given out to be verified."""
        self.nodes: dict[int, Node] = {}
        self.directories: dict[int, Directory] = {}
        self._heap: list[tuple[float, int, int, int, bytes, bool]] = []
        self._sequence = 0
        self.known = known
        self.count = count
        for number in range(1, count + 1):
            self.start(number)

    def id(self, number: int) -> NodeId:
        """Return the id of node `number`."""
        return self.pki.node(number)

    def start(
        self,
        number: int,
        boot_epoch: int = 1,
        rows: StoredRows | None = None,
        view: Roster | None = None,
    ) -> Node:
        """Start a node in the place of one that was there; `view` is whom it knows."""
        directory = self.pki.directory()
        others = range(1, self.count + 1) if self.known else (number,)
        for other in others:
            directory.learn(self.pki.chain(other), WALL_S)
        random = Random(f"{number} of {boot_epoch}")
        chain = self.pki.chain(number).encoded
        node = Node(
            Credentials(self.pki.identity(number), chain, directory, WALL_S, rows),
            address(number),
            NodeSettings(),
            random,
            random_bytes=random.randbytes,
            boot_epoch=boot_epoch,
            view=view,
        )
        self.nodes[number] = node
        self.directories[number] = directory
        node.start(self.now)
        self._drain(number)
        return node

    def stored(self, number: int) -> StoredRows:
        """Return what a node's storage holds, others' rows included."""
        tables = self.nodes[number].tables
        held = [row for s in tables.scopes() for row in tables.rows(s).values()]
        own = [row.item for row in held if row.owner == self.id(number)]
        others = [row.item for row in held if row.owner != self.id(number)]
        return StoredRows(own, others)

    def join(self, number: int, through: int) -> None:
        """Let a node join through another."""
        self.nodes[number].join(self.now, [address(through)])
        self._drain(number)

    def command(self, number: int, verb: Callable[[Tables], object]) -> None:
        """Let a node write to its tables."""
        self.nodes[number].command(self.now, verb)
        self._drain(number)

    def say(
        self, number: int, to: int, name: Name, content: tuple[Flag, bytes]
    ) -> None:
        """Hand node `to` a row by node `number`, whatever that one's engine allows."""
        owner = self.id(number)
        rows = self.nodes[to].tables.rows(CLUSTER).values()
        epoch, sequence = max(row.version for row in rows if row.owner == owner)
        version = (epoch, sequence + 1000)
        body = encode_body(owner, (CLUSTER, name), version, 1000, content)
        item = body + self.pki.identity(number).sign(SIGN_DOMAIN + body)
        self.command(
            to, lambda tables: tables.receive_row(self.now, self.id(number), item)
        )

    def give(self, source: int, target: int, data: bytes, *, streamed: bool) -> None:
        """Let a packet arrive now."""
        node = self.nodes[target]
        if streamed:
            node.receive_stream(self.now, address(source), data)
        else:
            node.receive_datagram(self.now, address(source), data)
        self._drain(target)

    def _give_batch(self, target: int, first: tuple[int, bytes]) -> None:
        """Hand over a datagram, and those that come soon after it."""
        assert self.batch_s is not None
        batch, later = [(address(first[0]), first[1])], []
        while self._heap and self._heap[0][0] <= self.now + self.batch_s:
            mail = heappop(self._heap)
            _, _, source, to, data, streamed = mail
            if to == target and not streamed:
                batch.append((address(source), data))
            else:
                later.append(mail)
        for mail in later:
            heappush(self._heap, mail)
        self.nodes[target].receive_datagrams(self.now, batch)
        self._drain(target)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            timers = [
                (deadline, number)
                for number, node in self.nodes.items()
                if (deadline := node.poll_timeout()) is not None
            ]
            due = min(timers, default=(end + 1, 0))
            arrival = self._heap[0][0] if self._heap else end + 1
            if min(due[0], arrival) > end:
                break
            self.now = max(self.now, min(due[0], arrival))
            if arrival <= due[0]:
                _, _, source, target, data, streamed = heappop(self._heap)
                if self.batch_s is not None and not streamed:
                    self._give_batch(target, (source, data))
                    continue
                self.give(source, target, data, streamed=streamed)
            else:
                self.nodes[due[1]].handle_timeout(self.now)
                self._drain(due[1])
        self.now = end

    def views(self) -> dict[int, Seen]:
        """Return how every node sees the others, by number."""
        numbers = {self.id(number): number for number in range(1, self.count + 1)}
        return {
            number: {numbers[one]: state for one, state in node.states().items()}
            for number, node in self.nodes.items()
        }

    def all_see(self, numbers: Iterable[int]) -> bool:
        """Return whether those all hold each other alive, and nobody else."""
        group = set(numbers)
        views = self.views()
        return all(
            views[one] == dict.fromkeys(sorted(group - {one}), State.ALIVE)
            for one in sorted(group)
        )

    def _drain(self, number: int) -> None:
        node = self.nodes[number]
        while (output := node.poll_output()) is not None:
            if isinstance(output, VerifySignatures):
                self.verified += len(output.claims)
                verdicts = [verify_signature(*claim) for claim in output.claims]
                node.verified(self.now, output.number, verdicts)
                continue
            if not isinstance(output, Send):
                self.notes.append((number, output))
                continue
            self.passed.append((number, output))
            target = output.address.host[-1]
            if target in self.nodes and not self.drop(number, output):
                self._sequence += 1
                streamed = isinstance(output, SendStream)
                heappush(
                    self._heap,
                    (
                        *(self.now + LATENCY_S, self._sequence, number, target),
                        *(output.data, streamed),
                    ),
                )
