"""What a sandbox's query gets: an answer of ours, or that of somebody else.

A name that is ours is never asked elsewhere: not for another type, nor while its owner
is dead. All other names are passed on to the host's servers, those without a dot too,
for these may know them; so does Docker. From a sandbox that has no network with a way
out nothing is passed on: what it cannot reach does not exist for it. The answer to that
is NXDOMAIN, for musl takes REFUSED and SERVFAIL as a reason to wait for five seconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from swarmnet.dns.book import Book
from swarmnet.dns.codec import (
    HEADER_BYTES,
    STREAM_BYTES_MAX,
    Code,
    Faulty,
    Query,
    Type,
    address_record,
    can_be_asked,
    decode_query_untrusted,
    encode_answer,
    encode_fault,
    id_of_untrusted,
    option_of,
    pointer_record,
    reverse_address,
    service_record,
    with_id,
    without_id,
)
from swarmnet.dns.lookup import TOP, Lookup, Match, parse_service
from swarmnet.errors import BadPacket

Key = tuple[tuple[str, ...], bool, bytes]
"""Who asks, by networks; whether by TCP; and what, but for the id."""
KEPT_MAX: Final = 32_768
"""So many records and answers are kept for the same questions, until a name changes."""
RECORD_BYTES: Final = 16
"""An A record of the question's name; no other is shorter."""
VERSIONS: Final[Mapping[int, tuple[int, ...]]] = {
    Type.A: (4,),
    Type.AAAA: (6,),
    Type.ANY: (4, 6),
}
NEVER: Final = (Type.AXFR, Type.IXFR, Type.OPT)
"""Types that are no question to a resolver."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A query that is to be asked of the host's servers, whole."""

    query: Query
    data: bytes
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Held:
    """A query to be put again in a moment: what it asks for may just be on its way."""

    query: Query


@dataclass(frozen=True, slots=True)
class _Reply:
    """What is answered: by a code, records in any order, and what goes with them."""

    code: Code
    records: Sequence[bytes] = ()
    more: Sequence[bytes] = ()


