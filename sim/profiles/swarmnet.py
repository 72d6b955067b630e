"""The real engine in the simulator, with everything but its signatures.

Claims carry 64 bytes of proof, as many as Ed25519's, so that bytes are counted as they
will be. The proof is a keyed hash that only the simulator can check; inside, nobody
forges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Final

from sim.profiles.contract import Engine, Identity
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import claim_of, encode_own_body
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Route, Seams
from swarmnet.swim.damping import READMISSION
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster

_PROOF_BYTES: Final = 64
_FIRST_VERSION: Final = (1, 0)
_NUMBERS: Final = tuple(
    field for field in fields(SwimConfig) if field.type in (int, float, "int", "float")
)


def simulated_proof(author: NodeId, message: bytes) -> bytes:
    """Return what stands for `author`'s signature of `message`."""
    return blake2b(message, digest_size=_PROOF_BYTES, key=author).digest()


# Pure, and asked by every simulated node about the same few claims.
@lru_cache(maxsize=1 << 16)
def _is_proof(author: NodeId, message: bytes, proof: bytes) -> bool:
    return proof == simulated_proof(author, message)


def _serial(node: NodeId) -> bytes:
    return node


def seams_of(node: NodeId) -> Seams:
    """Return what a simulated node is handed in place of keys and certificates."""
    return Seams(lambda message: simulated_proof(node, message), _is_proof, _serial)


class SwarmnetProfile:
    """swarmnet's membership, at its default configuration unless told otherwise.

    Raises:
        Refused: an unknown setting, or a value out of its bounds.
    """

    name = "swarmnet"

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.config = _configure(settings)
        self.overhead_bytes = self.config.channel_bytes
        self.datagram_bytes_max = self.config.datagram_bytes - self.overhead_bytes

    @staticmethod
    def settings_help() -> Mapping[str, str]:
        """Return one line for every key that `--set` takes."""
        defaults = SwimConfig()
        return {
            field.name: f"default {getattr(defaults, field.name):g};"
            " see swarmnet/swim/config.py"
            for field in _NUMBERS
        }

    def calm_s(self, nodes: int) -> float:
        """Return by when all views agree once every fault has ended, in s.

        Each member must have been contacted that is wrongly held dead: at worst by an
        own attempt at the most recently dead, one in four; whoever died again and again
        must have waited as long as it can be kept out, and then for a look at it; each
        wrong suspicion must have run out, unconfirmed; and one probe round of a node
        that has been slow to the last must have passed. News and repair need fractions
        of a second.
        """
        config = self.config
        contacts_s = 5 * config.dead_contact_interval_s + READMISSION.longest_s
        contact_s = contacts_s * (1 if nodes > 1 else 0)
        probe_s = (config.health_max - 1) * config.probe_interval_s
        repair_s = 4 * (config.repair_delay_s + config.repair_interval_s)
        return contact_s + config.suspicion_max_s + probe_s + repair_s

    def full_view(self, identities: Sequence[Identity]) -> Roster:
        """Return a roster in which all `identities` are alive, in their first life."""
        config = self.config
        roster = Roster(NodeId(b""), config.cluster_key, config.rings, _serial)
        roster.fill(_first_claim(identity) for identity in identities)
        return roster

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine; see `contract.Profile.build`."""
        assert view is None or isinstance(view, Roster), "a view of another profile"
        return Swim(
            Route(identity.node, identity.address),
            self.config,
            random,
            seams_of(identity.node),
            boot_epoch=boot_epoch,
            view=view,
        )


def _configure(settings: Mapping[str, str]) -> SwimConfig:
    config = SwimConfig()
    known = {field.name: field.type in (int, "int") for field in _NUMBERS}
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    for key, text in settings.items():
        if key not in known:
            names = ", ".join(sorted(known))
            raise Refused(f"setting {key!r}: profile swarmnet knows {names}")
        try:
            values[key] = int(text) if known[key] else float(text)
        except ValueError:
            want = "an integer" if known[key] else "a number"
            raise Refused(f"setting {key}={text!r}: want {want}") from None
    return SwimConfig(**values)


def _first_claim(identity: Identity) -> Member:
    about = (identity.address, b"")
    body = encode_own_body(identity.node, _FIRST_VERSION, State.ALIVE, about)
    proof = simulated_proof(identity.node, SIGN_DOMAIN + body)
    return Member(claim_of(body, proof), (), State.ALIVE)
