"""The one rule of membership, as tables: which claim is greater, what `admit` does."""

from itertools import permutations, product
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import U64_MAX
from swarmnet.swim.claim import Claim
from swarmnet.swim.member import Member, Verdict, admit
from swarmnet.swim.outputs import State
from tests.swim.worlds import alive, left, suspect

K: Final = 3
NEWS, KNOWN, STALE, AHEAD = Verdict
RISING: Final = [
    alive(1, 1, 0),
    suspect(1, 2, 1, 0),
    left(1, 1, 0),
    alive(1, 1, 1),
    suspect(1, 2, 1, 1),
    left(1, 1, 1),
    alive(1, 1, U64_MAX),
    alive(1, 2, 0),
    suspect(1, 2, 2, 0),
    left(1, 2, 0),
    alive(1, U64_MAX, U64_MAX),
]


def test_precedence_is_epoch_then_incarnation_then_state() -> None:
    for order in (RISING, RISING[::-1], RISING[::2] + RISING[1::2]):
        assert sorted(order, key=lambda claim: claim.precedence) == RISING


@pytest.mark.parametrize(
    ("state", "live"),
    [
        (State.ALIVE, True),
        (State.SUSPECT, True),
        (State.DEAD, False),
        (State.LEFT, False),
    ],
)
def test_who_is_not_convicted_and_has_not_left_takes_part(
    state: State, live: bool
) -> None:
    assert Member(alive(1), (), state).is_live is live


def test_two_claims_of_one_version_and_state_are_ordered_by_their_bytes() -> None:
    rivals = [alive(1, meta=bytes((n,))) for n in range(4)]
    assert len({claim.precedence for claim in rivals}) == 4
    for one, other in permutations(rivals, 2):
        assert (one.precedence < other.precedence) == (one.item < other.item)


def held(state: State, incarnation: int = 5) -> Member:
    """Return member 1 as held in `state` at (2, incarnation); 7 accuses it."""
    if state is State.LEFT:
        return Member(left(1, 2, incarnation), (), state)
    accusations = (suspect(1, 7, 2, incarnation),) if state is not State.ALIVE else ()
    return Member(alive(1, 2, incarnation), accusations, state)


LOWER: Final = [(1, 9), (2, 4)]
EQUAL: Final = (2, 5)
HIGHER: Final = [(2, 6), (3, 0)]


def expected(state: State, claim: Claim) -> tuple[Verdict, Member]:
    """Return what `admit` must answer, by the table of DESIGN section 4."""
    before = held(state)
    own = claim.state is not State.SUSPECT
    if claim.version in HIGHER:
        return (NEWS, Member(claim, (), claim.state)) if own else (AHEAD, before)
    if claim.version in LOWER or (state is State.LEFT and claim.state != State.LEFT):
        return STALE, before
    if own:
        if claim == before.claim:
            return KNOWN, before
        return NEWS, Member(claim, (), State.LEFT)
    accusers = (claim, *before.accusations)
    after = State.SUSPECT if state is State.ALIVE else state
    return NEWS, Member(before.claim, accusers, after)


CELLS: Final = [
    (state, make, version)
    for state, make, version in product(
        State, (State.ALIVE, State.LEFT, State.SUSPECT), [*LOWER, EQUAL, *HIGHER]
    )
]


@pytest.mark.parametrize(
    ("state", "kind", "version"),
    CELLS,
    ids=[f"{s.name}-{k.name}-{v[0]}.{v[1]}" for s, k, v in CELLS],
)
def test_admitting_a_claim(state: State, kind: State, version: tuple[int, int]) -> None:
    claim = {
        State.ALIVE: alive(1, *version),
        State.LEFT: left(1, *version),
        State.SUSPECT: suspect(1, 2, *version),
    }[kind]
    assert admit(held(state), claim, K) == expected(state, claim)


@pytest.mark.parametrize(
    ("claim", "verdict", "after"),
    [
        (alive(1, 2, 5), NEWS, Member(alive(1, 2, 5), (), State.ALIVE)),
        (left(1, 2, 5), NEWS, Member(left(1, 2, 5), (), State.LEFT)),
        (suspect(1, 2, 2, 5), AHEAD, None),
    ],
    ids=["alive", "left", "suspect"],
)
def test_admitting_a_claim_about_a_stranger(
    claim: Claim, verdict: Verdict, after: Member | None
) -> None:
    assert admit(None, claim, K) == (verdict, after)


def test_two_own_claims_of_one_version_keep_what_was_concluded_of_it() -> None:
    low, high = sorted(
        (alive(1, meta=b"a"), alive(1, meta=b"b")), key=lambda claim: claim.item
    )
    for state in (State.ALIVE, State.SUSPECT, State.DEAD):
        accusations = () if state is State.ALIVE else (suspect(1, 2),)
        before = Member(low, accusations, state)
        after = Member(high, accusations, state)
        assert admit(before, high, K) == (NEWS, after)
        assert admit(after, low, K) == (STALE, after)


