"""What the underlay knows of a host: an address, and whether a process listens."""

from typing import Protocol

from swarmnet.ids import Address, NodeId

Place = tuple[bytes, int]
"""An address as a key: its two fields, which hash far faster than the dataclass."""


class Endpoint(Protocol):
    """One process at one address. `index` is its name in traces and impairments."""

    index: int
    node: NodeId
    address: Address
    up: bool
    """A process runs here (it may be paused)."""
    reachable: bool
    """The machine answers: without a process it refuses streams at once."""
    life: int
    """How often a process was started here."""

    def take_datagram(
        self,
        sender: NodeId,
        source: Address,
        source_index: int,
        peer: NodeId | None,
        data: bytes,
    ) -> None:
        """Receive a datagram meant for `peer`."""

    def take_frame(
        self, sender: NodeId, source: Address, source_index: int, data: bytes
    ) -> None:
        """Receive one frame of a stream."""

    def take_failure(self, peer: NodeId | None, address: Address) -> None:
        """Learn that the stream to `peer` at `address` is broken."""


def place_of(address: Address) -> Place:
    """Return the key of `address`."""
    return (address.host, address.port)
