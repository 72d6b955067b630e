"""Who a node is: its id, its signatures, and the keys that sign nothing."""

import base64
from random import Random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto import identity as module
from swarmnet.crypto.identity import (
    Identity,
    Signatures,
    SigningKey,
    is_signing_key,
    node_id_of,
    verify_signature,
)
from swarmnet.errors import Refused

ONE = Identity(b"\x01" * 32, b"\x02" * 32)
MESSAGE = b"swarmnet test\0message"
SIGNATURE = ONE.sign(MESSAGE)

# RFC 8032, section 7.1, TEST 2.
RFC_PRIVATE = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
RFC_PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
RFC_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

PRIME = 2**255 - 19
ORDER_8 = (
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
)
LOW_ORDER = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, PRIME - 1, PRIME, PRIME + 1, *ORDER_8)
    for sign in (0, 1)
]


def flips(data: bytes) -> list[bytes]:
    """Return `data` with each of its bits turned."""
    number = int.from_bytes(data, "big")
    return [
        (number ^ 1 << bit).to_bytes(len(data), "big") for bit in range(8 * len(data))
    ]


def openssl_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_the_id_of_a_node_is_this_hash_of_its_signing_key() -> None:
    assert ONE.signing_public.hex() == (
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    )
    assert ONE.node.hex() == "04cc95b7940ea483b9c9dd0c311406a8"
    assert ONE.node == node_id_of(ONE.signing_public)


def test_another_exchange_key_does_not_change_who_a_node_is() -> None:
    other = Identity(b"\x01" * 32, b"\x03" * 32)
    assert other.node == ONE.node
    assert other.exchange_public != ONE.exchange_public


def test_a_node_is_made_of_the_bytes_that_it_is_given() -> None:
    drawn: list[int] = []
    source = Random(7)

    def random_bytes(count: int) -> bytes:
        drawn.append(count)
        return source.randbytes(count)

    made = Identity.generate(random_bytes)
    again = Identity.generate(Random(7).randbytes)
    assert drawn == [32, 32]
    assert made.node == again.node
    assert made.exchange_public == again.exchange_public


def test_a_stored_node_is_the_same_again() -> None:
    stored = Identity(ONE.signing_private, ONE.exchange_private)
    assert (stored.node, stored.exchange_public) == (ONE.node, ONE.exchange_public)


def test_the_standards_example_is_signed_and_verified() -> None:
    key = SigningKey(bytes.fromhex(RFC_PRIVATE))
    assert key.public.hex() == RFC_PUBLIC
    assert key.sign(b"\x72").hex() == RFC_SIGNATURE
    assert verify_signature(key.public, b"\x72", bytes.fromhex(RFC_SIGNATURE))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_private_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Refused, match=f"of {length} bytes, want 32"):
        Identity(bytes(length), b"\x02" * 32)
    with pytest.raises(Refused, match=f"of {length} bytes, want 32"):
        Identity(b"\x01" * 32, bytes(length))


def test_no_repr_shows_a_private_key() -> None:
    identity = Identity.generate(Random(8).randbytes)
    key = SigningKey(identity.signing_private)
    shown = " ".join(
        text
        for thing in (identity, key, identity.exchange)
        for text in (repr(thing), str(thing), f"{thing}")
    )
    for private in (identity.signing_private, identity.exchange_private):
        assert private.hex() not in shown
        assert repr(private) not in shown
        assert base64.b64encode(private).decode() not in shown
    assert identity.node.hex() in shown


@pytest.mark.slow
def test_any_bit_turned_makes_a_signature_false() -> None:
    public = ONE.signing_public
    assert verify_signature(public, MESSAGE, SIGNATURE)
    assert not any(verify_signature(public, MESSAGE, bad) for bad in flips(SIGNATURE))
    assert not any(verify_signature(public, bad, SIGNATURE) for bad in flips(MESSAGE))
    assert not any(verify_signature(bad, MESSAGE, SIGNATURE) for bad in flips(public))


def test_a_signature_of_another_length_is_false() -> None:
    public = ONE.signing_public
    for cut in range(64):
        assert not verify_signature(public, MESSAGE, SIGNATURE[:cut])
    assert not verify_signature(public, MESSAGE, SIGNATURE + b"\0")


KEYS = st.binary(max_size=40) | st.binary(min_size=32, max_size=32)
PROOFS = st.binary(max_size=70) | st.binary(min_size=64, max_size=64)


@given(KEYS, st.binary(max_size=80), PROOFS)
def test_no_bytes_are_a_signature_by_chance_and_none_raise(
    public: bytes, message: bytes, signature: bytes
) -> None:
    assert not verify_signature(public, message, signature)
    assert not Signatures().verify(public, message, signature)


@pytest.mark.parametrize("public", LOW_ORDER, ids=[key.hex()[:8] for key in LOW_ORDER])
def test_a_key_of_low_order_signs_nothing(public: bytes) -> None:
    forgeries = [
        (bytes((number,)), point + bytes(32))
        for number in range(16)
        for point in LOW_ORDER
    ]
    accepted = [pair for pair in forgeries if openssl_accepts(public, *pair)]
    assert accepted, "OpenSSL takes what anybody can make for a signature"
    assert not any(verify_signature(public, *pair) for pair in accepted)
    assert not is_signing_key(public)


def test_a_genuine_signature_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    signatures = Signatures()
    assert signatures.verify(ONE.signing_public, MESSAGE, SIGNATURE)
    monkeypatch.setattr(module, "verify_signature", lambda *_: pytest.fail("again"))
    assert signatures.verify(ONE.signing_public, MESSAGE, SIGNATURE)
    assert len(signatures) == 1


def test_a_forged_signature_is_not_remembered() -> None:
    signatures = Signatures()
    for bad in flips(SIGNATURE)[:8]:
        assert not signatures.verify(ONE.signing_public, MESSAGE, bad)
    assert len(signatures) == 0


def test_of_remembered_signatures_the_longest_unused_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signatures = Signatures(most=2)
    said = {text: ONE.sign(text) for text in (b"a", b"b", b"c")}
    verified: list[bytes] = []

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        verified.append(message)
        return verify_signature(public, message, signature)

    monkeypatch.setattr(module, "verify_signature", verify)
    for message in (b"a", b"b", b"a", b"c", b"a", b"b"):
        assert signatures.verify(ONE.signing_public, message, said[message])
    assert verified == [b"a", b"b", b"c", b"b"]
    assert len(signatures) == 2


def test_what_moves_between_key_and_message_is_another_signature() -> None:
    signatures = Signatures()
    public, message = ONE.signing_public, MESSAGE
    assert signatures.verify(public, message, SIGNATURE)
    shifted = SIGNATURE[1:] + message[:1]
    assert not signatures.verify(public, message[1:], shifted)
    assert not signatures.verify(public[:31], SIGNATURE[:1] + message, SIGNATURE)
