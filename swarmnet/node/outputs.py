"""What a whole node wants done, one small value at a time (`poll_output`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmnet.swim.outputs import Output as SwimOutput
from swarmnet.tables.outputs import (
    Completed,
    MaskWanted,
    Outbid,
    Recovered,
    Save,
    Unsave,
)


@dataclass(frozen=True, slots=True)
class VerifySignatures:
    """Verify many signatures, by another thread if there is one.

    Each claim is (Ed25519 public key, message, signature). The answer goes to
    `verified(now, number, verdicts)`, in the same order.
    """

    number: int
    claims: Sequence[tuple[bytes, bytes, bytes]]


TablesOutput = Save | Unsave | Completed | Recovered | Outbid | MaskWanted
Output = SwimOutput | TablesOutput | VerifySignatures
