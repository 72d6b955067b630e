"""Bytes that no kernel sends, for the readers: they give a value or `BadPacket`."""

from collections.abc import Callable
from contextlib import suppress

from swarmnet.errors import BadPacket


def check_read_or_refused(read: Callable[[bytes], object], data: bytes) -> None:
    """Fail with whatever `read` raises but BadPacket."""
    with suppress(BadPacket):
        read(data)


def check_cuts_and_flips(read: Callable[[bytes], object], data: bytes) -> None:
    """Read `data` cut at every byte, and with every byte changed."""
    for at in range(len(data)):
        check_read_or_refused(read, data[:at])
        for mask in (0x01, 0x80, 0xFF):
            changed = bytes((data[at] ^ mask,))
            check_read_or_refused(read, data[:at] + changed + data[at + 1 :])
