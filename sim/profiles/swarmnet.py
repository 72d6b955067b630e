"""The real engine in the simulator, with everything but its keys; or with those, too.

Claims carry 64 bytes of proof, as many as Ed25519's, so that bytes are counted as they
will be. The proof is a keyed hash that only the simulator can check; inside, nobody
forges. With `channels=on` the whole node runs instead (`channeled`): real certificates,
signatures, handshakes and sealed packets, from keys that the seed makes. That costs
some ten times the CPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, replace
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar

from sim.ledger import Ledger
from sim.pki import pki_of
from sim.profiles.channeled import Acquaintance, Outfit, build_node, full_acquaintance
from sim.profiles.contract import Engine, Identity
from sim.profiles.planed import Memory, build_plane, first_row
from sim.profiles.tabled import ANY_SEAT
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.node.settings import NodeSettings, node_swim
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import claim_of, encode_own_body
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Route, Seams
from swarmnet.swim.damping import READMISSION
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State
from swarmnet.swim.roster import Roster
from swarmnet.tables.config import TableConfig

_PROOF_BYTES: Final = 64
_FIRST_VERSION: Final = (1, 0)
CHANNELS: Final = "channels"
TABLES: Final = "tables"
KERNEL: Final = "kernel"
MANAGER_NODES: Final = "manager_nodes"


def _numbers(
    settings: type[SwimConfig | ChannelSettings | TableConfig],
) -> tuple[Field[object], ...]:
    kinds = (int, float, "int", "float")
    return tuple(field for field in fields(settings) if field.type in kinds)


_NUMBERS: Final = _numbers(SwimConfig)
_CHANNEL_NUMBERS: Final = tuple(
    field
    for field in _numbers(ChannelSettings)
    if field.name not in {shared.name for shared in _NUMBERS}
)
_TABLE_NUMBERS: Final = tuple(
    field
    for field in _numbers(TableConfig)
    if field.name not in {shared.name for shared in (*_NUMBERS, *_CHANNEL_NUMBERS)}
)
Settings = TypeVar("Settings", SwimConfig, ChannelSettings, TableConfig)
_View = Roster | Acquaintance | Memory


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
        rest = dict(settings)
        self.seals = _switch(CHANNELS, rest.pop(CHANNELS, "off"))
        self.has_tables = _switch(TABLES, rest.pop(TABLES, "off"))
        self.has_kernel = _switch(KERNEL, rest.pop(KERNEL, "off"))
        if self.has_kernel and not self.has_tables:
            raise Refused(f"setting {KERNEL}='on': it wants {TABLES}=on as well")
        self._managers = _count(MANAGER_NODES, rest.pop(MANAGER_NODES, "0"))
        names = {field.name for field in _CHANNEL_NUMBERS}
        told = {key: rest.pop(key) for key in sorted(names & rest.keys())}
        if told and not self.seals:
            raise Refused(f"setting {min(told)!r}: it wants {CHANNELS}=on as well")
        self._channel_settings = _read(ChannelSettings(), _CHANNEL_NUMBERS, told)
        names = {field.name for field in _TABLE_NUMBERS}
        told = {key: rest.pop(key) for key in sorted(names & rest.keys())}
        if told and not self.has_tables:
            raise Refused(f"setting {min(told)!r}: it wants {TABLES}=on as well")
        tables = _read(TableConfig(), _TABLE_NUMBERS, told)
        swim = node_swim() if self.has_tables else SwimConfig()
        self.config = _read(swim, _NUMBERS, rest)
        self.settings = NodeSettings(
            self.config,
            self._channel_settings,
            replace(tables, cluster_key=self.config.cluster_key),
            seat=ANY_SEAT if self.has_kernel else None,
            introduces=self.has_tables,
        )
        # What sealing costs is in the packets themselves, where they are sealed.
        self.overhead_bytes = 0 if self.seals else self.config.channel_bytes
        self.datagram_bytes_max = self.config.datagram_bytes - self.overhead_bytes
        self.outfit: Outfit | None = None

    def node_id(self, seed: int, index: int) -> NodeId | None:
        """Return the id that follows from a node's key; None: any will do.

        A profile serves one run: the first node that is asked for decides of which.
        """
        if not self.seals:
            return None
        if self.outfit is None:
            self.outfit = Outfit(pki_of(seed, self._managers), self.settings, Ledger())
        return self.outfit.pki.node(index)

    @staticmethod
    def settings_help() -> Mapping[str, str]:
        """Return one line for every key that `--set` takes."""
        swim, channels, tables = SwimConfig(), ChannelSettings(), TableConfig()
        return {
            CHANNELS: "on or off (the default): real keys and sealed packets",
            TABLES: "on or off (the default): nodes write and hold rows",
            KERNEL: "on or off (the default); with tables=on: nodes have a data plane",
            MANAGER_NODES: "default 0; with channels=on the first nodes are managers",
            **{
                field.name: f"default {getattr(swim, field.name):g};"
                " see swarmnet/swim/config.py"
                for field in _NUMBERS
            },
            **{
                field.name: f"default {getattr(channels, field.name):g}; with"
                " channels=on; see swarmnet/crypto/settings.py"
                for field in _CHANNEL_NUMBERS
            },
            **{
                field.name: f"default {getattr(tables, field.name):g}; with"
                " tables=on; see swarmnet/tables/config.py"
                for field in _TABLE_NUMBERS
            },
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

    def full_view(self, identities: Sequence[Identity]) -> _View:
        """Return a view in which all `identities` are alive, in their first life."""
        if self.outfit is not None:
            return full_acquaintance(self.outfit, identities)
        config = self.config
        roster = Roster(NodeId(b""), config.cluster_key, config.rings, _serial)
        roster.fill(_first_claim(identity) for identity in identities)
        if not self.has_tables:
            return roster
        return Memory(roster, tuple(_first_row(identity) for identity in identities))

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        """Return a new engine; see `contract.Profile.build`."""
        if self.outfit is not None:
            assert view is None or isinstance(view, Acquaintance), "another's view"
            return build_node(self.outfit, identity, (boot_epoch, view), random)
        if self.has_tables:
            assert view is None or isinstance(view, Memory), "another's view"
            seams = seams_of(identity.node)
            start = (boot_epoch, view)
            return build_plane(identity, self.settings, seams, start, random)
        assert view is None or isinstance(view, Roster), "a view of another profile"
        return Swim(
            Route(identity.node, identity.address),
            self.config,
            random,
            seams_of(identity.node),
            boot_epoch=boot_epoch,
            view=view,
        )


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 4:
        raise Refused(f"setting {name}={text!r}: want a whole number of 0 to 9999")
    return int(text)


def _switch(name: str, text: str) -> bool:
    if text not in ("on", "off"):
        raise Refused(f"setting {name}={text!r}: want on or off")
    return text == "on"


def _read(
    defaults: Settings,
    numbers: Sequence[Field[object]],
    told: Mapping[str, str],
) -> Settings:
    """Return `defaults` with what was told of their `numbers`."""
    known = {field.name: field.type in (int, "int") for field in numbers}
    values = {name: getattr(defaults, name) for name in known}
    for key, text in told.items():
        if key not in known:
            names = ", ".join(sorted(known))
            raise Refused(f"setting {key!r}: profile swarmnet knows {names}")
        try:
            values[key] = int(text) if known[key] else float(text)
        except ValueError:
            want = "an integer" if known[key] else "a number"
            raise Refused(f"setting {key}={text!r}: want {want}") from None
    return replace(defaults, **values)


def _first_row(identity: Identity) -> bytes:
    return first_row(identity.node, seams_of(identity.node).sign, b"")


def _first_claim(identity: Identity) -> Member:
    about = (identity.address, b"")
    body = encode_own_body(identity.node, _FIRST_VERSION, State.ALIVE, about)
    proof = simulated_proof(identity.node, SIGN_DOMAIN + body)
    return Member(claim_of(body, proof), (), State.ALIVE)
