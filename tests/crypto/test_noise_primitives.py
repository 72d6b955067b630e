"""DH, ciphers, HMAC and HKDF against the published vectors of their RFCs."""

import hmac
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from hypothesis import example, given
from hypothesis import strategies as st

from swarmnet.crypto.primitives import (
    AES_GCM,
    BLAKE2S,
    CHACHAPOLY,
    CIPHERS,
    HASHES,
    SHA256,
    Cipher,
    Hash,
    KeyPair,
    PublicKey,
    dh,
    parse_public_untrusted,
)
from swarmnet.crypto.symmetric import (
    COUNTER_MAX,
    CipherState,
    SymmetricState,
    Transport,
)
from swarmnet.errors import BadPacket, Refused

PRIME = 2**255 - 19
KEY = bytes(range(32))
EACH_CIPHER = pytest.mark.parametrize("cipher", CIPHERS.values(), ids=lambda c: c.name)
EACH_HASH = pytest.mark.parametrize("hash_", HASHES.values(), ids=lambda h: h.name)


def u_bytes(u: int) -> bytes:
    return u.to_bytes(32, "little")


def x25519(scalar: bytes, u: bytes) -> bytes:
    return dh(KeyPair.from_private_bytes(scalar), parse_public_untrusted(u))


# DH.


