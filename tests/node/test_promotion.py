"""Managers are made and unmade: everywhere, for good, and nothing is lost by it."""

from functools import partial

import pytest

from swarmnet.crypto.authority import own_subject
from swarmnet.crypto.certificate import Chain, Role, Verdict
from swarmnet.crypto.token import Verifier
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER
from swarmnet.ipam.pools import parse_pool
from swarmnet.node.about import encode_about
from swarmnet.node.certification import DEMOTION_S
from swarmnet.node.envelope import GIVEN
from swarmnet.node.tokens import write_verifier
from swarmnet.swim.outputs import State
from swarmnet.tables.facts import encode_revocation
from swarmnet.tables.row import CERTIFICATE, POOL, REVOCATION, TOKEN, Flag
from tests.node.certified import Certified

WORKER, MANAGER = Role
SECRET = bytes(range(16))


def demoted(count: int = 5, managers: int = 3) -> Certified:
    """Return nodes of which the second was a manager until now."""
    table = Certified(count, managers)
    table.change(1, 2, WORKER)
    table.run(DEMOTION_S + 1.0)
    return table


def revoke(table: Certified, by: int, node: int) -> None:
    table.command(by, lambda tables: tables.revoke(table.now, table.id(node)))


@pytest.mark.slow
def test_who_is_promoted_is_a_manager_to_every_member() -> None:
    table = Certified(4)
    made = table.change(1, 4, MANAGER)
    table.run(1.0)
    assert table.told(4) == [made]
    assert [table.role(number, 4) for number in (1, 2, 3, 4)] == [MANAGER] * 4
    revoke(table, 4, 3)
    table.run(1.0)
    for number in (1, 2, 4):
        assert table.counts(number) == {bytes(table.id(3))}
        assert table.nodes[number].states()[table.id(3)] is State.LEFT


@pytest.mark.slow
def test_who_is_demoted_is_a_worker_to_every_member() -> None:
    table = demoted()
    (made,) = table.told(2)
    assert made.is_demotion
    for number in range(1, 6):
        assert table.role(number, 2) is WORKER
        assert table.agree(2)
    with pytest.raises(Refused, match="only a manager removes"):
        revoke(table, 2, 5)
    assert table.all_see(range(1, 6))


@pytest.mark.slow
@pytest.mark.parametrize("name", [REVOCATION, TOKEN, POOL])
def test_what_a_demoted_manager_writes_as_such_counts_nowhere(name: str) -> None:
    table = demoted()
    contents = {
        REVOCATION: (bytes(table.id(5)), encode_revocation(None)),
        TOKEN: (b"\0", Verifier.of(WORKER, SECRET).encode()),
        POOL: (bytes(table.id(2)), b"a pool"),
    }
    rows = {str(key): value for key, value in contents.items()}
    key, value = rows[name]
    tables = {str(one): one for one in contents}
    for number in (1, 3, 4):
        about = (tables[name], key)
        table.say(2, number, about, (Flag.DURABLE, value))
    table.run(2.0)
    for number in (1, 3, 4):
        assert table.nodes[number].tables.held(CLUSTER, (tables[name], key))
        assert table.counts(number, tables[name]) == set()
        assert table.nodes[number].states()[table.id(5)] is State.ALIVE
        book = table.nodes[number].certification.tokens.book
        assert book.match(SECRET).role is None


@pytest.mark.slow
def test_a_demoted_manager_cannot_keep_it_from_anybody() -> None:
    """It goes on with its old certificate, and shows that to who has just come."""
    table = Certified(4, 2)
    old = table.held(2)
    subject = own_subject(table.pki.identity(5), "n5", WORKER)
    table.certified.made[5] = table.authorities[1].issue(subject, table.wall)
    made = table.authorities[1].change_role(
        old, WORKER, table.wall, issued=table.nodes[1].issued_by(table.id(2))
    )
    table.drop = lambda number, sent: 2 in (number, sent.address.host[-1])
    table.hand(1, 2, made)
    table.run(DEMOTION_S + 0.5)
    assert table.held(2).certificate.subject.role is MANAGER
    assert [table.role(number, 2) for number in (1, 3, 4)] == [WORKER] * 3
    table.drop = lambda _number, _sent: False
    table.count = 5
    table.start(5)
    table.directories[5].learn(old, table.wall)
    table.join(5, 3)
    table.run(3.0)
    assert table.role(5, 2) is WORKER
    assert table.told(2) == [made], "it hears of it by the row as well"


@pytest.mark.slow
def test_whom_a_demoted_manager_admitted_stays_and_nobody_new_comes() -> None:
    table = demoted()
    assert table.all_see(range(1, 6))
    late = table.certified.second.issue(
        own_subject(table.pki.identity(7), "n7", WORKER), table.wall
    )
    for number in (1, 3, 4):
        verdict = table.directories[number].learn(late, table.wall)
        assert verdict is Verdict.ISSUER_REVOKED
    with pytest.raises(Refused, match="issue"):
        table.authorities[2].renew(table.held(2, 5), table.wall)


@pytest.mark.slow
def test_whom_it_admitted_unheard_of_is_a_member_no_more() -> None:
    table = Certified(4, 2)
    chain = table.certified.second.issue(
        own_subject(table.pki.identity(5), "n5", WORKER), table.wall
    )
    issued = table.nodes[1].issued_by(table.id(2))
    table.certified.made[5] = chain
    table.count = 5
    table.start(5)
    table.join(5, 2)
    table.run(2.0)
    assert table.nodes[4].states()[table.id(5)] is State.ALIVE
    made = table.authorities[1].change_role(
        table.held(1, 2), WORKER, table.wall, issued=issued
    )
    table.hand(1, 2, made)
    table.run(3.0)
    for number in (1, 3, 4):
        assert table.nodes[number].states()[table.id(5)] is State.LEFT


