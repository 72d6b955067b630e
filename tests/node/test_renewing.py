"""Certificates renew by themselves, and change hands only as they should."""

from dataclasses import replace

import pytest

from swarmnet.crypto.authority import WORKER_LIFE_S, own_subject
from swarmnet.crypto.certificate import Chain, Role, Verdict, certify, chain
from swarmnet.crypto.channel import Parcel
from swarmnet.errors import Refused
from swarmnet.node.about import chain_of_untrusted
from swarmnet.node.envelope import GIVEN, RENEWAL_WANTED
from swarmnet.node.outputs import Recertified, RenewalWanted
from swarmnet.node.renewing import AGAIN_S, ENVELOPES_AT_ONCE
from swarmnet.tables.outputs import Save
from tests.node.certified import DAY_S, Certified
from tests.node.table import address

DUE_S = WORKER_LIFE_S * 2 / 3


def say(table: Certified, number: int, to: int, data: bytes) -> None:
    """Let a node send another any envelope."""
    node = table.nodes[number]
    parcel = Parcel(data, address(to), streamed=True, replayable=False, since=table.now)
    node._channels.send(table.now, table.id(to), parcel)
    node._settle(table.now)
    table._drain(number)
    table.run(0.1)


def wanted(table: Certified, of: int) -> list[int]:
    """Return who was asked to renew a node's certificate, in turn."""
    return [
        one
        for one, note in table.notes
        if isinstance(note, RenewalWanted) and note.peer == table.id(of)
    ]


@pytest.mark.slow
def test_a_certificate_is_renewed_at_two_thirds_of_its_life() -> None:
    table = Certified(4)
    first = table.held(4)
    table.leap(DUE_S - table.wall % 1 - 30.0 - (table.now - 50.0))
    table.run(25.0)
    assert not table.told(4)
    assert not wanted(table, 4)
    table.run(15.0)
    for number in (3, 4):
        (renewed,) = table.told(number)
        assert renewed.life[1] > first.life[1] + DUE_S - DAY_S
        assert table.agree(number)
        assert table.held(1, number) == renewed
        assert table.nodes[number]._acquaintances.chain == renewed.encoded
        facts = table.nodes[1].tables.rules.facts_of(table.id(number))
        assert chain_of_untrusted(facts.about) == renewed.encoded
        assert table.nodes[number].warnings() == []
    assert table.all_see(range(1, 5))


@pytest.mark.slow
def test_who_can_renew_is_found_and_what_lasts_is_warned_of() -> None:
    table = Certified(3)
    table.stuck = {1, 2}
    table.leap(DUE_S + 1.0)
    table.run(1.0 + AGAIN_S * 7.5)
    asked = wanted(table, 3)
    assert len(asked) == 4
    assert set(asked) == {1, 2}, "each in turn, ever more seldom"
    (line,) = table.nodes[3].warnings()
    assert line.startswith("certificate of n3: ends in 720 h, asked for another 4")
    table.stuck = set()
    table.run(60.0)
    assert len(table.told(3)) == 1
    assert table.nodes[3].warnings() == []


@pytest.mark.slow
def test_a_manager_renews_its_own_by_whoever_has_the_root() -> None:
    table = Certified(3)
    table.leap(250 * DAY_S)
    for number in (1, 2):
        table.nodes[number].note_wall(table.now, table.wall)
    table.run(30.0)
    for number in (1, 2):
        (renewed,) = table.told(number)
        assert renewed.issuer is None
        assert renewed.certificate.subject.role is Role.MANAGER
    assert wanted(table, 1) == [1]
    assert wanted(table, 2)[0] == 2, "itself first, that lacks the root"
    assert wanted(table, 2)[-1] == 1


@pytest.mark.slow
def test_an_older_certificate_that_is_sent_again_changes_nothing() -> None:
    table = Certified(4)
    first = table.held(4)
    table.leap(DUE_S + 1.0)
    table.run(20.0)
    (renewed,) = table.told(4)
    table.hand(1, 4, first)
    table.run(1.0)
    assert table.nodes[4].counters()["certificates_known"] == 1
    assert table.told(4) == [renewed]
    assert table.agree(4)
    assert table.held(4) == renewed


def forged(table: Certified, kind: str) -> Chain:
    """Return a certificate of node 4 that is good for somebody, and not for it."""
    authority = table.authorities[2]
    held, identity = table.held(4), table.pki.identity(4)
    terms = held.certificate.terms
    later = replace(terms, serial=99, not_before=terms.not_before + 9)
    match kind:
        case "another's":
            subject = own_subject(table.pki.identity(3), "n3", Role.WORKER)
            return authority.issue(subject, table.wall)
        case "another name":
            subject = own_subject(identity, "other", Role.WORKER)
            return authority.issue(subject, table.wall)
        case "another place":
            moved = replace(later, ring_serial=bytes(8))
            sign = table.pki.identity(2).sign
            made = certify(held.certificate.subject, moved, sign)
            return chain(made, held.issuer)
        case _:
            made = certify(held.certificate.subject, later, identity.sign)
            return chain(made, held.issuer)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["another's", "another name", "another place", "not signed"]
)
def test_what_is_not_ours_or_not_good_is_not_taken(kind: str) -> None:
    table = Certified(4)
    before = table.held(4)
    say(table, 2, 4, GIVEN + forged(table, kind).encoded)
    assert table.nodes[4].counters()["certificates_bad"] == 1
    assert not table.told(4)
    assert table.held(4) == before


