"""Lifeguard's paper as a profile of the simulator: SWIM and its three extensions.

Ours, where the paper is silent: all that the `swim` profile says of itself; that to
hear of one's own death counts for local health as a refutation does; that K is awaited
where there are too few to confirm, too. By default `rejoin` is 1, other than in `swim`:
the paper's implementation is memberlist, whose members refute their death as they do a
suspicion; here they do it by a new life, which alone overrides a confirm.
"""

from collections.abc import Mapping, Sequence
from random import Random

from sim.profiles.contract import Engine, Identity
from sim.profiles.lifeguard.formulas import (
    SETTINGS,
    LifeguardConfig,
    recovery_periods,
)
from sim.profiles.lifeguard.membership import LifeguardMembership
from sim.profiles.lifeguard.prober import LifeguardProber
from sim.profiles.peer_roster import EMPTY_VIEW, View
from sim.profiles.peer_settings import describe
from sim.profiles.swim_paper.engine import SwimPaperEngine
from sim.profiles.swim_paper.formulas import spread_limit
from sim.profiles.swim_paper.prober import DATAGRAM_BYTES_MAX
from sim.profiles.swim_paper.profile import first_view


class LifeguardProfile:
    """Lifeguard of arXiv 1707.00788; settings come from `--set KEY=VALUE`.

    Raises:
        Refused: an unknown key or a value out of bounds.
    """

    name: str = "lifeguard"
    overhead_bytes: int = 0
    """The paper counts no encryption."""
    datagram_bytes_max: int = DATAGRAM_BYTES_MAX

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.config = LifeguardConfig.read(settings)

    @staticmethod
    def settings_help() -> Mapping[str, str]:
        """Return one line for every key of `settings`."""
        return describe(SETTINGS)

    def calm_s(self, nodes: int) -> float:
        """Return by when views agree at the latest, in s, if everybody joins again.

        The worst health recovers; then two suspicions that nobody confirms, and the
        spreading of what came of them, after a join that failed once.
        """
        config, swim = self.config, self.config.swim
        periods = recovery_periods(config.health_max)
        periods += spread_limit(swim.multiplier, swim.log_base, nodes)
        longest_s = config.beta * config.suspicion_min_s(nodes)
        return periods * swim.period_s + 2 * longest_s + swim.join_retry_s

    def full_view(self, identities: Sequence[Identity]) -> object:
        """Return a view in which all `identities` are alive, in their first life."""
        return first_view(identities)

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine; a boot epoch above 1 begins a new life."""
        assert view is None or isinstance(view, View)
        membership = LifeguardMembership(
            identity.node, identity.address, self.config, random, view or EMPTY_VIEW
        )
        prober = LifeguardProber(self.config, membership, random)
        restarted = boot_epoch > 1
        return SwimPaperEngine(
            membership, prober, self.config.swim, random, restarted=restarted
        )
