"""This node in its cluster: certificate, members, and what it complains of itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.doctor.finding import (
    Finding,
    failure,
    ok,
    skipped,
    warning,
)

HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
CLOCK_WARN_S: Final = 60.0
CLOCK_FAIL_S: Final = 1800.0
"""Certificates are backdated by an hour; half of that is taken for the way back."""
SHARE_LEFT: Final = 0.2
"""Renewal begins long before; with so little left it has failed again and again."""
_REACHES: Final = {
    "INDIRECT": (
        "only others reach it: the path between us is broken",
        "look at the firewalls and routes between the hosts: swarmnet doctor {name}",
    ),
    "STREAM_ONLY": (
        "it answers by TCP only: UDP is blocked between us",
        "open {port}/udp both ways: swarmnet doctor {name} says where it ends",
    ),
    "ONE_WAY": (
        "it is heard, but answers nothing: it does not hear us",
        "open {port}/udp towards it: swarmnet doctor {name} says where it ends",
    ),
}

_FULL: Final = {
    (("PutFdb", "PutFlood"), "ENOSPC"): (
        "the table is full, for its device was made with a limit (maxaddr in ip -d link"
        " there): ip link delete it, and it is made anew without one"
    ),
    (("PutNeighbour",), "ENOBUFS"): (
        "the table is full: sysctl -w net.ipv4.neigh.default.gc_thresh3=65536"
        " net.ipv6.neigh.default.gc_thresh3=65536"
    ),
    (("AddNamespace",), "ENOSPC"): (
        "no namespace more is allowed: sysctl -w user.max_net_namespaces=65536"
    ),
}
"""Of what takes no more. Linux before 5.0 counts permanent neighbours too."""


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """A member as this node sees it; `reach` is by which way it answers.

    One on probation is kept dead although it claims to be alive. `address` ends with a
    colon and its port, or says that it is unknown.
    """

    name: str
    state: str
    address: str
    reach: str = "DIRECT"
    is_on_probation: bool = False


@dataclass(frozen=True, slots=True)
class StandingFacts:
    """This node's certificate and what it knows of others; times in Unix seconds."""

    name: str
    now: float
    not_before: float
    not_after: float
    role: str
    members: Sequence[MemberFacts] = ()
    warnings: Sequence[str] = ()
    refusals: Sequence[str] = ()
    """What the kernel refuses."""
    drifts: Sequence[str] = ()
    """What others had changed in our part of the kernel, put right since."""


def check_standing(
    facts: StandingFacts | None, notice: str | None, *, is_silent: bool = False
) -> Iterator[Finding]:
    """Yield how this node stands in its cluster, None if it is in none.

    `is_silent`: an agent has kept something here, and does not answer, so that what it
    is in is not known.
    """
    if facts is None and is_silent:
        cure = "start or restart the agent: systemctl restart swarmnet"
        yield skipped("cluster", "not known: no agent answers", cure)
        return
    if facts is None:
        yield _outside(notice)
        return
    yield _certificate(facts)
    yield from _members(facts)
    for text in facts.warnings:
        told, _, cure = text.rpartition(": ")
        yield warning("status", told or text, cure if told else "swarmnet status")
    for text in facts.refusals:
        yield failure("kernel refuses", text, cure_of_refusal(text))
    yield from _drifts(facts)


def cure_of_refusal(text: str) -> str:
    """Return what helps where a kernel refuses something, as `text` says it."""
    for (operations, error), cure in _FULL.items():
        if text.startswith(operations) and f": {error}" in text:
            return f"{cure}; it is tried again within 30 s"
    return "mend what the kernel says; it is tried again within 30 s"


def _outside(notice: str | None) -> Finding:
    if notice is not None:
        told, _, cure = notice.rpartition("; ")
        return failure("cluster", told or notice, cure or "join anew")
    cure = "swarmnet init, or swarmnet join"
    return skipped("cluster", "this host is in no cluster", cure)


