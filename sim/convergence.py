"""Do all live nodes hold the same, and the truth? And by when must they?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from swarmnet.ids import NodeId
from swarmnet.swim.outputs import State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

LOSS_MAX: Final = 0.5
"""Above this lasting loss nothing is demanded: suspicions come faster than they are
refuted, and at 1 nothing is ever heard."""

Truth = dict[NodeId, tuple[int, tuple[int, int] | None]]
"""Of every live node its index and the claim that it uses itself."""
Error = tuple[int, int, str]
"""Who is wrong, about whom (-1 for a stranger), and how."""


def calm_s(profile: "Profile", nodes: int, loss: float) -> float:
    """Return how long after the last fault all views must be equal, in s.

    That is the profile's own bound; a lasting `loss` stretches it by the exchanges, of
    two datagrams each, that one success takes, as far as anything is demanded.
    """
    return profile.calm_s(nodes) / (1 - min(loss, LOSS_MAX)) ** 2


def errors(cluster: "Cluster") -> Iterator[Error]:
    """Yield every wrong entry of a live node's view.

    Right means: exactly the live nodes are alive, at the very (epoch, incarnation)
    that each of them uses now.
    """
    live = cluster.live()
    truth: Truth = {}
    for host in live:
        assert host.engine is not None
        truth[host.node] = (host.index, host.engine.incarnation(host.node))
    for host in live:
        yield from _errors_of(host, truth, cluster)


def disagreement(cluster: "Cluster") -> Error | None:
    """Return the first of the errors, or None if all views are right."""
    return next(errors(cluster), None)


def _errors_of(host: "Host", truth: Truth, cluster: "Cluster") -> Iterator[Error]:
    engine = host.engine
    assert engine is not None
    states = engine.states()
    for node, state in states.items():
        if state in (State.ALIVE, State.SUSPECT) and node not in truth:
            index = cluster.index_of(node)
            yield host.index, index, f"holds {index} {state.name.lower()}, it is gone"
    for node, (index, own) in truth.items():
        if node == host.node:
            continue
        state_here = states.get(node)
        held = engine.incarnation(node)
        if state_here is not State.ALIVE:
            name = "unknown" if state_here is None else state_here.name.lower()
            yield host.index, index, f"holds {index} {name}, it is alive"
        elif held != own:
            yield host.index, index, f"holds {index} at {held}, it uses {own}"
