"""A whole join: who gets in, who does not and why, and what a flood may cost."""

import tracemalloc
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.admission import (
    MESSAGE_BYTES_MAX,
    PAGES_MAX,
    STRANGER_BYTES_MAX,
    Admitted,
    Admitter,
    CloseStream,
    Joined,
    Joiner,
    NotJoined,
    SendMessage,
)
from swarmnet.crypto.authority import MANAGER_LIFE_S, Authority, own_subject
from swarmnet.crypto.certificate import Role, Verdict
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.token import Papers, Refusal, Token, encode_refusal
from swarmnet.wire import pack, unpack_array_untrusted
from tests.crypto.test_authority import DAY_S, WALL, Cluster
from tests.crypto.test_identity import flips
from tests.crypto.test_token import (
    MEMBERS,
    WORKER_SECRET,
    Door,
    ended,
    exchange,
    join,
    joiner,
    sent,
)
from tests.samples import mostly_slow

BUSY = encode_refusal(Refusal.BUSY)


def test_a_worker_joins() -> None:
    door = Door()
    peer = joiner(door.token)
    (second,) = door.hears(sent(peer))
    assert isinstance(second, SendMessage)
    peer.receive_message(WALL, second.data)
    admitted, welcome, page, close = door.hears(sent(peer))
    assert isinstance(admitted, Admitted)
    assert isinstance(welcome, SendMessage)
    assert isinstance(page, SendMessage)
    assert close == CloseStream(1)
    peer.receive_message(WALL, welcome.data)
    assert peer.poll_output() is None
    peer.receive_message(WALL, page.data)
    joined = peer.poll_output()
    assert isinstance(joined, Joined)
    assert (peer.poll_output(), peer.poll_timeout()) == (None, None)
    assert (joined.chain, joined.members) == (admitted.chain, tuple(MEMBERS))
    identity = Identity.generate(Random(31).randbytes)
    subject = joined.chain.certificate.subject
    assert subject == own_subject(identity, "w1", Role.WORKER)
    assert joined.trust.judge(joined.chain, WALL) is Verdict.GOOD
    assert joined.trust.cluster == door.cluster.trust.cluster
    assert door.cluster.directory.chain(subject.node) == joined.chain


def test_a_manager_joins_where_the_root_key_is() -> None:
    door = Door()
    joined = join(door, joiner(door.manager_token, "m2", Role.MANAGER))
    assert isinstance(joined, Joined)
    assert joined.chain.certificate.subject.role is Role.MANAGER
    assert joined.chain.issuer is None


def test_a_join_has_these_sizes_and_shows_nothing_secret() -> None:
    door = Door()
    messages = exchange(door, joiner(door.token))
    assert [len(data) for data in messages] == [46, 456, 210, 470, 43]
    identity = Identity.generate(Random(31).randbytes)
    keys = (identity.signing_public, identity.exchange_public, door.token.digest)
    for hidden in (WORKER_SECRET, *keys, *MEMBERS):
        assert hidden not in b"".join(messages)


def test_a_joiner_takes_no_certificate_but_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = Door()
    others = door.cluster.certify(door.cluster.identity(), "w1")
    monkeypatch.setattr(Authority, "admit", lambda *_: others)
    outcome = join(door, joiner(door.token))
    assert isinstance(outcome, NotJoined)
    assert outcome.reason is Refusal.BAD_ANSWER


def other_cluster(door: Door) -> Joiner:
    del door
    return joiner(Token(Cluster(2).root.certificate.digest, WORKER_SECRET))


def withdrawn_root(door: Door) -> Joiner:
    c = door.cluster
    c.trust.add_root(c.root.succeed(c.random_bytes, WALL).certificate)
    c.trust.withdraw_root(c.root.certificate.key_id)
    return joiner(door.token)


def retired_secret(door: Door) -> Joiner:
    door.book.replace(door.book.verifier(Role.WORKER).rotated(b"a new secret 123"))
    return joiner(door.token)


