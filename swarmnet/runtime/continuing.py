"""What a process leaves for the one after it, on a machine that runs on.

The file lies in the run directory, which no reboot, no backup and no copy of a disk
brings along. It says what the process knew of its own life (`ipam.lives.Continuation`),
of which boot of the machine, and how far it had written its rows: a database that was
put back to an earlier state does not match, and is another life.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.ipam.lives import Continuation
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

FILE: Final = "continuation"
BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"


class Continuing:
    """The file of one run directory, kept up to date by `note`."""

    def __init__(self, run_dir: str | Path, node: NodeId) -> None:
        self._path = Path(run_dir) / FILE
        self._node = node
        self._boot = Path(BOOT_ID).read_bytes().strip()
        self._noted: tuple[Continuation, int] | None = None

    def take(self, written: int) -> Continuation | None:
        """Return what the process before this one left, if this goes on from that.

        `written` is how many changes of own rows the database holds.
        """
        try:
            fields = array(unpack_array_untrusted(self._path.read_bytes()), 8)
            node, boot, known = blob(fields[0], 64), blob(fields[1], 64), fields[2]
            lives, made = (tuple(map(natural, array(fields[i], 0))) for i in (3, 7))
            is_sure, is_known, is_trusting = (
                natural(one, 1) == 1 for one in fields[4:7]
            )
            if (node, boot) != (self._node, self._boot) or natural(known) > written:
                return None
            return Continuation(lives, is_sure, is_known, is_trusting, made)
        except (OSError, BadPacket):
            return None

    def note(self, now: Continuation, written: int) -> None:
        """Leave this for the next process, before anything that follows is sent."""
        if self._noted == (now, written):
            return
        self._noted = (now, written)
        data = pack(
            (
                *(bytes(self._node), self._boot, written, now.lives),
                *map(int, (now.is_sure, now.is_known, now.is_trusting)),
                now.made,
            )
        )
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(data)
            os.replace(new, self._path)
        except OSError:
            # The next process is another life then.
            self.drop()

    def drop(self) -> None:
        """Leave nothing."""
        self._noted = None
        with suppress(OSError):
            self._path.unlink()
