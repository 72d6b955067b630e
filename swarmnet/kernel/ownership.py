"""What of a namespace is ours."""

from swarmnet.kernel.link_difference import may_remove
from swarmnet.kernel.state import PROTOCOL, Namespace


def ours(space: Namespace) -> Namespace:
    """Return a namespace without what others made in it, sysctls left out."""
    if space.is_owned:
        return space
    links = {
        name: link for name, link in space.links.items() if may_remove(link, space)
    }
    return Namespace(
        links=links,
        addresses={one: None for one in space.addresses if one.link in links},
        routes={one: None for one in space.routes if one.protocol == PROTOCOL},
        entries={name: held for name, held in space.entries.items() if name in links},
        stations={mac: port for mac, port in space.stations.items() if port in links},
        tables=space.tables,
        is_pinned=space.is_pinned,
    )
