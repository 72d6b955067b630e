"""What an agent leaves behind that is killed in the middle of an operation.

A link is made by one request and gets its alias by the next, and so does the other end
of a veth pair. All other operations are one request: done, or not begun.
"""

from dataclasses import replace

from sim.kernel import dispatch, linking
from sim.kernel.cells import Machine
from swarmnet.kernel.operations import AddLink, Operation


def execute_half(machine: Machine, operation: Operation) -> None:
    """Carry out the first request of an operation of several; of any other, all.

    Raises:
        Refusal: the kernel refuses it.
    """
    if not isinstance(operation, AddLink):
        dispatch.execute(machine, operation)
        return
    link, other = operation.link, operation.other
    link = replace(link, alias="", is_up=False, has_link_local=True, port=None)
    if other is not None and link.peer is not None:
        other = replace(other, alias="", is_up=False, has_link_local=True)
    linking.add_link(machine, AddLink(operation.namespace, link, other))
    machine.get(operation.namespace).get(link.name).is_mtu_fixed = False
