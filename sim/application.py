"""The application above the engines: payloads that prove themselves, and who has them.

A payload is a checksum over the rest, a tag that no other bytes of the run contain, a
serial number and filler. So a corrupted one is refused, and copies can be counted in
whatever datagram they travel.
"""

from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Final

from swarmnet.ids import CLUSTER
from swarmnet.swim.outputs import Payload, PayloadClass

CHECKSUM_BYTES: Final = 8
TAG_BYTES: Final = 8
SERIAL_BYTES: Final = 4
PAYLOAD_BYTES_MIN: Final = CHECKSUM_BYTES + TAG_BYTES + SERIAL_BYTES


@dataclass(slots=True)
class Published:
    """One payload's fate. `held` maps the index of each holder to when it came."""

    serial: int
    origin: int
    at_s: float
    held: dict[int, float]
    done_s: float | None = None


class Application:
    """Makes the payloads of a run and checks what is delivered."""

    def __init__(self, seed: int) -> None:
        self._filler = Random(f"{seed}/payload")
        self.tag = self._filler.randbytes(TAG_BYTES)
        self.published: list[Published] = []

    def make(self, origin: int, at_s: float, size_bytes: int) -> Payload:
        """Return the next payload of `size_bytes` (20 or more), by node `origin`."""
        serial = len(self.published)
        self.published.append(Published(serial, origin, at_s, {}))
        rest = self.tag + serial.to_bytes(SERIAL_BYTES, "big")
        rest += self._filler.randbytes(size_bytes - PAYLOAD_BYTES_MIN)
        data = _checksum(rest) + rest
        key = b"payload/" + serial.to_bytes(SERIAL_BYTES, "big")
        return Payload(key, CLUSTER, PayloadClass.NORMAL, data)

    def read(self, payload: Payload) -> Published | None:
        """Return which payload this is; None for bytes that we never published."""
        data = payload.data
        rest = data[CHECKSUM_BYTES:]
        if len(data) < PAYLOAD_BYTES_MIN or data[:CHECKSUM_BYTES] != _checksum(rest):
            return None
        serial = int.from_bytes(rest[TAG_BYTES : TAG_BYTES + SERIAL_BYTES], "big")
        if serial >= len(self.published):
            return None
        return self.published[serial]


def _checksum(rest: bytes) -> bytes:
    return blake2b(rest, digest_size=CHECKSUM_BYTES).digest()
