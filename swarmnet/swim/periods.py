"""What a node does in each period: whom it probes, and whom it tells that it is well.

SWIM (DSN 2002, section 4.3): the next member in turn. In a small cluster each also
watches another (`watch`), and then few of the periods have a probe.
"""

from collections.abc import Callable
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.cadence import FLOOR_SHARE, TURN_PERIODS
from swarmnet.swim.core import Core, Due
from swarmnet.swim.prober import Prober
from swarmnet.swim.watch import LED_SHARE, Watch
from swarmnet.timers import PATIENCE_S

_LEAST_SHARE: Final = 0.96
"""A heartbeat that comes after so much of a period begins the receiver's next one. It
wakes for it in any case, and thus the members of a ring come to wake once a period."""
_DRAWN_SHARE: Final = 0.04
"""By so much at most, at random, a period that began by itself is longer than the
shortest: so members drift until each comes near enough to the next to be led by it."""
_DRAWN_PERIODS: Final = 64
"""For so many periods what was drawn holds: two who drift apart by a hundredth meet."""
_PROBE: Final = (Due.PROBE, None)
_DEAD_CONTACT: Final = (Due.DEAD_CONTACT, None)


class Periods:
    """The periods of one node.

    `is_on_probation(node)` says whether a dead member would come back, so that probes
    decide on it.
    """

    __slots__ = (
        "_began",
        "_contact_at",
        "_core",
        "_count",
        "_dead_turn",
        "_drawn",
        "_is_on_probation",
        "_prober",
        "watch",
    )

    def __init__(
        self, core: Core, prober: Prober, is_on_probation: Callable[[NodeId], bool]
    ) -> None:
        self._core = core
        self._prober = prober
        self._is_on_probation = is_on_probation
        self.watch = Watch(core)
        self._count = 0
        self._began = 0.0
        self._drawn = 0.0
        self._dead_turn = 0
        self._contact_at = 0.0

    def start(self, now: float) -> None:
        """Begin to probe, at a random point of the period."""
        self.watch.start(now)
        phase = self._core.random.random()
        self._core.timers.set(_PROBE, now + phase * self._core.period_s())
        contact_s = self._core.config.dead_contact_interval_s
        self._plan_contact(now + phase * contact_s)

    def _plan_contact(self, at: float) -> None:
        """Plan it for whenever we probe, and by itself if that is not soon."""
        self._contact_at = at
        self._core.timers.set(_DEAD_CONTACT, at + PATIENCE_S)

    def stop(self) -> None:
        """Begin no further period."""
        self._core.timers.cancel(_PROBE)
        self._core.timers.cancel(_DEAD_CONTACT)
        self.watch.stop()

    def handle_period(self, now: float, *, led: bool = False) -> None:
        """Probe the next member in turn; in a small cluster, watch and be watched.

        `led` is whether a heartbeat began this period, and not the clock.
        """
        core = self._core
        self._count += 1
        self._began = now
        interval_s = core.period_s()
        shares = LED_SHARE if led else 1.0
        if core.roster.live_count > core.config.watch_nodes_max:
            self.watch.stop()
            self._probe_in_turn(now)
        else:
            self.watch.handle_period(now, interval_s)
            self._probe_where_watched(now)
            if self._count % _DRAWN_PERIODS == 1:
                self._drawn = _DRAWN_SHARE * core.random.random()
            if not led:
                shares += self._drawn
        if now >= self._contact_at:
            self.handle_dead_contact(now)
        stretched_s = shares * interval_s * core.awareness.multiplier
        core.timers.set(_PROBE, now + stretched_s)

    def _probe_in_turn(self, now: float) -> None:
        target = self._core.roster.next_probe_target(self._core.random)
        if target is not None:
            self._prober.probe(now, target, in_turn=True)

    def _probe_where_watched(self, now: float) -> None:
        """Probe in some periods, for somebody hears of each member in all of them.

        In every one until round trips are known, so that a probe that fails is short;
        and in bad health, when whom we watch is probed as well: nothing but answers
        shows that we are better.
        """
        core = self._core
        is_well = core.awareness.score == 0
        is_new = core.round_trips.is_uncertain(FLOOR_SHARE * core.period_s())
        if is_new or not is_well or self._count % TURN_PERIODS == 0:
            self._probe_in_turn(now)
        if not is_well and self.watch.watched is not None:
            self._prober.probe(now, self.watch.watched)

    def receive_heartbeat(self, now: float, sender: NodeId) -> None:
        """Take a heartbeat; begin the next period with it where that is nearly due."""
        interval_s = self._core.period_s()
        if not self.watch.receive(now, sender, interval_s):
            return
        least_s = _LEAST_SHARE * interval_s * self._core.awareness.multiplier
        runs = self._core.timers.deadline(_PROBE) is not None
        if runs and now - self._began >= least_s:
            self.handle_period(now, led=True)

    def handle_silent(self, now: float) -> None:
        """Probe the member that we watch: it has sent no heartbeat."""
        watched = self.watch.watched
        assert watched is not None, "silence of nobody"
        due = self.watch.handle_silent(now, self._core.period_s())
        member = self._core.roster.get(watched)
        if member is None or not member.is_live:
            return
        if due is None:
            self._prober.probe(now, watched)
        else:
            self._core.count("heartbeats_missed")
            self._prober.probe_silent(now, watched, due)

    def handle_dead_contact(self, now: float) -> None:
        """Ping one of the dead: the cable between us may be whole again.

        Where it was before, as well: a clone that is gone may have moved it.
        """
        core = self._core
        # In step with the clock: the wait for a probe does not add up.
        interval_s = core.config.dead_contact_interval_s
        self._plan_contact(max(self._contact_at, now - interval_s) + interval_s)
        dead = core.roster.next_dead(self._dead_turn)
        self._dead_turn += 1
        if dead is None:
            return
        if self._is_on_probation(dead):
            self._prober.probe(now, dead)
        else:
            self._prober.pinger.ping(now, dead)
            self._prober.pinger.ping_former(now, dead)
