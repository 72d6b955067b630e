"""Paths on one host: addresses, the kernel's state, and names."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

import dns.message

from benchmarks.addresses import filled
from benchmarks.hosts import BOTH, HERE, THERE, endpoint_of, network_of, place_of
from benchmarks.name_server import BOX, book_of, name_of
from sim.kernel.fake import FakeKernel
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.dns.answering import Answering
from swarmnet.kernel.entry_codec import encode_entries
from swarmnet.kernel.operations import Operation, PutFdb
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import Host
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import Apply, Forget, Read
from swarmnet.node.looking import look_at
from swarmnet.overlay.naming import namespace_of

PRESENT: Final = 500
TIMES: Final = 20
NAMES: Final = 200
IN_USE: Final = 2000

Action = Callable[[], None]


class Full:
    """A host in a network with many endpoints elsewhere, over a simulated kernel."""

    def __init__(self, present: int = PRESENT) -> None:
        self.kernel = FakeKernel()
        self.network = network_of(1, "10.64.0.0/16", "fd01::/64")
        self.key = namespace_of(self.network.id)
        self.plane = Dataplane(place_of(HERE))
        self.done: list[Operation] = []
        self.plane.start(0.0, self.kernel.names())
        self.plane.set_sandbox(0.0, Sandbox("s1"))
        mine = endpoint_of(1, HERE, self.network, sandbox="s1")
        others = [endpoint_of(2 + n, THERE, self.network) for n in range(present)]
        self.plane.set_network(0.0, self.network, BOTH, [mine, *others])
        self.plane.complete(0.0)
        self.serve()
        assert self.plane.is_settled, list(self.plane.failures())

    def serve(self) -> None:
        """Do all that the data plane wants."""
        while (output := self.plane.poll_output()) is not None:
            match output:
                case Read(number, looks):
                    found = look_at(self.kernel, looks)
                    self.plane.receive_read(0.0, number, found)
                case Apply(number, operations):
                    self.done += operations
                    failures = self.kernel.apply(operations)
                    self.plane.receive_done(0.0, number, failures)
                case Forget():
                    raise AssertionError(output)

    def states(self) -> tuple[Host, Host]:
        """Return what should be, and what is."""
        wanted = self.plane.desired.namespaces
        found = {key: self.kernel.read(key, one) for key, one in wanted.items()}
        return Host(wanted), Host(found)


def endpoint_put() -> Action:
    """One more endpoint elsewhere is put into the kernel, then taken out of it."""
    full = Full()
    fresh = [
        endpoint_of(2 + PRESENT + number, THERE, full.network)
        for number in range(TIMES)
    ]

    def act() -> None:
        before = len(full.done)
        for one in fresh:
            full.plane.put_endpoint(0.0, full.network.id, one)
            full.serve()
            full.plane.drop_endpoint(0.0, full.network.id, one.id)
            full.serve()
        assert len(full.done) >= before + 4 * TIMES

    return act


def nothing_to_do() -> Action:
    """All entries of a network are compared, and are as they should be."""
    desired, actual = Full().states()

    def act() -> None:
        assert reconcile(desired, actual) == []

    return act


def entries_missing() -> Action:
    """All entries of a network are missing: what puts them is found."""
    full = Full()
    desired, actual = full.states()
    empty = replace(actual.namespaces[full.key], entries={}, stations={})
    lacking = Host({**actual.namespaces, full.key: empty})

    def act() -> None:
        assert len(reconcile(desired, lacking)) > PRESENT

    return act


def entries_encoded() -> Action:
    """Entries are encoded for the kernel."""
    mac = bytes((2, 66, 10, 0))
    operations = [
        PutFdb("net", "vxlan0", mac + n.to_bytes(2, "big"), bytes((10, 99, 0, 1)))
        for n in range(PRESENT)
    ]

    def act() -> None:
        assert len(encode_entries(operations, 7, 1)) == PRESENT

    return act


def address_given() -> Action:
    """An address is given out where many are in use, all over the subnet."""
    addresses = filled(scattered=True, count=IN_USE)

    def act() -> None:
        for _ in range(TIMES):
            addresses.allocate(0.0, "another")

    return act


def _answering(times: int) -> Action:
    queries = [
        dns.message.make_query(name_of(number), "A", id=7).to_wire()
        for number in range(TIMES)
    ]
    answering = Answering(book_of(NAMES), Random(1))

    def ask() -> None:
        for query in queries:
            assert answering.answer(0.0, BOX, query)

    for _ in range(times):
        ask()
    return ask


def name_answered() -> Action:
    """A name is asked for that was not asked for before."""
    return _answering(0)


def name_answered_again() -> Action:
    """A name is asked for whose answer is kept."""
    return _answering(1)


PATHS: Final = {
    "endpoint put and dropped, 500 present": endpoint_put,
    "500 endpoints compared with the kernel's": nothing_to_do,
    "500 endpoints missing in the kernel": entries_missing,
    "500 FDB entries encoded": entries_encoded,
    "address given, 2,000 in use": address_given,
    "name answered": name_answered,
    "name answered again": name_answered_again,
}