@pytest.mark.parametrize(
    ("accusers", "accuser", "verdict", "kept"),
    [
        ([], 4, NEWS, [4]),
        ([4], 4, KNOWN, [4]),
        ([4], 6, NEWS, [4, 6]),
        ([4, 6], 2, NEWS, [2, 4, 6]),
        ([2, 4, 6], 3, NEWS, [2, 3, 4]),
        ([2, 4, 6], 7, KNOWN, [2, 4, 6]),
        ([2, 4, 6], 6, KNOWN, [2, 4, 6]),
    ],
)
def test_the_accusers_with_the_lowest_ids_are_kept(
    accusers: list[int], accuser: int, verdict: Verdict, kept: list[int]
) -> None:
    accusations = tuple(suspect(1, author) for author in accusers)
    state = State.SUSPECT if accusers else State.ALIVE
    before = Member(alive(1), accusations, state)
    after = Member(
        alive(1), tuple(suspect(1, author) for author in kept), State.SUSPECT
    )
    assert admit(before, suspect(1, accuser), K) == (verdict, after)


# Invariant A, over claims of one subject. An accusation that comes before what it
# accuses is refused (AHEAD), so every version that is accused is claimed first.

VERSIONS: Final = st.tuples(st.integers(1, 2), st.integers(0, 2))
OWN: Final = st.builds(
    lambda version, meta: alive(1, *version, meta=meta),
    VERSIONS,
    st.sampled_from([b"", b"a", b"b"]),
) | VERSIONS.map(lambda version: left(1, *version))
ACCUSED: Final = st.tuples(VERSIONS, st.integers(2, 8)).map(
    lambda parts: suspect(1, parts[1], *parts[0])
)


def admitted(claims: list[Claim], member: Member | None = None) -> Member | None:
    """Return what is held after all `claims`, the subject's own ones first."""
    accusations = [claim for claim in claims if claim.state is State.SUSPECT]
    for claim in [c for c in claims if c.state is not State.SUSPECT] + accusations:
        member = admit(member, claim, K)[1]
    return member


@given(st.lists(OWN, min_size=1, max_size=5), st.lists(ACCUSED, max_size=8), st.data())
def test_any_order_of_claims_that_never_run_ahead_gives_one_member(
    own: list[Claim], accusations: list[Claim], data: st.DataObject
) -> None:
    first = max(own, key=lambda claim: claim.precedence)
    known = [claim for claim in accusations if claim.version <= first.version]
    rest = data.draw(st.permutations([*own, *known, *known]))
    one = admit(None, first, K)[1]
    other = one
    for claim in [*own, *known]:
        one = admit(one, claim, K)[1]
    for claim in rest:
        other = admit(other, claim, K)[1]
    assert one == other


@given(
    st.lists(OWN, min_size=1, max_size=4),
    st.lists(OWN | ACCUSED, max_size=6),
    st.lists(OWN | ACCUSED, max_size=6),
)
def test_merging_is_associative_and_idempotent(
    a: list[Claim], b: list[Claim], c: list[Claim]
) -> None:
    top = max(
        (one for one in a + b + c if one.state is not State.SUSPECT),
        key=lambda one: one.precedence,
    )
    fit = [one for one in a + b + c if one.version <= top.version]
    whole = admitted([top, *fit])
    left_first = admitted([top, *c], admitted([top, *a, *b]))
    right_first = admitted([top, *b, *c], admitted([top, *a]))
    assert (left_first, right_first) == (whole, whole)
    assert admitted(fit, whole) == whole


@given(st.lists(OWN | ACCUSED, max_size=12))
def test_admitting_never_lowers_what_is_held(claims: list[Claim]) -> None:
    member: Member | None = None
    for claim in claims:
        before = member
        verdict, member = admit(before, claim, K)
        if before is None:
            continue
        assert member is not None
        assert member.claim.precedence >= before.claim.precedence
        assert (verdict is NEWS) == (member != before)
        if member.claim.version == before.claim.version:
            assert member.state >= before.state


@given(st.lists(OWN | ACCUSED, max_size=12))
def test_a_members_state_follows_from_its_claims(claims: list[Claim]) -> None:
    member: Member | None = None
    for claim in claims:
        member = admit(member, claim, K)[1]
        if member is None:
            continue
        own = member.claim.state
        assert member.state is (State.SUSPECT if member.accusations else own)
        versions = {accusation.version for accusation in member.accusations}
        assert versions <= {member.claim.version}
        authors = [accusation.author for accusation in member.accusations]
        assert authors == sorted(set(authors))[:K]