def unknown_secret(door: Door) -> Joiner:
    return joiner(Token(door.token.digest, b"guessed secret 1"))


def wrong_role(door: Door) -> Joiner:
    return joiner(door.token, "m2", Role.MANAGER)


def sealed_root(door: Door) -> Joiner:
    door.cluster.authority.root = None
    return joiner(door.manager_token, "m2")


def name_in_use(door: Door) -> Joiner:
    return joiner(door.token, "boss")


def revoked(door: Door) -> Joiner:
    door.cluster.trust.revoke_node(Identity.generate(Random(31).randbytes).node)
    return joiner(door.token)


def keys_differ(door: Door) -> Joiner:
    c = door.cluster
    same = Identity.generate(Random(31).randbytes)
    former = Identity(same.signing_private, b"\x07" * 32)
    c.directory.learn(c.certify(former, "former"), WALL)
    return joiner(door.token)


def unable(door: Door) -> Joiner:
    door.cluster.trust.revoke_node(door.cluster.manager.node)
    return joiner(door.token)


REFUSALS: list[tuple[Callable[[Door], Joiner], Refusal, str]] = [
    (other_cluster, Refusal.OTHER_CLUSTER, "the token is of another cluster: ask this"),
    (withdrawn_root, Refusal.ROOT_WITHDRAWN, "root was withdrawn: ask for a current"),
    (retired_secret, Refusal.SECRET_RETIRED, "rotated away: ask for the current one"),
    (unknown_secret, Refusal.SECRET_UNKNOWN, "is not this cluster's: copy it again"),
    (wrong_role, Refusal.WRONG_ROLE, "does not admit a manager: ask for the other"),
    (sealed_root, Refusal.ROOT_SEALED, "no root key there, so no new managers: unseal"),
    (name_in_use, Refusal.NAME_IN_USE, "the name boss is in use: choose another"),
    (revoked, Refusal.REVOKED, "this node was removed: delete its keys and join as"),
    (keys_differ, Refusal.KEYS_DIFFER, "exchange key, is known with another: make"),
    (unable, Refusal.UNABLE, "cannot issue now, its log says why: join by another"),
]


@pytest.mark.parametrize(
    ("make", "refusal", "line"), REFUSALS, ids=[case[0].__name__ for case in REFUSALS]
)
def test_each_refusal_is_told_by_its_own_line_and_admits_nobody(
    make: Callable[[Door], Joiner], refusal: Refusal, line: str
) -> None:
    door = Door()
    peer = make(door)
    before = door.state()
    outcome = join(door, peer)
    assert isinstance(outcome, NotJoined)
    assert (outcome.reason, line in outcome.line) == (refusal, True)
    assert door.state() == before


Lie = tuple[Identity, Papers]


def own_root(_: Cluster) -> Lie:
    rogue = Cluster(2)
    return rogue.manager, Papers(rogue.chain, rogue.trust.roots())


def own_chain_under_the_true_root(c: Cluster) -> Lie:
    rogue = Cluster(2)
    return rogue.manager, Papers(rogue.chain, c.trust.roots())


def the_true_chain_with_other_keys(c: Cluster) -> Lie:
    return c.identity(), Papers(c.chain, c.trust.roots())


def a_workers_chain(c: Cluster) -> Lie:
    worker = c.identity()
    return worker, Papers(c.certify(worker), c.trust.roots())


def an_ended_chain(c: Cluster) -> Lie:
    c.directory.forget(c.manager.node)
    held = c.certify(c.manager, "boss", Role.MANAGER, WALL - MANAGER_LIFE_S - DAY_S)
    return c.manager, Papers(held, c.trust.roots())


def a_chain_to_come(c: Cluster) -> Lie:
    held = c.certify(c.manager, "boss", Role.MANAGER, WALL + DAY_S)
    return c.manager, Papers(held, c.trust.roots())


