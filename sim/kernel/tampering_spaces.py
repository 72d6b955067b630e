"""Tampering with what stands in our namespaces and on our links, and with them."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from re import compile as pattern
from typing import Final

from sim.kernel import addressing, linking, settings
from sim.kernel.cells import KERNEL, Machine, NamespaceCell
from sim.kernel.foreign import Foreign
from sim.kernel.ours import OWNED, our_links, our_namespaces, where
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.intruders import (
    KERNEL_RULES,
    AlienTable,
    Intruder,
    Qdisc,
    Rule,
)
from swarmnet.kernel.links import is_ours
from swarmnet.kernel.state import PROTOCOL, Address, Route

_LAST_NUMBER: Final = pattern(r"[0-9a-f]+\Z")


def remove_address(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take an address from a link of ours."""
    held = [
        (home, address)
        for home in machine.namespaces.values()
        for address in home.addresses
        if is_ours(home.links[address.link].link)
    ]
    if not held:
        return None
    home, address = random.choice(held)
    addressing.remove_address(machine, home, address)
    return f"{home.label}:{address.link} {address.ip.hex()}/{address.length}"


def add_address(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Give a link of ours one more address."""
    cells = our_links(machine)
    if not cells:
        return None
    cell = random.choice(cells)
    ip = bytes([198, 18, *random.randbytes(2)])
    address = Address(cell.name, ip, random.choice((24, 32)))
    addressing.put_address(machine, cell.home, address)
    return f"{where(cell)} {ip.hex()}/{address.length}"


def remove_route(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete a route of ours."""
    return _remove_route(machine, random, PROTOCOL)


def remove_connected(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete a route that the kernel made for an address of ours."""
    return _remove_route(machine, random, KERNEL)


def add_route(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a route with our mark by a link of ours that is up."""
    cells = [cell for cell in our_links(machine) if cell.link.is_up]
    if not cells:
        return None
    cell = random.choice(cells)
    route = Route(bytes([198, 19, *random.randbytes(1), 0]), 24, cell.name)
    addressing.put_route(machine, cell.home, route)
    return f"{where(cell)} {route.destination.hex()}/24"


def remove_table(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete our firewall table."""
    if not (held := _tables(machine)):
        return None
    home, table = random.choice(held)
    del home.tables[table.family, table.name]
    return f"{home.label}: {table.name}"


def change_chains(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a rule to our firewall table."""
    if not (held := _tables(machine)):
        return None
    home, table = random.choice(held)
    changed = replace(table, chains=f"{table.chains}\n# {random.randrange(10**6)}")
    home.tables[table.family, table.name] = changed
    return f"{home.label}: {table.name}"


def remove_element(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete an element of a set of ours."""
    held = [
        (home, table, name, element)
        for home, table in _tables(machine)
        for name, elements in table.elements.items()
        for element in elements
    ]
    if not held:
        return None
    home, table, name, element = random.choice(held)
    left = {e: None for e in table.elements[name] if e != element}
    _set_elements(home, table, name, left)
    return f"{home.label}: {name} {element}"


def add_element(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add to a set of ours an element like one that it has."""
    held = [
        (home, table, name)
        for home, table in _tables(machine)
        for name, elements in table.elements.items()
        if elements and not any(s.name == name and s.is_map for s in table.sets)
    ]
    if not held:
        return None
    home, table, name = random.choice(held)
    like = random.choice(list(table.elements[name]))
    element = _LAST_NUMBER.sub(str(random.randrange(1, 250)), like)
    _set_elements(home, table, name, {**table.elements[name], element: None})
    return f"{home.label}: {name} {element}"


def change_sysctl(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Write something else to a sysctl that we wrote."""
    held = [(h, path) for h in machine.namespaces.values() for path in h.sysctls]
    if not held:
        return None
    home, path = random.choice(held)
    home.sysctls[path] = "0" if home.sysctls[path] != "0" else "1"
    return f"{home.label}: {path}"


def _intrude(
    machine: Machine, random: Random, make: Callable[[NamespaceCell], Intruder | None]
) -> str | None:
    """Put something into a namespace where all is ours."""
    spaces = machine.namespaces
    homes = [home for key, home in spaces.items() if key.startswith(OWNED)]
    if not homes:
        return None
    home = random.choice(homes)
    if (intruder := make(home)) is None or intruder in home.intruders:
        return None
    settings.add_intruder(machine, home, intruder)
    return f"{home.label}: {intruder}"


def add_rule(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a routing rule."""
    rule = Rule(2, random.randrange(1, 32_000), random.randbytes(12))
    return _intrude(machine, random, lambda _: rule)


def remove_rule(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete a routing rule that the kernel made."""
    family, priority = random.choice(list(KERNEL_RULES))
    rule = Rule(family, priority, is_missing=True)
    return _intrude(machine, random, lambda _: rule)


def add_qdisc(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Put a queueing discipline on a link."""

    def make(home: NamespaceCell) -> Intruder | None:
        links = list(home.links)
        link = random.choice(links) if links else None
        return None if link is None else Qdisc(link, "tbf", 0x10000, 0xFFFFFFFF)

    return _intrude(machine, random, make)


def add_alien_table(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a firewall table."""
    table = AlienTable(1, f"others{random.randrange(1000)}")
    return _intrude(machine, random, lambda _: table)


def remove_namespace(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take the pin of a namespace away, which ends it."""
    if not (held := our_namespaces(machine)):
        return None
    home = random.choice(held)
    key = next(k for k, cell in machine.namespaces.items() if cell is home)
    linking.remove_namespace(machine, key)
    return home.label


def _remove_route(machine: Machine, random: Random, protocol: int) -> str | None:
    held = [
        (home, route)
        for home in machine.namespaces.values()
        for route in home.routes
        if route.protocol == protocol and is_ours(home.links[route.link].link)
    ]
    if not held:
        return None
    home, route = random.choice(held)
    addressing.remove_route(machine, home, route)
    return f"{home.label}:{route.link} {route.destination.hex()}/{route.length}"


def _tables(machine: Machine) -> list[tuple[NamespaceCell, Table]]:
    return [
        (home, home.tables[OURS])
        for home in machine.namespaces.values()
        if OURS in home.tables
    ]


def _set_elements(
    home: NamespaceCell, table: Table, name: str, elements: dict[str, None]
) -> None:
    changed = replace(table, elements={**table.elements, name: elements})
    home.tables[table.family, table.name] = changed


ACTS: Final = {
    "address-remove": remove_address,
    "address-add": add_address,
    "route-remove": remove_route,
    "route-add": add_route,
    "connected-remove": remove_connected,
    "table-remove": remove_table,
    "chains-change": change_chains,
    "element-remove": remove_element,
    "element-add": add_element,
    "sysctl-change": change_sysctl,
    "namespace-remove": remove_namespace,
    "rule-add": add_rule,
    "rule-remove": remove_rule,
    "qdisc-add": add_qdisc,
    "alien-table-add": add_alien_table,
}
