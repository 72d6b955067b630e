"""What tests of synchronisation need of a wire: rows by hand, bad weather, and a liar.

Rows are of owners that run nowhere; nodes are given them without a word to others.
"""

from collections.abc import Iterable, Sequence
from random import Random

from swarmnet.ids import CLUSTER, U64_MAX, NodeId, Scope
from swarmnet.sketch import Cell, Sketch, encode_cells
from swarmnet.sketch.codec import SPACE_END, Fingerprint, Ids, RangeWriter
from swarmnet.tables.codec import encode_body, encode_message
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import encode_attachment
from swarmnet.tables.messages import (
    Compare,
    Message,
    Offer,
    Page,
    Ranges,
    Rows,
    Want,
    WantPage,
)
from swarmnet.tables.row import ATTACHMENT, ENDPOINT, SIGN_DOMAIN, Flag, TableName
from tests.tables.wire import Mail, Wire, node_id, proof

AUTHOR = 77
"""Who wrote the rows that nodes are given."""
NETWORK = Scope(b"sixteen letters.")


def item_of(
    number: int,
    *,
    scope: Scope = CLUSTER,
    version: int = 1,
    owner: int = AUTHOR,
    table: TableName = ENDPOINT,
    value: bytes = b"10.0.0.1",
) -> bytes:
    """Return a signed row; `number` is its key."""
    who, name = node_id(owner), (table, number.to_bytes(4, "big"))
    about = ((version, 1 + number), 1, (Flag(0), value))
    body = encode_body(who, (scope, name), *about)
    return body + proof(who, SIGN_DOMAIN + body)


def attachment_of(number: int, scope: Scope = NETWORK) -> bytes:
    """Return the row by which a node that runs nowhere takes part in a network."""
    who, name = node_id(number), (ATTACHMENT, bytes(scope))
    about = ((1, 1), 1, (Flag(0), encode_attachment((1, 1), b"")))
    body = encode_body(who, (CLUSTER, name), *about)
    return body + proof(who, SIGN_DOMAIN + body)


def items_of(numbers: Iterable[int], scope: Scope = CLUSTER) -> list[bytes]:
    """Return a row for each number."""
    return [item_of(number, scope=scope) for number in numbers]


class Links(Wire):
    """A wire on which relaying always fails, and which can have bad weather.

    In bad weather any message may be lost, doubled, overtaken, cut or altered.
    """

    def __init__(
        self, count: int, seed: int = 1, config: TableConfig | None = None
    ) -> None:
        self.weather: Random | None = None
        self.steps = 0
        super().__init__(count, seed, config)
        self.fate = lambda mail: not mail.spread

    def hold(self, number: int, items: Sequence[bytes]) -> None:
        """Give a node rows, as a stranger would."""
        for start in range(0, len(items), 400):
            rows = Rows(CLUSTER, tuple(items[start : start + 400]))
            self.tell(number, 98, rows)

    def tell(
        self, number: int, peer: int, message: Message, *, streamed: bool = True
    ) -> None:
        """Give a node a message in a peer's name, and take what it says to that."""
        self.tell_bytes(number, peer, encode_message(message), streamed=streamed)

    def tell_bytes(
        self, number: int, peer: int, data: bytes, *, streamed: bool = True
    ) -> None:
        """As `tell`, of any bytes."""
        life = self.lives[number]
        life.tables.receive(self.now, node_id(peer), data, streamed=streamed)
        self._drain(life)

    def show_digest(self, source: int, target: int, scope: Scope = CLUSTER) -> None:
        """Let one node's digest ride on a probe to another, without settling."""
        digest = self[source].digest(scope)
        if digest is not None:
            life = self.lives[target]
            life.tables.receive_digest(self.now, node_id(source), scope, digest)
            self._drain(life)

    def settle(self) -> None:
        """Move packets until nothing moves, through the weather if there is any."""
        if self.weather is None:
            self.steps += len(self.mail)
            super().settle()
            return
        for life in self.lives.values():
            self._drain(life)
        while self.mail:
            self.steps += 1
            if self.weather.random() < 0.2:
                self.mail.rotate(self.weather.randrange(len(self.mail)))
            self._weather(self.weather, self.mail.popleft())

    def _weather(self, random: Random, mail: Mail) -> None:
        chance = random.random()
        if chance < 0.15:
            return
        if chance < 0.25:
            self._deliver(mail)
        elif chance < 0.35 and mail.data:
            mail.data = mail.data[: random.randrange(len(mail.data))]
        elif chance < 0.45 and mail.data:
            changed = bytearray(mail.data)
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
            mail.data = bytes(changed)
        self._deliver(mail)

    def sent_bytes(self) -> int:
        """Return the bytes of all messages so far, relayed rows left out."""
        return sum(len(mail.data) for mail in self.passed if not mail.spread)


