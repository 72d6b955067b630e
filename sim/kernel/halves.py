"""What an agent leaves behind that is killed in the middle of an operation.

A link is made by one request and gets its alias by the next; of a veth pair both ends
are born under the name of the first, the other one moved to its namespace but not yet
renamed. All other operations are one request: done, or not begun.
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
        there = replace(link.peer, name=link.name)
        link = replace(link, peer=there)
        other = replace(
            other, name=link.name, alias="", is_up=False, has_link_local=True
        )
    linking.add_link(machine, AddLink(operation.namespace, link, other))
    machine.get(operation.namespace).get(link.name).is_mtu_fixed = False
