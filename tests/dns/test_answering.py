"""Whose names a sandbox is told, and what else becomes of its queries."""

from dataclasses import replace

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from swarmnet.dns.answering import KEPT_MAX, Forward, Held
from swarmnet.dns.book import WHOLE_S
from swarmnet.dns.codec import TTL_S
from tests.dns.world import BACK, FRONT, World, named

NONE = ["NXDOMAIN"]
EMPTY = ["NOERROR"]
ELSEWHERE = ["Forward"]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web", "A", ["NOERROR", "10.0.1.4"]),
        ("WeB", "A", ["NOERROR", "10.0.1.4"]),
        ("www", "A", ["NOERROR", "10.0.1.4"]),
        ("web.front", "A", ["NOERROR", "10.0.1.4"]),
        ("web.front.internal", "A", ["NOERROR", "10.0.1.4"]),
        ("WEB.Front.INTERNAL", "A", ["NOERROR", "10.0.1.4"]),
        ("web", "AAAA", ["NOERROR", "fd00::4"]),
        ("web", "ANY", ["NOERROR", "10.0.1.4", "fd00::4"]),
        ("all", "A", ["NOERROR", "10.0.1.4", "10.0.1.5"]),
        ("db", "AAAA", EMPTY),
        ("db.front.internal", "AAAA", EMPTY),
        ("db", "MX", EMPTY),
        ("db", "TXT", EMPTY),
        ("db", "HTTPS", EMPTY),
        ("front.internal", "A", EMPTY),
        ("nobody.front.internal", "A", NONE),
        ("db.other.internal", "A", ELSEWHERE),
        ("web.back.internal", "A", NONE),
        ("web.internal", "A", ELSEWHERE),
        ("nobody", "A", ELSEWHERE),
        ("nobody.front", "A", ELSEWHERE),
        ("metadata.google.internal", "A", ELSEWHERE),
        ("internal", "A", ELSEWHERE),
        (".", "NS", ELSEWHERE),
        ("example.com", "A", ELSEWHERE),
        ("dead", "A", NONE),
        ("dead.front.internal", "AAAA", NONE),
        ("dead", "MX", NONE),
    ],
)
def test_a_name(name: str, kind: str, expected: list[str]) -> None:
    assert World().says(name, kind) == expected


def test_a_name_in_two_networks_is_the_first_network_s() -> None:
    assert World().says("both") == ["NOERROR", "10.0.2.2"]
    assert World().says("both.front") == ["NOERROR", "10.0.1.2"]


def test_a_family_that_the_first_network_lacks_is_looked_for_in_the_next() -> None:
    world = World()
    world.book.put(BACK.id, named("7", "web", at=("10.0.2.7",)))
    assert world.says("web") == ["NOERROR", "10.0.2.7"]
    assert world.says("web", "AAAA") == ["NOERROR", "fd00::4"]


def test_names_of_networks_that_a_sandbox_is_not_in_are_not_told() -> None:
    assert World().says("web", box="inner") == NONE
    assert World().says("web.front.internal", box="inner") == NONE
    assert World().says("inner", box="inner") == ["NOERROR", "10.0.2.3"]


def test_from_networks_without_a_way_out_nothing_is_passed_on() -> None:
    assert World().says("example.com", box="inner") == NONE
    assert World().says("example.com", box="lone") == NONE
    assert World().says("1.0.0.10.in-addr.arpa", "PTR", box="inner") == NONE


def test_names_may_have_dots() -> None:
    world = World(replace(FRONT, name="a.b"))
    world.book.put(FRONT.id, named("1", "x.y", at=("10.0.1.9",), box="both"))
    for name in ("x.y", "x.y.a.b", "x.y.a.b.internal"):
        assert world.says(name) == ["NOERROR", "10.0.1.9"]
    assert world.says("x.y.internal") == ELSEWHERE


def test_an_alias_may_be_below_internal_but_no_network_s_name() -> None:
    world = World()
    aliases = ("db.internal", "web.front.internal")
    world.book.put(BACK.id, named("8", "other", *aliases, at=("10.0.2.8",)))
    assert world.says("db.internal") == ["NOERROR", "10.0.2.8"]
    assert world.says("web.front.internal") == ["NOERROR", "10.0.1.4"]


def test_a_network_may_be_called_as_the_top() -> None:
    world = World(replace(FRONT, name="internal"))
    world.book.put(FRONT.id, named("1", "db", at=("10.0.1.9",), box="both"))
    for name in ("db", "db.internal", "db.internal.internal"):
        assert world.says(name) == ["NOERROR", "10.0.1.9"]
    assert world.says("nobody.internal.internal") == NONE
    assert world.says("nobody.internal") == ELSEWHERE


def test_who_leaves_a_network_is_told_its_names_no_more() -> None:
    world = World()
    assert world.says("web") == ["NOERROR", "10.0.1.4"]
    world.book.drop(FRONT.id, "1")
    assert world.says("web") == NONE
    world.book.put(FRONT.id, named("1", "both", at=(), box="both"))
    assert world.says("web") == ["NOERROR", "10.0.1.4"]


