"""The knobs of channels, each with its meaning, unit, bound and cost."""

from dataclasses import dataclass, fields
from typing import Final

from swarmnet.errors import Refused

_LARGE: Final = float(2**60)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How one node keeps its channels. Nodes of a cluster may differ in all of it.

    Raises:
        Refused: a value is out of its bounds.
    """

    rekey_age_s: float = 3600.0
    """A session that is used when it is older gets a successor. Jittered by a tenth,
    and later by 15 % at the side that did not begin it, lest both begin at once."""

    rekey_packets: float = float(2**40)
    """As well as one that sealed so many packets. AES-GCM allows 2^64 nonces, but
    2^40 packets of 1,200 bytes keep far from its bound on blocks under one key."""

    life_s: float = 7200.0
    """No session is used or listened to when it is older."""

    grace_s: float = 30.0
    """How long a session that has a successor is still listened to: packets may be
    late, and the peer may take a while to hear of the new one."""

    retry_s: float = 0.025
    """From a handshake's first packet to the next, while something waits to be sent;
    doubles up to 32 times that. Each costs both sides some key exchanges."""

    pending_s: float = 5.0
    """After so long a handshake that was not answered is given up."""

    waiting_s: float = 3.0
    """What could not be sent for so long is dropped: who sent it has given up too."""

    waiting_max: float = 64
    """How many packets wait for one peer's handshake; beyond, the oldest goes."""

    channels_max: float = 8192
    """Peers with sessions; beyond, those idle for longest are forgotten."""

    half_open_max: float = 1024
    """Handshakes of others that are answered and not yet confirmed."""

    handshakes_per_s: float = 250.0
    """How many of others are answered in the long run: an eighth of a core at 0.5 ms.
    Below half of the burst, cookies are asked for."""

    handshakes_burst: float = 1000.0

    hints_per_s: float = 100.0
    """How often strangers are told that their session is unknown here."""

    unanswered_s: float = 0.025
    """Who was sent something under a session, and again after so long, and was not
    heard meanwhile, may have lost it: then a handshake is begun, of two packets, and
    the session stands until that is done. Twice as long after each in vain, up to 2048
    times. A probe of a peer that is near asks others after 27 ms, and gives up after 80
    at the soonest: there must be time for a handshake and a ping."""

    datagram_bytes: float = 1200
    """The largest datagram to a peer of which nothing better is known."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0.001 if field.name.endswith("_s") else 1
            if not least <= value <= _LARGE:
                raise Refused(f"{field.name} {value}: want {least:g} to {_LARGE:g}")
        if not 512 <= self.datagram_bytes <= 65_507:
            raise Refused(f"datagram_bytes {self.datagram_bytes:g}: want 512 to 65507")
        if not self.rekey_age_s < self.life_s:
            raise Refused(
                f"rekey_age_s {self.rekey_age_s:g}: want less than life_s,"
                f" {self.life_s:g}"
            )
