"""A book with two networks, and what its sandboxes are answered."""

from ipaddress import ip_address
from random import Random
from typing import Final

import dns.message
import dns.rdatatype

from swarmnet.dns.answering import Answering, Forward, Held
from swarmnet.dns.book import Book, Domain, Named

FRONT: Final = Domain("f" * 32, "front")
BACK: Final = Domain("b" * 32, "back", is_internal=True)


def named(
    id_: str,
    *names: str,
    at: tuple[str, ...] = (),
    ports: tuple[tuple[int, str], ...] = (),
    box: str | None = None,
    is_hidden: bool = False,
) -> Named:
    addresses = tuple(ip_address(one) for one in at)
    return Named(id_, names, addresses, ports, box, is_hidden)


class World:
    """`both` is in front and back, `inner` in back alone, `lone` in none."""

    def __init__(self, *domains: Domain) -> None:
        self.book = Book()
        for domain in domains or (FRONT, BACK):
            self.book.set_network(domain)
        self.answering = Answering(self.book, Random(7))
        if domains:
            return
        front, back = FRONT.id, BACK.id
        self.book.put(front, named("1", "both", at=("10.0.1.2",), box="both"))
        self.book.put(back, named("2", "both", at=("10.0.2.2",), box="both"))
        self.book.put(back, named("3", "inner", at=("10.0.2.3",), box="inner"))
        self.book.put(
            front,
            named(
                *("4", "web", "www", "all"),
                at=("10.0.1.4", "fd00::4"),
                ports=((80, "tcp"), (53, "udp")),
            ),
        )
        self.book.put(front, named("5", "db", "all", at=("10.0.1.5",)))
        self.book.put(front, named("6", "dead", at=("10.0.1.6",), is_hidden=True))

    def ask(
        self, name: str, kind: str = "A", *, box: str = "both", is_stream: bool = False
    ) -> dns.message.Message | Forward | Held:
        query = dns.message.make_query(name, kind)
        found = self.raw(query.to_wire(), box=box, is_stream=is_stream)
        assert found is not None, "a query is answered"
        if not isinstance(found, bytes):
            return found
        answer = dns.message.from_wire(found)
        assert query.is_response(answer)
        return answer

    def raw(
        self,
        data: bytes,
        *,
        box: str = "both",
        now: float = 0.0,
        is_stream: bool = False,
    ) -> bytes | Forward | Held | None:
        return self.answering.answer(now, box, data, is_stream=is_stream)

    def says(self, name: str, kind: str = "A", *, box: str = "both") -> list[str]:
        """Return the code of an answer, and its records, sorted."""
        answer = self.ask(name, kind, box=box)
        if not isinstance(answer, dns.message.Message):
            return [type(answer).__name__]
        code = dns.rcode.to_text(answer.rcode())
        return [code, *sorted(str(rd) for rrset in answer.answer for rd in rrset)]
