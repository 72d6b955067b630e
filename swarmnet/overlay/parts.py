"""Several networks' parts of one namespace, put together."""

from collections.abc import Iterable, Iterator

from swarmnet.kernel.state import Namespace, Route, connected_route


def join(base: Namespace, parts: Iterable[Namespace]) -> Namespace:
    """Return what all of these call for together; `base` says whose namespace it is.

    No two parts speak of one link: names of interfaces are given out once. But two may
    lead to one prefix, where networks have the same subnet.
    """
    joined = [base, *parts]
    return Namespace(
        links={name: link for one in joined for name, link in one.links.items()},
        addresses={address: None for one in joined for address in one.addresses},
        routes=dict.fromkeys(_routes(joined)),
        entries={name: held for one in joined for name, held in one.entries.items()},
        stations={mac: port for one in joined for mac, port in one.stations.items()},
        sysctls={path: text for one in joined for path, text in one.sysctls.items()},
        tables={key: table for one in joined for key, table in one.tables.items()},
        is_owned=base.is_owned,
        is_pinned=base.is_pinned,
    )


def _routes(parts: Iterable[Namespace]) -> Iterator[Route]:
    """Yield the routes, one to each prefix, and none to where an address leads already.

    A kernel would replace the one by the other, that of an address too.
    """
    parts = list(parts)
    near = [connected_route(address) for one in parts for address in one.addresses]
    taken = {(one.destination, one.length): None for one in near}
    for route in [route for one in parts for route in one.routes]:
        key = (route.destination, route.length)
        if key not in taken:
            taken[key] = None
            yield route