LIES: list[tuple[Callable[[Cluster], Lie], Refusal | Verdict, str]] = [
    (own_root, Refusal.FALSE_ROOT, "lacks the token's root: check address and token"),
    (own_chain_under_the_true_root, Verdict.WRONG_CLUSTER, "the manager's certificate"),
    (the_true_chain_with_other_keys, Refusal.FALSE_KEY, "shows another's certificate"),
    (a_workers_chain, Refusal.FALSE_KEY, "the answerer is no manager"),
    (
        an_ended_chain,
        Verdict.EXPIRED,
        "the manager's certificate of boss: expired 2027",
    ),
    (a_chain_to_come, Verdict.NOT_YET_VALID, "begins 2027-01-16 07:00:00 UTC, here it"),
]


@pytest.mark.parametrize(
    ("lie", "expected", "line"), LIES, ids=[case[0].__name__ for case in LIES]
)
def test_a_lying_answerer_never_sees_the_secret(
    lie: Callable[[Cluster], Lie], expected: Refusal | Verdict, line: str
) -> None:
    cluster = Cluster()
    token = Token(cluster.root.certificate.digest, WORKER_SECRET)
    peer = joiner(token)
    first = sent(peer)
    liar, shown = lie(cluster)
    noise = HandshakeState(
        b"Noise_XX_25519_AESGCM_BLAKE2s",
        initiator=False,
        prologue=b"swarmnet join 1" + token.digest,
        static=liar.exchange,
        random_bytes=Random(9).randbytes,
    )
    ephemeral = unpack_array_untrusted(first)[2]
    assert isinstance(ephemeral, bytes)
    noise.read_message(ephemeral)
    peer.receive_message(WALL, pack((1, 0, noise.write_message(shown.encode()))))
    outcome = ended(peer)
    assert (outcome.reason, line in outcome.line) == (expected, True)
    # All that was ever said is a hint of 8 bytes and a fresh key.
    assert (len(first), len(ephemeral)) == (1 + 1 + 10 + 34, 32)
    assert WORKER_SECRET not in first


def test_the_token_of_either_root_admits_during_a_rotation() -> None:
    c = Cluster()
    second = c.root.succeed(c.random_bytes, WALL)
    c.trust.add_root(second.certificate)
    for seed, root in enumerate((c.root, second), start=40):
        token = Token(root.certificate.digest, WORKER_SECRET)
        joined = join(Door(cluster=c), joiner(token, f"w{seed}", seed=seed))
        assert isinstance(joined, Joined)
        assert len(joined.trust.roots()) == 2
        assert joined.trust.cluster == c.trust.cluster


def test_a_joiner_ends_when_nobody_answers_or_the_other_side_hangs_up() -> None:
    silent, closed = joiner(Door().token), joiner(Door().token)
    sent(silent)
    sent(closed)
    assert silent.poll_timeout() == Joiner.WAIT_S
    silent.handle_timeout(Joiner.WAIT_S - 0.1)
    assert silent.poll_output() is None
    silent.handle_timeout(Joiner.WAIT_S)
    assert ended(silent).reason is Refusal.NO_ANSWER
    closed.receive_closed()
    assert ended(closed).reason is Refusal.BAD_ANSWER


def test_members_come_in_pages_and_are_bounded() -> None:
    members = [number.to_bytes(2, "big") * 500 for number in range(400)]
    messages = exchange(Door(members), joiner(Door().token))
    assert len(messages[4:]) == PAGES_MAX
    assert max(map(len, messages)) <= MESSAGE_BYTES_MAX
    joined = join(Door(members), joiner(Door().token))
    assert isinstance(joined, Joined)
    assert joined.members == tuple(members[: 16 * PAGES_MAX])


RECORDED = exchange(Door(), joiner(Door().token))
TO_MANAGER = (0, 2)


def replay(upto: int) -> tuple[Door, Joiner]:
    """Return a door and a joiner that have read the recorded messages before one."""
    door, peer = Door(), joiner(Door().token)
    for index, data in enumerate(RECORDED[:upto]):
        if index in TO_MANAGER:
            door.hears(data)
        else:
            peer.receive_message(WALL, data)
    while isinstance(peer.poll_output(), SendMessage):
        pass
    return door, peer