def test_a_worker_hands_out_no_certificates_and_renews_none() -> None:
    table = Certified(4)
    renewed = table.authorities[2].renew(table.held(4), table.wall)
    say(table, 3, 4, GIVEN + renewed.encoded)
    say(table, 4, 3, RENEWAL_WANTED + table.held(4).encoded)
    for number in (3, 4):
        assert table.nodes[number].counters()["certificates_turned_away"] == 1
    assert not table.told(4)
    assert not wanted(table, 4)
    with pytest.raises(Refused, match="only managers certify"):
        table.hand(3, 4, renewed)


@pytest.mark.slow
def test_a_member_asks_for_itself_alone_and_not_without_end() -> None:
    table = Certified(4)
    table.stuck = {1, 2}
    say(table, 4, 1, RENEWAL_WANTED + table.held(3).encoded)
    say(table, 4, 1, RENEWAL_WANTED + b"\xc1")
    assert table.nodes[1].counters()["certificates_bad"] == 2
    say(table, 3, 1, GIVEN + b"\xc1")
    assert table.nodes[1].counters()["certificates_turned_away"] == 1
    for _ in range(9):
        say(table, 3, 1, RENEWAL_WANTED + table.held(3).encoded)
    assert len(wanted(table, 3)) <= ENVELOPES_AT_ONCE + 1
    assert not wanted(table, 4)


@pytest.mark.slow
def test_what_cannot_be_given_is_refused_with_a_line() -> None:
    table = Certified(4)
    renewed = table.authorities[2].renew(table.held(4), table.wall)
    node = table.nodes[1]
    with pytest.raises(Refused, match="the certificate is another's"):
        table.hand(1, 3, renewed)
    with pytest.raises(Refused, match="certificate of 1 bytes"):
        node.give_certificate(table.now, table.id(4), b"\xc1")
    with pytest.raises(Refused, match="not signed by its issuer"):
        table.hand(1, 4, forged(table, "not signed"))
    del table.nodes[4]
    table.run(10.0)
    with pytest.raises(Refused, match="not heard just now"):
        table.hand(1, 4, renewed)


def test_who_has_left_says_no_more_of_itself() -> None:
    table = Certified(4)
    renewed = table.authorities[2].renew(table.held(4), table.wall)
    table.nodes[4].leave(table.now)
    table.nodes[4]._certification._renewing.take(table.now, renewed.encoded)
    table._drain(4)
    table.run(2.0)
    assert table.nodes[1].tables.rules.facts_of(table.id(4)).left


def test_another_wall_time_moves_the_time_to_ask() -> None:
    table = Certified(3)
    table.leap(DUE_S + 1.0)
    table.leap(-DUE_S)
    table.run(5.0)
    assert not wanted(table, 3)
    verdict = table.directories[3].trust.judge(table.held(3), table.wall)
    assert verdict is Verdict.GOOD


def test_a_certificate_is_stored_before_a_row_speaks_of_it() -> None:
    table = Certified(4)
    seen = len(table.notes)
    table.hand(2, 4, table.authorities[2].renew(table.held(4), table.wall))
    table.run(1.0)
    kinds = [type(note) for one, note in table.notes[seen:] if one == 4]
    assert kinds.index(Recertified) < kinds.index(Save)


@pytest.mark.slow
def test_a_short_life_is_asked_for_in_time_and_an_ended_one_says_so() -> None:
    table = Certified(4)
    renewed = table.authorities[2].renew(table.held(4), table.wall)
    short = replace(renewed.certificate.terms, not_after=int(table.wall) + 40)
    sign = table.pki.identity(2).sign
    made = chain(certify(renewed.certificate.subject, short, sign), renewed.issuer)
    table.stuck = {1, 2}
    table.hand(2, 4, made)
    table.run(1.0)
    assert table.told(4) == [made]
    table.run(28.0)
    assert 1 <= len(wanted(table, 4)) <= 3
    table.leap(DAY_S)
    table.run(30.0)
    (line,) = table.nodes[4].warnings()
    assert line == "certificate of n4: has ended: join again by a token"


@pytest.mark.slow
def test_what_ends_with_its_issuer_is_not_renewed_ever_more_often() -> None:
    table = Certified(4)
    ends = int(table.wall) + 60
    issuer = table.held(2).certificate
    terms = replace(
        issuer.terms, not_after=ends, not_before=issuer.terms.not_before + 1
    )
    sign = table.certified.root_key.sign
    table.hand(1, 2, chain(certify(issuer.subject, terms, sign), None))
    table.stuck = {1}
    table.run(1.0)
    made = table.authorities[2].renew(table.held(4), table.wall)
    assert made.life[1] == ends
    table.hand(2, 4, made)
    table.run(58.0)
    assert 2 <= len(table.told(4)) <= 7
