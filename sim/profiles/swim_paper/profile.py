"""The SWIM paper as a profile of the simulator.

Ours, where the paper is silent: the bytes on the wire; the join (see the engine);
lives, by which a member that was confirmed dead may come back when it restarts or joins
again; payloads, which ride on packets as updates do, under the same limit. As in the
paper, a member wrongly confirmed dead stays dead, and a partition does not heal:
`rejoin=1` makes who hears of his own death start a new life.
"""

from collections.abc import Mapping, Sequence
from random import Random

from sim.profiles.contract import Engine, Identity
from sim.profiles.peer_roster import EMPTY_VIEW, Member, View
from sim.profiles.peer_settings import describe
from sim.profiles.swim_paper.engine import SwimPaperEngine
from sim.profiles.swim_paper.formulas import SETTINGS, Config, spread_limit
from sim.profiles.swim_paper.membership import Membership
from sim.profiles.swim_paper.prober import DATAGRAM_BYTES_MAX, Prober
from swarmnet.swim.outputs import State


def first_view(identities: Sequence[Identity]) -> View:
    """Return a view in which all `identities` are alive, in their first life."""
    members = {
        one.node: Member(one.node, one.address, 1, 0, State.ALIVE, 0.0)
        for one in identities
    }
    return View(members, tuple(members))


class SwimPaperProfile:
    """SWIM of DSN 2002; settings come from `--set KEY=VALUE`.

    Raises:
        Refused: an unknown key or a value out of bounds.
    """

    name: str = "swim"
    overhead_bytes: int = 0
    """The paper sends in the clear."""
    datagram_bytes_max: int = DATAGRAM_BYTES_MAX

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.config = Config.read(settings)

    @staticmethod
    def settings_help() -> Mapping[str, str]:
        """Return one line for every key of `settings`."""
        return describe(SETTINGS)

    def calm_s(self, nodes: int) -> float:
        """Return by when views agree at the latest, in s, if everybody joins again.

        Two suspicions and the spreading of what came of them, each as many periods as
        the paper's limit, after a join that failed once.
        """
        config = self.config
        periods = spread_limit(config.multiplier, config.log_base, nodes)
        return 3 * periods * config.period_s + config.join_retry_s

    def full_view(self, identities: Sequence[Identity]) -> object:
        """Return a view in which all `identities` are alive, in their first life."""
        return first_view(identities)

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine; a boot epoch above 1 begins a new life."""
        assert view is None or isinstance(view, View)
        membership = Membership(
            identity.node, identity.address, self.config, random, view or EMPTY_VIEW
        )
        prober = Prober(self.config, membership, random)
        restarted = boot_epoch > 1
        return SwimPaperEngine(
            membership, prober, self.config, random, restarted=restarted
        )
