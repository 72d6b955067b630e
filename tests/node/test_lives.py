"""A life that was just started uses nothing that another life of its node has given."""

import pytest

from swarmnet.ids import NodeId, Scope
from swarmnet.ipam.spans import Span, Spans
from swarmnet.node.books import VNIS, subnet_realm
from swarmnet.node.settling import Cause
from swarmnet.tables.outputs import Fenced
from swarmnet.tables.row import REVOCATION, TableName
from swarmnet.tables.rules import Rules
from tests.node.hosts import Hosts, Unmet, texts
from tests.node.machines import Saved

SLICE = Spans([Span(16, 31)])
"""What the second of three hosts is granted of a /24."""
KEPT = Spans([Span(16, 19)])
"""What of it is never granted on."""


def shared() -> tuple[Hosts, Scope, bytes]:
    """Return three hosts that have a /24 in common, its id, and its realm."""
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    realm = subnet_realm(network, 0)
    hosts.run_until(lambda: all(hosts.usable(n, realm) for n in (1, 2, 3)), 2.0)
    hosts.run(1.0)
    assert hosts.usable(2, realm) == SLICE
    return hosts, network, realm


def sure(hosts: Hosts, number: int, seconds: float = 5.0) -> None:
    """Wait until a life may use what came before it."""
    hosts.run_until(lambda: hosts.addressing(number).is_sure, seconds)


def test_a_process_that_goes_on_uses_at_once_what_it_had() -> None:
    hosts, network, realm = shared()
    box = hosts.connect(2, network)
    hosts.restart(2, continued=hosts.crash(2))
    assert hosts.addressing(2).is_sure
    assert hosts.usable(2, realm) == SLICE
    assert list(hosts.effective(2, network)) == texts(box)
    before = hosts.now
    assert texts(hosts.connect(2, network)) == ["10.9.0.17"]
    assert hosts.now == before


@pytest.fixture
def one_manager(monkeypatch: pytest.MonkeyPatch) -> NodeId:
    """Let the first host alone remove others; return its id."""
    manager = Hosts(1).id(1)
    ask = Rules.may_write

    def may_write(rules: Rules, owner: NodeId, table: TableName) -> bool:
        return ask(rules, owner, table) and (table != REVOCATION or owner == manager)

    monkeypatch.setattr(Rules, "may_write", may_write)
    return manager


@pytest.mark.usefixtures("one_manager")
def test_a_process_that_goes_on_from_a_doubtful_one_is_as_doubtful() -> None:
    hosts, network, realm = shared()
    hosts.crash(3)
    hosts.apart(1, 2)
    hosts.restart(2, rebooted_from=hosts.crash(2))
    hosts.run(4.0)
    more = hosts.fill(2, network, 12)
    asked = hosts.usable(2, realm) - SLICE
    assert asked
    assert len(more) == 12
    hosts.restart(2, continued=hosts.crash(2))
    assert not hosts.addressing(2).is_sure
    # What the process before it has asked for is as good as its own.
    assert hosts.usable(2, realm) == asked
    hosts.run(4.0)
    assert hosts.usable(2, realm) == asked | KEPT


@pytest.mark.parametrize("way", ["rebooted", "lost", "backup"])
def test_another_life_uses_nothing_before_all_members_have_shown_the_same(
    way: str,
) -> None:
    hosts, network, realm = shared()
    start_again(hosts, way, hosts.crash(2))
    assert not hosts.addressing(2).is_sure
    for one in (realm, VNIS):
        assert hosts.usable(2, one) == Spans()
    # A command waits for that, and asks nobody, for it will not take long.
    before = hosts.now
    hosts.run_until(lambda: hosts.known(2, network) is not None, 1.0)
    assert texts(hosts.connect(2, network)) == ["10.9.0.16"]
    assert 1.0 < hosts.now - before < 4.0
    assert hosts.addressing(2).is_sure
    assert hosts.usable(2, realm) == SLICE
    hosts.run(1.0)
    assert hosts.agree()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["rebooted", "lost", "backup"])
def test_where_a_member_is_dead_a_managers_life_uses_nothing_but_what_was_kept(
    way: str,
) -> None:
    """The one before it may have removed whoever would grant it something."""
    hosts, network, realm = shared()
    saved = hosts.crash(3)
    hosts.apart(1, 2)
    start_again(hosts, way, hosts.crash(2))
    hosts.run(6.0)
    assert hosts.usable(2, realm) == KEPT
    assert len(hosts.fill(2, network, 12)) == KEPT.size
    assert hosts.usable(2, realm) == KEPT
    hosts.restart(3, rebooted_from=saved)
    sure(hosts, 2, 30.0)
    assert hosts.usable(2, realm) & SLICE == SLICE


