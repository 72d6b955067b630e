"""How a Noise handshake goes, and the mistakes that its caller can make."""

from collections.abc import Callable

import pytest

from swarmnet.crypto.handshake import IK, XX, HandshakeState, Token
from swarmnet.errors import BadPacket, Refused
from tests.crypto.noise_pairs import (
    ALICE,
    ALICE_EPHEMERAL,
    BOB,
    BOB_EPHEMERAL,
    EACH_NAME,
    IK_NAME,
    ONE_EACH,
    P1,
    P2,
    XX_NAME,
    ZERO_POINT,
    check_goes_on,
    check_refused,
    fields_of,
    finish,
    initiator,
    message_count,
    responder,
    walk,
)

# The way it goes.


def test_the_patterns_are_those_of_section_7_5() -> None:
    e, s, ee, es, se, ss = Token
    assert (XX.responder_known, XX.messages) == (
        False,
        ((e,), (e, ee, s, es), (s, se)),
    )
    assert (IK.responder_known, IK.messages) == (True, ((e, es, s, ss), (e, ee, se)))


@EACH_NAME
def test_both_sides_end_with_one_hash_and_each_others_keys(name: str) -> None:
    alice, bob = finish(name)
    assert alice.finished
    assert bob.finished
    assert alice.handshake_hash == bob.handshake_hash
    assert (alice.remote_static, bob.remote_static) == (BOB.public, ALICE.public)
    (to_bob, from_bob), (to_alice, from_alice) = alice.split(), bob.split()
    assert (to_bob.key, from_bob.key) == (from_alice.key, to_alice.key)
    assert to_bob.key != from_bob.key
    for turn in range(3):
        text = bytes([turn])
        assert from_alice.decrypt(b"ad", to_bob.encrypt(b"ad", text)) == text
        assert from_bob.decrypt(b"ad", to_alice.encrypt(b"ad", text)) == text


@EACH_NAME
def test_messages_are_no_longer_than_their_keys_tags_and_payload(name: str) -> None:
    _, messages = walk(name, message_count(name) - 1)
    sizes = [len(message) for message in messages]
    if "_IK_" in name:
        assert sizes == [32 + 48 + 3 + 16, 32 + 3 + 16]
    else:
        assert sizes == [32 + 3, 32 + 48 + 3 + 16, 48 + 5 + 16]


@ONE_EACH
def test_a_name_may_be_bytes_and_a_key_raw(name: str) -> None:
    raw = HandshakeState(
        name.encode(),
        initiator=False,
        prologue=b"swarm",
        static=bytes([2]) * 32,
        ephemeral=bytes([5]) * 32,
    )
    message = initiator(name).write_message(P1)
    assert raw.read_message(message) == P1
    parsed = responder(name)
    parsed.read_message(message)
    assert raw.write_message(P2) == parsed.write_message(P2)


@ONE_EACH
def test_the_ephemeral_is_drawn_once_and_when_it_is_written(name: str) -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return bytes([5]) * count

    drawing = HandshakeState(
        name,
        initiator=False,
        prologue=b"swarm",
        static=BOB,
        random_bytes=random_bytes,
    )
    given_one = responder(name)
    message = initiator(name).write_message(P1)
    assert drawing.read_message(message) == given_one.read_message(message)
    assert asked == []
    assert drawing.write_message(P2) == given_one.write_message(P2)
    assert asked == [32]


@ONE_EACH
def test_when_no_randomness_comes_nothing_has_changed(name: str) -> None:
    answers: list[Callable[[int], bytes]] = [bytes, lambda _: bytes(31)]

    def random_bytes(count: int) -> bytes:
        if answers:
            return answers.pop()(count)
        raise OSError("no randomness")

    bob = HandshakeState(
        name, initiator=False, static=BOB, prologue=b"swarm", random_bytes=random_bytes
    )
    bob.read_message(initiator(name).write_message(P1))
    before = fields_of(bob)
    with pytest.raises(Refused, match="private key of 31 bytes"):
        bob.write_message(P2)
    assert fields_of(bob) == before
    answer = answers.pop()
    with pytest.raises(OSError, match="no randomness"):
        bob.write_message(P2)
    assert fields_of(bob) == before
    answers.append(answer)
    assert len(bob.write_message(P2)) in (32 + 3 + 16, 32 + 48 + 3 + 16)


@ONE_EACH
def test_a_message_may_be_65535_bytes_and_no_longer(name: str) -> None:
    alice, bob = initiator(name), responder(name)
    most = 65535 - (32 + 48 + 16 if "_IK_" in name else 32)
    before = fields_of(alice)
    expected = f"payload of {most + 1} bytes, at most {most}: send the rest after"
    with pytest.raises(Refused, match=expected):
        alice.write_message(bytes(most + 1))
    assert fields_of(alice) == before
    message = alice.write_message(bytes(most))
    assert len(message) == 65535
    with pytest.raises(BadPacket, match="message of 65536 bytes"):
        bob.read_message(message + b"\0")
    check_refused(bob, message + b"\0")
    assert bob.read_message(message) == bytes(most)


