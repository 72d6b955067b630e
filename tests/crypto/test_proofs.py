"""Whether a node said so: by its certificate, whatever the calendar, and once."""

import pytest

from swarmnet.crypto import identity as module
from swarmnet.crypto.authority import WORKER_LIFE_S
from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Signatures, verify_signature
from swarmnet.crypto.proofs import Proof, Proofs
from swarmnet.crypto.trust import Trust
from tests.crypto.test_authority import DAY_S, WALL, Cluster
from tests.crypto.test_identity import flips

MESSAGE = b"swarmnet test\0alive"
AFTER = WALL + WORKER_LIFE_S + DAY_S


class Pair:
    """A node that listens, and one that speaks and is known to it."""

    def __init__(self) -> None:
        self.cluster = c = Cluster()
        self.speaker = c.identity()
        self.chain = c.certify(self.speaker)
        self.node = self.speaker.node
        self.proof = Proofs(self.speaker, c.directory).sign(MESSAGE)
        self.listener = Proofs(c.identity(), c.directory)
        c.directory.learn(self.chain, WALL)

    def heard(self, message: bytes = MESSAGE, proof: bytes | None = None) -> Proof:
        said = self.proof if proof is None else proof
        return self.listener.verify(self.node, message, said)


def test_what_a_node_signed_is_genuine() -> None:
    pair = Pair()
    assert pair.heard() is Proof.GENUINE
    assert len(pair.proof) == 64


@pytest.mark.slow
def test_any_bit_turned_in_message_or_proof_is_forged() -> None:
    pair = Pair()
    assert all(pair.heard(message=bad) is Proof.FORGED for bad in flips(MESSAGE))
    assert all(pair.heard(proof=bad) is Proof.FORGED for bad in flips(pair.proof))
    for cut in range(64):
        assert pair.heard(proof=pair.proof[:cut]) is Proof.FORGED


def test_nobody_speaks_for_another() -> None:
    pair = Pair()
    liar = pair.cluster.identity()
    pair.cluster.directory.learn(pair.cluster.certify(liar, "liar"), WALL)
    assert pair.heard(proof=liar.sign(MESSAGE)) is Proof.FORGED


def test_a_node_without_a_certificate_is_an_unknown_signer() -> None:
    pair = Pair()
    stranger = pair.cluster.identity()
    proof = stranger.sign(MESSAGE)
    verify = pair.listener.verify
    assert verify(stranger.node, MESSAGE, proof) is Proof.UNKNOWN_SIGNER
    pair.cluster.directory.learn(pair.cluster.certify(stranger, "late"), WALL)
    assert verify(stranger.node, MESSAGE, proof) is Proof.GENUINE


def test_our_own_word_needs_no_certificate() -> None:
    c = Cluster()
    me = c.identity()
    own = Proofs(me, c.directory)
    assert own.verify(me.node, MESSAGE, own.sign(MESSAGE)) is Proof.GENUINE
    assert own.verify(me.node, b"other", own.sign(MESSAGE)) is Proof.FORGED


def test_expiry_gates_channels_and_not_what_was_signed() -> None:
    pair = Pair()
    directory = pair.cluster.directory
    assert directory.may_talk(pair.node, WALL)
    assert not directory.may_talk(pair.node, AFTER)
    assert directory.signer(pair.node) == pair.speaker.signing_public
    assert pair.heard() is Proof.GENUINE


def test_an_expired_certificate_is_learned_for_what_its_node_signed() -> None:
    pair = Pair()
    directory = pair.cluster.directory
    directory.forget(pair.node)
    assert directory.learn(pair.chain, AFTER) is Verdict.EXPIRED
    assert not directory.may_talk(pair.node, AFTER)
    assert pair.heard() is Proof.GENUINE


def test_a_revoked_node_is_cut_off_and_its_word_counts_no_more() -> None:
    pair = Pair()
    directory = pair.cluster.directory
    assert pair.heard() is Proof.GENUINE
    pair.cluster.trust.revoke_node(pair.node)
    assert not directory.may_talk(pair.node, WALL)
    assert directory.signer(pair.node) is None
    assert pair.heard() is Proof.REVOKED_SIGNER
    assert directory.past_signer(pair.node) == pair.speaker.signing_public


def test_what_a_removed_manager_issued_after_the_cut_signs_nothing() -> None:
    pair = Pair()
    trust, manager = pair.cluster.trust, pair.cluster.manager.node
    trust.cut_issuer(manager, 1)
    assert pair.heard() is Proof.GENUINE
    trust.cut_issuer(manager, 0)
    assert pair.heard() is Proof.REVOKED_SIGNER


def test_a_node_revoked_before_it_was_heard_of_is_not_asked_after() -> None:
    pair = Pair()
    pair.cluster.directory.forget(pair.node)
    pair.cluster.trust.revoke_node(pair.node)
    assert pair.cluster.directory.learn(pair.chain, WALL) is Verdict.REVOKED
    assert pair.heard() is Proof.REVOKED_SIGNER


def test_a_proof_is_verified_once_and_a_forgery_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair()
    verified: list[bytes] = []

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        verified.append(message)
        return verify_signature(public, message, signature)

    monkeypatch.setattr(module, "verify_signature", verify)
    for _ in range(3):
        assert pair.heard() is Proof.GENUINE
        assert pair.heard(message=b"forged") is Proof.FORGED
    assert verified == [MESSAGE, b"forged", b"forged", b"forged"]


def test_nodes_of_a_simulation_share_what_was_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    c = Cluster()
    held = c.certify(c.identity())
    shared = Signatures()
    directories = [Directory(Trust(c.root.certificate, shared)) for _ in range(2)]
    assert directories[0].learn(held, WALL) is Verdict.GOOD
    monkeypatch.setattr(module, "verify_signature", lambda *_: pytest.fail("again"))
    assert directories[1].learn(held, WALL) is Verdict.GOOD
    assert len(shared) == 3


def test_a_remembered_proof_does_not_outlive_a_revocation() -> None:
    pair = Pair()
    assert pair.heard() is Proof.GENUINE
    pair.cluster.trust.revoke_serial(pair.cluster.manager.node, 1)
    assert pair.heard() is Proof.REVOKED_SIGNER
