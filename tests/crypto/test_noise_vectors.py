"""Published vectors, and an independent implementation, for all eight protocols.

The vectors are those of noise-c; the other implementation is the `noiseprotocol`
package.
"""

import json
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from noise.connection import Keypair, NoiseConnection

from swarmnet.crypto.handshake import PROTOCOLS, HandshakeState
from swarmnet.crypto.primitives import KeyPair

PATH: Final = Path(__file__).parent / "vectors" / "noise_xx_ik_25519.json"


class Vector(NamedTuple):
    """One published exchange; `messages` are (payload, bytes on the wire) in turn."""

    name: str
    fields: dict[str, bytes]
    messages: list[tuple[bytes, bytes]]

    def side(self, role: str) -> HandshakeState:
        """Return our side of it: "init" or "resp"."""
        fields = self.fields
        return HandshakeState(
            self.name,
            initiator=role == "init",
            prologue=fields[f"{role}_prologue"],
            static=fields[f"{role}_static"],
            remote_static=fields.get(f"{role}_remote_static"),
            ephemeral=fields[f"{role}_ephemeral"],
        )


def read_vectors() -> list[Vector]:
    vectors = []
    for entry in json.loads(PATH.read_text())["vectors"]:
        name, messages = entry.pop("name"), entry.pop("messages")
        pairs = [
            (bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"]))
            for m in messages
        ]
        fields = {key: bytes.fromhex(value) for key, value in entry.items()}
        vectors.append(Vector(name, fields, pairs))
    return vectors


VECTORS: Final = read_vectors()
EACH_VECTOR = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)


def test_there_is_a_vector_for_each_of_the_eight_protocols() -> None:
    names = sorted(name for name in PROTOCOLS if isinstance(name, str))
    assert sorted(vector.name for vector in VECTORS) == names
    assert len(names) == 8


@EACH_VECTOR
def test_the_published_exchange_is_ours_byte_for_byte(vector: Vector) -> None:
    sides = [vector.side("init"), vector.side("resp")]
    messages = iter(enumerate(vector.messages))
    while not sides[0].finished:
        index, (payload, wire) = next(messages)
        assert sides[index % 2].write_message(payload) == wire
        assert sides[1 - index % 2].read_message(wire) == payload
    expected = vector.fields["handshake_hash"]
    assert [side.handshake_hash for side in sides] == [expected, expected]
    transports = [side.split() for side in sides]
    count = 0
    for index, (payload, wire) in messages:
        assert transports[index % 2][0].encrypt(b"", payload) == wire
        assert transports[1 - index % 2][1].decrypt(b"", wire) == payload
        count += 1
    assert count == len(vector.messages) - (3 if "_XX_" in vector.name else 2)


@EACH_VECTOR
def test_each_side_learns_the_others_static_key_when_it_was_sent(
    vector: Vector,
) -> None:
    sides = [vector.side("init"), vector.side("resp")]
    found = [(sides[0].remote_static, sides[1].remote_static)]
    for index, (payload, _) in enumerate(vector.messages):
        if sides[0].finished:
            break
        wire = sides[index % 2].write_message(payload)
        sides[1 - index % 2].read_message(wire)
        found.append((sides[0].remote_static, sides[1].remote_static))
    theirs, ours = (
        KeyPair.from_private_bytes(vector.fields[f"{role}_static"]).public
        for role in ("resp", "init")
    )
    if "_IK_" in vector.name:
        assert found == [(theirs, None), (theirs, ours), (theirs, ours)]
    else:
        assert found == [(None, None), (None, None), (theirs, None), (theirs, ours)]


def other_side(vector: Vector, role: str) -> NoiseConnection:
    """Return the other implementation's side, with an ephemeral of its own making."""
    fields = vector.fields
    other = NoiseConnection.from_name(vector.name.encode())
    other.set_prologue(fields[f"{role}_prologue"])
    other.set_keypair_from_private_bytes(Keypair.STATIC, fields[f"{role}_static"])
    if role == "init":
        other.set_as_initiator()
        if "init_remote_static" in fields:
            public = fields["init_remote_static"]
            other.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, public)
    else:
        other.set_as_responder()
    other.start_handshake()
    return other


@EACH_VECTOR
@pytest.mark.parametrize("role", ["init", "resp"])
def test_we_speak_with_another_implementation_in_either_role(
    vector: Vector, role: str
) -> None:
    ours = vector.side(role)
    other = other_side(vector, "resp" if role == "init" else "init")
    we_write = role == "init"
    for size in (0, 1, 1000):
        if ours.finished:
            break
        payload = bytes(range(256))[:size] * 4
        if we_write:
            assert bytes(other.read_message(ours.write_message(payload))) == payload
        else:
            assert ours.read_message(bytes(other.write_message(payload))) == payload
        we_write = not we_write
    assert ours.finished
    assert other.handshake_finished
    assert ours.handshake_hash == other.get_handshake_hash()
    send, receive = ours.split()
    for size in (0, 1, 15, 16, 17, 1000):
        text = bytes(size)
        assert other.decrypt(send.encrypt(b"", text)) == text
        assert receive.decrypt(b"", other.encrypt(text)) == text
    send.rekey()
    receive.rekey()
    other.rekey_inbound_cipher()
    other.rekey_outbound_cipher()
    assert other.decrypt(send.encrypt(b"", b"text")) == b"text"
    assert receive.decrypt(b"", other.encrypt(b"text")) == b"text"
