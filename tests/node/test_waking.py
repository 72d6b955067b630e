"""When a node wants to be woken: as if all its parts were asked each time."""

from typing import Final

from swarmnet.ids import CLUSTER
from swarmnet.node.engine import Node
from swarmnet.tables.row import NETWORK, Name
from swarmnet.timers import earliest
from tests.node.table import Table

NAME: Final[Name] = (NETWORK, bytes(16))


def asked(node: Node) -> float | None:
    """Return when the parts of a node are due, each asked anew."""
    parts = (node._plane, node._channels, node._calls, node._certification)
    return earliest(
        node._warming.poll_timeout(), *(part.poll_timeout() for part in parts)
    )


def test_a_node_is_due_when_the_first_of_its_parts_is() -> None:
    table = Table(4)
    seen: dict[float | None, None] = {}

    def look(seconds: float) -> None:
        for step in range(1 + round(seconds / 0.02)):
            table.run(0.02 if step else 0.0)
            for node in table.nodes.values():
                assert node.poll_timeout() == asked(node)
                seen[node.poll_timeout()] = None

    for number in (2, 3, 4):
        table.join(number, 1)
        look(0.5)
    table.command(1, lambda one: one.put(table.now, CLUSTER, NAME, b"value"))
    look(1.0)
    # Its certificate is about to end, so that it has to ask for another at once.
    ends = table.pki.chain(3).life[1]
    table.nodes[3].note_wall(table.now, ends - 0.01)
    look(0.5)
    table.nodes[1].call(table.now, table.id(2), b"ask")
    look(0.5)
    table.nodes[4].leave(table.now)
    look(4.0)
    assert len(seen) > 100
