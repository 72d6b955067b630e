"""A root key at rest: opened by its passphrase alone, and never dearer than bounded."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto import sealing
from swarmnet.crypto.authority import RootKey
from swarmnet.crypto.sealing import SEALED_BYTES_MAX, Cost, seal, unseal
from swarmnet.errors import Refused
from swarmnet.wire import Value, pack, unpack_array_untrusted
from tests.crypto.test_authority import Cluster
from tests.crypto.test_identity import flips

CHEAP = Cost(10, 1, 1)
PRIVATE = bytes(range(32))


def sealed(passphrase: str = "correct horse", cost: Cost = CHEAP) -> bytes:
    return seal(PRIVATE, passphrase, Random(3).randbytes, cost)


def test_a_sealed_key_has_these_bytes() -> None:
    drawn = Random(3)
    salt, nonce = drawn.randbytes(16), drawn.randbytes(12)
    data = sealed()
    assert data.hex().startswith(
        "97" "01" "0a" "01" "01" "c410" + salt.hex() + "c40c" + nonce.hex() + "c430"
    )  # fmt: skip
    assert data[-48:].hex() == (
        "880011526b60c2f8bc69132117315e1f1af8dd17728c0bc0"
        "a30bfe6823d0fa14b84c93e516ac3e2247070259b6f963e4"
    )
    assert len(data) == 87


def test_the_passphrase_opens_what_it_sealed() -> None:
    assert unseal(sealed(), "correct horse") == PRIVATE


@pytest.mark.slow
def test_the_default_cost_seals_and_opens() -> None:
    data = seal(PRIVATE, "correct horse", Random(3).randbytes)
    assert unpack_array_untrusted(data)[1:4] == [15, 8, 3]
    assert unseal(data, "correct horse") == PRIVATE


@pytest.mark.slow
def test_the_dearest_cost_that_is_allowed_works() -> None:
    assert unseal(sealed(cost=Cost(17, 8, 1)), "correct horse") == PRIVATE


def test_a_root_is_sealed_and_put_together_again() -> None:
    root = Cluster().root
    data = seal(root.private, "p", Random(4).randbytes, CHEAP)
    again = RootKey(unseal(data, "p"), root.certificate)
    assert again.sign(b"x") == root.sign(b"x")


@pytest.mark.parametrize("wrong", ["correct hors", "correct horse ", "Correct horse"])
def test_a_wrong_passphrase_is_refused_in_one_line(wrong: str) -> None:
    with pytest.raises(Refused) as caught:
        unseal(sealed(), wrong)
    assert str(caught.value) == (
        "sealed key: does not open: type the passphrase again, or restore the file"
    )


def test_the_same_letters_composed_otherwise_are_the_same_passphrase() -> None:
    assert unseal(sealed("pässword"), "pa\u0308ssword") == PRIVATE


@pytest.mark.parametrize("passphrase", ["", "x" * 1025])
def test_a_passphrase_out_of_bounds_is_refused(passphrase: str) -> None:
    refusal = f"passphrase of {len(passphrase)} bytes: want 1 to 1024"
    with pytest.raises(Refused, match=refusal):
        sealed(passphrase)
    with pytest.raises(Refused, match=refusal):
        unseal(sealed(), passphrase)


def test_a_lone_surrogate_in_a_passphrase_does_no_harm() -> None:
    assert unseal(sealed("\udcff"), "\udcff") == PRIVATE


def test_two_seals_of_one_key_share_nothing() -> None:
    source = Random(5)
    one, other = (seal(PRIVATE, "p", source.randbytes, CHEAP) for _ in range(2))
    assert one[-48:] != other[-48:]
    assert PRIVATE not in one


def test_a_sealed_key_cut_anywhere_is_refused() -> None:
    data = sealed()
    for cut in range(len(data)):
        with pytest.raises(Refused, match=r"damaged \(.*\): restore the file"):
            unseal(data[:cut], "correct horse")


@pytest.mark.slow
def test_any_bit_turned_is_refused() -> None:
    for data in flips(sealed()):
        with pytest.raises(Refused, match="sealed key: d"):
            unseal(data, "correct horse")


COSTS = [(9, 1, 1), (18, 1, 1), (64, 1, 1), (10, 0, 1), (10, 9, 1), (10, 1, 0)]


@pytest.mark.parametrize("cost", [*COSTS, (10, 1, 5)])
def test_a_cost_out_of_bounds_is_refused_before_it_is_paid(
    cost: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "scrypt", lambda *_, **__: pytest.fail("paid"))
    with pytest.raises(Refused, match=r"scrypt cost .*: want"):
        Cost(*cost)
    forged: list[Value] = [1, *cost, bytes(16), bytes(12), bytes(48)]
    with pytest.raises(Refused, match=r"damaged \(scrypt cost .*: want"):
        unseal(pack(forged), "correct horse")


BAD: list[list[Value]] = [
    [2, 10, 1, 1, bytes(16), bytes(12), bytes(48)],
    [1, 10, 1, 1, bytes(15), bytes(12), bytes(48)],
    [1, 10, 1, 1, bytes(16), bytes(13), bytes(48)],
    [1, 10, 1, 1, bytes(16), bytes(12), bytes(47)],
    [1, 10, 1, 1, bytes(16), bytes(12), bytes(48), b"more"],
    [1, 10, True, 1, bytes(16), bytes(12), bytes(48)],
    [1, 10, 1, 1, bytes(16), bytes(12), bytes(SEALED_BYTES_MAX)],
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_field_out_of_bounds_is_refused(bad: list[Value]) -> None:
    with pytest.raises(Refused, match="damaged"):
        unseal(pack(bad), "correct horse")


@given(st.binary(max_size=300))
def test_bytes_by_chance_are_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="sealed key: damaged"):
        unseal(data, "correct horse")
