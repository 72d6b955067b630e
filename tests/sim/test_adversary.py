"""What the simulator's adversaries can do, and what is known of whom they attack."""

from random import Random

import pytest

from sim.adversary import Adversary, Seen
from sim.cluster import Cluster
from sim.forgery import Forger, with_cookie
from sim.ledger import Ledger, NotedIdentity
from sim.liar import Liar
from sim.lies import Lie, Lies
from sim.pki import WALL_S, Pki
from sim.trespass import Trespass
from swarmnet.crypto.certificate import Role, Verdict
from swarmnet.crypto.packets import HEADS, MAC_BYTES, Kind, kind_of
from swarmnet.ids import Address
from swarmnet.swim.outputs import State
from tests.samples import mostly_slow
from tests.sim.hostile import channeled, counters, engine_of, pass_time

NOWHERE = Address(b"\x09\x09\x09\x09", 9)


def forger_of(cluster: Cluster, seed: int = 1) -> Forger:
    """Return a forger who knows all nodes of a cluster."""
    assert cluster.outfit is not None
    return Forger(cluster.outfit, cluster.nodes, Random(seed))


def watched(nodes: int) -> tuple[Cluster, Adversary, Trespass]:
    """Return a cluster of which an outsider has seen two seconds, and the guard."""
    cluster = channeled(nodes)
    trespass = Trespass(cluster)
    for host in cluster.hosts:
        trespass.began(host, engine_of(cluster, host.index))
    adversary = Adversary(cluster, 2, Random(1))
    pass_time(cluster, 2.0)
    return cluster, adversary, trespass


def seen(adversary: Adversary, kind: Kind) -> Seen:
    """Return the last datagram of a kind that passed."""
    return next(
        one
        for one in reversed([*adversary.firsts, *adversary.recorded])
        if kind_of(one.data) is kind and not one.streamed
    )


def test_what_processes_sign_is_known_and_what_others_sign_with_their_keys_is_not() -> (
    None
):
    ledger = Ledger()
    keys = Pki(1).identity(0)
    own = NotedIdentity(keys, ledger)
    assert own.sign(b"said") == keys.sign(b"said")
    keys.sign(b"stolen")
    assert [ledger.holds(own.node, said) for said in (b"said", b"stolen")] == [
        True,
        False,
    ]
    assert not ledger.holds(Pki(1).identity(1).node, b"said")


def test_certificates_do_not_hang_on_who_is_asked_for_first() -> None:
    up, down = Pki(7), Pki(7)
    ascending = [up.chain(index).encoded for index in range(4)]
    descending = [down.chain(index).encoded for index in reversed(range(4))]
    assert ascending == descending[::-1]


def test_the_outsider_records_members_and_neither_himself_nor_what_he_gets() -> None:
    cluster, adversary, _ = watched(3)
    sources = {one.source for one in adversary.recorded}
    assert sources == {host.address for host in cluster.hosts}
    before = len(adversary.recorded)
    adversary.send(b"x", cluster.hosts[0].address, NOWHERE)
    assert len(adversary.recorded) == before
    assert (adversary.datagrams, adversary.frames) == (1, 0)


def test_a_forged_handshake_has_a_right_mac_and_is_a_strangers() -> None:
    cluster, adversary, trespass = watched(3)
    forger, target = forger_of(cluster), cluster.hosts[0]
    for _ in range(20):
        data = forger.initiation(target.node)
        adversary.send(data, target.address, adversary.seats[0].address)
    pass_time(cluster, 2.1)
    counts = counters(cluster, 0)
    strangers = sum(n for name, n in counts.items() if "channel_strangers" in name)
    refused = strangers + counts["channel_bad_packets"]
    assert (refused, counts.get("channel_mac1_wrong", 0)) == (20, 0)
    assert trespass.counts["arrived"] == 20
    assert trespass.counts["breaches"] == trespass.counts["answers"] == 0


def test_a_meeting_of_a_stranger_is_answered_and_comes_to_nothing() -> None:
    cluster, adversary, _ = watched(3)
    forger, target = forger_of(cluster), cluster.hosts[0]
    closings: list[bytes] = []

    def hear(_seat: object, _host: object, data: bytes, _streamed: bool) -> None:
        closing = forger.closing(data)
        if closing is not None:
            closings.append(closing)
            adversary.send_on_stream(closing, target.address, adversary.seats[0])

    adversary.listen(hear)
    before = engine_of(cluster, 0).paths().keys()
    adversary.send_on_stream(forger.opening(), target.address, adversary.seats[0])
    pass_time(cluster, 2.1)
    assert len(closings) == 1
    assert counters(cluster, 0)["channel_strangers"] == 1
    assert engine_of(cluster, 0).paths().keys() == before


@pytest.mark.slow
def test_a_flooded_node_gives_cookies_to_the_outsiders_own_addresses() -> None:
    cluster, adversary, trespass = watched(2)
    forger, target = forger_of(cluster), cluster.hosts[0]
    cookies: list[bytes | None] = []
    adversary.listen(
        lambda _seat, host, data, _streamed: cookies.append(
            forger.cookie(data, host.node)
        )
    )
    packets = [forger.initiation(target.node) for _ in range(64)]
    for number in range(700):
        packet = packets[number % 64]
        adversary.send(packet, target.address, adversary.seats[0].address)
    pass_time(cluster, 2.1)
    assert counters(cluster, 0)["channel_cookies_sent"] == len(cookies) > 0
    found = {cookie for cookie in cookies if cookie is not None}
    assert len(found) == 1
    assert len(found.pop()) == MAC_BYTES
    assert trespass.counts["breaches"] == 0


