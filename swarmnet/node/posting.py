"""What one node sends to whom: sealed for a peer, or for whoever is at an address."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.channels import Channels
from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import ADDRESSES, SWIM, TABLES
from swarmnet.node.replayable import is_replayable

ROOMS: Final = {SWIM: "membership", TABLES: "sync", ADDRESSES: "addresses"}
"""Whose the first byte of an envelope says that it is."""
OTHERS: Final = "other"


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many bytes of envelopes were sent and received, by the room they are of.

    Before they are sealed, and without the headers of UDP, TCP and IP.
    """

    sent: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)


class Post(Protocol):
    """Sends a peer an envelope that must not be seen twice."""

    def __call__(
        self, now: float, peer: NodeId, to: Address, data: bytes, *, streamed: bool
    ) -> None: ...


class Posting:
    """Makes parcels of envelopes; `address_of` is where a member says that it is."""

    __slots__ = ("_address_of", "_channels", "traffic")

    def __init__(
        self, channels: Channels, address_of: Callable[[NodeId], Address | None]
    ) -> None:
        self._channels = channels
        self._address_of = address_of
        rooms = (*ROOMS.values(), OTHERS)
        self.traffic = Traffic(dict.fromkeys(rooms, 0), dict.fromkeys(rooms, 0))

    def send(
        self,
        now: float,
        peer: NodeId,
        address: Address,
        frame: bytes,
        *,
        streamed: bool,
        asks: bool = True,
    ) -> None:
        """Send what the control plane wants sent, early where that does no harm."""
        channels, kind = self._channels, frame[:1]
        self.traffic.sent[ROOMS.get(kind, OTHERS)] += len(frame)
        channel = channels.channel(now, peer)
        if channel is None:
            return
        is_early = kind == SWIM and channel.usable(now, channels.life_s) is None
        parcel = Parcel(
            frame,
            address,
            streamed=streamed,
            replayable=is_early and is_replayable(frame[1:]),
            since=now,
            claimed=self._address_of(peer) is not None,
            asks=asks,
        )
        channels.carry(now, channel, parcel)

    def post(
        self, now: float, peer: NodeId, to: Address, data: bytes, *, streamed: bool
    ) -> None:
        """Send what must not be seen twice."""
        self._count(self.traffic.sent, data)
        claimed = self._address_of(peer) is not None
        parcel = Parcel(
            data, to, streamed=streamed, replayable=False, since=now, claimed=claimed
        )
        self._channels.send(now, peer, parcel)

    def meet(self, now: float, address: Address, frame: bytes) -> None:
        """Send to whoever is at an address."""
        self._count(self.traffic.sent, frame)
        first = Parcel(frame, address, streamed=True, replayable=False, since=now)
        self._channels.send_to_address(now, first)

    def note_received(self, peer: NodeId, source: Address, data: bytes) -> Address:
        """An envelope of a member's was opened; return where that says that it is.

        Of a stranger it is where it was heard.
        """
        self.traffic.received[ROOMS.get(data[:1], OTHERS)] += len(data)
        claimed = self._address_of(peer)
        return source if claimed is None else claimed

    @staticmethod
    def _count(counts: dict[str, int], data: bytes) -> None:
        counts[ROOMS.get(data[:1], OTHERS)] += len(data)
