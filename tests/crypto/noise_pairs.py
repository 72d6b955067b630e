"""Two sides of one Noise handshake, with fixed keys, brought to any of its messages."""

from collections.abc import Sequence
from typing import Final

import pytest

from swarmnet.crypto.handshake import PROTOCOLS, HandshakeState
from swarmnet.crypto.primitives import KeyPair
from swarmnet.errors import BadPacket

NAMES: Final = sorted(name for name in PROTOCOLS if isinstance(name, str))
IK_NAME: Final = "Noise_IK_25519_ChaChaPoly_BLAKE2s"
XX_NAME: Final = "Noise_XX_25519_ChaChaPoly_BLAKE2s"
EACH_NAME: Final = pytest.mark.parametrize("name", NAMES)
ONE_EACH: Final = pytest.mark.parametrize(
    "name", [IK_NAME, "Noise_XX_25519_AESGCM_SHA256"]
)

ALICE, BOB, CAROL = (KeyPair.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
ALICE_EPHEMERAL, BOB_EPHEMERAL, CAROL_EPHEMERAL = (
    KeyPair.from_private_bytes(bytes([n]) * 32) for n in (4, 5, 6)
)
ZERO_POINT: Final = bytes(32)
"""A public key of low order."""
PAYLOADS: Final = (b"one", b"two", b"three")
P1, P2, P3 = PAYLOADS

Pair = tuple[HandshakeState, HandshakeState]


def initiator(
    name: str,
    *,
    static: KeyPair = ALICE,
    ephemeral: KeyPair = ALICE_EPHEMERAL,
    knows: KeyPair = BOB,
    prologue: bytes = b"swarm",
) -> HandshakeState:
    """Return Alice's side."""
    return HandshakeState(
        name,
        initiator=True,
        prologue=prologue,
        static=static,
        remote_static=knows.public if "_IK_" in name else None,
        ephemeral=ephemeral,
    )


def responder(
    name: str,
    *,
    static: KeyPair = BOB,
    ephemeral: KeyPair = BOB_EPHEMERAL,
    prologue: bytes = b"swarm",
) -> HandshakeState:
    """Return Bob's side."""
    return HandshakeState(
        name, initiator=False, prologue=prologue, static=static, ephemeral=ephemeral
    )


def message_count(name: str) -> int:
    """Return how many messages the handshake has."""
    return 2 if "_IK_" in name else 3


def walk(name: str, index: int) -> tuple[Pair, list[bytes]]:
    """Return the writer and the reader of message `index`, from 0, and all up to it.

    That one has been written, and not been read.
    """
    writer, reader = initiator(name), responder(name)
    messages = [writer.write_message(PAYLOADS[0])]
    for payload in PAYLOADS[1 : index + 1]:
        reader.read_message(messages[-1])
        writer, reader = reader, writer
        messages.append(writer.write_message(payload))
    return (writer, reader), messages


def finish(name: str) -> Pair:
    """Return the initiator and the responder after the last message."""
    (writer, reader), messages = walk(name, message_count(name) - 1)
    reader.read_message(messages[-1])
    return (reader, writer) if "_IK_" in name else (writer, reader)


def sealed_messages() -> Sequence[tuple[str, int]]:
    """Return (name, number) of every message that does not go in the clear."""
    return [
        (name, index)
        for name in NAMES
        for index in range(message_count(name))
        if "_IK_" in name or index > 0
    ]


def fields_of(value: object) -> object:
    """Return all that a state holds, down to bytes and numbers, to compare."""
    slots: tuple[str, ...] = getattr(type(value), "__slots__", ())
    if not type(value).__module__.startswith("swarmnet") or not slots:
        return value
    return [type(value), *(fields_of(getattr(value, slot)) for slot in slots)]


def check_refused(side: HandshakeState, message: bytes) -> None:
    """Check that `side` refuses a message and is what it was."""
    before = fields_of(side)
    with pytest.raises(BadPacket):
        side.read_message(message)
    assert fields_of(side) == before


def check_goes_on(reader: HandshakeState, message: bytes, index: int) -> None:
    """Check that the right message is still read."""
    assert reader.read_message(message) == PAYLOADS[index]
