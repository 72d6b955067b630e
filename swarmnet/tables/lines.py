"""Lives whose state was lost: what they write stands apart from all that was before.

A node that has lost its state cannot know how far its epochs had come, nor may it take
up what it wrote then. So its epochs begin a line of their own, above those of every
life whose state was kept, and all later lives go on in that line:

    epoch   generation (14 bits), nonce (16 bits), count (32 bits)

Generation 0 has no nonce: these are the epochs of a node that never lost anything. The
nonce is drawn, so that two lives that know nothing of each other do not pass for one.
By the line alone it is told whether a row of ours that others bring was written before
the loss, and counts no more, or by a later life than that of a restored backup.
"""

from random import Random
from typing import Final

from swarmnet.tables.codec import VERSION_MAX

_COUNT_BITS: Final = 32
_NONCE_BITS: Final = 16
_GENERATIONS: Final = VERSION_MAX >> (_COUNT_BITS + _NONCE_BITS)


def line_of(epoch: int) -> int:
    """Return the line that an epoch is in: 0 if no state was ever lost."""
    return epoch >> _COUNT_BITS


def first_of(line: int) -> int:
    """Return the epoch before which nothing of a line was written."""
    return line << _COUNT_BITS


def begin_line(epoch: int, random: Random) -> int:
    """Return the first epoch of a new line, above `epoch` and all of its generation.

    Where there is no generation left it is the next epoch.
    """
    generation = (line_of(epoch) >> _NONCE_BITS) + 1
    if generation >= _GENERATIONS:
        return epoch + 1
    nonce = random.getrandbits(_NONCE_BITS)
    return first_of(generation << _NONCE_BITS | nonce) + 1
