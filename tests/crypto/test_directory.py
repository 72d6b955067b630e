"""The certificates that a node knows: which of them it keeps, and for whom."""

import pytest

from swarmnet.crypto.certificate import Role, Subject, Verdict
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.trust import CLOCK_SKEW_S
from tests.crypto.test_authority import WALL, Cluster
from tests.crypto.test_trust import under


def test_the_directory_tells_what_a_certificate_says() -> None:
    c = Cluster()
    identity = c.identity()
    held = c.certify(identity, "w1")
    assert c.directory.learn_untrusted(held.encoded, WALL) is Verdict.GOOD
    known = c.directory
    assert known.node_of(identity.exchange_public) == identity.node
    assert known.exchange_of(identity.node) == identity.exchange_public
    assert known.chain_of(identity.node) == held.encoded
    assert known.ring_serial(identity.node) == held.certificate.terms.ring_serial
    assert list(known.named("w1", WALL)) == [identity.node]
    assert list(known.named("w2", WALL)) == []
    known.forget(identity.node)
    assert known.node_of(identity.exchange_public) is None
    assert (known.chain(identity.node), known.exchange_of(identity.node)) == (None,) * 2
    assert known.ring_serial(identity.node) is known.chain_of(identity.node) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_certificate_of_latest_end_holds_in_any_order(order: tuple[int]) -> None:
    c = Cluster()
    identity = c.identity()
    later = [c.certify(identity, f"w{n}", wall=WALL + min(n, 1)) for n in range(3)]
    for index in order:
        assert c.directory.learn(later[index], WALL) is Verdict.GOOD
    assert c.directory.chain(identity.node) == later[2]


def test_a_certificate_that_stands_goes_before_a_later_one_that_was_revoked() -> None:
    c = Cluster()
    identity = c.identity()
    older, newer = c.certify(identity, "a"), c.certify(identity, "b", wall=WALL + 9)
    c.directory.learn(newer, WALL)
    c.trust.revoke_serial(c.manager.node, newer.certificate.terms.serial)
    assert c.directory.learn(older, WALL) is Verdict.GOOD
    assert c.directory.learn(newer, WALL) is Verdict.REVOKED
    assert c.directory.chain(identity.node) == older


def test_no_manager_turns_a_nodes_channels_to_another_key() -> None:
    c = Cluster()
    victim, thief = c.identity(), c.identity()
    c.directory.learn(c.certify(victim, "victim"), WALL)
    mixed = Subject(victim.signing_public, thief.exchange_public, "v", Role.WORKER)
    taken = Subject(thief.signing_public, victim.exchange_public, "t", Role.WORKER)
    for subject in (mixed, taken):
        forged = under(c.manager, c.chain, subject, serial=99)
        assert c.directory.learn(forged, WALL) is Verdict.KEY_CONFLICT
    assert c.directory.node_of(victim.exchange_public) == victim.node
    assert c.directory.exchange_of(victim.node) == victim.exchange_public
    c.trust.revoke_node(victim.node)
    late = under(c.manager, c.chain, taken, serial=99)
    assert c.directory.learn(late, WALL) is Verdict.GOOD
    c.directory.forget(victim.node)
    assert c.directory.node_of(victim.exchange_public) == thief.node


def test_a_full_directory_drops_who_may_not_talk_and_then_takes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Directory, "CHAINS_MAX", 3)
    c = Cluster()
    held = [c.certify(c.identity(), f"w{n}") for n in range(5)]
    verdicts = [c.directory.learn(one, WALL) for one in held[:3]]
    assert verdicts == [Verdict.GOOD, Verdict.GOOD, Verdict.FULL]
    c.trust.revoke_node(held[0].certificate.node)
    assert c.directory.learn(held[3], WALL + 1) is Verdict.FULL, "swept a moment ago"
    assert c.directory.learn(held[4], WALL + 60) is Verdict.GOOD
    assert len(c.directory) == 3


def test_a_key_is_told_for_as_long_as_its_node_may_talk() -> None:
    c = Cluster()
    identity = c.identity()
    node, key = identity.node, identity.exchange_public
    assert c.directory.talker(node, WALL) is None
    held = c.certify(identity, "w1")
    c.directory.learn(held, WALL)
    begins, ends = held.life
    times = (begins - CLOCK_SKEW_S - 1, WALL, ends, ends + CLOCK_SKEW_S + 1)
    assert [c.directory.talker(node, at) for at in times] == [None, key, key, None]
    assert [at for at in times if c.directory.may_talk(node, at)] == [WALL, ends]
    c.trust.revoke_node(node)
    assert c.directory.talker(node, WALL) is None


def test_a_later_certificate_lets_a_node_talk_for_longer() -> None:
    c = Cluster()
    identity = c.identity()
    older, newer = c.certify(identity, "a"), c.certify(identity, "a", wall=WALL + 9000)
    c.directory.learn(older, WALL)
    late = newer.life[1] + CLOCK_SKEW_S
    assert c.directory.talker(identity.node, late) is None
    c.directory.learn(newer, WALL + 9000)
    assert c.directory.talker(identity.node, late) == identity.exchange_public
