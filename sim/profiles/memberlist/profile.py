"""memberlist as a profile of the simulator, with its LAN defaults.

Faithful to the source in rules, constants and message sizes. Not modelled: compression,
labels, keyring rotation, the LIFO hand-off queue and its limit of 1024, the limit of
128 concurrent push/pulls, metadata, and delegates other than user events. Core
memberlist never contacts a dead member again once it has been dead for 30 s, so that a
partition longer than that heals only by a join; `reconnect_interval_s=30` adds serf's
cure.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log2
from random import Random
from typing import Final

from sim.profiles.contract import Engine, Identity
from sim.profiles.memberlist.engine import MemberlistEngine, Snapshot
from sim.profiles.memberlist.formulas import (
    SETTINGS,
    Config,
    push_pull_interval_s,
    suspicion_min_s,
)
from sim.profiles.memberlist.membership import LIFE, Me
from sim.profiles.memberlist.outbox import DATAGRAM_BYTES_MAX, ENCRYPT_BYTES
from sim.profiles.peer_roster import Member, View
from sim.profiles.peer_settings import describe
from swarmnet.swim.outputs import State

FIRST_INCARNATION: Final = 1


class MemberlistProfile:
    """hashicorp/memberlist; settings come from `--set KEY=VALUE`.

    Raises:
        Refused: an unknown key or a value out of bounds.
    """

    name: str = "memberlist"
    overhead_bytes: int = ENCRYPT_BYTES
    """AES-GCM, version 1; the 5 bytes of the CRC32 are in the datagrams already."""
    datagram_bytes_max: int = DATAGRAM_BYTES_MAX

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.config = Config.read(settings)

    @staticmethod
    def settings_help() -> Mapping[str, str]:
        """Return one line for every key of `settings`."""
        return describe(SETTINGS)

    def calm_s(self, nodes: int) -> float:
        """Return by when views agree at the latest, in s, if everybody joins again.

        VOPR's floor: a push/pull, the longest suspicion twice, and gossip to all.
        """
        config = self.config
        push_pull_s = push_pull_interval_s(config.push_pull_interval_s, nodes)
        suspicion_s = config.suspicion_max_mult * suspicion_min_s(
            config.suspicion_mult, nodes, config.probe_interval_s
        )
        gossip_s = config.gossip_interval_s * (ceil(log2(nodes)) + 1)
        return push_pull_s + 2 * suspicion_s + gossip_s

    def full_view(self, identities: Sequence[Identity]) -> object:
        """Return a view in which all `identities` are alive."""
        members = {
            one.node: Member(
                one.node, one.address, LIFE, FIRST_INCARNATION, State.ALIVE, 0.0
            )
            for one in identities
        }
        return View(members, tuple(members))

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine; memberlist has no use for `boot_epoch`."""
        assert view is None or isinstance(view, View | Snapshot)
        me = Me(identity.node, identity.address)
        return MemberlistEngine(me, self.config, random, view)