# The caller's mistakes.


@EACH_NAME
def test_a_call_out_of_turn_is_a_mistake_and_changes_nothing(name: str) -> None:
    for index in range(message_count(name)):
        (writer, reader), messages = walk(name, index)
        before = fields_of(writer), fields_of(reader)
        with pytest.raises(AssertionError, match="before the last message"):
            reader.split()
        with pytest.raises(AssertionError, match="before the last message"):
            _ = reader.handshake_hash
        with pytest.raises(AssertionError, match=f"message {index + 1} is the other"):
            reader.write_message(b"")
        # The writer has written: the next is the reader's, or there is none.
        expected = "a message after the last" if writer.finished else "is the other"
        with pytest.raises(AssertionError, match=expected):
            writer.write_message(b"")
        assert (fields_of(writer), fields_of(reader)) == before
        check_goes_on(reader, messages[-1], index)


def test_the_first_message_is_the_initiators() -> None:
    with pytest.raises(AssertionError, match="message 1 is the other side's to write"):
        initiator(IK_NAME).read_message(b"")
    with pytest.raises(AssertionError, match="message 1 is the other side's to write"):
        responder(IK_NAME).write_message(b"")


@EACH_NAME
def test_after_the_last_message_there_is_none_and_one_split(name: str) -> None:
    for side in finish(name):
        with pytest.raises(AssertionError, match="a message after the last"):
            side.read_message(b"")
        with pytest.raises(AssertionError, match="a message after the last"):
            side.write_message(b"")
        side.split()
        with pytest.raises(AssertionError, match="split twice"):
            side.split()


@pytest.mark.parametrize(
    "name",
    [
        "",
        b"",
        "Noise_NN_25519_ChaChaPoly_BLAKE2s",
        "Noise_IK_448_ChaChaPoly_BLAKE2s",
        "Noise_IK_25519_ChaChaPoly_SHA512",
        "Noise_IK_25519_AESGCM_BLAKE2s ",
        b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
        b"\xff",
    ],
)
def test_an_unknown_protocol_name_is_refused(name: str | bytes) -> None:
    with pytest.raises(Refused, match="want Noise_P_25519_C_H: P of XX IK, C of"):
        HandshakeState(name, initiator=False, static=BOB, ephemeral=BOB_EPHEMERAL)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    key = bytes(size)
    expected = f"private key of {size} bytes, want 32: give the raw X25519 key"
    with pytest.raises(Refused, match=expected):
        HandshakeState(XX_NAME, initiator=True, static=key, ephemeral=bytes(32))
    with pytest.raises(Refused, match=expected):
        HandshakeState(XX_NAME, initiator=True, static=bytes(32), ephemeral=key)
    expected = f"remote_static: public key of {size} bytes, want 32: give the resp"
    with pytest.raises(Refused, match=expected):
        HandshakeState(
            IK_NAME,
            initiator=True,
            static=ALICE,
            remote_static=key,
            ephemeral=bytes(32),
        )


def test_a_known_key_of_low_order_is_refused() -> None:
    with pytest.raises(Refused, match="remote_static: public key of low order: 00"):
        HandshakeState(
            IK_NAME,
            initiator=True,
            static=ALICE,
            remote_static=ZERO_POINT,
            ephemeral=ALICE_EPHEMERAL,
        )


def test_an_ik_initiator_must_know_the_responder() -> None:
    with pytest.raises(Refused, match="no remote_static for an IK initiator, want 32"):
        HandshakeState(IK_NAME, initiator=True, static=ALICE, ephemeral=ALICE_EPHEMERAL)


@pytest.mark.parametrize(
    ("name", "is_initiator", "role"),
    [
        (IK_NAME, False, "IK responder"),
        (XX_NAME, True, "XX initiator"),
        (XX_NAME, False, "XX responder"),
    ],
)
def test_whoever_learns_the_remote_key_may_not_give_it(
    name: str, is_initiator: bool, role: str
) -> None:
    with pytest.raises(Refused, match=f"remote_static for an {role}, want None"):
        HandshakeState(
            name,
            initiator=is_initiator,
            static=ALICE,
            remote_static=BOB.public,
            ephemeral=ALICE_EPHEMERAL,
        )


def test_an_ephemeral_or_randomness_for_one_is_needed() -> None:
    with pytest.raises(Refused, match="no ephemeral and no random_bytes, want one"):
        HandshakeState(XX_NAME, initiator=True, static=ALICE)