class _Prepared:
    """A reply to one question that may be put again and again."""

    __slots__ = ("query", "reply", "room", "whole")

    def __init__(self, query: Query, reply: _Reply, bytes_max: int) -> None:
        self.query, self.reply = query, reply
        head = HEADER_BYTES + len(query.question) + len(option_of(query))
        self.room = bytes_max - head
        self.whole: bytes | None = None
        """All of it, where it is the same each time."""
        records = reply.records
        if len(records) < 2 and sum(map(len, records)) <= self.room:
            self.whole = self.encode(records, is_cut=False)

    def drawn(self, random: Random) -> tuple[list[bytes], bool]:
        """Return records by chance, as many as fit, and whether some did not."""
        records = self.reply.records
        most = min(len(records), self.room // RECORD_BYTES)
        found, room = random.sample(records, most), self.room
        for index, record in enumerate(found):
            room -= len(record)
            if room < 0:
                return found[:index], True
        return found, most < len(records)

    def encode(self, records: Sequence[bytes], *, is_cut: bool) -> bytes:
        """Return an answer, with what goes along with it if there is room."""
        more = self.reply.more
        if sum(map(len, (*records, *more))) > self.room:
            # It can be asked for; it is no reason to come by TCP (RFC 2181, 9).
            more = ()
        return encode_answer(self.query, self.reply.code, records, more, is_cut=is_cut)


class Answering:
    """Answers by a book. `counters` say what was done, and why."""

    __slots__ = (
        "_book",
        "_kept",
        "_kept_size",
        "_random",
        "_revision",
        "counters",
    )

    def __init__(self, book: Book, random: Random) -> None:
        self._book = book
        self._random = random
        self._kept: dict[Key, _Prepared] = {}
        self._kept_size = 0
        self._revision = book.revision
        self.counters: Counter[str] = Counter()

    def answer(
        self, now: float, box: str, data: bytes, *, is_stream: bool = False
    ) -> bytes | Forward | Held | None:
        """Return what a message from a sandbox gets; None: nothing.

        `is_stream`: it came by TCP, where an answer of any length fits.
        """
        if self._revision != self._book.revision:
            self._kept.clear()
            self._kept_size = 0
            self._revision = self._book.revision
        # Sandboxes in the same networks are told the same.
        networks = self._book.networks(box)
        key = (networks, is_stream, without_id(data))
        kept = self._kept.get(key)
        if kept is not None:
            return self._packed(id_of_untrusted(data), kept)
        try:
            query = decode_query_untrusted(data)
        except BadPacket:
            self.counters["dns_dropped"] += 1
            return None
        if isinstance(query, Faulty):
            self.counters["dns_malformed"] += 1
            return encode_fault(query)
        bytes_max = STREAM_BYTES_MAX if is_stream else query.bytes_max
        found = self._reply(now, Lookup(self._book.zones(networks)), query)
        if found is None:
            return Forward(query, data, bytes_max)
        if isinstance(found, Held):
            return found
        prepared = _Prepared(query, found, bytes_max)
        self._keep(key, prepared)
        return self._packed(query.id, prepared)

    def _keep(self, key: Key, prepared: _Prepared) -> None:
        size = 1 + len(key[2]) // RECORD_BYTES + len(prepared.reply.records)
        self._kept_size += size
        if self._kept_size > KEPT_MAX:
            self._kept.clear()
            self._kept_size = size
        if size <= KEPT_MAX:
            self._kept[key] = prepared

    def _packed(self, id_: int, prepared: _Prepared) -> bytes:
        """Return an answer, its records shuffled, as many as there is room for."""
        self.counters["dns_answered"] += 1
        if prepared.whole is not None:
            return with_id(id_, prepared.whole)
        records, is_cut = prepared.drawn(self._random)
        self.counters["dns_truncated"] += is_cut
        return with_id(id_, prepared.encode(records, is_cut=is_cut))

    # Decisions

    def _reply(self, now: float, lookup: Lookup, query: Query) -> _Reply | Held | None:
        """Return what is answered; None: somebody else is to be asked."""
        if query.edns:
            return _Reply(Code.BADVERS)
        if not query.is_internet or query.type in NEVER:
            self.counters["dns_refused"] += 1
            return _Reply(Code.REFUSED)
        ours = None if query.name is None else self._ours(now, lookup, query)
        if ours is not None:
            return ours
        if not lookup.has_way_out:
            self.counters["dns_kept_inside"] += 1
            return _Reply(Code.NXDOMAIN)
        return None

    def _ours(self, now: float, lookup: Lookup, query: Query) -> _Reply | Held | None:
        """Return what we know ourselves about a name, or None."""
        assert query.name is not None, "it was looked at"
        reverse = _reverse(lookup, query.name, query.type)
        if reverse is not None and query.type == Type.PTR:
            return reverse
        matches = lookup.matches(query.name)
        if matches:
            return _addresses(matches, query.type)
        if reverse is not None:
            return reverse
        service = _service(lookup, query)
        if service is not None:
            return service
        if lookup.may_come(now, query.name):
            return Held(query)
        if lookup.is_domain(query.name):
            return _Reply(Code.NOERROR)
        return _Reply(Code.NXDOMAIN) if lookup.is_ours(query.name) else None


def _addresses(matches: Sequence[Match], kind: int) -> _Reply:
    """Answer for a name that is known, whatever is asked about it."""
    if all(one.is_hidden for one in matches):
        return _Reply(Code.NXDOMAIN)
    for match in matches:
        found = [
            address_record(address)
            for version in VERSIONS.get(kind, ())
            for address in match.addresses(version)
        ]
        if found:
            return _Reply(Code.NOERROR, _some(found))
    return _Reply(Code.NOERROR)


def _reverse(lookup: Lookup, name: str, kind: int) -> _Reply | None:
    """Answer for the reverse name of an endpoint's address; None if it is none."""
    address = reverse_address(name)
    found = None if address is None else lookup.owner(address)
    if found is None:
        return None
    zone, endpoint = found
    if endpoint.is_hidden:
        return _Reply(Code.NXDOMAIN)
    if kind != Type.PTR:
        return _Reply(Code.NOERROR)
    target = f"{endpoint.names[0]}.{zone.domain.name}.{TOP}"
    return _Reply(Code.NOERROR, _some([pointer_record(target)]))


def _service(lookup: Lookup, query: Query) -> _Reply | None:
    """Answer for a port of a name that is known; None if it is not."""
    assert query.name is not None, "it was looked at"
    service = parse_service(query.name)
    matches = [] if service is None else lookup.matches(service.name)
    if service is None or not matches:
        return None
    wanted = (service.port, service.protocol)
    for match in matches:
        having = [one for one in match.endpoints if wanted in one.ports]
        targets = [
            (f"{one.names[0]}.{match.zone.domain.name}.{TOP}", one)
            for one in having
            if one.reachable and can_be_asked(one.names[0])
        ]
        if not targets:
            continue
        if query.type not in (Type.SRV, Type.ANY):
            return _Reply(Code.NOERROR)
        names = dict.fromkeys(name for name, _ in targets)
        records = [service_record(service.port, name) for name in names]
        more = [
            address_record(address, name)
            for name, one in targets
            for address in one.reachable
        ]
        return _Reply(Code.NOERROR, _some(records), _some(more))
    return _Reply(Code.NXDOMAIN)


def _some(records: Sequence[bytes | None]) -> list[bytes]:
    return [one for one in records if one is not None]
