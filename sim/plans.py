"""What a machine's kernel should hold, worked out anew from the rows its node holds.

Nothing here is kept up: what a data plane reached change by change must equal it.
"""

from collections.abc import Iterator

from sim.machine import Machine
from sim.profiles.tabled import Tabled, tabled
from swarmnet.cnm.network import Attachment
from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, Scope
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.node.desired import Desired, Place
from swarmnet.node.overlaying import endpoint_value, network_value
from swarmnet.node.seat import decode_seat_untrusted
from swarmnet.overlay.naming import box_of
from swarmnet.tables.facts import attachment_about
from swarmnet.tables.row import ATTACHMENT

NOTHING = Namespace()


def plan_of(machine: Machine) -> Host:
    """Return what the rows call for that the node of a machine holds now."""
    host, engine = machine.host, tabled(machine.host.engine)
    desired = Desired(Place(host.node.hex(), machine.vtep))
    desired.is_complete = True
    for sandbox in machine.sandboxes.values():
        desired.set_sandbox(sandbox)
    for scope in engine.tables.scopes():
        _follow(desired, engine, scope)
    known = machine.actual(Host())
    boxes = [box_of(name) for name in machine.sandboxes]
    for name in (HOST, *boxes):
        desired.note(name, known.namespaces.get(name))
    desired.update()
    return Host(desired.namespaces)


def _follow(desired: Desired, engine: Tabled, network: Scope) -> None:
    known = engine.addressing.networks.get(network)
    if known is None:
        return
    desired.set_network(network_value(known))
    for attachment in _attachments(engine, network):
        desired.attach(network.hex(), attachment)
    for one in engine.addressing.endpoints.all(network):
        if one.is_effective:
            desired.put_endpoint(network.hex(), endpoint_value(one, engine.node))


def _attachments(engine: Tabled, network: Scope) -> Iterator[Attachment]:
    rules = engine.tables.rules
    for row in engine.tables.held(CLUSTER, (ATTACHMENT, bytes(network))):
        if row.is_deleted or rules.show(row) is None:
            continue
        try:
            vtep, mtu = decode_seat_untrusted(attachment_about(row))
        except BadPacket:
            continue
        yield Attachment(row.owner.hex(), vtep, mtu)


def unplanned(machine: Machine) -> list[Operation]:
    """Return what would make a kernel what it should be: nothing, if all is well."""
    plan = plan_of(machine)
    return reconcile(plan, machine.actual(plan))


def strays(machine: Machine) -> Iterator[str]:
    """Yield what is ours in namespaces of others that are no concern of ours."""
    known = [sandbox.netns for sandbox in machine.sandboxes.values()]
    for path in machine.kernel._machine.sandboxes:
        if path not in known:
            held = ours(machine.look_into(path))
            if held != NOTHING:
                yield f"{path}: {held}"
