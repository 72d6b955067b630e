"""Makes the faults of a plan happen, and heals them.

A fault that cannot happen (its victim is down, or too few would live) is counted as
skipped; the plan itself never looks at the run.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from sim.faults import Fault
from sim.impairments import Effect, Impairment, partition
from sim.trace import Kind

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

LIVE_MIN: Final = 2
KEEP_STATE: Final = 0.7
"""The share of restarts that find their state."""
REORDER_S: Final = 0.2
REPLAY_S: Final = 20.0

_SPREAD: Final = {
    "loss": Effect.LOSS,
    "duplicate": Effect.DUPLICATE,
    "reorder": Effect.REORDER,
    "corrupt": Effect.CORRUPT,
    "replay": Effect.REPLAY,
}
_DELAY_S: Final = {"reorder": REORDER_S, "replay": REPLAY_S}


class Injector:
    """Plays a plan on a cluster.

    `more` makes further kinds happen, and says whether they did.
    """

    def __init__(
        self,
        cluster: "Cluster",
        seed: int,
        more: Mapping[str, Callable[[Fault], bool]] | None = None,
    ) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._seed = seed
        self._twins: list[Host] = []
        self._healed = False
        self._verbs: dict[str, Callable[[Fault], bool]] = {
            "crash": self._crash,
            "restart": self._restart,
            "leave": self._leave,
            "pause": self._pause,
            "slow": self._slow,
            "drift": self._drift,
            "clone": self._clone,
            "one_way": self._one_way,
            "clog": self._clog,
            "partition": self._partition,
            "rate": self._rate,
            "mtu": self._mtu,
            "udp_only": self._udp_only,
            "stream_only": self._stream_only,
            "sleep": self._pause,
            **(more or {}),
        }

    def play(self, plan: tuple[Fault, ...]) -> None:
        """Put every fault on the agenda."""
        for fault in plan:
            self._world.at(max(fault.at_s, self._world.now), self._strike, fault)

    def heal(self) -> None:
        """End every fault: clones stop, the paused resume, the underlay is whole.

        Nodes that crashed or left stay so.
        """
        self._healed = True
        self._cluster.underlay.mend_all()
        for twin in self._twins:
            self._end_twin(twin)
        for host in self._cluster.hosts:
            host.set_rate(1.0)
            host.input_cost_s = 0.0
            host.resume()

    def _strike(self, fault: Fault) -> None:
        verb = self._verbs.get(fault.kind, self._spread)
        happened = not self._healed and verb(fault)
        word = "fault" if happened else "fault_skipped"
        self._cluster.underlay.coverage[f"{word}_{fault.kind}"] += 1
        detail = fault.describe() if happened else f"{fault.name} skipped"
        self._cluster.trace.note(self._world.now, -1, Kind.FAULT, -1, 0, detail=detail)

    def _victim(self, fault: Fault) -> "Host | None":
        """Return the first in the fault's order that lives and is not paused."""
        hosts = self._cluster.hosts
        for index in fault.order:
            host = hosts[index]
            if host.up and not host.leaving and not host.paused:
                return host
        return None

    def _spare(self, fault: Fault) -> "Host | None":
        """Return a victim that the cluster can do without."""
        if len(self._cluster.live()) <= LIVE_MIN:
            return None
        return self._victim(fault)

    # Nodes.

    def _crash(self, fault: Fault) -> bool:
        host = self._spare(fault)
        if host is None:
            return False
        self._cluster.crash(host, machine=fault.coin < 0.5)
        return True

    def _restart(self, fault: Fault) -> bool:
        """Bring back a node that is down; if none is, let one blink."""
        hosts = self._cluster.hosts
        for index in fault.order:
            if not hosts[index].up and not hosts[index].leaving:
                self._come_back(hosts[index], fault)
                return True
        host = self._spare(fault)
        if host is None:
            return False
        self._cluster.crash(host)
        self._world.after(fault.length_s, self._come_back, host, fault)
        return True

    def _come_back(self, host: "Host", fault: Fault) -> None:
        if not host.up and not self._healed:
            # A source of its own: leaving out one restart shifts no other.
            random = Random(f"{self._seed}/injector/{fault.name}")
            self._cluster.restart(
                host, with_state=fault.coin < KEEP_STATE, random=random
            )

    def _leave(self, fault: Fault) -> bool:
        host = self._spare(fault)
        if host is None:
            return False
        self._cluster.leave(host)
        return True

    def _pause(self, fault: Fault) -> bool:
        host = self._victim(fault)
        if host is None:
            return False
        host.pause()
        self._world.after(fault.length_s, self._resume, host, host.life)
        return True

    def _resume(self, host: "Host", life: int) -> None:
        if host.life == life and host.paused:
            self._cluster.process_event(host, "resume", -1)
            host.resume()

    def _slow(self, fault: Fault) -> bool:
        host = self._victim(fault)
        if host is None:
            return False
        host.input_cost_s = fault.amount
        self._world.after(fault.length_s, self._quicken, host)
        return True

    def _quicken(self, host: "Host") -> None:
        host.input_cost_s = 0.0

    def _drift(self, fault: Fault) -> bool:
        host = self._victim(fault)
        if host is None:
            return False
        host.set_rate(fault.amount)
        self._world.after(fault.length_s, host.set_rate, 1.0)
        return True

    def _clone(self, fault: Fault) -> bool:
        host = self._victim(fault)
        if host is None:
            return False
        twin = self._cluster.clone(host)
        self._twins.append(twin)
        self._world.after(fault.length_s, self._end_twin, twin)
        return True

    def _end_twin(self, twin: "Host") -> None:
        if twin.up:
            self._cluster.crash(twin, machine=True)

    # The underlay.

    def _impair(self, fault: Fault, *impairments: Impairment) -> bool:
        keys = self._cluster.underlay.impair(*impairments)
        self._world.after(fault.length_s, self._cluster.underlay.mend, *keys)
        return True

    def _spread(self, fault: Fault) -> bool:
        effect = _SPREAD[fault.kind]
        delay_s = _DELAY_S.get(fault.kind, 0.0)
        return self._impair(
            fault, Impairment(effect, fault.nodes, None, fault.amount, delay_s)
        )

    def _both_ways(self, fault: Fault, effect: Effect, amount: float = 1.0) -> bool:
        node = frozenset(fault.order[:1])
        return self._impair(
            fault,
            Impairment(effect, node, None, amount),
            Impairment(effect, None, node, amount),
        )

    def _one_way(self, fault: Fault) -> bool:
        node = frozenset(fault.order[:1])
        if fault.coin < 0.5:
            return self._impair(fault, Impairment(Effect.CUT, node, None))
        return self._impair(fault, Impairment(Effect.CUT, None, node))

    def _clog(self, fault: Fault) -> bool:
        node = frozenset(fault.order[:1])
        until_s = self._world.now + fault.length_s
        return self._impair(fault, Impairment(Effect.CLOG, node, None, until_s=until_s))

    def _partition(self, fault: Fault) -> bool:
        rest = [index for index in fault.order if index not in fault.nodes]
        return self._impair(fault, *partition(fault.nodes, rest))

    def _rate(self, fault: Fault) -> bool:
        node = frozenset(fault.order[:1])
        return self._impair(fault, Impairment(Effect.RATE, node, None, fault.amount))

    def _mtu(self, fault: Fault) -> bool:
        return self._both_ways(fault, Effect.MTU, fault.amount)

    def _udp_only(self, fault: Fault) -> bool:
        return self._both_ways(fault, Effect.STREAM_CUT)

    def _stream_only(self, fault: Fault) -> bool:
        return self._both_ways(fault, Effect.DATAGRAM_CUT)