@pytest.mark.slow
def test_what_a_manager_had_said_as_such_stands_when_it_is_demoted() -> None:
    table = Certified(5, 3)
    pools = (parse_pool("10.0.0.0/16"),)
    table.nodes[2].allocate(table.now, lambda a: a.init_pools(table.now, pools, None))
    revoke(table, 2, 5)
    table.command(
        2, lambda t: write_verifier(t, table.now, Verifier.of(WORKER, SECRET))
    )
    table.run(15.0)
    before = told_of_pools(table)
    table.change(1, 2, WORKER)
    table.run(10.0)
    for number in (1, 3, 4):
        node = table.nodes[number]
        assert table.counts(number) == {bytes(table.id(5))}
        assert node.states()[table.id(5)] is State.LEFT
        assert node.certification.tokens.book.match(SECRET).role is WORKER
    assert told_of_pools(table) == before
    table.run(5.0)
    assert {table.nodes[n].tables.digest(CLUSTER) for n in (1, 2, 3, 4)} == {
        table.nodes[1].tables.digest(CLUSTER)
    }


def told_of_pools(table: Certified) -> list[object]:
    """Return whose all of it was at first, and who may use what of it."""
    found: list[object] = []
    for number in (1, 2, 3, 4):
        addressing = table.nodes[number].addressing
        realms = addressing.realms.items()
        holders = sorted((name, one.ownership.root_holder) for name, one in realms)
        usable = sorted(addressing.networks.usable().items())
        found.append((holders, str(usable)))
    return found


@pytest.mark.slow
def test_who_is_promoted_again_is_a_manager_again() -> None:
    table = demoted()
    made = table.change(1, 2, MANAGER)
    table.run(2.0)
    assert table.told(2)[-1] == made
    assert [table.role(number, 2) for number in range(1, 6)] == [MANAGER] * 5
    (first, _) = table.told(2)
    table.hand(1, 2, first)
    table.run(DEMOTION_S + 1.0)
    assert [table.role(number, 2) for number in range(1, 6)] == [MANAGER] * 5
    revoke(table, 2, 5)
    table.run(1.0)
    assert table.counts(1) == {bytes(table.id(5))}


@pytest.mark.slow
@pytest.mark.parametrize("is_first", [False, True])
def test_a_promotion_that_was_taken_back_counts_nowhere_when_it_is_heard(
    *, is_first: bool
) -> None:
    """A frozen node reads it later, before or after it hears that it was ended."""
    table = Certified(4)
    promotion = table.authorities[1].change_role(table.held(1, 4), MANAGER, table.wall)
    table.drop = lambda number, sent: 4 in (number, sent.address.host[-1])
    ended = table.authorities[1].change_role(promotion, WORKER, table.wall)
    table.hand(1, 4, ended)
    table.run(DEMOTION_S + 0.1)
    if is_first:
        give(table, 4, promotion)
        assert table.role(4, 4) is MANAGER
    table.drop = lambda _number, _sent: False
    table.run(15.0)
    if not is_first:
        give(table, 4, promotion)
        table.run(1.0)
    assert [table.role(number, 4) for number in (1, 2, 3, 4)] == [WORKER] * 4
    assert table.all_see(range(1, 5))
    with pytest.raises(Refused, match="only a manager removes"):
        revoke(table, 4, 3)
    # It can be promoted all the same.
    table.change(1, 4, MANAGER)
    table.run(1.0)
    assert [table.role(number, 4) for number in (1, 2, 3, 4)] == [MANAGER] * 4


def give(table: Certified, number: int, chain: Chain) -> None:
    """Let a node read now what node 1 has sent it before."""
    data = GIVEN + chain.encoded
    table.nodes[number].certify(
        table.now, lambda one: one.receive(table.now, table.id(1), data)
    )


@pytest.mark.slow
def test_no_row_demotes_whom_no_root_does() -> None:
    table = Certified(4, 3)
    subject = own_subject(table.pki.identity(3), "n3", WORKER)
    made = table.certified.second.issue(subject, table.wall)
    since = made.certificate.terms.not_before.to_bytes(8, "big")
    value = encode_about(made.encoded)
    for number in (1, 4):
        for content in (value, b"\xc1", encode_about(b"\xc1")):
            name = (CERTIFICATE, table.id(3) + since)
            table.say(2, number, name, (Flag.DURABLE, content))
    table.run(1.0)
    assert [table.role(number, 3) for number in range(1, 5)] == [MANAGER] * 4


def test_no_manager_demotes_itself() -> None:
    table = Certified(2)
    with pytest.raises(Refused, match="does not demote itself"):
        table.change(1, 1, WORKER)


@pytest.mark.slow
def test_after_a_restart_a_demotion_counts_from_the_first() -> None:
    table = demoted()
    stored = table.stored(4)
    table.known = False
    table.start(4, boot_epoch=2, rows=stored)
    directory = table.directories[4]
    assert directory.learn(table.certified.made[2], table.wall) is Verdict.REVOKED
    verb = partial(table.nodes[4].tables.rules.may_write, table.id(2), REVOCATION)
    assert not verb()