class Liar:
    """A member who says whatever a message may say, well-formed, true or not."""

    def __init__(self, number: int, random: Random) -> None:
        self.number = number
        self._random = random

    def say(self, links: Links, target: int, scope: Scope) -> Message:
        """Make up a message about a scope, knowing what the target holds of it."""
        held = links[target].rows(scope)
        random, known = self._random, list(held)
        items = tuple(row.item for row in held.values())
        match random.randrange(7):
            case 0:
                count = random.choice([0, 1, len(known), len(known) + 99, U64_MAX])
                return Compare(scope, random.randbytes(16), count)
            case 1:
                return Offer(scope, self._cells(known))
            case 2:
                wanted = random.choice([known, known * 9, self._elements(300), []])
                return Want(scope, tuple(wanted[:4096]))
            case 3:
                return Rows(scope, self._items(items, scope))
            case 4:
                return Ranges(scope, self._ranges(known))
            case 5:
                first, last = self._part(known)
                return WantPage(scope, first, last)
            case _:
                first, last = self._part(known)
                return Page(scope, first, last, self._items(items, scope))

    def _elements(self, most: int) -> list[int]:
        count = self._random.randrange(most)
        return [self._random.getrandbits(64) for _ in range(count)]

    def _cells(self, known: list[int]) -> bytes:
        random = self._random
        length = random.choice([0, 1, 5, 26, 64, 65, 300, 512, 513, 600])
        if random.random() < 0.3:
            return random.randbytes(random.randrange(600))
        if random.random() < 0.5:
            sketch = Sketch(min(512, max(1, length)))
            for element in [*known[: random.randrange(40)], *self._elements(40)]:
                sketch.add(element)
            return encode_cells(sketch.cells(0, sketch.prefix_cells))
        some = [
            Cell(random.choice([-1, 0, 1, 2**31 - 1]), *self._two())
            for _ in range(length)
        ]
        return encode_cells(some)

    def _two(self) -> tuple[int, int]:
        return self._random.getrandbits(64), self._random.getrandbits(32)

    def _ranges(self, known: list[int]) -> bytes:
        random = self._random
        if random.random() < 0.2:
            return random.randbytes(random.randrange(200))
        writer = RangeWriter(random.randbytes(16), 60_000)
        uppers = sorted({*self._elements(60), *known[:20], SPACE_END} - {0})
        lower = 0
        for upper in uppers:
            inside = sorted(n for n in known if lower <= n < upper)
            match random.randrange(4):
                case 0:
                    writer.skip(upper)
                case 1:
                    value = random.randbytes(8)
                    writer.put(Fingerprint(upper, random.choice([0, 1, 99]), value))
                case 2:
                    writer.put(Ids(upper, tuple(inside[: random.randrange(9)])))
                case _:
                    writer.put(Ids(upper, ()))
            lower = upper
        return writer.finish() or bytes(16)

    def _part(self, known: list[int]) -> tuple[int, int]:
        random = self._random
        ends = [0, 1, U64_MAX, random.getrandbits(64), *known[:3]]
        first, last = sorted((random.choice(ends), random.choice(ends)))
        return first, last

    def _items(self, items: tuple[bytes, ...], scope: Scope) -> tuple[bytes, ...]:
        random = self._random
        match random.randrange(4):
            case 0:
                return items[: random.randrange(30)]
            case 1:
                count = random.randrange(30)
                return tuple(
                    random.randbytes(random.randrange(200)) for _ in range(count)
                )
            case 2:
                forged = [item[:-1] + b"?" for item in items[:20]]
                return tuple(forged)
            case _:
                # Rows of his own, of which each hears something else.
                return tuple(
                    item_of(
                        n, scope=scope, owner=self.number, value=random.randbytes(4)
                    )
                    for n in range(random.randrange(12))
                )


def attach(links: Links, numbers: Iterable[int], scope: Scope = NETWORK) -> None:
    """Let nodes take part in a network, all knowing it of each other."""
    fate, links.fate = links.fate, lambda _mail: True
    for number in numbers:
        links[number].introduce(links.now, b"node")
        links[number].attach(links.now, scope)
    links.settle()
    links.fate = fate
    links.passed.clear()


def peers(numbers: Iterable[int]) -> list[NodeId]:
    """Return the ids of nodes."""
    return [node_id(number) for number in numbers]
