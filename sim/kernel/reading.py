"""What a dump of a namespace shows."""

from collections.abc import Mapping

from sim.kernel import settings
from sim.kernel.cells import NamespaceCell
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.links import Kind, is_ours
from swarmnet.kernel.state import Entries, Namespace


def read(
    home: NamespaceCell, desired: Namespace, *, is_owned: bool, is_host: bool
) -> Namespace:
    """Return what a namespace holds; entries, where it is shared, of our links alone.

    Sysctls and tables are those that `desired` names, and on the host our table.
    """
    entries = {}
    stations = {}
    for name, cell in home.links.items():
        if not is_owned and not is_ours(cell.link):
            continue
        if cell.link.kind is Kind.VXLAN:
            fdb, neighbours = dict(cell.fdb), dict(cell.neighbours)
            entries[name] = Entries(fdb, neighbours, tuple(cell.flood))
        stations.update(cell.stations)
    sysctls = {path: settings.read_sysctl(home, path) for path in desired.sysctls}
    return Namespace(
        links={name: cell.link for name, cell in home.links.items()},
        addresses=dict(home.addresses),
        routes=dict(home.routes),
        entries=entries,
        stations=stations,
        sysctls={path: value for path, value in sysctls.items() if value is not None},
        tables=_tables(home, desired.tables, is_host=is_host),
        intruders=dict(home.intruders) if is_owned else {},
        is_owned=is_owned,
        is_pinned=home.is_pinned,
    )


def _tables(
    home: NamespaceCell, desired: Mapping[tuple[str, str], Table], *, is_host: bool
) -> dict[tuple[str, str], Table]:
    asked = {OURS: Table(*OURS), **desired} if is_host else desired
    found = {key: settings.read_table(home, table) for key, table in asked.items()}
    return {key: table for key, table in found.items() if table is not None}
