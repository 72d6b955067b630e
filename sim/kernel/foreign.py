"""What others made: a checker asks whether all of it is still as they made it."""

from dataclasses import dataclass, field, replace

from sim.kernel import addressing, linking, settings
from sim.kernel.cells import LinkCell, Machine, NamespaceCell
from swarmnet.kernel.firewall import Table
from swarmnet.kernel.links import Link
from swarmnet.kernel.state import Address, Namespace, Route


@dataclass(slots=True, eq=False)
class Foreign:
    """All foreign objects of a host, in namespaces that are alive.

    A foreign link may be in a bridge of ours, and be taken out.
    """

    links: list[tuple[LinkCell, Link]] = field(default_factory=list)
    addresses: list[tuple[NamespaceCell, Address]] = field(default_factory=list)
    routes: list[tuple[NamespaceCell, Route]] = field(default_factory=list)
    tables: list[tuple[NamespaceCell, Table]] = field(default_factory=list)

    def add_all(self, machine: Machine, home: NamespaceCell, space: Namespace) -> None:
        """Make all that a value says in a namespace, as done by others."""
        for link in space.links.values():
            self.add_link(machine, home, link)
        for address in space.addresses:
            self.add_address(machine, home, address)
        for route in space.routes:
            self.add_route(machine, home, route)
        for table in space.tables.values():
            self.add_table(home, table)

    def add_link(self, machine: Machine, home: NamespaceCell, link: Link) -> LinkCell:
        """Make a link of others, of any kind."""
        cell = linking.make(machine, home, link)
        self.links.append((cell, _free(cell.link)))
        return cell

    def add_address(
        self, machine: Machine, home: NamespaceCell, address: Address
    ) -> None:
        """Give a link of others an address."""
        addressing.put_address(machine, home, address)
        self.addresses.append((home, address))

    def add_route(self, machine: Machine, home: NamespaceCell, route: Route) -> None:
        """Add a route by a link of others."""
        addressing.put_route(machine, home, route)
        self.routes.append((home, route))

    def add_table(self, home: NamespaceCell, table: Table) -> None:
        """Add a firewall table of others."""
        settings.put_table(home, table)
        key = (table.family, table.name)
        self.tables.append((home, home.tables[key]))

    def lost(self) -> list[str]:
        """Say what is no more as its makers left it; nothing is what should be said."""
        found = [
            f"{cell.home.label!r}: link {cell.name}"
            for cell, link in self.links
            if cell.home.is_alive
            and (cell.home.links.get(cell.name) is not cell or _free(cell.link) != link)
        ]
        found += [
            f"{home.label!r}: address {address}"
            for home, address in self.addresses
            if home.is_alive and address not in home.addresses
        ]
        found += [
            f"{home.label!r}: route {route}"
            for home, route in self.routes
            if home.is_alive and route not in home.routes
        ]
        found += [
            f"{home.label!r}: table {table.family} {table.name}"
            for home, table in self.tables
            if home.is_alive and home.tables.get((table.family, table.name)) != table
        ]
        return found


def _free(link: Link) -> Link:
    """Return a link as it is outside of any bridge."""
    return replace(link, master=None, port=None)