def test_a_packet_that_shows_a_cookie_differs_in_its_last_mac_alone() -> None:
    packet = HEADS[Kind.INITIATION] + bytes(200)
    shown = with_cookie(packet, b"c" * 16)
    assert shown[:-MAC_BYTES] == packet[:-MAC_BYTES]
    assert shown != packet == with_cookie(shown, b"")


def test_bent_packets_are_others_and_some_have_a_right_mac() -> None:
    cluster, adversary, _ = watched(3)
    forger = forger_of(cluster)
    first = seen(adversary, Kind.INITIATION)
    other = seen(adversary, Kind.TRANSPORT)
    engine = engine_of(cluster, first.target.index)
    right = 0
    for _ in range(200):
        bent = forger.bent(first.data, other.data, first.target.node)
        right += kind_of(bent) is Kind.INITIATION and engine.is_for_us(bent)
    assert 20 < right < 180


def test_garbage_is_of_all_lengths_and_kinds() -> None:
    forger = forger_of(channeled(2))
    made = [forger.garbage() for _ in range(400)]
    assert {kind_of(data) for data in made} == {None, *Kind}
    assert min(map(len, made)) < 20
    assert max(map(len, made)) > 1250


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (Kind.INITIATION, {Kind.COOKIE, Kind.RESPONSE}),
        (Kind.TRANSPORT, {Kind.HINT}),
    ],
)
def test_false_answers_are_of_the_kinds_that_could_be_true(
    kind: Kind, answers: set[Kind]
) -> None:
    cluster, adversary, _ = watched(3)
    forger, packet = forger_of(cluster), seen(adversary, kind)
    made = [forger.answer(packet.data, packet.target.node, 2.0) for _ in range(20)]
    assert {kind_of(data) for data in made if data is not None} == answers
    assert forger.answer(b"else", packet.target.node, 2.0) is None


def test_a_copy_changes_nothing_where_the_original_was_taken() -> None:
    cluster, adversary, trespass = watched(3)
    for kind in (Kind.INITIATION, Kind.TRANSPORT):
        packet = seen(adversary, kind)
        adversary.send(packet.data, packet.target.address, NOWHERE)
    pass_time(cluster, 2.1)
    assert trespass.counts["arrived"] == 2
    assert (trespass.counts["late"], trespass.counts["breaches"]) == (0, 0)


def test_a_copy_is_late_where_a_restart_forgot_the_original() -> None:
    cluster, adversary, trespass = watched(3)
    packet = seen(adversary, Kind.INITIATION)
    cluster.crash(packet.target)
    cluster.restart(packet.target, with_state=True, random=Random(1))
    for _ in range(2):
        adversary.send(packet.data, packet.target.address, NOWHERE)
    pass_time(cluster, 2.1)
    assert (trespass.counts["late"], trespass.counts["breaches"]) == (1, 0)


def test_false_certificates_are_worth_nothing() -> None:
    cluster = channeled(4)
    assert cluster.outfit is not None
    pki = cluster.outfit.pki
    liar = Liar(cluster.hosts[0], pki.identity(0), Random(1))
    lies = Lies(cluster, liar)
    directory = pki.directory_of(4)
    kept = [directory.chain_of(pki.node(index)) for index in range(4)]
    verdicts = set()
    for _ in range(200):
        chain = lies.false_chain()
        role = chain.certificate.subject.role
        verdicts.add((role, directory.learn(chain, WALL_S)))
    assert Verdict.GOOD not in {verdict for _, verdict in verdicts}
    assert {role for role, _ in verdicts} == set(Role)
    assert [directory.chain_of(pki.node(index)) for index in range(4)] == kept


def test_a_liar_is_heard_through_its_own_channel_and_says_what_it_likes() -> None:
    cluster = channeled(3)
    pass_time(cluster, 2.0)
    assert cluster.outfit is not None
    liar = Liar(cluster.hosts[0], cluster.outfit.pki.identity(0), Random(1))
    accused = cluster.hosts[2].node
    liar.tell(cluster.hosts[1], [liar.accusation(accused, (1, 0)).item])
    pass_time(cluster, 2.02)
    assert cluster.states["suspect"] == 1
    assert cluster.states["alive"] == 2
    assert engine_of(cluster, 1).incarnation(accused) == (1, 1)
    assert liar.told == 1


def test_a_liar_that_is_down_says_nothing() -> None:
    cluster = channeled(3)
    assert cluster.outfit is not None
    liar = Liar(cluster.hosts[0], cluster.outfit.pki.identity(0), Random(1))
    item = liar.statement(
        liar.me, (1, 1), State.ALIVE, (cluster.hosts[0].address, b"")
    ).item
    cluster.crash(cluster.hosts[0])
    liar.tell(cluster.hosts[1], [item])
    assert liar.told == 0


@pytest.mark.parametrize("kind", mostly_slow([*Lie][:5], [Lie.ROWS]))
def test_every_kind_of_lie_is_told_at_its_pace(kind: Lie) -> None:
    cluster = channeled(4)
    assert cluster.outfit is not None
    liar = Liar(cluster.hosts[0], cluster.outfit.pki.identity(0), Random(1))
    lies = Lies(cluster, liar)
    lies.note(cluster.hosts[1].node)
    lies.begin(kind, 0.1, 1.95)
    pass_time(cluster, 3.0)
    assert 20 <= liar.told <= 40
