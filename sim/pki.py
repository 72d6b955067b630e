"""The keys and certificates of one simulated cluster, all of them from its seed.

One root, one manager, and a worker for each node, or a manager for the first of them; a
pure function of the seed, so that
a run can be repeated to the byte. What is genuine is found out once for all nodes of a
run, since that depends on nobody.
"""

from functools import lru_cache
from random import Random
from typing import Final

from swarmnet.crypto.authority import Authority, RootKey
from swarmnet.crypto.certificate import Chain, Role, Subject
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity, Signatures
from swarmnet.crypto.trust import Trust
from swarmnet.ids import NodeId

WALL_S: Final = 1_800_000_000.0
"""When every simulation begins, in Unix seconds."""
_SIGNATURES: Final = 1 << 17


class Pki:
    """Who is who in the cluster of one seed; nodes are made as they are asked for.

    The nodes of the first `managers` indices are managers themselves.
    """

    def __init__(self, seed: int, managers: int = 0) -> None:
        self._seed = seed
        self._managers = managers
        self.signatures = Signatures(_SIGNATURES)
        keys = Random(f"{seed}/pki")
        root = RootKey.make(keys.randbytes, WALL_S)
        self.root = root.certificate
        self._directory = self.directory()
        manager = Identity.generate(keys.randbytes)
        self._rooted = Authority(manager, self._directory, keys.randbytes, root=root)
        held = self._rooted.issue(_subject(manager, "manager", Role.MANAGER), WALL_S)
        self._authority = Authority(
            manager, self._directory, keys.randbytes, chain=held
        )
        self._identities: dict[int, Identity] = {}
        self._indices: dict[NodeId, int] = {}
        self._chains: list[Chain] = []

    def directory(self) -> Directory:
        """Return a directory that trusts the root and knows nobody."""
        return Directory(Trust(self.root, self.signatures))

    def directory_of(self, count: int) -> Directory:
        """Return a directory that knows the first `count` nodes."""
        known = self.directory()
        for index in range(count):
            known.learn(self.chain(index), WALL_S)
        return known

    def identity(self, index: int) -> Identity:
        """Return the keys of a node."""
        held = self._identities.get(index)
        if held is None:
            keys = Random(f"{self._seed}/keys/{index}")
            held = self._identities[index] = Identity.generate(keys.randbytes)
            self._indices[held.node] = index
        return held

    def chain(self, index: int) -> Chain:
        """Return the certificate of a node, with its issuer's.

        Nodes are admitted in the order of their indices, whoever asks for whom first:
        the numbers that the manager draws must not hang on what else was run.
        """
        while len(self._chains) <= index:
            number = len(self._chains)
            is_manager = number < self._managers
            role = Role.MANAGER if is_manager else Role.WORKER
            subject = _subject(self.identity(number), f"n{number}", role)
            issuer = self._rooted if is_manager else self._authority
            self._chains.append(issuer.issue(subject, WALL_S))
        return self._chains[index]

    def node(self, index: int) -> NodeId:
        """Return the id of a node."""
        return self.identity(index).node

    def index_of(self, node: NodeId) -> int:
        """Return which node that is, of those made so far; a clone's is its own."""
        return self._indices[node]


def _subject(identity: Identity, name: str, role: Role) -> Subject:
    return Subject(identity.signing_public, identity.exchange_public, name, role)


@lru_cache(maxsize=2)
def pki_of(seed: int, managers: int = 0) -> Pki:
    """Return the keys of the cluster of that seed."""
    return Pki(seed, managers)
