"""What a node's own row says of it to the rooms above the tables.

about    [chain, field, ...]    its certificate and its issuer's; more may follow
"""

from swarmnet.crypto.certificate import CHAIN_BYTES_MAX
from swarmnet.errors import BadPacket
from swarmnet.wire import array, blob, pack, unpack_array_untrusted


def encode_about(chain: bytes) -> bytes:
    """Return what a node's own row says of it."""
    return pack((chain,))


def chain_of_untrusted(about: bytes) -> bytes | None:
    """Return the certificates that a node's own row holds; None if it has none."""
    try:
        return blob(array(unpack_array_untrusted(about), 1)[0], CHAIN_BYTES_MAX)
    except BadPacket:
        return None
