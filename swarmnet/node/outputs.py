"""What a whole node wants done, one small value at a time (`poll_output`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmnet.crypto.switchboard import Disowned
from swarmnet.ids import NodeId
from swarmnet.node.calls import Called, Replied
from swarmnet.node.commands import Done, Failed
from swarmnet.node.kernel_news import KernelOutput
from swarmnet.swim.outputs import Output as SwimOutput
from swarmnet.tables.outputs import (
    Completed,
    Fenced,
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


@dataclass(frozen=True, slots=True)
class Removed:
    """A manager has removed a node for good, maybe this one.

    What it issued as a manager up to the serial `issued` stands; 0 is nothing.
    """

    node: NodeId
    issued: int


@dataclass(frozen=True, slots=True)
class Restored:
    """No removal of a node counts any more: whoever said it was removed before."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class RenewalWanted:
    """A member, maybe this node, wants its certificate renewed: `chain` is what it has.

    The answer, if this host can issue, goes to `give_certificate`.
    """

    peer: NodeId
    chain: bytes


@dataclass(frozen=True, slots=True)
class Recertified:
    """We have another certificate: to be stored, for a later life begins with it."""

    chain: bytes


@dataclass(frozen=True, slots=True)
class RootsChanged:
    """Which roots are believed, encoded, and the key ids of those withdrawn.

    To be stored: a later life is handed a trust in these.
    """

    roots: Sequence[bytes]
    withdrawn: Sequence[bytes]


CertificateOutput = RenewalWanted | Recertified | RootsChanged
TablesOutput = Save | Unsave | Completed | Recovered | Outbid | Fenced | MaskWanted
Output = (
    SwimOutput
    | TablesOutput
    | KernelOutput
    | VerifySignatures
    | Removed
    | Restored
    | Disowned
    | CertificateOutput
    | Called
    | Replied
    | Done
    | Failed
)
