"""Sysctls and firewall tables of a namespace."""

from dataclasses import replace
from typing import Final

from sim.kernel import linking
from sim.kernel.cells import Machine, NamespaceCell, Refusal
from swarmnet.kernel.firewall import Table
from swarmnet.kernel.intruders import Intruder
from swarmnet.kernel.operations import ChangeElements, SetSysctl

AT_FIRST: Final = {
    "net/bridge/bridge-nf-call-arptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
"""What a new namespace has, where it is not 0."""

Elements = dict[str, dict[str, None]]


def set_sysctl(machine: Machine, operation: SetSysctl) -> None:
    """Write a sysctl; without IPv6 a link loses what it had of it.

    Raises:
        Refusal: there is no such file: the link is not there.
    """
    home = machine.get(operation.namespace)
    if not _exists(home, operation.path):
        raise Refusal("ENOENT")
    home.sysctls[operation.path] = operation.value
    name = linking.link_of(operation.path)
    if name is not None and not home.links[name].has_ipv6:
        linking.drop_ipv6(machine, home.links[name])


def read_sysctl(home: NamespaceCell, path: str) -> str | None:
    """Return a sysctl's value, or None where there is no such file."""
    if not _exists(home, path):
        return None
    return home.sysctls.get(path, AT_FIRST.get(path, "0"))


def put_table(home: NamespaceCell, table: Table) -> None:
    """Make a table exactly what the value says.

    Raises:
        Refusal: it holds elements of a set that it does not declare.
    """
    elements = {s.name: dict(table.elements.get(s.name, {})) for s in table.sets}
    if [name for name in table.elements if name not in elements]:
        raise Refusal("ENOENT", "No such file or directory")
    home.tables[table.family, table.name] = Table(
        table.family, table.name, table.sets, table.chains, elements
    )


def change_elements(home: NamespaceCell, operation: ChangeElements) -> None:
    """Delete and add elements; where that does not fit, put the whole table.

    Raises:
        Refusal: as `put_table`.
    """
    held = home.tables.get((operation.table.family, operation.table.name))
    elements = None if held is None else _changed(held, operation)
    if held is None or elements is None:
        put_table(home, operation.table)
    else:
        home.tables[held.family, held.name] = replace(held, elements=elements)


def read_table(home: NamespaceCell, desired: Table) -> Table | None:
    """Return a table as it is, or of one that says something else only that it is."""
    held = home.tables.get((desired.family, desired.name))
    if held is None:
        return None
    if (held.sets, held.chains) != (desired.sets, desired.chains):
        return replace(desired, chains="", elements={})
    return replace(held, elements={k: dict(some) for k, some in held.elements.items()})


def _changed(held: Table, operation: ChangeElements) -> Elements | None:
    """Return the elements after a transaction, None if it fails, which changes none."""
    elements = {name: dict(some) for name, some in held.elements.items()}
    maps = [s.name for s in held.sets if s.is_map]
    for name, element in operation.removed:
        if element not in elements.get(name, {}):
            return None
        del elements[name][element]
    for name, element in operation.added:
        if name not in elements:
            return None
        if name in maps and _is_taken(elements[name], element):
            return None
        elements[name][element] = None
    return elements


def _exists(home: NamespaceCell, path: str) -> bool:
    if path.split("/")[:2] not in (
        ["net", "ipv4"],
        ["net", "ipv6"],
        ["net", "bridge"],
        ["net", "core"],
    ):
        return False
    name = linking.link_of(path)
    return name is None or name in home.links


def _is_taken(elements: dict[str, None], element: str) -> bool:
    """Say whether a map holds another value under the key of this element."""
    key = element.partition(" : ")[0]
    return element not in elements and any(
        held.partition(" : ")[0] == key for held in elements
    )


def add_intruder(machine: Machine, home: NamespaceCell, intruder: Intruder) -> None:
    """Let others put something into a namespace, or take a rule away."""
    home.intruders[intruder] = None
    machine.announce(home, "intruder")


def mend_intruder(machine: Machine, home: NamespaceCell, intruder: Intruder) -> None:
    """Undo it, if it is so."""
    if home.intruders.pop(intruder, intruder) is None:
        machine.announce(home, "intruder")
