"""Cookies: for one packet, one address and a few minutes; forged by nobody outside."""

from random import Random
from typing import Final

import pytest

from swarmnet.crypto.cookies import SECRET_LIFE_S, CookieJar, open_cookie
from swarmnet.crypto.packets import (
    First,
    Kind,
    decode_cookie_untrusted,
    decode_first_untrusted,
    encode_first,
    mac,
    mac_key,
)
from swarmnet.ids import Address

LABEL: Final = mac_key(b"swarmmac", b"cluster", b"answerer")
OTHER_LABEL: Final = mac_key(b"swarmmac", b"cluster", b"somebody else")
HERE: Final = Address(bytes((10, 0, 0, 1)), 7946)
SENDER: Final = 0x01020304
ELSEWHERE: Final = (
    Address(bytes((10, 0, 0, 2)), 7946),
    Address(bytes((10, 0, 0, 1)), 7947),
    Address(bytes(12) + bytes((10, 0, 0, 1)), 7946),
)


def jar() -> CookieJar:
    return CookieJar(Random("jar").randbytes)


def first(number: int = 0, cookie: bytes = b"") -> First:
    """Return an initiation, which shows a cookie or none."""
    body = bytes((number,)) * 96
    packet = encode_first(Kind.INITIATION, SENDER, body)
    packet += mac(LABEL, packet)
    packet += mac(cookie, packet) if cookie else bytes(16)
    return decode_first_untrusted(Kind.INITIATION, packet)


def given_by(one: CookieJar, now: float, source: Address = HERE) -> bytes:
    """Return the cookie that a jar gives at `now`, opened."""
    asked = first()
    _, nonce, sealed = decode_cookie_untrusted(one.bake(now, asked, source, LABEL))
    cookie = open_cookie(LABEL, nonce, sealed, asked.mac1)
    assert cookie is not None
    return cookie


def test_a_cookie_answers_the_index_that_asked_and_is_shorter_than_its_cause() -> None:
    packet = jar().bake(5.0, first(), HERE, LABEL)
    assert decode_cookie_untrusted(packet)[0] == SENDER
    assert len(packet) == 56


def test_who_shows_what_he_was_given_is_known_again() -> None:
    one = jar()
    cookie = given_by(one, 5.0)
    assert len(cookie) == 16
    assert [one.is_shown(5.0, first(n, cookie), HERE) for n in range(5)] == [True] * 5


def test_no_cookie_and_a_made_up_one_count_for_nothing() -> None:
    one = jar()
    given_by(one, 5.0)
    assert not one.is_shown(5.0, first(), HERE)
    assert not one.is_shown(5.0, first(cookie=b"made up cookie.."), HERE)
    # Nor before a jar has any secret.
    assert not jar().is_shown(5.0, first(cookie=b"made up cookie.."), HERE)


def test_a_cookie_is_an_addresss_own_and_its_ports() -> None:
    one = jar()
    cookie = given_by(one, 5.0)
    shown = [one.is_shown(5.0, first(cookie=cookie), place) for place in ELSEWHERE]
    assert shown == [False] * len(ELSEWHERE)
    cookies = {given_by(one, 5.0, place) for place in (HERE, *ELSEWHERE)}
    assert len(cookies) == 4


def test_what_mac2_covers_cannot_be_exchanged() -> None:
    one = jar()
    cookie = given_by(one, 5.0)
    right, other = first(1, cookie), first(2, cookie)
    stolen = First(
        kind=right.kind,
        sender=right.sender,
        message=other.message,
        mac1=other.mac1,
        checked_twice=other.checked_twice,
        mac2=right.mac2,
    )
    assert one.is_shown(5.0, right, HERE)
    assert not one.is_shown(5.0, stolen, HERE)


@pytest.mark.parametrize(
    ("given_at", "age_s", "expected"),
    [
        (0.0, 0.0, True),
        (0.0, SECRET_LIFE_S - 0.1, True),
        (0.0, SECRET_LIFE_S, True),
        (0.0, 2 * SECRET_LIFE_S - 0.1, True),
        (0.0, 2 * SECRET_LIFE_S, False),
        # Given in the last moment of a secret's life, it holds for one life more.
        (SECRET_LIFE_S - 0.1, 0.0, True),
        (SECRET_LIFE_S - 0.1, SECRET_LIFE_S, True),
        (SECRET_LIFE_S - 0.1, SECRET_LIFE_S + 0.1, True),
        (SECRET_LIFE_S - 0.1, 2 * SECRET_LIFE_S, False),
    ],
)
def test_a_cookie_holds_for_one_to_two_lives_of_its_secret(
    given_at: float, age_s: float, expected: bool
) -> None:
    one = jar()
    given_by(one, 0.0)
    cookie = given_by(one, given_at)
    # Others come in between, as they do under load.
    for step in range(1, 10):
        one.is_shown(given_at + age_s * step / 10, first(), HERE)
    assert one.is_shown(given_at + age_s, first(cookie=cookie), HERE) is expected


def test_a_jar_that_stood_idle_for_long_knows_no_old_cookie() -> None:
    one = jar()
    cookie = given_by(one, 0.0)
    assert not one.is_shown(2 * SECRET_LIFE_S, first(cookie=cookie), HERE)
    assert not one.is_shown(2 * SECRET_LIFE_S, first(cookie=cookie), HERE)


def test_a_clock_that_goes_back_makes_no_new_secret() -> None:
    one = jar()
    cookie = given_by(one, 500.0)
    assert one.is_shown(100.0, first(cookie=cookie), HERE)


def test_only_who_sent_that_packet_to_that_answerer_can_open_its_cookie() -> None:
    one = jar()
    asked, other = first(1), first(2)
    _, nonce, sealed = decode_cookie_untrusted(one.bake(5.0, asked, HERE, LABEL))
    assert open_cookie(LABEL, nonce, sealed, asked.mac1) == given_by(one, 5.0)
    assert open_cookie(LABEL, nonce, sealed, other.mac1) is None
    assert open_cookie(OTHER_LABEL, nonce, sealed, asked.mac1) is None
    assert open_cookie(LABEL, nonce, sealed, b"") is None


def test_every_flip_of_a_bit_of_a_sealed_cookie_is_refused() -> None:
    asked = first()
    _, nonce, sealed = decode_cookie_untrusted(jar().bake(5.0, asked, HERE, LABEL))
    whole = nonce + sealed
    for bit in range(8 * len(whole)):
        wrong = bytearray(whole)
        wrong[bit // 8] ^= 1 << bit % 8
        pieces = bytes(wrong[:16]), bytes(wrong[16:])
        assert open_cookie(LABEL, *pieces, asked.mac1) is None


def test_each_cookie_is_sealed_under_a_nonce_of_its_own() -> None:
    one = jar()
    packets = [one.bake(5.0, first(), HERE, LABEL) for _ in range(100)]
    nonces = {decode_cookie_untrusted(packet)[1] for packet in packets}
    assert len(nonces) == 100
