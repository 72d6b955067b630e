"""What leads from the firewall tables of a namespace to those it should have."""

from collections.abc import Iterator, Mapping

from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.operations import ChangeElements, PutTable, RemoveTable

Tables = Mapping[tuple[str, str], Table]


def compare_tables(
    namespace: str, desired: Tables, actual: Tables
) -> Iterator[PutTable | ChangeElements | RemoveTable]:
    """Yield what to do; nothing if all is as it should be.

    A table is replaced when its text differs, else its elements are changed one by one.
    Of those that nobody wants, only the one with our name goes.
    """
    for key, table in desired.items():
        held = actual.get(key)
        if held is None or (held.sets, held.chains) != (table.sets, table.chains):
            yield PutTable(namespace, table)
            continue
        change = _change(namespace, table, held)
        if change.removed or change.added:
            yield change
    if OURS in actual and OURS not in desired:
        yield RemoveTable(namespace, *OURS)


def _change(namespace: str, desired: Table, actual: Table) -> ChangeElements:
    return ChangeElements(
        namespace,
        desired,
        removed=tuple(_missing(actual, desired)),
        added=tuple(_missing(desired, actual)),
    )


def _missing(here: Table, there: Table) -> Iterator[tuple[str, str]]:
    """Yield the elements, with the name of their set, that only `here` has."""
    for one, elements in here.elements.items():
        others = there.elements.get(one, {})
        for element in elements:
            if element not in others:
                yield one, element