def _certificate(facts: StandingFacts) -> Finding:
    left_s, whole_s = facts.not_after - facts.now, facts.not_after - facts.not_before
    rejoin = (
        "swarmnet leave --force, then swarmnet join with a token of a manager's"
        " (swarmnet join-token worker)"
    )
    if facts.now < facts.not_before:
        told = f"begins in {_span(-(facts.now - facts.not_before))}: is the clock slow?"
        return failure("certificate", told, "set the clock: timedatectl set-ntp true")
    if left_s <= 0:
        return failure("certificate", f"ended {_span(-left_s)} ago", rejoin)
    if left_s < whole_s * SHARE_LEFT:
        who = "a manager" if facts.role == "worker" else "unsealed root key"
        told = f"ends in {_span(left_s)}, and was not renewed"
        cure = "swarmnet unlock" if facts.role == "manager" else f"start {who}"
        return warning("certificate", told, cure)
    return ok("certificate", f"ends in {_span(left_s)}")


def _span(seconds: float) -> str:
    if seconds >= 2 * DAY_S:
        return f"{seconds / DAY_S:.0f} days"
    if seconds >= 2 * HOUR_S:
        return f"{seconds / HOUR_S:.0f} h"
    return f"{seconds:.0f} s"


def _members(facts: StandingFacts) -> Iterator[Finding]:
    bad = 0
    for one in facts.members:
        found = check_member(one)
        if found is not None:
            bad += 1
            yield found
    if not bad:
        told = f"{len(facts.members)} others, all alive and reached directly"
        yield ok("members", told if facts.members else "no other members")


def check_member(one: MemberFacts) -> Finding | None:
    """Return why a member is not well, or None if it is."""
    told = f"{one.state}, at {one.address}"
    if one.is_on_probation:
        told += ", though it says that it is alive: it died and came back twice in 30 s"
        cure = (
            "wait, it is let back within 2 minutes once it answers steadily; if this"
            f" comes again, look at its load and its cable: swarmnet doctor {one.name}"
        )
        return warning("member", told, cure, one.name)
    if one.state in ("dead", "suspect"):
        cure = (
            f"start the agent there and see that {one.address} is reached: swarmnet"
            f" doctor {one.name}; if it will not return: swarmnet node rm {one.name}"
        )
        return failure("member", told, cure, one.name)
    if one.state == "degraded":
        why, cure = _REACHES.get(one.reach, _REACHES["INDIRECT"])
        _, _, port = one.address.rpartition(":")
        cure = cure.format(name=one.name, port=port)
        return warning("member", f"{told}: {why}", cure, one.name)
    return None


def _drifts(facts: StandingFacts) -> Iterator[Finding]:
    cure = (
        "nothing is left to do; find the program that changes our links, entries or"
        " tables, and stop it: swarmnet monitor shows each"
    )
    for text in facts.drifts:
        yield warning("kernel drift", text, cure)
    if not facts.drifts:
        yield ok("kernel drift", "nobody has changed our part of the kernel")


def check_clock(node: str, ahead_s: float, round_trip_s: float) -> Finding:
    """Return how far a peer's clock is from ours; `ahead_s` may be negative.

    It is known to within half of the round trip.
    """
    side = "ahead of" if ahead_s > 0 else "behind"
    told = (
        f"its clock is {abs(ahead_s):.3f} s {side} ours, to within"
        f" {round_trip_s / 2:.3f} s"
    )
    beyond_s = abs(ahead_s) - round_trip_s / 2
    cure = "set the clock that is wrong: timedatectl set-ntp true; date -u on both"
    if beyond_s > CLOCK_FAIL_S:
        told += ": certificates, backdated by 1 h, soon do not hold"
        return failure("clock", told, cure, node)
    if beyond_s > CLOCK_WARN_S:
        return warning("clock", told, cure, node)
    return ok("clock", told, node)
