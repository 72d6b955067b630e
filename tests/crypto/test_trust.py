"""What a node believes: each verdict with its line, and roots that change."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from swarmnet.crypto.authority import (
    BACKDATE_S,
    MANAGER_LIFE_S,
    WORKER_LIFE_S,
    Authority,
    RootKey,
    own_subject,
)
from swarmnet.crypto.certificate import Chain, Role, Subject, Verdict, certify, chain
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.trust import CLOCK_SKEW_S, Trust
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from tests.crypto.test_authority import WALL, Cluster
from tests.crypto.test_identity import flips


def under(manager: Identity, above: Chain, subject: Subject, serial: int = 1) -> Chain:
    """Return what `manager` can sign if it does not ask whether it may."""
    issuer = above.certificate
    terms = replace(issuer.terms, issuer=manager.node, serial=serial)
    return chain(certify(subject, terms, manager.sign), issuer)


def good(c: Cluster) -> Chain:
    return c.certify(c.identity(), "w1")


def of_another_cluster(c: Cluster) -> Chain:
    del c
    return good(Cluster(2))


def issuer_of_another_cluster(c: Cluster) -> Chain:
    other = Cluster(2)
    subject = own_subject(c.identity(), "w1", Role.WORKER)
    terms = replace(good(c).certificate.terms, issuer=other.manager.node)
    forged = certify(subject, terms, other.manager.sign)
    return chain(forged, other.chain.certificate)


def with_the_wrong_issuer(c: Cluster) -> Chain:
    second = c.second_manager().chain
    assert second is not None
    return chain(good(c).certificate, second.certificate)


def by_a_worker(c: Cluster) -> Chain:
    worker = c.identity()
    above = c.certify(worker, "worker")
    return under(worker, above, own_subject(c.identity(), "w1", Role.WORKER))


def manager_by_a_manager(c: Cluster) -> Chain:
    return under(c.manager, c.chain, own_subject(c.identity(), "w1", Role.MANAGER))


def by_an_unknown_root(c: Cluster) -> Chain:
    rogue = RootKey.make(c.random_bytes, WALL)
    subject = own_subject(c.identity(), "w1", Role.WORKER)
    terms = replace(c.chain.certificate.terms, issuer=rogue.certificate.key_id)
    return chain(certify(subject, terms, rogue.sign), None)


def without_its_issuer(c: Cluster) -> Chain:
    return chain(good(c).certificate, None)


def by_a_withdrawn_root(c: Cluster) -> Chain:
    second = c.root.succeed(c.random_bytes, WALL)
    held = good(c)
    assert c.trust.add_root(second.certificate) is Verdict.GOOD
    assert c.trust.withdraw_root(c.root.certificate.key_id)
    return held


def signed_by_another(c: Cluster) -> Chain:
    thief = c.identity()
    terms = good(c).certificate.terms
    subject = own_subject(thief, "w1", Role.WORKER)
    return chain(certify(subject, terms, thief.sign), c.chain.certificate)


def with_a_forged_issuer(c: Cluster) -> Chain:
    fake = c.identity()
    subject = own_subject(fake, "boss", Role.MANAGER)
    above = certify(subject, c.chain.certificate.terms, fake.sign)
    return under(fake, chain(above, None), own_subject(fake, "w1", Role.WORKER))


def of_a_revoked_node(c: Cluster) -> Chain:
    held = good(c)
    c.trust.revoke_node(held.certificate.node)
    return held


def of_a_revoked_serial(c: Cluster) -> Chain:
    held = good(c)
    c.trust.revoke_serial(c.manager.node, held.certificate.terms.serial)
    return held


def after_the_cut(c: Cluster) -> Chain:
    good(c)
    c.trust.cut_issuer(c.manager.node, 1)
    c.trust.revoke_node(c.manager.node)
    late = own_subject(c.identity(), "w1", Role.WORKER)
    return under(c.manager, c.chain, late, serial=2)


def of_a_revoked_manager(c: Cluster) -> Chain:
    held = good(c)
    c.trust.revoke_node(c.manager.node)
    return held


def of_a_manager_with_a_revoked_serial(c: Cluster) -> Chain:
    terms = c.chain.certificate.terms
    held = good(c)
    c.trust.revoke_serial(terms.issuer, terms.serial)
    return held


def ended(c: Cluster) -> Chain:
    since = WALL - WORKER_LIFE_S - 1000
    c.directory.forget(c.manager.node)
    c.authority.chain = c.certify(c.manager, "boss", Role.MANAGER, since)
    return c.certify(c.identity(), "w1", wall=since)


def with_an_ended_issuer(c: Cluster) -> Chain:
    c.directory.forget(c.manager.node)
    old = c.authority_of(c.manager, c.root)
    old.chain = old.issue(
        own_subject(c.manager, "boss", Role.MANAGER), WALL - MANAGER_LIFE_S - 1000
    )
    subject = own_subject(c.identity(), "w1", Role.WORKER)
    terms = replace(good(c).certificate.terms, issuer=c.manager.node)
    return chain(certify(subject, terms, c.manager.sign), old.chain.certificate)


def to_come(c: Cluster) -> Chain:
    return c.certify(c.identity(), "w1", wall=WALL + BACKDATE_S + 1000)


CASES: list[tuple[Callable[[Cluster], Chain], Verdict, str]] = [
    (good, Verdict.GOOD, "good"),
    (of_another_cluster, Verdict.WRONG_CLUSTER, "of cluster {theirs}, this is {ours}"),
    (issuer_of_another_cluster, Verdict.WRONG_CLUSTER, "this is {ours}: join by a"),
    (with_the_wrong_issuer, Verdict.BROKEN_CHAIN, "by {boss}, but with it comes"),
    (by_a_worker, Verdict.ISSUER_NO_MANAGER, "a worker: have a manager issue it"),
    (manager_by_a_manager, Verdict.NOT_BY_ROOT, "issued by node {boss}: have the root"),
    (by_an_unknown_root, Verdict.UNKNOWN_ROOT, "not held here: bring that first"),
    (without_its_issuer, Verdict.UNKNOWN_ROOT, "of root {boss}, which is not held"),
    (by_a_withdrawn_root, Verdict.ROOT_WITHDRAWN, "of root {root}, which was withdraw"),
    (signed_by_another, Verdict.BAD_SIGNATURE, "not signed by its issuer {boss}"),
    (with_a_forged_issuer, Verdict.BAD_SIGNATURE, "not signed by its issuer"),
    (of_a_revoked_node, Verdict.REVOKED, "its serial 1 was revoked: join with a new"),
    (of_a_revoked_serial, Verdict.REVOKED, "its serial 1 was revoked: join with a new"),
    (after_the_cut, Verdict.ISSUER_REVOKED, "serial 2 of {boss}, removed at serial 1"),
    (of_a_revoked_manager, Verdict.ISSUER_REVOKED, "removed at serial 0: join anew"),
    (of_a_manager_with_a_revoked_serial, Verdict.ISSUER_REVOKED, "serial 1 of {boss}"),
    (ended, Verdict.EXPIRED, "expired 2027-01-15 07:43:20 UTC, here it is 2027-01-15"),
    (with_an_ended_issuer, Verdict.EXPIRED, "expired 2027-01-15 07:43:20 UTC"),
    (to_come, Verdict.NOT_YET_VALID, "begins 2027-01-15 08:16:40 UTC, here it is"),
]


@pytest.mark.parametrize(
    ("make", "verdict", "line"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_each_fault_has_its_own_verdict_and_its_own_line(
    make: Callable[[Cluster], Chain], verdict: Verdict, line: str
) -> None:
    cluster = Cluster()
    chain = make(cluster)
    assert cluster.trust.judge(chain, WALL) is verdict
    expected = line.format(
        theirs=chain.certificate.terms.cluster.hex(),
        ours=cluster.trust.cluster.hex(),
        boss=cluster.manager.node.hex(),
        root=cluster.root.certificate.key_id.hex(),
    )
    told = cluster.trust.explain(verdict, chain, WALL)
    assert told.startswith("certificate of w1: ")
    assert expected in told
    assert "\n" not in told


def test_every_verdict_of_the_judge_is_in_the_table() -> None:
    elsewhere = {Verdict.MALFORMED, Verdict.KEY_CONFLICT, Verdict.FULL}
    assert {verdict for _, verdict, _ in CASES} == set(Verdict) - elsewhere


BEGIN, END = WALL - BACKDATE_S, WALL + WORKER_LIFE_S
CLOCKS = [
    (0.0, Verdict.NOT_YET_VALID),
    (BEGIN - CLOCK_SKEW_S - 1, Verdict.NOT_YET_VALID),
    (BEGIN - CLOCK_SKEW_S, Verdict.GOOD),
    (WALL - 3600, Verdict.GOOD),
    (END, Verdict.GOOD),
    (END + CLOCK_SKEW_S, Verdict.GOOD),
    (END + CLOCK_SKEW_S + 1, Verdict.EXPIRED),
]


@pytest.mark.parametrize(("clock", "verdict"), CLOCKS)
def test_clocks_may_differ_by_the_stated_tolerance(
    clock: float, verdict: Verdict
) -> None:
    cluster = Cluster()
    assert cluster.trust.judge(good(cluster), clock) is verdict


def test_what_was_issued_before_the_cut_stays_good() -> None:
    c = Cluster()
    held = [good(c), good(c)]
    c.trust.cut_issuer(c.manager.node, 2)
    c.trust.revoke_node(c.manager.node)
    assert [c.trust.judge(one, WALL) for one in held] == [Verdict.GOOD] * 2
    assert c.trust.judge(c.chain, WALL) is Verdict.REVOKED


@pytest.mark.parametrize("serials", [(1, 2), (2, 1)])
def test_of_two_cuts_the_lower_holds_in_any_order(serials: tuple[int, int]) -> None:
    c = Cluster()
    held = [good(c), good(c)]
    for serial in serials:
        c.trust.cut_issuer(c.manager.node, serial)
    assert [c.trust.judge(one, WALL) for one in held] == [
        Verdict.GOOD,
        Verdict.ISSUER_REVOKED,
    ]


@pytest.mark.slow
def test_any_bit_turned_in_a_chain_is_refused_and_changes_nothing() -> None:
    c = Cluster()
    held = good(c)
    directory = Directory(c.trust)
    for data in flips(held.encoded):
        assert directory.learn_untrusted(data, WALL) is not Verdict.GOOD
    assert len(directory) == 0
    for cut in range(len(held.encoded)):
        verdict = directory.learn_untrusted(held.encoded[:cut], WALL)
        assert verdict is Verdict.MALFORMED
    assert len(directory) == 0
    assert directory.learn_untrusted(held.encoded, WALL) is Verdict.GOOD


def test_a_root_that_did_not_sign_itself_begins_no_trust() -> None:
    root = Cluster().root.certificate
    with pytest.raises(Refused, match="not signed by itself: copy it again"):
        Trust(replace(root, signature=bytes(64)))


def test_during_a_rotation_certificates_of_both_roots_are_good() -> None:
    c = Cluster()
    held = good(c)
    second = c.root.succeed(c.random_bytes, WALL)
    renewed = Authority(c.manager, c.directory, c.random_bytes, root=second)
    assert c.trust.add_root(second.certificate) is Verdict.GOOD
    manager = renewed.issue(own_subject(c.manager, "boss", Role.MANAGER), WALL)
    renewed.chain = manager
    new = renewed.renew(held, WALL)
    assert [c.trust.judge(one, WALL) for one in (held, new)] == [Verdict.GOOD] * 2
    assert c.trust.withdraw_root(c.root.certificate.key_id)
    assert c.trust.judge(held, WALL) is Verdict.ROOT_WITHDRAWN
    assert c.trust.judge(new, WALL) is Verdict.GOOD
    assert c.trust.add_root(c.root.certificate) is Verdict.ROOT_WITHDRAWN
    assert c.trust.withdrawn() == (c.root.certificate.digest,)


def test_a_node_that_begins_with_the_new_root_takes_the_old_one() -> None:
    c = Cluster()
    second = c.root.succeed(c.random_bytes, WALL)
    young = Trust(second.certificate)
    assert young.cluster == c.trust.cluster
    assert young.judge(good(c), WALL) is Verdict.UNKNOWN_ROOT
    assert young.add_root(c.root.certificate) is Verdict.GOOD
    assert young.judge(good(c), WALL) is Verdict.GOOD


def test_a_root_that_no_held_one_vouches_for_is_refused() -> None:
    c = Cluster()
    second = c.root.succeed(c.random_bytes, WALL)
    third = second.succeed(c.random_bytes, WALL).certificate
    impostor = replace(second.certificate, cross_signature=bytes(64))
    forged = replace(second.certificate, signature=bytes(64))
    tried = [third, impostor, forged, Cluster(2).root.certificate]
    assert [c.trust.add_root(root) for root in tried] == [
        Verdict.UNKNOWN_ROOT,
        Verdict.UNKNOWN_ROOT,
        Verdict.BAD_SIGNATURE,
        Verdict.WRONG_CLUSTER,
    ]
    assert c.trust.roots() == (c.root.certificate,)


def test_the_only_root_is_not_withdrawn() -> None:
    c = Cluster()
    assert not c.trust.withdraw_root(c.root.certificate.key_id)
    assert c.trust.judge(good(c), WALL) is Verdict.GOOD


def test_roots_are_bounded() -> None:
    c = Cluster()
    newest = c.root
    for _ in range(Trust.ROOTS_MAX - 1):
        newest = newest.succeed(c.random_bytes, WALL)
        assert c.trust.add_root(newest.certificate) is Verdict.GOOD
    beyond = newest.succeed(c.random_bytes, WALL).certificate
    assert c.trust.add_root(beyond) is Verdict.FULL
    assert len(c.trust.roots()) == Trust.ROOTS_MAX


def test_of_too_many_revocations_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trust, "REVOKED_MAX", 2)
    trust = Cluster().trust
    nodes = [NodeId(bytes(15) + bytes((number,))) for number in range(3)]
    for node in nodes:
        trust.revoke_node(node)
    assert [trust.is_revoked(node) for node in nodes] == [False, True, True]
