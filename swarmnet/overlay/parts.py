"""Several networks' parts of one namespace, put together."""

from collections.abc import Iterable

from swarmnet.kernel.state import Namespace


def join(base: Namespace, parts: Iterable[Namespace]) -> Namespace:
    """Return what all of these call for together; `base` says whose namespace it is.

    No two parts speak of one link: names of interfaces are given out once.
    """
    joined = [base, *parts]
    return Namespace(
        links={name: link for one in joined for name, link in one.links.items()},
        addresses={address: None for one in joined for address in one.addresses},
        routes={route: None for one in joined for route in one.routes},
        entries={name: held for one in joined for name, held in one.entries.items()},
        stations={mac: port for one in joined for mac, port in one.stations.items()},
        sysctls={path: text for one in joined for path, text in one.sysctls.items()},
        tables={key: table for one in joined for key, table in one.tables.items()},
        is_owned=base.is_owned,
        is_pinned=base.is_pinned,
    )
