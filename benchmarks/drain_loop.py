"""The least that a Python server of sealed probes can do: a trio loop, and no member.

    python -m benchmarks.drain_loop ADDRESS PORT KEY

It waits until the socket is readable, drains it, and opens, decodes, answers, encodes
and seals each packet in memberlist's form; it knows nobody and keeps nothing. It says
"ready" once it answers, and runs until it is ended.
"""

import socket
import sys
from itertools import count
from typing import Final

import msgpack
import trio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BUFFER_BYTES: Final = 4 << 20
DRAIN_MAX: Final = 256
VERSION: Final = b"\x01"
PING: Final = 0
ACK: Final = b"\x02"
NONCE_BYTES: Final = 12


class Answerer:
    """Opens pings and seals acks, under one key."""

    def __init__(self, key: bytes) -> None:
        self._aead, self._numbers = AESGCM(key), count()
        self._packer = msgpack.Packer(use_bin_type=False)

    def answer(self, data: bytes) -> bytes | None:
        """Return the answer to a ping, or None to what is none."""
        try:
            plain = self._aead.decrypt(data[1:13], data[13:], None)
        except InvalidTag:
            return None
        if plain[0] != PING:
            return None
        number = msgpack.unpackb(plain[1:], raw=True)[b"SeqNo"]
        ack = ACK + self._packer.pack({"SeqNo": number, "Payload": None})
        nonce = next(self._numbers).to_bytes(NONCE_BYTES, "big")
        return VERSION + nonce + self._aead.encrypt(nonce, ack, None)


async def serve(address: str, port: int, key: bytes) -> None:
    """Answer pings until cancelled."""
    answerer = Answerer(key)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        sock.bind((address, port))
        print("ready", flush=True)
        while True:
            await trio.lowlevel.wait_readable(sock)
            drain(sock, answerer)


def drain(sock: socket.socket, answerer: Answerer) -> None:
    """Answer all that is there."""
    for _ in range(DRAIN_MAX):
        try:
            data, source = sock.recvfrom(65_535)
        except BlockingIOError:
            return
        answer = answerer.answer(data)
        if answer is not None:
            sock.sendto(answer, source)


if __name__ == "__main__":
    trio.run(serve, sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]))
