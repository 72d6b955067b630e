"""Who may issue what: roots, managers, renewals, and how each is refused."""

from random import Random

import pytest

from swarmnet.crypto.authority import (
    BACKDATE_S,
    MANAGER_LIFE_S,
    RENEWAL_GRACE_S,
    WORKER_LIFE_S,
    Authority,
    RootKey,
    needs_renewal,
    own_subject,
)
from swarmnet.crypto.certificate import Chain, Role, Subject, Terms, Verdict
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.token import Refusal, TokenBook, Verifier
from swarmnet.crypto.trust import CLOCK_SKEW_S, Trust
from swarmnet.errors import Refused
from swarmnet.wire import Value, pack

WALL = 1_800_000_000.0
DAY_S = 86_400


class Cluster:
    """A cluster of one manager, as `init` makes it, all of it from a seed."""

    def __init__(self, seed: int = 1) -> None:
        self.random_bytes = Random(seed).randbytes
        self.root = RootKey.make(self.random_bytes, WALL)
        self.trust = Trust(self.root.certificate)
        self.directory = Directory(self.trust)
        self.manager = self.identity()
        self.authority = self.authority_of(self.manager, self.root)
        self.chain = self.certify(self.manager, "boss", Role.MANAGER)
        self.authority.chain = self.chain
        self.directory.learn(self.chain, WALL)

    def identity(self) -> Identity:
        return Identity.generate(self.random_bytes)

    def authority_of(
        self, identity: Identity, root: RootKey | None = None
    ) -> Authority:
        return Authority(identity, self.directory, self.random_bytes, root=root)

    def certify(
        self,
        identity: Identity,
        name: str = "worker",
        role: Role = Role.WORKER,
        wall: float = WALL,
    ) -> Chain:
        return self.authority.issue(own_subject(identity, name, role), wall)

    def second_manager(self, name: str = "second") -> Authority:
        """Return one more manager, without the root key."""
        identity = self.identity()
        authority = self.authority_of(identity)
        authority.chain = self.certify(identity, name, Role.MANAGER)
        return authority


def test_a_root_certifies_the_first_manager() -> None:
    cluster = Cluster()
    terms = cluster.chain.certificate.terms
    assert cluster.chain.issuer is None
    assert cluster.chain.certificate.subject == own_subject(
        cluster.manager, "boss", Role.MANAGER
    )
    assert terms == Terms(
        cluster=cluster.root.certificate.digest,
        issuer=cluster.root.certificate.key_id,
        serial=terms.serial,
        ring_serial=terms.ring_serial,
        not_before=int(WALL) - BACKDATE_S,
        not_after=int(WALL) + MANAGER_LIFE_S,
    )
    assert cluster.trust.judge(cluster.chain, WALL) is Verdict.GOOD


def test_a_manager_certifies_workers_under_ascending_serials() -> None:
    cluster = Cluster()
    chains = [cluster.certify(cluster.identity(), name) for name in ("w1", "w2", "w3")]
    assert [chain.certificate.terms.serial for chain in chains] == [1, 2, 3]
    assert cluster.authority.next_serial == 4
    assert [chain.issuer for chain in chains] == [cluster.chain.certificate] * 3
    assert [chain.certificate.terms.issuer for chain in chains] == [
        cluster.manager.node
    ] * 3
    assert {chain.certificate.terms.not_after for chain in chains} == {
        int(WALL) + WORKER_LIFE_S
    }
    assert all(cluster.trust.judge(chain, WALL) is Verdict.GOOD for chain in chains)


def test_serials_go_on_where_they_were_saved() -> None:
    cluster = Cluster()
    authority = Authority(
        cluster.manager,
        cluster.directory,
        cluster.random_bytes,
        chain=cluster.chain,
        next_serial=77,
    )
    issued = authority.issue(own_subject(cluster.identity(), "w", Role.WORKER), WALL)
    assert (issued.certificate.terms.serial, authority.next_serial) == (77, 78)


