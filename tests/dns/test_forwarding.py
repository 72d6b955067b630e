"""Which server is asked, and which of the answers a client gets."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from swarmnet.dns.answering import Forward
from swarmnet.dns.forwarding import (
    ANSWER_S,
    FAILED_S,
    Exchange,
    Servers,
    Verdict,
    failure,
)
from tests.dns.world import World


def exchange(name: str = "Example.com", payload: int | None = None) -> Exchange:
    query = dns.message.make_query(name, "A", payload=payload, id=77)
    found = World().raw(query.to_wire())
    assert isinstance(found, Forward)
    return Exchange(found, 4242)


def reply(of: Exchange, count: int = 1) -> dns.message.Message:
    answer = dns.message.make_response(dns.message.from_wire(of.data))
    for number in range(count):
        name = answer.question[0].name
        answer.answer.append(
            dns.rrset.from_text(name, 60, "IN", "A", f"192.0.2.{number % 250}")
        )
    return answer


def test_servers_are_sent_the_query_under_another_id() -> None:
    one = exchange()
    assert dns.message.from_wire(one.data).id == 4242
    assert one.data[2:] == one.forward.data[2:]


def test_edns_is_passed_on_as_it_came() -> None:
    one = exchange(payload=1400)
    assert dns.message.from_wire(one.data).payload == 1400
    assert one.forward.bytes_max == 1400


def test_an_answer_gets_the_client_s_id_back() -> None:
    one = exchange()
    data = reply(one).to_wire()
    assert one.judge(data) is Verdict.GOOD
    assert one.finish(data)[:2] == (77).to_bytes(2, "big")
    assert one.finish(data)[2:] == data[2:]


def test_a_server_may_write_the_question_s_letters_otherwise() -> None:
    one = exchange()
    data = reply(one).to_wire().replace(b"Example", b"eXAMPLE")
    assert one.judge(data) is Verdict.GOOD


@pytest.mark.parametrize("code", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
def test_that_there_is_nothing_is_an_answer(code: dns.rcode.Rcode) -> None:
    one = exchange()
    answer = reply(one, 0)
    answer.set_rcode(code)
    assert one.judge(answer.to_wire()) is Verdict.GOOD


@pytest.mark.parametrize("has_question", [True, False])
@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_with_a_failure_the_next_is_asked(code: str, *, has_question: bool) -> None:
    one = exchange()
    answer = reply(one, 0)
    answer.set_rcode(dns.rcode.from_text(code))
    if not has_question:
        answer.question = []
    assert one.judge(answer.to_wire()) is Verdict.FAILED


def test_what_answers_something_else_is_passed_over() -> None:
    one = exchange()
    other = reply(exchange("other.com")).to_wire()
    good = reply(one).to_wire()
    strange = [b"", bytes(12), other, b"\0\1" + good[2:], one.data, good[:14]]
    bare = reply(one, 0)
    bare.question = []
    strange.append(bare.to_wire())
    assert [one.judge(data) for data in strange] == [Verdict.STRANGE] * len(strange)


def test_what_was_cut_is_known_as_such() -> None:
    one = exchange()
    answer = reply(one)
    answer.flags |= dns.flags.TC
    assert one.judge(answer.to_wire()) is Verdict.CUT


def test_what_does_not_fit_the_client_is_cut() -> None:
    one = exchange()
    data = reply(one, 200).to_wire()
    assert len(data) > 512
    found = dns.message.from_wire(one.finish(data))
    assert (found.id, found.answer) == (77, [])
    assert found.flags & dns.flags.TC


def test_a_failure_is_told_as_one() -> None:
    found = dns.message.from_wire(failure(exchange().forward.query))
    assert (found.id, found.rcode()) == (77, dns.rcode.SERVFAIL)
    assert not found.flags & dns.flags.AA


def test_who_failed_is_asked_last_for_a_while() -> None:
    servers = Servers()
    servers.set_servers(["a", "b", "c"])
    assert servers.ordered(0.0) == ["a", "b", "c"]
    servers.note(0.0, "a", is_good=False)
    assert servers.ordered(FAILED_S - 0.1) == ["b", "c", "a"]
    assert servers.ordered(FAILED_S) == ["a", "b", "c"]
    servers.note(20.0, "a", is_good=False)
    servers.note(21.0, "a", is_good=True)
    assert servers.ordered(21.0) == ["a", "b", "c"]


def test_all_servers_are_asked_before_a_client_gives_up() -> None:
    servers = Servers()
    assert servers.ordered(0.0) == []
    assert servers.share_s() == ANSWER_S
    servers.set_servers(["a", "b", "c"])
    assert servers.share_s() * 3 == pytest.approx(ANSWER_S)
    assert ANSWER_S < 5
