"""Do all live nodes hold the same, and the truth? And by when must they?"""

from collections.abc import Callable
from math import ceil, log2, log10
from typing import TYPE_CHECKING

from swarmnet.ids import NodeId
from swarmnet.swim.outputs import State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

Truth = dict[NodeId, tuple[int, tuple[int, int] | None]]
"""Of every live node its index and the claim that it uses itself."""


def calm_s(profile: "Profile", nodes: int) -> float:
    """Return how long after the last fault all views must be equal, in s.

    A profile that promises this says so by a method `calm_s(nodes)`. For the others, of
    which it is not demanded, VOPR's floor at their defaults: push/pull, twice the
    longest suspicion, gossip.
    """
    own: Callable[[int], float] | None = getattr(profile, "calm_s", None)
    if own is not None:
        return own(nodes)
    push_pull_s = 30.0 * max(1, ceil(log2(max(nodes, 1)) - 5) + 1)
    suspicion_max_s = 24.0 * max(1.0, log10(nodes))
    return push_pull_s + 2 * suspicion_max_s + 0.2 * (ceil(log2(nodes)) + 1)


def disagreement(cluster: "Cluster") -> tuple[int, str] | None:
    """Return a live node whose view is wrong and how, or None if all are right.

    Right means: exactly the live nodes are alive, at the very (epoch, incarnation)
    that each of them uses now.
    """
    live = cluster.live()
    truth: Truth = {}
    for host in live:
        assert host.engine is not None
        truth[host.node] = (host.index, host.engine.incarnation(host.node))
    for host in live:
        wrong = _wrong_view(host, truth, cluster)
        if wrong is not None:
            return host.index, wrong
    return None


def _wrong_view(
    host: "Host",
    truth: Truth,
    cluster: "Cluster",
) -> str | None:
    engine = host.engine
    assert engine is not None
    states = engine.states()
    for node, state in states.items():
        if state in (State.ALIVE, State.SUSPECT) and node not in truth:
            return f"holds {cluster.index_of(node)} {state.name.lower()}, it is gone"
    for node, (index, own) in truth.items():
        if node == host.node:
            continue
        state_here = states.get(node)
        if state_here is not State.ALIVE:
            name = "unknown" if state_here is None else state_here.name.lower()
            return f"holds {index} {name}, it is alive"
        held = engine.incarnation(node)
        if held != own:
            return f"holds {index} at {held}, it uses {own}"
    return None