def test_the_serials_that_a_root_gives_are_random() -> None:
    cluster = Cluster()
    serials = [
        cluster.certify(cluster.identity(), f"m{n}", Role.MANAGER).certificate.terms
        for n in range(3)
    ]
    assert len({terms.serial for terms in serials}) == 3
    assert min(terms.serial for terms in serials) > 2**32
    assert cluster.authority.next_serial == 1


def test_without_the_root_key_no_manager_is_certified() -> None:
    cluster = Cluster()
    sealed = cluster.second_manager()
    subject = own_subject(cluster.identity(), "third", Role.MANAGER)
    with pytest.raises(Refused, match="manager certificate without the root key: uns"):
        sealed.issue(subject, WALL)
    assert sealed.next_serial == 1
    sealed.root = cluster.root
    assert cluster.trust.judge(sealed.issue(subject, WALL), WALL) is Verdict.GOOD


def test_a_worker_issues_nothing() -> None:
    cluster = Cluster()
    identity = cluster.identity()
    worker = cluster.authority_of(identity)
    worker.chain = cluster.certify(identity)
    with pytest.raises(Refused, match="worker: a worker issues nothing: ask a manager"):
        worker.issue(own_subject(cluster.identity(), "w2", Role.WORKER), WALL)


def test_who_has_neither_certificate_nor_root_key_issues_nothing() -> None:
    cluster = Cluster()
    nobody = cluster.authority_of(cluster.identity())
    with pytest.raises(Refused, match="worker certificate without the root key"):
        nobody.issue(own_subject(cluster.identity(), "w2", Role.WORKER), WALL)


def test_nothing_outlives_the_certificate_of_its_issuer() -> None:
    cluster = Cluster()
    late = WALL + MANAGER_LIFE_S - 10 * DAY_S
    chain = cluster.certify(cluster.identity(), wall=late)
    assert chain.certificate.terms.not_after == int(WALL) + MANAGER_LIFE_S


def test_a_manager_whose_certificate_has_ended_cannot_issue() -> None:
    cluster = Cluster()
    after = WALL + MANAGER_LIFE_S + CLOCK_SKEW_S + 1
    with pytest.raises(Refused, match="this manager cannot issue: its own certificate"):
        cluster.certify(cluster.identity(), wall=after)
    assert cluster.authority.next_serial == 1


def test_a_removed_manager_cannot_issue() -> None:
    cluster = Cluster()
    cluster.trust.revoke_node(cluster.manager.node)
    with pytest.raises(Refused, match=r"its own certificate of boss: node .* revoked"):
        cluster.certify(cluster.identity())


def test_a_removed_node_gets_no_certificate() -> None:
    cluster = Cluster()
    gone = cluster.identity()
    cluster.trust.revoke_node(gone.node)
    with pytest.raises(Refused, match="it was removed: join with a new key"):
        cluster.certify(gone)


def test_a_node_gets_no_certificate_for_another_exchange_key() -> None:
    cluster = Cluster()
    known, thief = cluster.identity(), cluster.identity()
    cluster.directory.learn(cluster.certify(known), WALL)
    changed = Identity(known.signing_private, thief.exchange_private)
    stolen = Identity(thief.signing_private, known.exchange_private)
    for identity in (changed, stolen):
        with pytest.raises(Refused, match="known by another exchange key"):
            cluster.certify(identity)


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a-", "a.b", "a_b", "a" * 64, "ä"])
def test_a_name_that_is_no_label_is_refused(name: str) -> None:
    cluster = Cluster()
    with pytest.raises(Refused, match="want 1 to 63 of a-z, 0-9 and inner hyphens"):
        cluster.certify(cluster.identity(), name)


def test_keys_that_can_be_nobodys_are_refused() -> None:
    cluster = Cluster()
    sound = cluster.identity()
    low_order = Subject(bytes(32), sound.exchange_public, "w", Role.WORKER)
    short = Subject(sound.signing_public, bytes(31), "w", Role.WORKER)
    zero = Subject(sound.signing_public, bytes(32), "w", Role.WORKER)
    with pytest.raises(Refused, match="signing key 0000"):
        cluster.authority.issue(low_order, WALL)
    with pytest.raises(Refused, match="exchange key: public key of 31 bytes, want 32"):
        cluster.authority.issue(short, WALL)
    with pytest.raises(Refused, match="exchange key: public key of low order"):
        cluster.authority.issue(zero, WALL)


