"""Invariants C and F: what a node says of itself, and whom it lets move it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ids import U64_MAX
from swarmnet.swim.claim import Claim
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import IdentityConflict, State
from tests.swim.worlds import (
    IDLE,
    address,
    advance,
    alive,
    claims,
    drain,
    left,
    living,
    node,
    notes,
    number_of,
    roster,
    route,
    seams,
    stream,
    suspect,
    swim,
    tell,
)


def own(engine: Swim) -> Claim:
    """Return what member 1 says of itself."""
    held = engine.member(node(1))
    assert held is not None
    return held.claim


def told(outputs: list[tuple[int, Claim]]) -> list[tuple[int, Claim]]:
    """Return (to whom, claim) in order of whom."""
    return sorted(outputs, key=lambda one: one[0])


def test_an_accusation_is_refuted_by_one_incarnation_more() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 2, suspect(1, 3))
    refuted = alive(1, 1, 1)
    assert told(claims(outputs)) == [(2, refuted), (3, refuted)]
    assert (own(engine), notes(outputs)) == (refuted, [])
    assert engine.counters()["refutations"] == 1
    assert engine.counters()["health_score"] == 1


def test_the_accuser_is_told_of_a_refutation_once_neighbour_or_not() -> None:
    near, far = swim(1, (2, 3)), swim(1, range(2, 40))
    neighbours = {number_of(one) for one in far.save().rings.neighbours()}
    stranger = min(set(range(2, 40)) - neighbours)
    outputs = tell(near, 2, suspect(1, 3))
    assert sorted(to for to, _ in claims(outputs)) == [2, 3]
    outputs = tell(far, stranger, suspect(1, 3))
    expected = [(to, alive(1, 1, 1)) for to in sorted({*neighbours, stranger})]
    assert sorted(claims(outputs), key=lambda one: one[0]) == expected


def test_refutations_keep_their_distance_and_the_last_accusation_is_answered() -> None:
    engine = swim(1, (2, 3))
    raised = []
    for step in range(100):
        now = step * 0.005
        advance(engine, now)
        before = own(engine).incarnation
        # Two take turns, for one that is refuted so often is believed no more.
        accuser = 2 + step // 10 % 2
        tell(engine, 2, suspect(1, accuser, *own(engine).version), now=now)
        if own(engine).incarnation > before:
            raised.append(now)
    advance(engine, 2.0)
    assert len(raised) <= 1
    # Eight at once, 50 ms apart, and the last half a second later.
    assert engine.counters()["refutations"] == 9
    assert own(engine) == alive(1, 1, 9)


def test_a_refutation_that_had_to_wait_comes_by_itself() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(1, 3))
    assert claims(tell(engine, 2, suspect(1, 3, 1, 1), now=0.01)) == []
    assert own(engine) == alive(1, 1, 1)
    advance(engine, 0.049)
    assert own(engine) == alive(1, 1, 1)
    sent = claims(one for _, one in advance(engine, 0.06))
    assert told(sent) == [(2, alive(1, 1, 2)), (3, alive(1, 1, 2))]


def test_an_accusation_that_was_overtaken_while_it_waited_is_refuted_no_more() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(1, 3))
    tell(engine, 2, suspect(1, 3, 1, 1), now=0.01)
    engine.update(0.02, meta=b"m")
    advance(engine, 1.0)
    assert own(engine) == alive(1, 1, 2, meta=b"m")
    assert engine.counters()["refutations"] == 1


def test_an_accusation_of_a_version_given_up_is_answered_and_not_believed() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(1, 3))
    advance(engine, 10.0)
    outputs = tell(engine, 2, suspect(1, 2), now=10.0)
    assert claims(outputs) == [(2, alive(1, 1, 1))]
    assert (own(engine), notes(outputs)) == (alive(1, 1, 1), [])


@pytest.mark.parametrize("incarnation", [1, 2**31, 2**32 - 1, 2**63, U64_MAX])
def test_an_accusation_of_a_version_never_claimed_is_ignored(incarnation: int) -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 2, suspect(1, 3, 1, incarnation)) == []
    assert tell(engine, 2, suspect(1, 3, U64_MAX, incarnation)) == []
    assert own(engine) == alive(1)
    assert engine.counters()["claims_ahead"] == 2


def test_a_forged_accusation_moves_nothing() -> None:
    engine = swim(1, (2, 3))
    genuine = suspect(1, 3)
    data = b"\x92\x01" + genuine.item[:-1] + b"?"
    engine.receive_datagram(0.0, node(2), address(2), data)
    assert drain(engine) == []
    assert own(engine) == alive(1)
    assert engine.counters() == {**IDLE, "bad_proofs": 1}


def test_the_last_incarnation_is_followed_by_the_next_epoch() -> None:
    last = alive(1, 3, U64_MAX)
    view = roster(1, [Member(last, (), State.ALIVE), *living(2)])
    engine = Swim(
        route(1), swim(1)._core.config, swim(1)._core.random, seams(1),
        boot_epoch=3, view=view,
    )  # fmt: skip
    assert own(engine) == last
    outputs = tell(engine, 2, suspect(1, 2, 3, U64_MAX))
    assert told(claims(outputs)) == [(2, alive(1, 4, 0))]
    assert own(engine) == alive(1, 4, 0)


LAST = U64_MAX


@pytest.mark.parametrize(
    ("held", "claimed"),
    [
        ((LAST - 1, 5), (LAST, 0)),
        ((LAST, 0), (LAST, 1)),
        ((LAST, LAST - 1), (LAST, LAST)),
        ((LAST, LAST), (LAST, LAST)),
    ],
)
def test_after_the_last_epoch_there_are_incarnations_and_after_them_nothing(
    held: tuple[int, int], claimed: tuple[int, int]
) -> None:
    before = Member(alive(1, *held, at=address(9)), (), State.ALIVE)
    config, random = swim(1)._core.config, swim(1)._core.random
    view = roster(1, [before, *living(2)])
    engine = Swim(route(1), config, random, seams(1), boot_epoch=LAST, view=view)
    assert own(engine) == alive(1, *claimed)
    greater = own(engine).precedence > before.claim.precedence
    assert greater or held == (LAST, LAST)
    tell(engine, 2, alive(1, *held, at=address(9)), suspect(1, 2, *claimed))
    assert own(engine).version >= claimed
    engine.update(1.0, meta=b"m")
    assert own(engine).meta == b"m"


@pytest.mark.parametrize(
    ("rival", "version"),
    [((LAST, 0), (LAST, 1)), ((LAST, LAST - 1), (LAST, LAST))],
)
def test_a_rival_of_the_last_epoch_is_outbid_by_an_incarnation(
    rival: tuple[int, int], version: tuple[int, int]
) -> None:
    engine = swim(1, (2,))
    outputs = tell(engine, 2, alive(1, *rival, at=address(9)))
    assert notes(outputs) == [IdentityConflict(LAST, address(9))]
    assert own(engine) == alive(1, *version)


FOREIGN = st.one_of(
    st.builds(
        suspect,
        st.just(1),
        st.integers(2, 4),
        st.integers(0, 3),
        st.sampled_from([0, 1, 2, 3, 2**63, U64_MAX]),
    ),
    st.builds(suspect, st.integers(2, 4), st.integers(5, 7)),
    st.builds(alive, st.integers(2, 4), st.integers(0, 3), st.integers(0, 3)),
    st.builds(left, st.integers(2, 4), st.integers(1, 3)),
)


@given(st.lists(FOREIGN, max_size=12))
def test_only_its_own_refutations_move_a_node(foreign: list[Claim]) -> None:
    engine = swim(1, (2, 3, 4))
    for step, claim in enumerate(foreign):
        before = own(engine)
        # Refutations that come sooner have to wait.
        tell(engine, 2, claim, now=0.06 * step)
        after = own(engine)
        accused = claim.subject == node(1) and claim.version == before.version
        moved = before.incarnation + 1 if accused else before.incarnation
        assert after == alive(1, before.boot_epoch, moved)
        held = engine.member(node(1))
        assert held == Member(after, (), State.ALIVE)
        assert node(1) not in engine.states()


def test_an_earlier_life_is_no_rival() -> None:
    engine = swim(1, (2,), epoch=5)
    outputs = tell(engine, 2, alive(1, 4, 99), left(1, 4, 100))
    assert notes(outputs) == []
    assert own(engine) == alive(1, 5, 0)


def test_another_life_of_a_greater_epoch_is_outbid_and_told() -> None:
    engine = swim(1, (2, 3))
    rival = alive(1, 7, 3, at=address(9))
    outputs = tell(engine, 2, rival)
    assert notes(outputs) == [IdentityConflict(7, address(9))]
    assert told(claims(outputs)) == [(2, alive(1, 8, 0)), (3, alive(1, 8, 0))]
    assert own(engine) == alive(1, 8, 0)


def test_a_leave_of_another_life_is_outbid_too() -> None:
    engine = swim(1, (2,))
    outputs = tell(engine, 2, left(1, 2, 4))
    assert notes(outputs) == [IdentityConflict(2, address(1))]
    assert own(engine) == alive(1, 3, 0)


def test_two_clones_do_not_outbid_each_other_for_ever() -> None:
    engine = swim(1, (2,))
    bids = []
    for now in range(60):
        before = own(engine).boot_epoch
        engine.handle_timeout(float(now))
        tell(engine, 2, alive(1, before + 2, 0, at=address(9)), now=float(now))
        if own(engine).boot_epoch > before:
            bids.append(now)
    assert bids == [0, 1, 3, 7, 15, 23, 31, 39, 47, 55]


def test_a_rival_heard_in_the_quiet_time_is_outbid_after_it() -> None:
    engine = swim(1, (2,))
    tell(engine, 2, alive(1, 2, 0, at=address(9)))
    outputs = tell(engine, 2, alive(1, 9, 0, at=address(9)), now=0.1)
    assert notes(outputs) == [IdentityConflict(9, address(9))]
    assert own(engine) == alive(1, 3, 0)
    later = advance(engine, 1.0)
    assert [at for at, one in later if claims([one])] == [1.0]
    assert own(engine) == alive(1, 10, 0)


def test_a_rival_is_told_of_once() -> None:
    engine = swim(1, (2,))
    rival = alive(1, 2, 0, at=address(9))
    outputs = [*tell(engine, 2, rival), *tell(engine, 2, rival)]
    assert notes(outputs) == [IdentityConflict(2, address(9))]


def test_a_change_of_address_and_metadata_is_one_incarnation_more() -> None:
    engine = swim(1, (2, 3))
    engine.update(0.0, address(9), b"m")
    changed = alive(1, 1, 1, at=address(9), meta=b"m")
    assert sorted(claims(drain(engine)), key=lambda one: one[0]) == [
        (2, changed),
        (3, changed),
    ]
    engine.update(1.0, meta=b"n")
    assert own(engine) == alive(1, 1, 2, at=address(9), meta=b"n")
    engine.update(2.0, address(1))
    assert own(engine) == alive(1, 1, 3, meta=b"n")


def test_metadata_has_a_bound() -> None:
    engine = swim(1, (2,))
    with pytest.raises(Refused, match="metadata of 257 bytes: want at most 256"):
        engine.update(0.0, meta=bytes(257))
    assert (drain(engine), own(engine)) == ([], alive(1))
    engine.update(0.0, meta=bytes(256))
    assert own(engine) == alive(1, 1, 1, meta=bytes(256))


def test_a_refutation_keeps_address_and_metadata() -> None:
    engine = swim(1, (2,))
    engine.update(0.0, address(9), b"m")
    tell(engine, 2, suspect(1, 2, 1, 1), now=1.0)
    assert own(engine) == alive(1, 1, 2, at=address(9), meta=b"m")


@pytest.mark.parametrize(
    ("epoch", "at", "expected", "is_news"),
    [
        (2, 1, alive(1, 2, 5, meta=b"m"), False),
        (3, 1, alive(1, 3, 0, meta=b"m"), True),
        (2, 9, alive(1, 3, 0, at=address(9), meta=b"m"), True),
        (1, 1, alive(1, 3, 0, meta=b"m"), True),
    ],
)
def test_a_restart_with_a_saved_view_never_goes_back(
    epoch: int, at: int, expected: Claim, is_news: bool
) -> None:
    saved = roster(1, [Member(alive(1, 2, 5, meta=b"m"), (), State.ALIVE), *living(2)])
    config, random = swim(1)._core.config, swim(1)._core.random
    me = route(1) if at == 1 else type(route(1))(node(1), address(at))
    engine = Swim(me, config, random, seams(1), boot_epoch=epoch, view=saved)
    assert own(engine) == expected
    engine.start(0.0)
    assert claims(drain(engine)) == ([(2, expected)] if is_news else [])


def test_a_life_that_lost_its_state_finds_its_epoch_among_its_peers() -> None:
    engine = swim(1)
    outputs = stream(engine, 2, alive(2), alive(1, 4, 2))
    assert own(engine) == alive(1, 5, 0)
    assert IdentityConflict(4, address(1)) in notes(outputs)
