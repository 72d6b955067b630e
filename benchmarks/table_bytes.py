"""What do two nodes say to each other to hold the same of 10,000 rows?

Expected, in a network of 16 bytes of scope: a digest is 24 bytes where it rides on a
probe, 41 as a message of its own. A difference of one is explained by 26 cells of 13.2
bytes, of ten by 30, of a hundred by 198; each row that is asked for takes 8 bytes, each
message 24 at most and each row in it 2 or 3. So some 440, 590 and 3,700 bytes. All that
two nodes say is counted, but for the rows themselves. The peer is a full dump of the
rows, once: memberlist's push/pull sends both sides'.

An update is two differences and shows in no size: where it is many of them, a first
offer is too short and is answered by a longer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from benchmarks.lab import OURS, Lab
from benchmarks.shelves import NETWORK, Author, drain, hold, sent, tables_of
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.tables.codec import decode_message_untrusted
from swarmnet.tables.engine import Tables
from swarmnet.tables.messages import Offer, Ranges, Rows
from swarmnet.tables.outputs import Send

SHARED: Final = 10_000
RIDER_BYTES: Final = 4 + 16 + 4
"""What stands for a network, its digest, its count (`node.rider`)."""
SEEDS: Final = (200, 10)
QUIET_BYTES: Final = 100.0
BYTES_MAX: Final = {1: 450.0, 10: 600.0, 100: 6000.0}
ONE_TRIP_MAX: Final = 10


class How(Enum):
    """What the one who shows his digest does with the rows that differ."""

    HAS = "has"
    LACKS = "lacks"
    OLDER = "has older"


@dataclass(frozen=True, slots=True)
class Case:
    """How many rows differ, and how."""

    differ: int
    how: How

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.differ} that the first {self.how.value}"


CASES: Final = tuple(Case(count, how) for how in How for count in BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Found:
    """One case over its seeds."""

    case: Case
    bytes: list[float]
    trips: list[float]
    dump_bytes: int


class Pair:
    """Two nodes that hold the same rows of a network, and all that they say of it."""

    def __init__(self, shared: int = SHARED) -> None:
        (first, ours), (second, theirs) = tables_of(1), tables_of(2)
        self.ids = (first, second)
        self.ends: dict[NodeId, Tables] = {first: ours, second: theirs}
        self.now = 1.0
        author = Author(3, signs=False)
        items = [author.endpoint(number) for number in range(shared)]
        self.dump_bytes = sum(map(len, items))
        members = [
            row.item for one in (ours, theirs) for row in one.rows(CLUSTER).values()
        ]
        for tables in self.ends.values():
            hold(tables, members + items)
        assert self.agree()

    def agree(self) -> bool:
        """Return whether both hold the same."""
        return len({tables.digest(NETWORK) for tables in self.ends.values()}) == 1

    def compare(self) -> list[Send]:
        """Let the first's digest ride to the second; return what both say to that."""
        first, second = self.ids
        digest = self.ends[first].digest(NETWORK)
        assert digest is not None
        self.now += 1.0
        self.ends[second].receive_digest(self.now, first, NETWORK, digest)
        return self.talk()

    def talk(self) -> list[Send]:
        """Carry messages until nobody has anything to say; return them."""
        said: list[Send] = []
        moved = True
        while moved:
            moved = False
            for node, tables in self.ends.items():
                for send in sent(drain(self.now, tables)):
                    moved = True
                    said.append(send)
                    self._deliver(node, send)
        return said

    def _deliver(self, source: NodeId, send: Send) -> None:
        tables = self.ends[send.peer]
        tables.receive(self.now, source, send.data, streamed=send.streamed)


def besides_rows(said: Sequence[Send]) -> int:
    """Return how many bytes were said that are no rows."""
    total = sum(len(send.data) for send in said)
    for send in said:
        message = decode_message_untrusted(send.data)
        if isinstance(message, Rows):
            total -= sum(len(item) for item in message.items)
    return total


def trips_of(said: Sequence[Send]) -> int:
    """Return how many messages it took to find what differs."""
    messages = [decode_message_untrusted(send.data) for send in said]
    return sum(isinstance(one, Offer | Ranges) for one in messages)


def run_case(task: tuple[Case, int]) -> Found:
    """Measure one case over a number of seeds; each must end in agreement."""
    case, seeds = task
    pair = Pair()
    first, second = (pair.ends[node] for node in pair.ids)
    spent: list[float] = []
    trips: list[float] = []
    for seed in range(seeds):
        author = Author(1000 + seed, signs=False)
        fresh = [author.endpoint(number) for number in range(case.differ)]
        newer = [author.endpoint(number, 2) for number in range(case.differ)]
        hold(first, [] if case.how is How.LACKS else fresh)
        hold(second, _of_second(case, fresh, newer))
        said = pair.compare()
        assert pair.agree(), f"{case.name}, seed {seed}"
        spent.append(float(RIDER_BYTES + besides_rows(said)))
        trips.append(float(trips_of(said)))
        for tables in (first, second):
            hold(tables, [author.collection()])
    return Found(case, spent, trips, pair.dump_bytes)


def _of_second(case: Case, fresh: list[bytes], newer: list[bytes]) -> list[bytes]:
    return {How.HAS: [], How.LACKS: fresh, How.OLDER: newer}[case.how]


def rows_of(found: Found) -> list[Row]:
    """Return the bytes of a case, and its round trips."""
    case = found.case
    one_sided = case.how is not How.OLDER
    bytes_max, few = BYTES_MAX[case.differ], case.differ <= ONE_TRIP_MAX
    return [
        Row(
            measure=f"{case.name}: besides the rows",
            unit="B",
            clock=Clock.VIRTUAL,
            ours=spread(OURS, found.bytes),
            peer=spread("full dump", [float(found.dump_bytes)]),
            targets=(Target(Of.MEDIAN, bytes_max),) if one_sided else (),
        ),
        Row(
            measure=f"{case.name}: round trips to find them",
            unit="",
            clock=Clock.VIRTUAL,
            ours=spread(OURS, found.trips),
            targets=(Target(Of.MEDIAN, 1.0),) if one_sided and few else (),
        ),
    ]


def quiet(_: int) -> list[Row]:
    """Count what is said where nothing differs."""
    pair = Pair()
    first, second = pair.ids
    pair.ends[first].compare(pair.now, second)
    messages = [
        (len(send.data), message.scope)
        for send in pair.talk()
        if (message := decode_message_untrusted(send.data)) is not None
    ]
    compared = [float(size) for size, scope in messages if scope == NETWORK]
    ridden = pair.compare()
    assert len(compared) == 1
    assert list(ridden) == []
    peer = spread("full dump", [float(pair.dump_bytes)])
    return [
        Row(
            measure=f"nothing differs, {how}",
            unit="B",
            clock=Clock.VIRTUAL,
            ours=spread(OURS, [size]),
            peer=peer,
            targets=(Target(Of.WORST, QUIET_BYTES),),
        )
        for how, size in (
            ("a digest on a probe", float(RIDER_BYTES)),
            ("a message of its own", compared[0]),
        )
    ]


def answer(lab: Lab) -> list[Row]:
    """Count what is said where nothing differs, and in every case."""
    seeds = len(lab.seeds(*SEEDS))
    rows = [row for found in lab.map("quiet", quiet, [0]) for row in found]
    cases = lab.map("table bytes", run_case, [(case, seeds) for case in CASES])
    return rows + [row for found in cases for row in rows_of(found)]


QUESTION: Final[Question] = question("table_bytes", __doc__, answer)