def test_joining_again_keeps_the_place_on_the_rings() -> None:
    cluster = Cluster()
    identity = cluster.identity()
    first = cluster.certify(identity)
    cluster.directory.learn(first, WALL)
    again = cluster.certify(identity, "renamed")
    assert again.certificate.terms.ring_serial == first.certificate.terms.ring_serial
    other = cluster.certify(cluster.identity())
    assert other.certificate.terms.ring_serial != first.certificate.terms.ring_serial


def test_renewing_changes_only_dates_serial_and_issuer() -> None:
    cluster = Cluster()
    held = cluster.certify(cluster.identity())
    second = cluster.second_manager()
    renewed = second.renew(held, WALL + 60 * DAY_S)
    old, new = held.certificate, renewed.certificate
    assert new.subject == old.subject
    assert new.terms.ring_serial == old.terms.ring_serial
    assert (new.terms.issuer, new.terms.serial) == (second.identity.node, 1)
    assert new.terms.not_before == int(WALL) + 60 * DAY_S - BACKDATE_S
    assert new.terms.not_after == int(WALL) + 150 * DAY_S
    assert cluster.trust.judge(renewed, WALL + 60 * DAY_S) is Verdict.GOOD


END = WALL + WORKER_LIFE_S
RENEWALS = [
    (END - 1, ""),
    (END + RENEWAL_GRACE_S, ""),
    (END + RENEWAL_GRACE_S + 1, r"expired .*: too long ago to renew, join anew"),
    (WALL - 2 * DAY_S, r"begins .*: set this host's clock"),
]


@pytest.mark.parametrize(("wall", "refusal"), RENEWALS)
def test_a_certificate_is_renewed_from_its_begin_to_a_month_after_its_end(
    wall: float, refusal: str
) -> None:
    cluster = Cluster()
    held = cluster.certify(cluster.identity())
    if refusal:
        with pytest.raises(Refused, match=refusal):
            cluster.authority.renew(held, wall)
        assert cluster.authority.next_serial == 2
    else:
        assert cluster.authority.renew(held, wall).certificate.node == (
            held.certificate.node
        )


def test_a_removed_node_is_not_renewed() -> None:
    cluster = Cluster()
    held = cluster.certify(cluster.identity())
    cluster.trust.revoke_node(held.certificate.node)
    with pytest.raises(Refused, match="was revoked: join with a new key"):
        cluster.authority.renew(held, WALL)


def test_a_node_of_another_cluster_is_not_renewed() -> None:
    cluster, other = Cluster(1), Cluster(2)
    with pytest.raises(Refused, match=r"of cluster .*, this is .*: join by a token"):
        cluster.authority.renew(other.certify(other.identity()), WALL)


def test_a_manager_is_renewed_by_the_root_only() -> None:
    cluster = Cluster()
    held = cluster.second_manager()
    assert held.chain is not None
    assert cluster.authority.renew(held.chain, WALL).issuer is None
    cluster.authority.root = None
    with pytest.raises(Refused, match="without the root key"):
        cluster.authority.renew(held.chain, WALL)