def test_the_place_of_a_port_is_told_with_its_addresses() -> None:
    answer = World().ask("_80._tcp.web", "SRV")
    assert isinstance(answer, dns.message.Message)
    (record,) = [str(rd) for rrset in answer.answer for rd in rrset]
    assert record == "0 0 80 web.front.internal."
    more = {str(s.name): sorted(map(str, s)) for s in answer.additional if s}
    assert more["web.front.internal."] in (["10.0.1.4"], ["fd00::4"])
    assert len(answer.additional) == 2


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("_80._tcp.web.front.internal", "SRV", ["0 0 80 web.front.internal."]),
        ("_53._udp.all", "SRV", ["0 0 53 web.front.internal."]),
        ("_80._tcp.www", "A", []),
        ("_443._tcp.web", "SRV", None),
        ("_80._udp.web", "SRV", None),
        ("_80._tcp.dead", "SRV", None),
    ],
)
def test_a_port(name: str, kind: str, expected: list[str] | None) -> None:
    wanted = NONE if expected is None else ["NOERROR", *expected]
    assert World().says(name, kind) == wanted


@pytest.mark.parametrize(
    "name",
    ["_80._tcp.nobody", "_http._tcp.web", "_80._sctp.web", "_tcp.web", "80._tcp"],
)
def test_what_is_no_port_of_ours_is_asked_elsewhere(name: str) -> None:
    assert World().says(name, "SRV") == ELSEWHERE


def test_a_change_is_told_at_once() -> None:
    world = World()
    for _ in range(2):
        assert world.says("db") == ["NOERROR", "10.0.1.5"]
    world.book.put(FRONT.id, named("5", "db", at=("10.0.1.6",)))
    assert world.says("db") == ["NOERROR", "10.0.1.6"]
    assert world.says("5.1.0.10.in-addr.arpa", "PTR") == ELSEWHERE
    world.book.drop(FRONT.id, "5")
    assert world.says("db") == ELSEWHERE
    assert world.says("all") == ["NOERROR", "10.0.1.4"]
    world.book.drop_network(FRONT.id)
    assert world.says("web.front.internal") == NONE  # back has no way out
    world.book.drop_network(BACK.id)
    assert world.says("inner", box="inner") == NONE
    assert list(world.book.domains()) == []


def test_endpoints_are_replaced_all_at_once() -> None:
    world = World()
    revision = world.book.revision
    kept = named("4", "web", at=("10.0.1.4",))
    world.book.set_endpoints(FRONT.id, {"4": kept})
    assert world.book.revision > revision
    assert world.says("db", box="both") == NONE
    revision = world.book.revision
    world.book.set_endpoints(FRONT.id, {"4": kept})
    assert world.book.revision == revision


def test_a_network_may_come_to_be_shown_under_another_name() -> None:
    world = World()
    world.book.rename({FRONT.id: "front~ffffffff"})
    assert world.says("web.front.internal") == ELSEWHERE
    assert world.says("web.front~ffffffff.internal") == ["NOERROR", "10.0.1.4"]


# While a network is not known


def late() -> World:
    world = World(replace(FRONT, whole_at=WHOLE_S))
    world.book.put(FRONT.id, named("1", "both", at=("10.0.1.2",), box="both"))
    return world


@pytest.mark.parametrize("name", ["web", "web.front", "web.front.internal"])
def test_what_may_be_on_its_way_is_waited_for(name: str) -> None:
    world = late()
    assert isinstance(world.ask(name), Held)
    world.book.put(FRONT.id, named("4", "web", at=("10.0.1.4",)))
    assert world.says(name) == ["NOERROR", "10.0.1.4"]


def test_names_of_others_are_not_waited_for() -> None:
    assert isinstance(late().ask("example.com"), Forward)
    assert isinstance(late().ask("."), Forward)


def test_nothing_is_waited_for_once_all_is_known_or_for_ever() -> None:
    world = late()
    query = dns.message.make_query("web", "A").to_wire()
    assert isinstance(world.raw(query, now=WHOLE_S - 0.1), Held)
    assert isinstance(world.raw(query, now=WHOLE_S), Forward)
    world.book.note_whole(FRONT.id)
    assert isinstance(world.raw(query), Forward)


# Answers


def test_answers_are_kept_for_a_second() -> None:
    answer = World().ask("all")
    assert isinstance(answer, dns.message.Message)
    assert [rrset.ttl for rrset in answer.answer] == [TTL_S]
    assert TTL_S <= 5


def test_flags_are_those_of_a_server_that_knows_and_asks_on() -> None:
    answer = World().ask("web")
    assert isinstance(answer, dns.message.Message)
    wanted = dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.RA
    assert answer.flags == wanted


def test_answers_come_in_any_order() -> None:
    world = World()
    firsts = set()
    for _ in range(50):
        answer = world.ask("all")
        assert isinstance(answer, dns.message.Message)
        firsts.add(str(answer.answer[0][0]))
    assert firsts == {"10.0.1.4", "10.0.1.5"}


