"""The two ways a thing goes wrong: the network's fault, or the user's.

A programmer's mistake is neither; it is an assert.
"""


class BadPacket(Exception):
    """Bytes from the network that are no message of ours.

    Raised by codecs alone. Whoever calls a codec turns it into one counted drop; it
    never travels further, and no state has changed when it is raised.
    """


class Refused(ValueError):
    """A value from the user that is out of bounds.

    The message is one line: the value, the bound and the cure. Nothing has changed.
    """
