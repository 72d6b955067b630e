"""Join tokens in rows: all managers know the same, whoever rotated which."""

from functools import partial

import pytest

from swarmnet.crypto.certificate import Role
from swarmnet.crypto.token import Match, TokenBook, Verifier
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER
from swarmnet.node.tokens import RETIRED_MAX, verifier_of, write_verifier
from swarmnet.tables.row import TOKEN, Flag
from tests.node.certified import Certified

WORKER, MANAGER = Role


def secret(number: int) -> bytes:
    return number.to_bytes(16, "big")


def book(table: Certified, number: int) -> TokenBook:
    return table.nodes[number].certification.tokens.book


def rotate(table: Certified, number: int, new: int, role: Role = WORKER) -> None:
    """Let a manager make another secret of a role."""
    before = verifier_of(table.nodes[number].tables, role)
    after = before.rotated(secret(new))
    table.command(number, lambda tables: write_verifier(tables, table.now, after))


def matches(table: Certified, *secrets: int) -> list[tuple[Match, ...]]:
    """Return what every manager takes secrets for."""
    return [tuple(book(table, n).match(secret(one)) for one in secrets) for n in (1, 2)]


def test_what_one_manager_makes_all_know_and_each_role_by_itself() -> None:
    table = Certified(3)
    assert matches(table, 1) == [(Match.UNKNOWN,)] * 2
    rotate(table, 1, 1)
    rotate(table, 2, 2, MANAGER)
    table.run(1.0)
    assert matches(table, 1, 2, 3) == [(Match.WORKER, Match.MANAGER, Match.UNKNOWN)] * 2


def test_what_another_manager_rotated_is_known_as_rotated_away() -> None:
    table = Certified(3)
    rotate(table, 1, 1)
    table.run(1.0)
    rotate(table, 2, 2)
    table.run(1.0)
    assert matches(table, 1, 2) == [(Match.RETIRED, Match.WORKER)] * 2
    rotate(table, 1, 3)
    table.run(1.0)
    retired = (Match.RETIRED, Match.RETIRED, Match.WORKER)
    assert matches(table, 1, 2, 3) == [retired] * 2


def test_of_two_that_rotate_at_once_one_holds_for_all() -> None:
    table = Certified(3)
    rotate(table, 1, 1)
    table.run(1.0)
    rotate(table, 1, 2)
    rotate(table, 2, 3)
    table.run(2.0)
    told = matches(table, 1, 2, 3)
    assert told[0] == told[1]
    assert told[0][0] is Match.RETIRED
    assert set(told[0][1:]) == {Match.RETIRED, Match.WORKER}


def test_a_worker_makes_no_tokens_whatever_it_writes() -> None:
    table = Certified(3)
    verifier = Verifier.of(WORKER, secret(1))
    with pytest.raises(Refused, match="worker token: only a manager makes one"):
        table.command(3, lambda tables: write_verifier(tables, table.now, verifier))
    table.say(3, 1, (TOKEN, b"\0"), (Flag.DURABLE, verifier.encode()))
    assert book(table, 1).match(secret(1)) is Match.UNKNOWN


@pytest.mark.parametrize(
    "value", [b"\xc1", Verifier.of(MANAGER, secret(1)).encode(), b""]
)
def test_what_is_no_verifier_of_its_role_says_nothing(value: bytes) -> None:
    table = Certified(2)
    table.command(
        1, lambda t: t.put(table.now, CLUSTER, (TOKEN, b"\0"), value, durable=True)
    )
    table.run(0.5)
    assert matches(table, 1) == [(Match.UNKNOWN,)] * 2


def test_what_is_known_of_the_past_is_bounded() -> None:
    table = Certified(2)
    hashes = tuple(bytes((number,) * 32) for number in range(200))
    made = [Verifier(WORKER, hashes[start : start + 5]) for start in range(0, 200, 5)]
    for number, one in enumerate(made):
        verb = partial(write_verifier, now=table.now, verifier=one)
        table.command(1 + number % 2, verb)
    table.run(1.0)
    held = verifier_of(table.nodes[1].tables, WORKER)
    assert len(held.hashes) <= RETIRED_MAX + 1


def test_after_a_restart_the_book_is_what_was_stored() -> None:
    table = Certified(2)
    rotate(table, 1, 1)
    table.run(1.0)
    table.start(1, boot_epoch=2, rows=table.stored(1))
    assert book(table, 1).match(secret(1)) is Match.WORKER
