"""One operation, brought to the part of the kernel that knows it."""

from sim.kernel import addressing, entries, linking, settings
from sim.kernel.cells import Machine
from swarmnet.kernel import operations as of


def execute(machine: Machine, operation: of.Operation) -> None:
    """Carry an operation out, whole or not at all.

    Raises:
        Refusal: the kernel refuses it.
    """
    match operation:
        case (
            of.PutFdb()
            | of.RemoveFdb()
            | of.PutNeighbour()
            | of.RemoveNeighbour()
            | of.PutFlood()
            | of.RemoveFlood()
        ):
            entries.change_entry(machine, operation)
        case of.PutStation():
            entries.put_station(machine, operation)
        case of.RemoveStation():
            entries.remove_station(machine, operation)
        case of.AddNamespace(key, sysctls):
            linking.add_namespace(machine, key, sysctls)
        case of.RemoveNamespace(key):
            linking.remove_namespace(machine, key)
        case of.AddLink() | of.SetLink() | of.ReleaseLink() | of.RemoveLink():
            _on_link(machine, operation)
        case _:
            _in_namespace(machine, operation)


def _on_link(
    machine: Machine,
    operation: of.AddLink | of.SetLink | of.ReleaseLink | of.RemoveLink,
) -> None:
    match operation:
        case of.AddLink():
            linking.add_link(machine, operation)
        case of.SetLink():
            linking.set_link(machine, operation)
        case of.ReleaseLink(namespace, name):
            if cell := machine.find(namespace, name):
                linking.release(machine, cell)
        case of.RemoveLink(namespace, name):
            if cell := machine.find(namespace, name):
                linking.remove(machine, cell)


def _in_namespace(
    machine: Machine,
    operation: of.PutAddress
    | of.RemoveAddress
    | of.PutRoute
    | of.RemoveRoute
    | of.SetSysctl
    | of.PutTable
    | of.ChangeElements
    | of.RemoveTable
    | of.MendIntruder,
) -> None:
    is_removal = isinstance(
        operation, of.RemoveAddress | of.RemoveRoute | of.RemoveTable | of.MendIntruder
    )
    if is_removal and operation.namespace not in machine.namespaces:
        return
    home = machine.get(operation.namespace)
    match operation:
        case of.PutAddress(address=address):
            addressing.put_address(machine, home, address)
        case of.RemoveAddress(address=address):
            addressing.remove_address(machine, home, address)
        case of.PutRoute(route=route):
            addressing.put_route(machine, home, route)
        case of.RemoveRoute(route=route):
            addressing.remove_route(machine, home, route)
        case of.SetSysctl():
            settings.set_sysctl(machine, operation)
        case of.PutTable(table=table):
            settings.put_table(home, table)
        case of.ChangeElements():
            settings.change_elements(home, operation)
        case of.RemoveTable(family=family, name=name):
            home.tables.pop((family, name), None)
        case of.MendIntruder(intruder=intruder):
            settings.mend_intruder(machine, home, intruder)
