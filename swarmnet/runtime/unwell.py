"""The members as a node sees them, and of those that are not well why not."""

from collections.abc import Iterator

from swarmnet.doctor.standing import MemberFacts, check_member
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Json, Views


def members_of(life: Life) -> Iterator[tuple[bytes, MemberFacts]]:
    """Yield the other members: their ids, and how they are seen."""
    views, reaches = Views(life), life.node.swim.degraded()
    for node, name in views.node_names().items():
        if node != life.me:
            address = life.address_of(node)
            yield (
                node,
                MemberFacts(
                    name or node.hex(),
                    views.state(node),
                    "an unknown address" if address is None else str(address),
                    reaches[node].name if node in reaches else "DIRECT",
                    life.node.swim.on_probation(node),
                ),
            )


def unwell(life: Life) -> list[Json]:
    """Return what `status` says of members that are not well."""
    found: list[Json] = []
    for node, facts in members_of(life):
        finding = check_member(facts)
        if finding is not None:
            found.append(
                {
                    "node": node.hex(),
                    "name": facts.name,
                    "state": facts.state,
                    "reason": finding.evidence,
                    "cure": finding.cure,
                }
            )
    return found