def check_spoilt(index: int, data: bytes) -> None:
    """Check that in place of a recorded message `data` gets nobody in."""
    door, peer = replay(index)
    before = door.state()
    if index == 2:
        assert door.hears(data) == [CloseStream(1)]
        assert door.state()[:2] == before[:2]
        return
    # A key that was turned in the first shows in what the manager seals with it.
    for heard in door.answers(data) if index == 0 else [data]:
        peer.receive_message(WALL, heard)
    assert door.state()[:2] == before[:2]
    assert index == 0 or ended(peer).reason in (Refusal.BAD_ANSWER, Refusal.UNNAMED)
    assert not isinstance(peer.poll_output(), Joined | SendMessage)


@pytest.mark.parametrize("index", mostly_slow(range(len(RECORDED)), [0, 1]))
def test_a_message_cut_anywhere_gets_nobody_in(index: int) -> None:
    data = RECORDED[index]
    for cut in range(0, len(data), 1 if len(data) < 300 else 7):
        check_spoilt(index, data[:cut])


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(RECORDED)))
def test_a_bit_turned_in_a_message_gets_nobody_in(index: int) -> None:
    for data in flips(RECORDED[index])[::3]:  # Of each byte two bits or three.
        check_spoilt(index, data)


@pytest.mark.parametrize("index", range(len(RECORDED)))
@given(st.binary(max_size=STRANGER_BYTES_MAX + 1))
def test_bytes_by_chance_get_nobody_in(index: int, data: bytes) -> None:
    check_spoilt(index, data)


def test_a_recorded_join_gets_nobody_in_again() -> None:
    door = Door()
    assert len(exchange(door, joiner(door.token))) == len(RECORDED)
    before = door.state()
    assert len(door.answers(RECORDED[0])) == 1
    # The same generator has gone on: the manager's part is fresh.
    assert door.hears(RECORDED[2]) == [CloseStream(1)]
    assert door.state() == before


def test_an_exchange_that_is_not_concluded_is_dropped_in_time() -> None:
    door = Door()
    door.hears(RECORDED[0], stream=1, now=0.0)
    door.hears(RECORDED[0], stream=2, now=1.0)
    assert door.admitter.poll_timeout() == Admitter.HALF_OPEN_S
    door.admitter.handle_timeout(Admitter.HALF_OPEN_S)
    assert list(iter(door.admitter.poll_output, None)) == [CloseStream(1)]
    door.admitter.receive_closed(2)
    assert (door.admitter.poll_timeout(), door.admitter.poll_output()) == (None, None)


def test_a_flood_holds_so_many_exchanges_and_the_oldest_is_told_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Admitter, "HALF_OPEN_MAX", 2)
    door = Door()
    for stream in (1, 2):
        assert len(door.hears(RECORDED[0], stream)) == 1
    busy, close, answer = door.hears(RECORDED[0], stream=3)
    assert (busy, close) == (SendMessage(BUSY, 1), CloseStream(1))
    assert isinstance(answer, SendMessage)
    assert answer.stream == 3


def test_a_flood_costs_so_many_key_exchanges_and_is_then_told_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Admitter, "STARTS_BURST", 3.0)
    door = Door()
    told = [door.hears(RECORDED[0], stream) for stream in range(5)]
    busy = [[SendMessage(BUSY, stream), CloseStream(stream)] for stream in (3, 4)]
    assert (len(told[2]), told[3:]) == (1, busy)
    later = 1.0 / Admitter.STARTS_PER_S
    assert len(door.hears(RECORDED[0], stream=5, now=later)) == 1


def test_a_half_open_exchange_is_small() -> None:
    door = Door()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for stream in range(100):
        door.hears(RECORDED[0], stream)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (after - before) / 100 < 1536
