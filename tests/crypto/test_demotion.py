"""Who is a manager only a root says: which certificate holds, in whatever order."""

from dataclasses import replace
from itertools import permutations

import pytest

from swarmnet.crypto.authority import Authority, own_subject
from swarmnet.crypto.certificate import (
    Chain,
    Role,
    Verdict,
    decode_chain_untrusted,
)
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.trust import Trust
from swarmnet.errors import Refused
from tests.crypto.test_authority import WALL, Cluster
from tests.crypto.test_trust import under


class Demoted(Cluster):
    """The second manager, its word, and what the cluster said of it in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.second = self.second_manager()
        assert self.second.chain is not None
        self.was = self.second.chain
        self.directory.learn(self.was, WALL)
        self.stands = self.issue_by_second("before")
        self.worker = self.authority.change_role(
            self.was, Role.WORKER, WALL, issued=self.second.next_serial - 1
        )

    def issue_by_second(self, name: str) -> Chain:
        return self.second.issue(own_subject(self.identity(), name, Role.WORKER), WALL)

    def fresh(self) -> Directory:
        return Directory(Trust(self.root.certificate))


def test_a_demotion_counts_though_the_certificate_of_before_ends_later() -> None:
    c = Demoted()
    assert c.worker.is_demotion
    assert c.worker.life[1] < c.was.life[1]
    assert decode_chain_untrusted(c.worker.encoded) == c.worker
    for order in ((c.was, c.worker, c.was), (c.worker, c.was)):
        known = c.fresh()
        verdicts = [known.learn(one, WALL) for one in order]
        assert known.chain(c.second.identity.node) == c.worker
        assert known.trust.judge(c.was, WALL) is Verdict.REVOKED
        assert verdicts[-1] is Verdict.REVOKED


def test_what_a_demoted_manager_issued_stands_and_what_it_issues_does_not() -> None:
    c = Demoted()
    late = c.issue_by_second("late")
    c.directory.learn(c.worker, WALL)
    assert c.trust.judge(c.stands, WALL) is Verdict.GOOD
    assert c.trust.judge(late, WALL) is Verdict.ISSUER_REVOKED
    with pytest.raises(Refused, match="cannot issue"):
        c.issue_by_second("later")


def test_whoever_hears_in_whatever_order_keeps_the_same() -> None:
    c = Demoted()
    c.directory.learn(c.worker, WALL)
    renewed = c.authority.renew(c.worker, WALL + 5)
    c.directory.learn(renewed, WALL)
    again = c.authority.change_role(renewed, Role.MANAGER, WALL + 9)
    node = c.second.identity.node
    for order in permutations((c.was, c.worker, renewed)):
        known = c.fresh()
        for one in order:
            known.learn(one, WALL)
        assert known.chain(node) == renewed
        assert known.trust.standing(renewed) is Verdict.GOOD
    for order in permutations((c.was, c.worker, renewed, again)):
        known = c.fresh()
        for one in order:
            known.learn(one, WALL)
        assert known.chain(node) == again


def test_who_is_promoted_again_issues_again_and_what_was_void_stays_so() -> None:
    c = Demoted()
    between = c.issue_by_second("between")
    c.directory.learn(c.worker, WALL)
    again = c.authority.change_role(c.worker, Role.MANAGER, WALL)
    c.directory.learn(again, WALL)
    c.second.chain = again
    anew = c.issue_by_second("anew")
    assert c.trust.judge(anew, WALL) is Verdict.GOOD
    assert c.trust.judge(between, WALL) is Verdict.ISSUER_REVOKED
    once_more = c.authority.change_role(again, Role.WORKER, WALL, issued=100)
    c.directory.learn(once_more, WALL)
    assert c.trust.judge(anew, WALL) is Verdict.GOOD
    assert c.trust.judge(between, WALL) is Verdict.ISSUER_REVOKED


def test_no_manager_unmakes_another_without_the_root() -> None:
    c = Demoted()
    subject = own_subject(c.second.identity, "second", Role.WORKER)
    forged = under(c.manager, c.chain, subject, serial=99)
    terms = replace(forged.certificate.terms, issued=0)
    assert c.directory.learn(forged, WALL) is Verdict.GOOD
    assert c.directory.chain(c.second.identity.node) == c.was
    lied = replace(forged, certificate=replace(forged.certificate, terms=terms))
    assert not lied.is_demotion
    assert c.trust.judge(c.was, WALL) is Verdict.GOOD


def test_a_change_of_role_is_refused_without_the_root_or_for_nothing() -> None:
    c = Demoted()
    sealed = Authority(c.manager, c.directory, c.random_bytes, chain=c.chain)
    with pytest.raises(Refused, match="without the root key"):
        sealed.change_role(c.was, Role.WORKER, WALL)
    with pytest.raises(Refused, match="is a manager already"):
        c.authority.change_role(c.was, Role.MANAGER, WALL)


def test_each_certificate_of_a_node_begins_later_though_clocks_differ() -> None:
    c = Cluster()
    held = c.certify(c.identity(), "w1")
    c.directory.learn(held, WALL)
    slow = c.authority.renew(held, WALL - 600)
    assert c.directory.learn(slow, WALL) is Verdict.GOOD
    assert c.directory.chain(held.certificate.node) == slow
    with pytest.raises(Refused, match="set this host's clock"):
        c.authority.issue(held.certificate.subject, WALL - 400 * 86_400)
