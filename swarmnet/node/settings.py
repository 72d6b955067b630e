"""How a node behaves: the settings of all its rooms."""

from dataclasses import dataclass, field
from typing import Final

from swarmnet.crypto.settings import ChannelSettings
from swarmnet.node.seat import Seat
from swarmnet.swim.config import SwimConfig
from swarmnet.tables.config import TableConfig

RATE_BYTES_S: Final = 128_000.0
"""Membership alone gets by with a sixth. A row of 200 bytes costs a node some 1,000, so
this carries more than a hundred changes a second for as long as one likes."""
BURST_BYTES: Final = 4_194_304.0
"""Some four thousand rows at once, after a quiet time."""


def node_swim() -> SwimConfig:
    """Return how membership behaves that carries rows as well."""
    return SwimConfig(rate_bytes_s=RATE_BYTES_S, burst_bytes=BURST_BYTES)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The settings of all rooms.

    `about` is what the node's own row says of it. `seat` is where it is on the
    underlay; None: it programs no kernel. A node that `introduces` itself not writes no
    such row; it has no part in the tables then.
    """

    swim: SwimConfig = field(default_factory=node_swim)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    tables: TableConfig = field(default_factory=TableConfig)
    about: bytes = b""
    seat: Seat | None = None
    introduces: bool = True