@pytest.mark.usefixtures("one_manager")
def test_where_a_manager_is_dead_another_life_uses_nothing_but_what_was_kept() -> None:
    hosts, network, realm = shared()
    saved = hosts.crash(1)
    hosts.restart(2, rebooted_from=hosts.crash(2))
    hosts.run(6.0)
    assert hosts.usable(2, realm) == KEPT
    assert len(hosts.fill(2, network, 12)) == KEPT.size
    hosts.restart(1, rebooted_from=saved)
    sure(hosts, 2, 30.0)


@pytest.mark.usefixtures("one_manager")
@pytest.mark.parametrize("way", ["rebooted", "lost", "backup"])
def test_where_a_member_is_dead_another_life_uses_only_what_was_kept(way: str) -> None:
    hosts, network, realm = shared()
    saved = hosts.crash(3)
    hosts.apart(1, 2)
    start_again(hosts, way, hosts.crash(2))
    hosts.run(6.0)
    assert not hosts.addressing(2).is_sure
    assert hosts.usable(2, realm) == KEPT
    (wait,) = hosts.waits(2)
    assert (wait.cause, wait.subject) == (Cause.UNSURE, hosts.id(2))
    assert wait.missing == (hosts.id(3),)
    assert wait.held_back >= (SLICE - KEPT).size
    # What it asks for now is its own: nobody before it can have had that.
    assert len(hosts.fill(2, network, 12)) == 12
    asked = hosts.usable(2, realm) - KEPT
    assert asked
    assert not asked & SLICE
    hosts.restart(3, rebooted_from=saved)
    sure(hosts, 2, 30.0)
    assert hosts.usable(2, realm) & SLICE == SLICE
    assert hosts.waits(2) == []


def start_again(hosts: Hosts, way: str, saved: Saved) -> None:
    """Restart the second host."""
    if way == "lost":
        hosts.restart(2, lost=True)
    elif way == "backup":
        hosts.restart(2, backup=saved)
    else:
        hosts.restart(2, rebooted_from=saved)


@pytest.mark.slow
def test_another_life_that_hears_nobody_uses_nothing() -> None:
    hosts, network, realm = shared()
    saved = hosts.crash(2)
    hosts.partition((1, 3), (2,))
    hosts.restart(2, rebooted_from=saved)
    hosts.run(20.0)
    assert hosts.usable(2, realm) == Spans()
    with pytest.raises(Unmet):
        hosts.connect(2, network)
    hosts.heal()
    sure(hosts, 2, 30.0)
    assert hosts.usable(2, realm) == SLICE


def test_what_an_earlier_life_asked_for_is_not_kept_for_the_next() -> None:
    hosts, network, realm = shared()
    assert len(hosts.fill(2, network, 20)) == 20
    more = hosts.usable(2, realm) - SLICE
    assert more
    hosts.crash(3)
    hosts.apart(1, 2)
    hosts.restart(2, rebooted_from=hosts.crash(2))
    hosts.run(6.0)
    assert not hosts.usable(2, realm) & more
    assert hosts.usable(2, realm) & SLICE == KEPT


@pytest.mark.slow
def test_endpoints_of_an_earlier_life_count_where_nobody_can_have_their_address() -> (
    None
):
    hosts, network, _ = shared()
    given = [texts(hosts.connect(2, network))[0] for _ in range(12)]
    hosts.connect(1, network)
    saved = hosts.crash(2)
    hosts.crash(3)
    hosts.apart(1)
    hosts.restart(2, rebooted_from=saved)
    hosts.apart(1, 2)
    hosts.run(3.0)
    # Of 16 to 27 the upper ones could have been granted on, as it sees itself.
    assert sorted(hosts.effective(2, network).keys() & given) == given[:4]
    assert sorted(hosts.effective(1, network).keys() & given) == given


def grant_away(hosts: Hosts, network: Scope) -> str:
    """Let the third host have an address out of the range of the second."""
    return texts(hosts.connect(3, network, ip4="10.9.0.30"))[0]


@pytest.mark.slow
@pytest.mark.usefixtures("one_manager")
@pytest.mark.parametrize("is_dead", [False, True], ids=["all live", "one is dead"])
def test_a_backup_from_before_a_grant_gives_that_to_nobody_again(
    is_dead: bool,
) -> None:
    hosts, network, realm = shared()
    backup = hosts.save(2)
    taken = grant_away(hosts, network)
    hosts.run(1.0)
    granted = hosts.usable(3, realm) & SLICE
    assert granted == Spans([Span(30, 30)])
    saved = hosts.crash(3) if is_dead else None
    hosts.crash(2)
    if is_dead:
        hosts.apart(1)
    hosts.restart(2, backup=backup)
    hosts.run(8.0)
    assert hosts.addressing(2).is_sure is not is_dead
    assert not hosts.usable(2, realm) & granted
    given = hosts.fill(2, network, 16)
    assert len(given) == 16
    assert taken not in given
    if saved is not None:
        hosts.restart(3, rebooted_from=saved)
        for number in (2, 3):
            sure(hosts, number, 30.0)
        hosts.run(0.5)
    assert hosts.usable(2, realm) & SLICE == SLICE - granted
    assert hosts.effective(3, network)[taken] == hosts.id(3)


