"""What of a kernel's holding is ours: where others can do us harm."""

from typing import Final

from sim.kernel.cells import LinkCell, Machine, NamespaceCell
from swarmnet.kernel.links import Kind, is_ours

OWNED: Final = "net/"
"""So begin the keys of namespaces in which everything is ours."""

BOXES: Final = "box/"
"""So begin the keys of sandboxes."""


def our_links(machine: Machine, *kinds: Kind) -> list[LinkCell]:
    """Return our links of some kinds, or of all."""
    found = [
        cell
        for home in machine.namespaces.values()
        for cell in home.links.values()
        if is_ours(cell.link)
    ]
    return [cell for cell in found if not kinds or cell.link.kind in kinds]


def our_ports(machine: Machine) -> list[LinkCell]:
    """Return our links that are in a bridge."""
    return [cell for cell in our_links(machine) if cell.link.master is not None]


def our_namespaces(machine: Machine) -> list[NamespaceCell]:
    """Return the namespaces that we made."""
    return [home for home in machine.namespaces.values() if home.is_pinned]


def shared_namespaces(machine: Machine) -> list[NamespaceCell]:
    """Return the namespaces in which others are at home."""
    spaces = machine.namespaces
    return [home for key, home in spaces.items() if not key.startswith(OWNED)]


def where(cell: LinkCell) -> str:
    """Say which link it is."""
    return f"{cell.home.label}:{cell.name}"