def crowd(count: int) -> World:
    world = World()
    for number in range(count):
        at = f"10.1.{number // 250}.{number % 250 + 1}"
        world.book.put(FRONT.id, named(f"c{number}", f"c{number}", "crowd", at=(at,)))
    return world


@pytest.mark.slow
@pytest.mark.parametrize(
    ("payload", "bytes_max"), [(None, 512), (1232, 1232), (64, 512)]
)
def test_what_does_not_fit_is_cut_and_says_so(
    payload: int | None, bytes_max: int
) -> None:
    world = crowd(300)
    query = dns.message.make_query("crowd", "A")
    if payload is not None:
        query.use_edns(payload=payload)
    seen: set[str] = set()
    for _ in range(60):
        data = world.raw(query.to_wire())
        assert isinstance(data, bytes)
        assert bytes_max - 16 <= len(data) <= bytes_max
        answer = dns.message.from_wire(data)
        assert answer.flags & dns.flags.TC
        seen.update(map(str, answer.answer[0]))
    assert len(seen) > 290
    assert world.answering.counters["dns_truncated"] == 60


def test_by_tcp_all_of_it_is_told() -> None:
    answer = crowd(1000).ask("crowd", is_stream=True)
    assert isinstance(answer, dns.message.Message)
    assert len(answer.answer[0]) == 1000
    assert not answer.flags & dns.flags.TC


def test_addresses_of_a_port_s_place_are_left_out_where_there_is_no_room() -> None:
    world = World()
    many = tuple(f"10.1.0.{n}" for n in range(1, 60))
    world.book.put(FRONT.id, named("9", "wide", at=many, ports=((1, "tcp"),)))
    answer = world.ask("_1._tcp.wide", "SRV")
    assert isinstance(answer, dns.message.Message)
    assert not answer.flags & dns.flags.TC
    assert (len(answer.answer), answer.additional) == (1, [])


def test_who_speaks_edns_is_answered_so() -> None:
    query = dns.message.make_query(
        "web", "A", use_edns=0, payload=4096, want_dnssec=True
    )
    data = World().raw(query.to_wire())
    assert isinstance(data, bytes)
    answer = dns.message.from_wire(data)
    assert (answer.edns, answer.payload, answer.rcode()) == (0, 1232, 0)


def test_another_version_of_edns_is_refused_as_such() -> None:
    query = dns.message.make_query("web", "A", use_edns=1)
    data = World().raw(query.to_wire())
    assert isinstance(data, bytes)
    answer = dns.message.from_wire(data)
    assert (answer.rcode(), answer.answer) == (dns.rcode.BADVERS, [])


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
def test_zones_are_not_transferred(kind: str) -> None:
    assert World().says("web", kind) == ["REFUSED"]


def test_other_classes_are_refused() -> None:
    query = dns.message.make_query("version.bind", "TXT", "CH")
    data = World().raw(query.to_wire())
    assert isinstance(data, bytes)
    assert dns.message.from_wire(data).rcode() == dns.rcode.REFUSED


# What is no query


def test_an_answer_is_dropped_and_counted() -> None:
    world = World()
    query = dns.message.make_query("web", "A")
    assert world.raw(dns.message.make_response(query).to_wire()) is None
    assert world.raw(b"") is None
    assert world.raw(bytes(11)) is None
    assert world.answering.counters == {"dns_dropped": 3}


def test_other_operations_are_not_implemented() -> None:
    query = dns.message.make_query("web", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    data = World().raw(query.to_wire())
    assert isinstance(data, bytes)
    assert dns.message.from_wire(data).rcode() == dns.rcode.NOTIMP


@pytest.mark.parametrize(
    "body", ["0000", "0002" + "0000" * 3 + "0000010001" * 2, "00010000000000004041"]
)
def test_broken_questions_are_format_errors(body: str) -> None:
    world = World()
    data = world.raw(bytes.fromhex("abcd0100" + body.ljust(16, "0")))
    assert isinstance(data, bytes)
    answer = dns.message.from_wire(data)
    assert (answer.id, answer.rcode()) == (0xABCD, dns.rcode.FORMERR)
    assert world.answering.counters == {"dns_malformed": 1}


def test_a_label_with_a_dot_or_of_no_text_is_nobody_s_here() -> None:
    world = World()
    for label in (b"we.b", b"\xff\xfe"):
        name = bytes([len(label)]) + label + b"\0"
        query = bytes.fromhex("000101000001000000000000") + name + b"\0\1\0\1"
        assert isinstance(world.raw(query), Forward)


@pytest.mark.slow
def test_memory_for_answers_is_bounded() -> None:
    world = crowd(1000)
    query = dns.message.make_query("crowd", "A").to_wire()
    for number in range(300):
        options = bytes(number % 200)
        world.raw(query + options, is_stream=number % 2 == 0)
    records = sum(len(p.reply.records) for p in world.answering._kept.values())
    assert records <= KEPT_MAX