def test_a_backup_from_before_a_leave_uses_nothing_that_was_given_back() -> None:
    hosts, network, realm = shared()
    hosts.connect(2, network)
    hosts.connect(1, network)
    backup = hosts.save(2)
    hosts.leave(2)
    hosts.run(1.0)
    hosts.restart(2, backup=backup)
    for _ in range(40):
        assert not hosts.usable(2, realm) & (SLICE - KEPT)
        hosts.run(0.2)
    sure(hosts, 2)
    assert hosts.usable(2, realm) & SLICE == KEPT
    assert not hosts.lacking(realm, 1, 2, 3)


@pytest.mark.slow
def test_a_backup_that_hears_nobody_since_it_left_is_removed_and_uses_nothing() -> None:
    hosts, _, realm = shared()
    backup = hosts.save(2)
    hosts.leave(2)
    hosts.partition((1, 3), (2,))
    hosts.restart(2, backup=backup)
    for _ in range(100):
        assert hosts.usable(2, realm) == Spans()
        hosts.run(0.2)
    assert not hosts.lacking(realm, 1, 3)
    hosts.heal()
    hosts.run(20.0)
    assert hosts.usable(2, realm) == Spans()
    assert hosts.engine(2).tables.is_silent


@pytest.mark.slow
def test_a_backup_that_meets_only_those_who_missed_its_leave_uses_nothing() -> None:
    hosts, _, realm = shared()
    backup = hosts.save(2)
    hosts.partition((1,), (2, 3))
    hosts.apart(2, 3)
    hosts.leave(2)
    hosts.run(2.0)
    hosts.partition((1, 2), (3,))
    hosts.restart(2, backup=backup)
    hosts.run(10.0)
    assert not hosts.usable(2, realm) & hosts.usable(3, realm)
    # Those that it has left have removed it meanwhile.
    hosts.heal()
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 3), 60.0)
    hosts.run(10.0)
    assert hosts.usable(2, realm) == Spans()


def test_a_life_that_was_stopped_for_a_while_is_in_doubt_until_all_have_shown() -> None:
    hosts, _, realm = shared()
    engine = hosts.engine(2)
    engine.note_late(hosts.now, 1.0)
    assert hosts.addressing(2).is_sure
    engine.note_late(hosts.now, 3.0)
    assert not hosts.addressing(2).is_sure
    hosts.run(0.1)
    sure(hosts, 2)
    assert hosts.usable(2, realm) == SLICE


def is_fenced(hosts: Hosts, number: int) -> bool:
    return any(isinstance(note, Fenced) for note in hosts.notes[number])


@pytest.mark.slow
@pytest.mark.parametrize("pause_s", [0.05, 0.5])
def test_a_clone_is_fenced_and_gives_out_nothing_that_its_elder_may(
    pause_s: float,
) -> None:
    hosts, network, realm = shared()
    twin = hosts.clone(2)
    given: dict[int, list[str]] = {2: [], twin: []}
    for _ in range(40):
        for number in (2, twin):
            given[number] += give(hosts, number, network)
            assert not doubly_usable(hosts, twin, realm)
            assert not doubly_usable(hosts, twin, VNIS)
        hosts.run(pause_s)
    hosts.run(20.0)
    assert is_fenced(hosts, twin)
    assert not is_fenced(hosts, 2)
    assert give(hosts, twin, network) == []
    hosts.run(61.0)
    given[2] += hosts.fill(2, network)
    assert len(given[2]) >= 40
    assert len(set(given[2])) == len(given[2])
    assert not set(given[2]) & set(given[twin])


def doubly_usable(hosts: Hosts, twin: int, realm: bytes) -> Spans:
    """Return what the second host and its clone may both give out."""
    theirs = Spans() if is_fenced(hosts, twin) else hosts.usable(twin, realm)
    return hosts.usable(2, realm) & theirs


def give(hosts: Hosts, number: int, network: Scope) -> list[str]:
    """Let a host connect something; return the address that it gives, if it does."""
    try:
        return texts(hosts.connect(number, network))
    except Unmet:
        return []