@pytest.mark.parametrize(
    ("scalar", "u", "expected"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_dh_is_x25519_of_rfc_7748_section_5_2(
    scalar: str, u: str, expected: str
) -> None:
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(u)).hex() == expected


def test_dh_repeated_gives_the_values_of_rfc_7748_section_5_2() -> None:
    scalar = u = u_bytes(9)
    found = {}
    for turn in range(1, 1001):
        scalar, u = x25519(scalar, u), scalar
        found[turn] = scalar.hex()
    assert found[1] == (
        "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    )
    assert found[1000] == (
        "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
    )


def test_both_sides_of_rfc_7748_section_6_1_share_a_secret() -> None:
    alice = KeyPair.from_private_bytes(
        bytes.fromhex(
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
        )
    )
    bob = KeyPair.from_private_bytes(
        bytes.fromhex(
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
        )
    )
    assert alice.public.hex() == (
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    )
    assert bob.public.hex() == (
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    )
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert dh(alice, parse_public_untrusted(bob.public)).hex() == secret
    assert dh(bob, parse_public_untrusted(alice.public)).hex() == secret


LOW_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
    PRIME,
    PRIME + 1,
]


@pytest.mark.parametrize("top_bit", [0, 2**255])
@pytest.mark.parametrize("u", LOW_ORDER)
def test_a_public_key_of_low_order_is_refused(u: int, top_bit: int) -> None:
    data = u_bytes(u + top_bit)
    with pytest.raises(BadPacket, match="public key of low order"):
        parse_public_untrusted(data)


@pytest.mark.parametrize("u", LOW_ORDER)
def test_a_dh_output_of_zero_is_refused(u: int) -> None:
    data = u_bytes(u)
    public = PublicKey(X25519PublicKey.from_public_bytes(data), data)
    with pytest.raises(BadPacket, match="DH output of zero"):
        dh(KeyPair.from_private_bytes(KEY), public)


@pytest.mark.parametrize("u", [2, 9, PRIME + 2, PRIME + 18, PRIME - 2])
def test_other_public_keys_pass_though_not_reduced(u: int) -> None:
    assert x25519(KEY, u_bytes(u)) == x25519(KEY, u_bytes(u % PRIME))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_has_32_bytes(size: int) -> None:
    with pytest.raises(BadPacket, match=f"public key of {size} bytes, want 32"):
        parse_public_untrusted(bytes(size))
    with pytest.raises(Refused, match=f"private key of {size} bytes, want 32: give"):
        KeyPair.from_private_bytes(bytes(size))


def test_a_key_pair_shows_and_compares_only_its_public_key() -> None:
    pair = KeyPair.from_private_bytes(KEY)
    assert pair == KeyPair.from_private_bytes(KEY)
    assert pair != KeyPair.from_private_bytes(bytes(32))
    assert repr(pair) == f"KeyPair(public={pair.public!r})"


# Ciphers.


def test_nonces_are_four_zeros_and_a_counter_of_the_ciphers_byte_order() -> None:
    assert CHACHAPOLY.nonce(1).hex() == "000000000100000000000000"
    assert AES_GCM.nonce(1).hex() == "000000000000000000000001"
    counter = 0x0102030405060708
    assert CHACHAPOLY.nonce(counter).hex() == "000000000807060504030201"
    assert AES_GCM.nonce(counter).hex() == "000000000102030405060708"


@EACH_CIPHER
@pytest.mark.parametrize("counter", [-1, 2**64])
def test_a_nonce_never_wraps(cipher: Cipher, counter: int) -> None:
    assert len(cipher.nonce(2**64 - 1)) == 12
    with pytest.raises(struct.error):
        cipher.nonce(counter)


RFC_8439_A5 = bytes.fromhex(
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
    "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
    "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
    "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
    "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
    "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
    "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
    "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
    "a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38"
)


def test_chachapoly_opens_the_vector_of_rfc_8439_appendix_a5() -> None:
    key = bytes.fromhex(
        "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"
    )
    state = CipherState(CHACHAPOLY, key)
    state.counter = 0x0807060504030201
    ad = bytes.fromhex("f33388860000000000004e91")
    plaintext = state.decrypt_with_ad(ad, RFC_8439_A5)
    assert plaintext.startswith(b"Internet-Drafts are draft documents valid")
    assert len(plaintext) == 265
    assert state.counter == 0x0807060504030202


@pytest.mark.parametrize(
    ("plaintext", "expected"),
    [
        (b"", "530f8afbc74536b9a963b4f1c4cb738b"),
        (
            bytes(16),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
        ),
    ],
)
def test_aesgcm_seals_cases_13_and_14_of_its_specification(
    plaintext: bytes, expected: str
) -> None:
    state = CipherState(AES_GCM, bytes(32))
    assert state.encrypt_with_ad(b"", plaintext).hex() == expected


def test_a_cipher_without_a_key_passes_all_and_counts_nothing() -> None:
    state = CipherState(CHACHAPOLY)
    assert not state.has_key()
    assert state.encrypt_with_ad(b"ad", b"text") == b"text"
    assert state.decrypt_with_ad(b"ad", b"text") == b"text"
    assert state.counter == 0
    with pytest.raises(AssertionError, match="rekey without a key"):
        state.rekey()
    with pytest.raises(AssertionError, match="transport without a key"):
        Transport(state)


@EACH_CIPHER
def test_what_does_not_open_leaves_the_counter_where_it_was(cipher: Cipher) -> None:
    sender, receiver = CipherState(cipher, KEY), CipherState(cipher, KEY)
    first, second = (sender.encrypt_with_ad(b"ad", b"text") for _ in range(2))
    assert first != second
    with pytest.raises(BadPacket, match="20 bytes that do not open"):
        receiver.decrypt_with_ad(b"ad", second)
    with pytest.raises(BadPacket, match="20 bytes that do not open"):
        receiver.decrypt_with_ad(b"da", first)
    with pytest.raises(BadPacket, match="0 bytes that do not open"):
        receiver.decrypt_with_ad(b"ad", b"")
    assert receiver.counter == 0
    assert receiver.decrypt_with_ad(b"ad", first) == b"text"
    assert receiver.decrypt_with_ad(b"ad", second) == b"text"
    assert receiver.counter == sender.counter == 2


@EACH_CIPHER
def test_the_last_counter_is_never_used_and_never_wraps(cipher: Cipher) -> None:
    sender, receiver = CipherState(cipher, KEY), CipherState(cipher, KEY)
    sender.counter = receiver.counter = 2**64 - 2
    last = sender.encrypt_with_ad(b"", b"text")
    assert receiver.decrypt_with_ad(b"", last) == b"text"
    for _ in range(2):
        with pytest.raises(Refused, match="make a new handshake"):
            sender.encrypt_with_ad(b"", b"text")
        with pytest.raises(BadPacket, match=f"message {COUNTER_MAX} under one key"):
            receiver.decrypt_with_ad(b"", last)
    assert sender.counter == receiver.counter == COUNTER_MAX


@EACH_CIPHER
def test_rekey_takes_32_bytes_sealed_under_the_reserved_counter(cipher: Cipher) -> None:
    state = CipherState(cipher, KEY)
    state.encrypt_with_ad(b"", b"")
    state.rekey()
    sealed = cipher.aead(KEY).encrypt(cipher.nonce(2**64 - 1), bytes(32), b"")
    assert state.key == sealed[:32]
    assert state.counter == 1
    twin = CipherState(cipher, sealed[:32])
    twin.counter = 1
    assert twin.decrypt_with_ad(b"", state.encrypt_with_ad(b"", b"text")) == b"text"


@EACH_CIPHER
def test_a_copy_counts_on_by_itself(cipher: Cipher) -> None:
    state = CipherState(cipher, KEY)
    state.encrypt_with_ad(b"", b"")
    twin = state.copy()
    assert twin.encrypt_with_ad(b"", b"a") == state.encrypt_with_ad(b"", b"a")
    twin.rekey()
    assert (state.key, state.counter, twin.counter) == (KEY, 2, 2)


def test_a_copied_transcript_goes_on_by_itself() -> None:
    state = SymmetricState(b"name", CHACHAPOLY, BLAKE2S)
    state.mix_key(b"one")
    before = (state.chaining_key, state.handshake_hash)
    twin = state.copy()
    sealed = twin.encrypt_and_hash(b"text")
    twin.mix_key(b"two")
    assert (state.chaining_key, state.handshake_hash) == before
    assert state.encrypt_and_hash(b"text") == sealed


@EACH_CIPHER
def test_a_transport_bounds_its_messages_and_shows_its_key(cipher: Cipher) -> None:
    sender = Transport(CipherState(cipher, KEY))
    receiver = Transport(CipherState(cipher, KEY))
    with pytest.raises(Refused, match="of 65520 bytes, at most 65519: send it in"):
        sender.encrypt(b"", bytes(65520))
    with pytest.raises(BadPacket, match="message of 65536 bytes"):
        receiver.decrypt(b"", bytes(65536))
    longest = sender.encrypt(b"ad", bytes(65519))
    assert len(longest) == 65535
    assert receiver.decrypt(b"ad", longest) == bytes(65519)
    assert sender.key == KEY
    sender.rekey()
    receiver.rekey()
    assert sender.key == receiver.key != KEY
    assert receiver.decrypt(b"", sender.encrypt(b"", b"text")) == b"text"


# Hashes.


def test_hashes_are_those_of_their_specifications() -> None:
    assert BLAKE2S.digest(b"abc").hex() == (
        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    )
    assert SHA256.digest(b"abc").hex() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 20,
            b"\xdd" * 50,
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            bytes(range(1, 26)),
            b"\xcd" * 50,
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_hmac_is_that_of_rfc_4231(key: bytes, data: bytes, expected: str) -> None:
    assert SHA256.hmac(key, data).hex() == expected


@given(st.binary(max_size=130), st.binary(max_size=200))
@example(b"k" * 63, b"")
@example(b"k" * 64, b"")
@example(b"k" * 65, b"")
def test_hmac_is_that_of_the_standard_library(key: bytes, data: bytes) -> None:
    assert SHA256.hmac(key, data) == hmac.digest(key, data, "sha256")
    assert BLAKE2S.hmac(key, data) == hmac.digest(key, data, "blake2s")


def test_hkdf_is_that_of_rfc_5869_with_no_info() -> None:
    first, second = SHA256.hkdf(b"", b"\x0b" * 22)
    # Test case 3; L is 42 there.
    assert (first + second)[:42].hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        "9d201395faa4b61a96c8"
    )


@EACH_HASH
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_hkdf_is_three_hmacs_in_a_chain(
    hash_: Hash, chaining_key: bytes, material: bytes
) -> None:
    temp_key = hash_.hmac(chaining_key, material)
    first = hash_.hmac(temp_key, b"\x01")
    second = hash_.hmac(temp_key, first + b"\x02")
    assert hash_.hkdf(chaining_key, material) == (first, second)
