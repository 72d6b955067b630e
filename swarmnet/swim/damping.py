"""Damped re-admission: who dies again and again waits before coming back.

A member that was wrongly held dead, or whose cable was cut, is back the moment its new
claim is heard, so that a healed partition is one cluster again at once. But each return
that is followed by another death costs every member two changes of its view. So each
return of a process is a flap in the sense of RFC 2439, and a member whose flaps have
passed the cutoff stays dead here, whatever it claims, until they have faded and it
answers probes again. A new boot epoch is a new process and starts with a clean slate.
Who died together with many has been cut off, or we have: that is nobody's flap.

A member that goes on speaking while it is dead here does not hear us: accusations of
its own making keep coming. That counts as a flap of its own, for its path is broken in
one direction, and will look whole again whenever we listen.
"""

from collections import deque
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.core import Core, Due
from swarmnet.swim.member import Member
from swarmnet.swim.merit import Merit, Thresholds

READMISSION: Final = Thresholds(half_life_s=30.0, cutoff=1.5, reuse=0.75, most=3.0)
"""Two returns within 30 s suppress, for 42 s if they came together, 60 s at most."""
_FLAP: Final = 1.0
_UNANSWERED: Final = 0.25
"""A probe of a suppressed member that fails shows that its trouble goes on."""
_SPOKE_S: Final = 3.0
"""Who returns so long after he was heard to speak had time to be heard from before: so
it was no pause that has just ended."""
_UNDER_WAY_S: Final = 1.0
"""What is heard so soon after a death was under way when it was concluded."""
_CUT_S: Final = 5.0
_CUT_SHARE: Final = 1 / 8
"""So many of the members, dead within so long of each other, were cut off."""
_DEATHS_MAX: Final = 4096


class Damping:
    """Whom this node keeps dead although they claim to be alive."""

    __slots__ = (
        "_answering",
        "_core",
        "_deaths",
        "_died",
        "_epochs",
        "_merit",
        "_spoke",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self._merit = Merit(READMISSION)
        self._epochs: dict[NodeId, int] = {}
        self._deaths: deque[float] = deque(maxlen=_DEATHS_MAX)
        self._died: dict[NodeId, float] = {}
        self._spoke: dict[NodeId, float] = {}
        # Those kept out, and whether the last probe of each was answered.
        self._answering: dict[NodeId, bool] = {}

    def note_death(self, now: float, member: Member) -> None:
        """Remember a death that was concluded here."""
        node = member.claim.subject
        self._start_life(node, member.claim.boot_epoch)
        self._died[node] = now
        self._deaths.append(now)
        self._spoke.pop(node, None)

    def note_spoke(self, now: float, node: NodeId) -> None:
        """A member that is dead here has said something new about others.

        Not one that is kept out, for that one may well be heard.
        """
        died = self._died.get(node, float("-inf"))
        if node not in self._answering and now - died >= _UNDER_WAY_S:
            self._spoke.setdefault(node, now)

    def note_probe(self, now: float, node: NodeId, *, answered: bool) -> None:
        """Take the outcome of a probe, of anybody."""
        if node in self._answering:
            self._answering[node] = answered
            if not answered:
                self._merit.add(now, node, _UNANSWERED)

    def keeps_out(self, now: float, member: Member) -> bool:
        """Return whether a member that would come back must wait; then wait for it."""
        node = member.claim.subject
        self._start_life(node, member.claim.boot_epoch)
        died = self._died.pop(node, None)
        if died is not None and self._was_alone(died):
            self._merit.add(now, node, _FLAP)
        spoke = self._spoke.pop(node, now)
        if now - spoke >= _SPOKE_S:
            self._merit.add(now, node, _FLAP)
        wait_s = self._merit.suppressed_s(now, node)
        if not wait_s:
            self.forget(node)
            return False
        if node not in self._answering:
            self._core.count("readmissions_damped")
            self._answering[node] = True
        self._core.timers.set((Due.READMIT, node), now + wait_s)
        return True

    def waits(self, node: NodeId) -> bool:
        """Return whether `node` is kept dead here although it claims to be alive."""
        return node in self._answering

    def may_return(self, now: float, node: NodeId) -> bool:
        """Return whether the wait is over; else wait on."""
        wait_s = self._merit.suppressed_s(now, node)
        if not wait_s and self._answering[node]:
            self.forget(node)
            return True
        patience_s = self._core.config.dead_contact_interval_s
        self._core.timers.set((Due.READMIT, node), now + max(wait_s, patience_s))
        return False

    def forget(self, node: NodeId) -> None:
        """Wait no more for `node`: it is back, or gone for good."""
        if self._answering.pop(node, None) is not None:
            self._core.timers.cancel((Due.READMIT, node))

    def _was_alone(self, died: float) -> bool:
        """Return whether few others died at about that time."""
        together = sum(abs(died - other) <= _CUT_S for other in self._deaths)
        return together <= max(1.0, _CUT_SHARE * self._core.roster.live_count)

    def _start_life(self, node: NodeId, boot_epoch: int) -> None:
        if self._epochs.get(node) != boot_epoch:
            self._epochs[node] = boot_epoch
            self._merit.forgive(node)
            self._died.pop(node, None)
            self._spoke.pop(node, None)
