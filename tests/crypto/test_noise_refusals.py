"""What a Noise handshake refuses: each time, the right message can still be read."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.primitives import KeyPair
from swarmnet.errors import BadPacket
from tests.crypto.noise_pairs import (
    ALICE,
    CAROL,
    CAROL_EPHEMERAL,
    EACH_NAME,
    IK_NAME,
    NAMES,
    P1,
    P2,
    P3,
    PAYLOADS,
    XX_NAME,
    ZERO_POINT,
    check_goes_on,
    check_refused,
    fields_of,
    finish,
    initiator,
    message_count,
    responder,
    sealed_messages,
    walk,
)

SEALED: Final = sealed_messages()
EACH_SEALED = pytest.mark.parametrize(("name", "index"), SEALED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "index"),
    [
        pytest.param(
            *case, marks=[] if case[0] in (IK_NAME, XX_NAME) else pytest.mark.slow
        )
        for case in SEALED
    ],
)
def test_a_message_with_a_bit_flipped_is_refused_and_the_right_one_then_read(
    name: str, index: int
) -> None:
    (_, reader), messages = walk(name, index)
    message = messages[-1]
    whole = int.from_bytes(message, "big")
    for bit in range(len(message) * 8):
        check_refused(reader, (whole ^ 1 << bit).to_bytes(len(message), "big"))
    check_goes_on(reader, message, index)


def test_a_flipped_clear_message_is_found_out_by_the_next() -> None:
    alice, bob = initiator(XX_NAME), responder(XX_NAME)
    message = alice.write_message(P1)
    whole = int.from_bytes(message, "big")
    for bit in range(len(message) * 8):
        deceived = responder(XX_NAME)
        deceived.read_message((whole ^ 1 << bit).to_bytes(len(message), "big"))
        check_refused(alice, deceived.write_message(P2))
    bob.read_message(message)
    check_goes_on(alice, bob.write_message(P2), 1)


@EACH_SEALED
def test_a_message_cut_anywhere_is_refused_and_changes_nothing(
    name: str, index: int
) -> None:
    (_, reader), messages = walk(name, index)
    message = messages[-1]
    for size in range(len(message)):
        check_refused(reader, message[:size])
    check_refused(reader, message + b"\0")
    check_goes_on(reader, message, index)


def test_a_clear_message_is_refused_when_cut_within_its_key() -> None:
    alice, bob = initiator(XX_NAME), responder(XX_NAME)
    message = alice.write_message(P1)
    for size in range(32):
        check_refused(bob, message[:size])
    check_goes_on(bob, message, 0)


@pytest.mark.parametrize(
    ("name", "index"), [(IK_NAME, 0), (IK_NAME, 1), (XX_NAME, 0), (XX_NAME, 1)]
)
def test_an_ephemeral_of_low_order_is_refused_when_it_comes(
    name: str, index: int
) -> None:
    (_, reader), messages = walk(name, index)
    check_refused(reader, ZERO_POINT + messages[-1][32:])
    check_goes_on(reader, messages[-1], index)


@pytest.mark.parametrize(("name", "index"), [(IK_NAME, 0), (XX_NAME, 1), (XX_NAME, 2)])
def test_a_static_key_of_low_order_is_refused_though_well_sealed(
    name: str, index: int
) -> None:
    (_, reader), messages = walk(name, index)
    zero = KeyPair(ALICE.private, ZERO_POINT)
    forger = (responder if index == 1 else initiator)(name, static=zero)
    for number, message in enumerate(messages[:-1]):
        if number % 2 == index % 2:
            forger.write_message(PAYLOADS[number])
        else:
            forger.read_message(message)
    before = fields_of(reader)
    with pytest.raises(BadPacket, match="public key of low order"):
        reader.read_message(forger.write_message(PAYLOADS[index]))
    assert fields_of(reader) == before
    check_goes_on(reader, messages[-1], index)


@EACH_NAME
def test_another_prologue_is_refused_at_the_first_sealed_message(name: str) -> None:
    alice, bob = initiator(name, prologue=b"other"), responder(name)
    message = alice.write_message(P1)
    if "_XX_" in name:
        bob.read_message(message)
        check_refused(alice, bob.write_message(P2))
    else:
        check_refused(bob, message)


@EACH_NAME
def test_another_protocol_is_refused_at_the_first_sealed_message(name: str) -> None:
    pattern = "_IK_" if "_IK_" in name else "_XX_"
    others = [other for other in NAMES if pattern in other and other != name]
    assert len(others) == 3
    for other in others:
        alice, bob = initiator(other), responder(name)
        message = alice.write_message(P1)
        if pattern == "_XX_":
            bob.read_message(message)
            check_refused(alice, bob.write_message(P2))
        else:
            check_refused(bob, message)


def test_a_message_for_another_static_key_is_refused_and_the_right_one_read() -> None:
    bob = responder(IK_NAME)
    check_refused(bob, initiator(IK_NAME, knows=CAROL).write_message(P1))
    check_goes_on(bob, initiator(IK_NAME).write_message(P1), 0)


def test_whoever_claims_a_static_key_without_its_private_half_is_refused() -> None:
    stolen = KeyPair(CAROL.private, ALICE.public)
    thief = initiator(IK_NAME, static=stolen, ephemeral=CAROL_EPHEMERAL)
    bob = responder(IK_NAME)
    check_refused(bob, thief.write_message(P1))
    assert bob.remote_static is None
    check_goes_on(bob, initiator(IK_NAME).write_message(P1), 0)


def test_an_answer_of_another_than_the_known_responder_is_refused() -> None:
    alice, carol = initiator(IK_NAME), responder(IK_NAME, static=CAROL)
    message = alice.write_message(P1)
    check_refused(carol, message)
    bob = responder(IK_NAME)
    bob.read_message(message)
    check_goes_on(alice, bob.write_message(P2), 1)


# Replay.


def test_a_replayed_first_message_of_ik_opens_but_gives_no_session() -> None:
    alice, bob = initiator(IK_NAME), responder(IK_NAME)
    first = alice.write_message(P1)
    bob.read_message(first)
    alice.read_message(bob.write_message(P2))
    to_bob, _ = alice.split()
    recorded = to_bob.encrypt(b"", P3)
    again = responder(IK_NAME, ephemeral=CAROL_EPHEMERAL)
    assert again.read_message(first) == P1
    again.write_message(P2)
    _, from_alice = again.split()
    with pytest.raises(BadPacket):
        from_alice.decrypt(b"", recorded)


@EACH_NAME
def test_a_recorded_answer_is_refused_in_a_fresh_handshake(name: str) -> None:
    _, messages = walk(name, 1)
    fresh, bob = initiator(name, ephemeral=CAROL_EPHEMERAL), responder(name)
    bob.read_message(fresh.write_message(P1))
    check_refused(fresh, messages[1])
    check_goes_on(fresh, bob.write_message(P2), 1)


def test_a_recorded_last_message_of_xx_is_refused_in_a_fresh_handshake() -> None:
    _, messages = walk(XX_NAME, 2)
    fresh, alice = responder(XX_NAME, ephemeral=CAROL_EPHEMERAL), initiator(XX_NAME)
    fresh.read_message(messages[0])
    alice.write_message(P1)
    alice.read_message(fresh.write_message(P2))
    check_refused(fresh, messages[2])
    check_goes_on(fresh, alice.write_message(P3), 2)


# Any bytes.


@given(st.sampled_from(NAMES), st.integers(0, 2), st.binary(max_size=200))
def test_random_bytes_are_a_clear_first_message_or_a_bad_packet(
    name: str, index: int, data: bytes
) -> None:
    index = min(index, message_count(name) - 1)
    (_, reader), messages = walk(name, index)
    before = fields_of(reader)
    try:
        payload = reader.read_message(data)
    except BadPacket:
        assert fields_of(reader) == before
        check_goes_on(reader, messages[-1], index)
        return
    assert "_XX_" in name
    assert index == 0
    assert payload == data[32:]


@given(
    st.sampled_from(SEALED),
    st.integers(0, 150),
    st.integers(0, 150),
    st.binary(max_size=50),
)
def test_a_message_with_a_part_replaced_is_refused(
    which: tuple[str, int], start: int, size: int, part: bytes
) -> None:
    name, index = which
    (_, reader), messages = walk(name, index)
    message = messages[-1]
    forged = message[:start] + part + message[start + size :]
    if forged != message:
        check_refused(reader, forged)
    check_goes_on(reader, message, index)


@given(st.sampled_from(NAMES), st.binary(max_size=100))
def test_random_bytes_to_a_transport_are_a_bad_packet(name: str, data: bytes) -> None:
    alice, bob = finish(name)
    (to_bob, _), (_, from_alice) = alice.split(), bob.split()
    with pytest.raises(BadPacket):
        from_alice.decrypt(b"", data)
    assert from_alice.decrypt(b"", to_bob.encrypt(b"", P1)) == P1
