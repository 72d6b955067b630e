"""The underlay between this host and a peer: ports both ways, and the path's MTU."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, skipped, warning

SMALLEST: Final = 576
"""What every IPv4 host takes (RFC 791); the search for a path's MTU begins there."""
STEPS: Final = 24
REFUSED: Final = "Connection refused"


def sizes_between(low: int, high: int) -> list[int]:
    """Return sizes to be tried next, above `low` and up to `high`, the last of these.

    Two rounds find the least step for links of up to 1,500 bytes, three for jumbo ones.
    """
    step = max(1, -(-(high - low) // STEPS))
    return sorted({high, *range(low + step, high, step)})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was tried: "" if it stood after `seconds`, else why not."""

    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Volley:
    """Datagrams sent one way: how many, and how many came; None: nobody can tell."""

    sent: int
    came: int | None


@dataclass(frozen=True, slots=True)
class PathSize:
    """How large a packet comes through one way with DF, in bytes of IP.

    `link_mtu` is that of the link it leaves by; `largest` the largest that came, None
    if none did.
    """

    link_mtu: int
    largest: int | None


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What was tried with one peer; None is what could not be.

    `to` is from here, `back` from there. `silence` is why the peer took no part, ""
    if it did; `is_awaited`: it should have. `networks` are those that both
    take part in, with their MTU and how much encapsulation takes.
    """

    node: str
    address: str
    port: int
    tcp_to: Attempt
    silence: str = ""
    tcp_back: Attempt | None = None
    udp_to: Volley | None = None
    udp_back: Volley | None = None
    size_to: PathSize | None = None
    size_back: PathSize | None = None
    networks: Sequence[tuple[str, int, int]] = ()
    is_member: bool = True
    is_awaited: bool = False


def check_path(facts: PathFacts) -> Iterator[Finding]:
    """Yield how the path to a peer is, both ways."""
    yield _tcp_to(facts)
    if facts.silence:
        yield _silent(facts)
        return
    if facts.tcp_back is not None:
        yield _tcp_back(facts, facts.tcp_back)
    for volley, is_to in ((facts.udp_to, True), (facts.udp_back, False)):
        if volley is not None:
            yield _udp(facts, volley, is_to=is_to)
    for size, is_to in ((facts.size_to, True), (facts.size_back, False)):
        if size is not None:
            yield _size(facts, size, is_to=is_to)


def _tcp_to(facts: PathFacts) -> Finding:
    check = f"{facts.port}/tcp to peer"
    attempt, where = facts.tcp_to, facts.address
    if not attempt.error:
        told = f"{where} answers after {attempt.seconds * 1000:.1f} ms"
        return ok(check, told, facts.node)
    if "unreachable" in attempt.error.lower() or "route" in attempt.error.lower():
        host = where.rpartition(":")[0]
        cure = (
            f"see that the host is up, and a route leads there: ip route get {host}; ip"
            f" neigh show {host}"
        )
    elif attempt.error == REFUSED:
        cure = "start the agent there: systemctl start swarmnet"
    else:
        cure = (
            f"open {facts.port}/tcp on the way and there: nft insert rule inet FILTER"
            f" INPUT tcp dport {facts.port} accept (swarmnet doctor there names it)"
        )
    return failure(check, f"{where}: {attempt.error}", cure, facts.node)


def _silent(facts: PathFacts) -> Finding:
    if not facts.is_member:
        cure = "swarmnet join; a member answers what a stranger is not told"
    elif facts.tcp_to.error:
        cure = f"mend {facts.port}/tcp first"
    else:
        cure = "see that the agent runs there: systemctl restart swarmnet"
    told = f"its part was not tried: {facts.silence}"
    if facts.is_awaited and not facts.tcp_to.error:
        return failure("peer answers", told, cure, facts.node)
    return skipped("peer answers", told, cure, facts.node)


def _tcp_back(facts: PathFacts, attempt: Attempt) -> Finding:
    check = f"{facts.port}/tcp from peer"
    if not attempt.error:
        told = f"reaches us after {attempt.seconds * 1000:.1f} ms"
        return ok(check, told, facts.node)
    cure = (
        f"open {facts.port}/tcp on this host (swarmnet doctor names the rule) and on"
        " the way here"
    )
    return failure(check, f"cannot reach us: {attempt.error}", cure, facts.node)


def _udp(facts: PathFacts, volley: Volley, *, is_to: bool) -> Finding:
    check = f"{facts.port}/udp {'to' if is_to else 'from'} peer"
    if volley.came is None:
        return skipped(check, "nobody counted", "try again", facts.node)
    told = f"{volley.came} of {volley.sent} datagrams came"
    place = facts.address if is_to else "this host"
    cure = (
        f"open {facts.port}/udp on {place} and on the way there; swarmnet doctor on"
        f" {'that host' if is_to else 'this one'} names the rule"
    )
    if not volley.came:
        return failure(check, f"{told}: blocked that way", cure, facts.node)
    if volley.came < volley.sent:
        loss = "look for errors and drops: ip -s link; ethtool -S LINK"
        return warning(check, f"{told}: the path loses some", loss, facts.node)
    return ok(check, told, facts.node)


def _size(facts: PathFacts, size: PathSize, *, is_to: bool) -> Finding:
    check = f"path mtu {'to' if is_to else 'from'} peer"
    if size.largest is None:
        told = "no datagram came, of whatever size"
        return skipped(check, told, f"mend {facts.port}/udp first", facts.node)
    told = f"{size.largest} bytes with DF, of {size.link_mtu} on the link"
    too_large = [
        f"{name} ({mtu} + {overhead})"
        for name, mtu, overhead in facts.networks
        if mtu + overhead > size.largest
    ]
    overhead = next((one for _, _, one in facts.networks), 50)
    remake = f"--opt mtu={size.largest - overhead}"
    if too_large and size.largest == size.link_mtu:
        told += f": that link is too small for networks {', '.join(too_large)}"
        where = "this host" if is_to else f"{facts.node}"
        wanted = max(mtu + more for _, mtu, more in facts.networks)
        cure = (
            f"ip link set LINK mtu {wanted} on {where}, or make the networks anew:"
            f" swarmnet network create {remake}"
        )
        return failure(check, told, cure, facts.node)
    if too_large:
        told += f": too small for networks {', '.join(too_large)}"
        cure = (
            f"let {size.link_mtu} bytes through on the way (ip link set LINK mtu"
            f" {size.link_mtu} on switches and tunnels), or make the networks anew:"
            f" swarmnet network create {remake}"
        )
        return failure(check, told, cure, facts.node)
    if size.largest < size.link_mtu:
        told += ": the way between is narrower than its ends"
        cure = f"make networks by swarmnet network create {remake}"
        return warning(check, told, cure, facts.node)
    return ok(check, told, facts.node)
