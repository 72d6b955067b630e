"""What a node is given at its start: who it is, whom it knows, how it behaves."""

from dataclasses import dataclass, field

from swarmnet.crypto.identity import Identity
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.trust import Directory
from swarmnet.swim.config import SwimConfig


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a node is and whom it knows: its keys, its own chain, its directory.

    `wall` is Unix seconds at the start.
    """

    identity: Identity
    chain: bytes
    directory: Directory
    wall: float


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The settings of all rooms."""

    swim: SwimConfig = field(default_factory=SwimConfig)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
