"""The resolver of one sandbox as a process: what the agent runs, and nothing else.

    python -m benchmarks.name_server COUNT

It serves COUNT names, `web-N.front.internal`, in the namespace that it was started in.
"""

import os
import sys
from ipaddress import IPv4Address
from random import Random

import trio

from swarmnet.dns.answering import Answering
from swarmnet.dns.book import Book, Domain, Named
from swarmnet.runtime.box_resolver import BoxResolver, Desk
from swarmnet.runtime.dns_forwarding import Forwarder
from swarmnet.runtime.dns_sockets import open_sockets

NETWORK = Domain("f" * 32, "front")
FIRST = IPv4Address("10.0.0.1")
BOX = "box"


def name_of(number: int) -> str:
    """Return the name that is asked."""
    return f"web-{number}.{NETWORK.name}.internal"


def book_of(count: int) -> Book:
    """Return a book of endpoints, the first of them in the sandbox itself."""
    book = Book()
    book.set_network(NETWORK)
    for number in range(count):
        names, at = (f"web-{number}", "all"), (FIRST + number,)
        book.put(
            NETWORK.id, Named(str(number), names, at, (), BOX if number == 0 else None)
        )
    return book


def main(count: int) -> None:
    """Serve until ended."""
    answering = Answering(book_of(count), Random(1))
    desk = Desk(answering, Forwarder(answering.counters))
    opened = open_sockets(lambda: os.open("/proc/self/ns/net", os.O_RDONLY), BOX)
    assert opened is not None, "it has a namespace"
    trio.run(BoxResolver(BOX, opened, desk).run)


if __name__ == "__main__":
    main(int(sys.argv[1]))