def test_a_certificate_needs_renewal_after_two_thirds_of_its_life() -> None:
    cluster = Cluster()
    worker = cluster.certify(cluster.identity()).certificate
    manager = cluster.chain.certificate
    walls = (WALL - DAY_S, WALL, WALL + 60 * DAY_S - 1, WALL + 60 * DAY_S, END + 1)
    assert [needs_renewal(worker, wall) for wall in walls] == [
        *(False, False, False),
        *(True, True),
    ]
    assert not needs_renewal(manager, WALL + MANAGER_LIFE_S * 2 // 3 - 1)
    assert needs_renewal(manager, WALL + MANAGER_LIFE_S * 2 // 3)


def test_a_root_is_put_together_again_with_its_own_key_only() -> None:
    cluster, other = Cluster(1), Cluster(2)
    again = RootKey(cluster.root.private, cluster.root.certificate)
    assert again.certificate == cluster.root.certificate
    with pytest.raises(Refused, match="of another root than"):
        RootKey(other.root.private, cluster.root.certificate)


def test_a_successor_roots_the_same_cluster() -> None:
    cluster = Cluster()
    second = cluster.root.succeed(cluster.random_bytes, WALL + DAY_S)
    third = second.succeed(cluster.random_bytes, WALL + 2 * DAY_S)
    roots = [root.certificate for root in (cluster.root, second, third)]
    assert [root.cluster for root in roots] == [roots[0].digest] * 3
    assert [root.predecessor for root in roots] == [
        b"",
        roots[0].digest,
        roots[1].digest,
    ]


def test_no_repr_shows_the_root_key() -> None:
    root = Cluster().root
    assert root.private.hex() not in repr(root)
    assert repr(root.private) not in repr(root)
    assert root.certificate.key_id.hex() in repr(root)


SECRET, HANDSHAKE_HASH = b"the worker's one", b"h" * 32
BOOK = TokenBook(Verifier.of(Role.WORKER, SECRET), Verifier.of(Role.MANAGER, bytes(16)))


def admit(cluster: Cluster, joiner: Identity, **changed: Value) -> Chain | Refusal:
    """Have `joiner` admitted by a good request, some of whose fields are changed."""
    good: dict[str, Value] = {
        "version": 1,
        "secret": SECRET,
        "signing": joiner.signing_public,
        "proof": joiner.sign(b"swarmnet join 1\0" + HANDSHAKE_HASH),
        "name": "w1",
        "role": None,
    }
    asked = pack(list((good | changed).values()))
    shown = (joiner.exchange_public, HANDSHAKE_HASH)
    return cluster.authority.admit(BOOK, asked, shown, WALL)


BAD_REQUESTS: list[dict[str, Value]] = [
    {"version": 0},
    {"secret": b"short"},
    {"signing": bytes(32)},
    {"signing": Identity(b"\x05" * 32, b"\x06" * 32).signing_public},
    {"proof": bytes(64)},
    {"name": "Bad Name"},
    {"name": "n" * 64},
    {"role": 2},
]


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=str)
def test_a_request_that_is_malformed_or_unproven_admits_nobody(
    bad: dict[str, Value],
) -> None:
    cluster = Cluster()
    joiner = cluster.identity()
    assert admit(cluster, joiner, **bad) is Refusal.BAD_REQUEST
    assert (cluster.authority.next_serial, len(cluster.directory)) == (1, 1)
    assert isinstance(admit(cluster, joiner, version=2, later="more"), Chain)


def test_a_proof_made_for_another_handshake_proves_nothing() -> None:
    cluster = Cluster()
    joiner = cluster.identity()
    proof = joiner.sign(b"swarmnet join 1\0" + b"i" * 32)
    assert admit(cluster, joiner, proof=proof) is Refusal.BAD_REQUEST


def test_who_has_no_secret_learns_nothing_else() -> None:
    cluster = Cluster()
    guess: dict[str, Value] = {"secret": b"guessed secret 1", "name": "boss"}
    found = admit(cluster, cluster.identity(), **guess, proof=bytes(64))
    assert found is Refusal.SECRET_UNKNOWN


def test_a_node_that_joins_again_keeps_its_name_and_its_place() -> None:
    cluster = Cluster()
    joiner = cluster.identity()
    first, again = admit(cluster, joiner), admit(cluster, joiner)
    assert isinstance(first, Chain)
    assert isinstance(again, Chain)
    terms = [held.certificate.terms for held in (first, again)]
    assert [held.serial for held in terms] == [1, 2]
    assert terms[0].ring_serial == terms[1].ring_serial
    assert admit(cluster, cluster.identity()) is Refusal.NAME_IN_USE


def test_a_full_directory_admits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Directory, "CHAINS_MAX", 1)
    cluster = Cluster()
    assert admit(cluster, cluster.identity()) is Refusal.UNABLE
