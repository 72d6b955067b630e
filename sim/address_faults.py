"""Faults that strike what nodes own: removals, and backups that are put back.

A removed node is mostly cut off meanwhile, goes on giving out, and returns late. A
backup is what a node had stored some time before; it is put back into a node that has
written more since.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from sim.estates import Estates
from sim.faults import Fault
from sim.impairments import partition
from sim.profiles.tabled import rebooted, tabled
from sim.row_faults import ALONE, APART, STANDING_MIN
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

BACKUP_S: Final = 15.0
"""How old a backup is."""


class AddressFaults:
    """Removes nodes, and puts back backups.

    Those of the first `managers` indices remove others, and are not removed.
    """

    def __init__(self, cluster: "Cluster", estates: Estates, managers: int) -> None:
        self._cluster = cluster
        self._estates = estates
        self._managers = managers
        self._backups: dict[int, list[tuple[float, int, object]]] = {}
        self.removed: dict[int, None] = {}
        self.restored = 0
        cluster.world.after(0.5, self._back_up)

    def verbs(self) -> Mapping[str, Callable[[Fault], bool]]:
        """Return what makes each kind happen, and says whether it did."""
        return {"remove": self._remove, "restore": self._restore}

    def _back_up(self) -> None:
        """Keep what every node has stored, from time to time."""
        now = self._cluster.world.now
        for host in self._cluster.live():
            assert host.engine is not None
            kept = self._backups.setdefault(host.index, [])
            saved = rebooted(host.engine.save())
            kept.append((now, host.boot_epoch, saved))
            while len(kept) > 1 and kept[1][0] <= now - BACKUP_S:
                del kept[0]
        self._cluster.world.after(BACKUP_S / 3, self._back_up)

    def _restore(self, fault: Fault) -> bool:
        """Stop a node; start it again from a backup."""
        hosts = [self._cluster.hosts[index] for index in fault.order]
        kept = self._backups
        able = [one for one in hosts if self.is_awake(one) and one.index in kept]
        if not able or len(self._cluster.live()) <= STANDING_MIN:
            return False
        host = able[0]
        self._cluster.crash(host)
        self._cluster.world.after(fault.length_s, self._come_back, host, fault)
        return True

    def _come_back(self, host: "Host", fault: Fault) -> None:
        if host.up or host.leaving:
            return
        self.restored += 1
        _, epoch, saved = self._backups[host.index][0]
        host.boot_epoch, host.saved = epoch, saved
        random = Random(f"{self._cluster.seed}/backup/{fault.name}")
        self._cluster.restart(host, with_state=True, random=random)

    def _remove(self, fault: Fault) -> bool:
        hosts = [self._cluster.hosts[index] for index in fault.order]
        managers = [h for h in hosts if self.is_awake(h) and h.index < self._managers]
        victims = [h for h in hosts if self._is_removable(h)]
        standing = [h for h in self._cluster.live() if h.index not in self.removed]
        if not managers or not victims or len(standing) <= STANDING_MIN:
            return False
        victim = victims[0]
        self.remove(managers[0], victim)
        if fault.coin < APART:
            self._cut_off(fault, victim)
        return True

    def remove(self, manager: "Host", victim: "Host") -> None:
        """Let a manager remove a node."""
        engine = tabled(manager.engine)

        def act(now: float) -> None:
            try:
                engine.command(now, lambda tables: tables.revoke(now, victim.node))
            except Refused:
                return
            self.removed[victim.index] = None
            self._estates.note_out(victim)

        manager.command(act)

    def _is_removable(self, host: "Host") -> bool:
        is_there = host.up and not host.leaving and host.index >= self._managers
        return is_there and host.index not in self.removed

    def _cut_off(self, fault: Fault, victim: "Host") -> None:
        group = frozenset({victim.index})
        if fault.coin >= ALONE:
            group |= fault.nodes
        rest = [index for index in fault.order if index not in group]
        underlay = self._cluster.underlay
        keys = underlay.impair(*partition(group, rest))
        self._cluster.world.after(fault.length_s, underlay.mend, *keys)

    def is_awake(self, host: "Host") -> bool:
        """Return whether a node can be given a command."""
        return host.up and not host.leaving and not host.paused
