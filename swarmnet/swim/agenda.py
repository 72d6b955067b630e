"""What each deadline calls for: from the reason of a timer to the part that set it."""

from dataclasses import dataclass

from swarmnet.ids import NodeId
from swarmnet.swim.core import Due, Reason
from swarmnet.swim.helping import Helping
from swarmnet.swim.intake import Intake
from swarmnet.swim.joining import Joining, Leaving
from swarmnet.swim.payloads import Payloads
from swarmnet.swim.repair import Repair
from swarmnet.swim.selfhood import Selfhood


@dataclass(frozen=True, slots=True)
class Agenda:
    """The parts of an engine that set timers."""

    intake: Intake
    helping: Helping
    payloads: Payloads
    repair: Repair
    joining: Joining
    leaving: Leaving
    selfhood: Selfhood

    def handle(self, now: float, reason: Reason) -> None:
        """Do what is due for `reason`."""
        due, about = reason
        if isinstance(about, int):
            self._handle_numbered(now, due, about)
        elif isinstance(about, bytes):
            self._handle_member(now, due, NodeId(about))
        else:
            self._handle_periodic(now, due)

    def _handle_member(self, now: float, due: Due, node: NodeId) -> None:
        if due is Due.SUSPICION:
            self.intake.accusations.handle_suspicion(now, node)
        else:
            assert due is Due.READMIT, due
            self.intake.readmit(now, node)

    def _handle_numbered(self, now: float, due: Due, number: int) -> None:
        if due is Due.PING_UNANSWERED:
            self.intake.prober.handle_unanswered(now, number)
        elif due is Due.PROBE_OVER:
            self.intake.prober.handle_over(now, number)
        elif due is Due.HELP_OVER:
            self.helping.handle_over(now, number)
        elif due is Due.PAYLOAD:
            self.payloads.handle_reminder(now, number)
        else:
            assert due is Due.WANT, due
            self.payloads.wants.handle_due(now, number)

    def _handle_periodic(self, now: float, due: Due) -> None:
        if due is Due.PROBE:
            self.intake.periods.handle_period(now)
        elif due is Due.SILENT:
            self.intake.periods.handle_silent(now)
        elif due is Due.DEAD_CONTACT:
            self.intake.periods.handle_dead_contact(now)
        elif due is Due.DIGEST:
            self.repair.handle_digest(now)
        elif due is Due.JOIN:
            self.joining.handle_timeout(now, self.selfhood.claim)
        elif due is Due.LEAVE_OVER:
            self.leaving.handle_timeout(now, self.selfhood.claim)
        elif due is Due.REFUTE:
            self.intake.refutation.refute(now)
        elif due is Due.INSIST:
            self.intake.refutation.insist(now)
        elif due is Due.RECLAIM:
            if self.selfhood.reclaim(now) is not None:
                self.intake.announce(now)
        else:
            # The flush itself comes at the end of every input.
            assert due is Due.FLUSH, due
