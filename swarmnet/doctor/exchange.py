"""A real exchange through VXLAN, from a sandbox here to a sandbox there and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from swarmnet.doctor.finding import (
    TEXT_CHARACTERS_MAX,
    Finding,
    failure,
    ok,
    skipped,
    warning,
)

NUMBER_MAX: Final = 1e6
"""Of a time in seconds, a share, or a size in bytes, as a member tells it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one exchange between two hosts of a network.

    Small datagrams and such as fill the network's `mtu` were sent to the peer, who
    sends each back; `arrived` says how many of each it got, None if it did not tell.
    `tcp` is why a TCP exchange failed, "" if it did not, None if it was not tried.
    `path_mtu` is the largest packet that came back, in bytes of inner IP. `error` says
    why nothing could be tried.
    """

    network: str
    mtu: int
    sent: int = 0
    answered: int = 0
    arrived: int | None = None
    full_sent: int = 0
    full_answered: int = 0
    full_arrived: int | None = None
    tcp: str | None = None
    round_trip_s: float | None = None
    path_mtu: int | None = None
    source: str = ""
    target: str = ""
    error: str = ""
    is_idle: bool = False
    """There is nothing to be tried: one of the two has no endpoint in it."""

    @property
    def loss(self) -> float | None:
        """Return which share of the small datagrams did not come back."""
        return None if not self.sent else 1 - self.answered / self.sent


def reason_of(one: Exchange, port: int) -> str:
    """Return why an exchange failed, or "" if it did not; `port` is VXLAN's."""
    if one.error:
        return one.error
    if not one.answered:
        if one.arrived:
            return f"it got {one.arrived} of {one.sent}, its answers did not come back"
        if one.arrived == 0:
            return f"nothing came there: {port}/udp is blocked, or no entry leads there"
        return "nothing came back, and it did not tell what it got"
    if not one.full_answered:
        side = (
            "its answers of that size" if one.full_arrived else "packets of that size"
        )
        largest = f"{one.path_mtu}" if one.path_mtu else "small ones"
        return f"{side} are lost: MTU {one.mtu}, and {largest} comes through"
    if one.tcp:
        return f"UDP passes, TCP does not: {one.tcp}"
    return ""


def cure_of(one: Exchange, port: int, node: str) -> str:
    """Return what mends an exchange that failed."""
    if one.error:
        return "try again; swarmnet doctor on that host"
    if not one.answered:
        towards = "on that host" if not one.arrived else "on this host"
        return (
            f"open {port}/udp {towards} and on the way there: nft insert rule inet"
            f" FILTER INPUT udp dport {port} accept (swarmnet doctor there names the"
            f" rule); swarmnet explain {one.target} says whether the entries agree"
        )
    if not one.full_answered:
        wanted = f"--opt mtu={one.path_mtu}" if one.path_mtu else "--opt mtu=BYTES"
        return (
            "let larger packets through on the way (ip link set LINK mtu BYTES), or"
            f" make the network anew: swarmnet network create {wanted}"
        )
    return (
        "ethtool -K LINK tx-udp_tnl-csum-segmentation off tx-checksum-ip-generic off"
        f" on both hosts; look for a firewall inside the sandbox at {one.target} on"
        f" {node or 'that host'}"
    )


def check_exchange(one: Exchange, port: int, node: str) -> Finding:
    """Return how an exchange with a peer went."""
    check = f"vxlan {one.network}"
    if one.is_idle:
        cure = f"connect a sandbox of each of the two hosts to {one.network}"
        return skipped(check, one.error, cure, node)
    reason = reason_of(one, port)
    where = f"{one.source} to {one.target}: " if one.source else ""
    if reason:
        return failure(check, where + reason, cure_of(one, port, node), node)
    told = (
        f"{where}{one.answered} of {one.sent} small, {one.full_answered} of"
        f" {one.full_sent} of {one.mtu} bytes, TCP, and back"
    )
    if one.answered < one.sent or one.full_answered < one.full_sent:
        cure = "look for errors and drops: ip -s link; ethtool -S LINK"
        return warning(check, f"{told}: some are lost", cure, node)
    return ok(check, told, node)


def exchange_as_json(one: Exchange, port: int) -> dict[str, object]:
    """Return an exchange as `swarmnet check` shows it."""
    reason = reason_of(one, port)
    return {
        "ok": not reason,
        "rtt_s": one.round_trip_s,
        "loss": one.loss,
        "path_mtu": one.path_mtu,
        "tcp": None if one.tcp is None else not one.tcp,
        "reason": reason or None,
    }


def went_untrusted(value: Mapping[str, object]) -> dict[str, object]:
    """Read how a member says that an exchange went; what is strange is null."""
    reason = value.get("reason")
    return {
        "ok": value.get("ok") is True,
        "rtt_s": _number(value.get("rtt_s")),
        "loss": _number(value.get("loss")),
        "path_mtu": _number(value.get("path_mtu")),
        "tcp": value.get("tcp") if isinstance(value.get("tcp"), bool) else None,
        "reason": None if reason is None else str(reason)[:TEXT_CHARACTERS_MAX],
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < NUMBER_MAX else None
