"""Addresses of our networks that somebody has set by hand, in a sandbox or the host."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from swarmnet.doctor.finding import Finding, failure, ok


@dataclass(frozen=True, slots=True)
class ByHand:
    """An address of a network's subnet, on a link where no row puts it.

    `where` names the sandbox, or the host; `netns` is the path of its namespace, "" for
    the host's. `holder` says who has the address by a row, "" if nobody does.
    """

    address: str
    length: int
    link: str
    where: str
    network: str
    netns: str = ""
    holder: str = ""


def removal_of(one: ByHand) -> str:
    """Return the command that takes an address away."""
    enter = f"nsenter --net={one.netns} " if one.netns else ""
    return f"{enter}ip address del {one.address}/{one.length} dev {one.link}"


def told_of(one: ByHand) -> str:
    """Return where an address is, and whose it is."""
    whose = f"it is {one.holder}'s" if one.holder else "no row gives it to anybody"
    return (
        f"{one.address} of network {one.network} is on {one.link} in {one.where}, set"
        f" by hand: {whose}"
    )


def check_by_hand(found: Sequence[ByHand]) -> Iterator[Finding]:
    """Yield the addresses that were set by hand."""
    for one in found:
        yield failure("address by hand", told_of(one), removal_of(one))
    if not found:
        yield ok("address by hand", "every address of a network is where its row is")
