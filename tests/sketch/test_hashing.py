"""Keyed hashes, the checksum and the digest of a set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.sketch import Digest, element, element_of, hash_item
from swarmnet.sketch.hashing import checksum

KEY = b"k" * 16
ITEM_HASHES = st.integers(0, 2**128 - 1)


def digest_of(item_hashes: list[int]) -> bytes:
    digest = Digest()
    for item_hash in item_hashes:
        digest.add(item_hash)
    return digest.bytes16


@pytest.mark.parametrize(
    ("key", "content", "expected"),
    [
        (KEY, b"row", 0x05D0D8B1481CE79975C04C201AA487E9),
        (b"", b"row", 0x871453868CDEE44E8C547DC73B168F20),
    ],
)
def test_an_item_hashes_to_the_same_bits_everywhere(
    key: bytes, content: bytes, expected: int
) -> None:
    assert hash_item(key, content) == expected


def test_the_element_is_the_low_half_of_the_item_hash() -> None:
    assert element(KEY, b"row") == element_of(hash_item(KEY, b"row"))
    assert element(KEY, b"row") == 0x75C04C201AA487E9


def test_a_key_longer_than_blake2b_takes_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="key of 65 bytes"):
        hash_item(b"k" * 65, b"row")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, 0x00000000),
        (1, 0xB456BCFC),
        (2, 0x3ABF2A20),
        (2**63, 0x8F780810),
        (2**64 - 1, 0x64B5720B),
        (0x0123456789ABCDEF, 0x87CBFBFE),
    ],
)
def test_a_checksum_is_the_same_everywhere(number: int, expected: int) -> None:
    assert checksum(number) == expected


def test_a_checksum_of_a_sum_is_not_the_sum_of_checksums() -> None:
    elements = [element(KEY, bytes([n])) for n in range(64)]
    linear = [
        (a, b)
        for a in elements
        for b in elements
        if a != b and checksum(a ^ b) == checksum(a) ^ checksum(b)
    ]
    assert linear == []


@given(
    st.lists(ITEM_HASHES).flatmap(lambda x: st.tuples(st.just(x), st.permutations(x)))
)
def test_the_digest_of_a_set_knows_no_order(
    both: tuple[list[int], list[int]],
) -> None:
    assert digest_of(both[0]) == digest_of(both[1])


@given(st.lists(ITEM_HASHES), ITEM_HASHES)
def test_what_is_removed_from_a_digest_was_never_there(
    item_hashes: list[int], other: int
) -> None:
    digest = Digest()
    digest.add(other)
    for item_hash in item_hashes:
        digest.add(item_hash)
    digest.remove(other)
    assert digest.bytes16 == digest_of(item_hashes)


@pytest.mark.parametrize(
    ("item_hashes", "expected"),
    [
        ([], "00000000000000000000000000000000"),
        ([1], "00000000000000000000000000000001"),
        ([1, 1], "00000000000000000000000000000002"),
        ([2**128 - 1, 2], "00000000000000000000000000000001"),
    ],
)
def test_a_digest_is_the_sum_modulo_two_to_the_128(
    item_hashes: list[int], expected: str
) -> None:
    assert digest_of(item_hashes).hex() == expected


def test_a_copied_digest_goes_its_own_way() -> None:
    digest = Digest()
    digest.add(1)
    twin = digest.copy()
    twin.add(2)
    assert (digest.bytes16[-1], twin.bytes16[-1]) == (1, 3)
