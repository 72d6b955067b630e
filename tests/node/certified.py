"""Nodes on a table with managers above them: what a runtime does about certificates.

Whoever is asked for a renewal and can issue does so at once. `stuck` managers do not.
"""

from random import Random

from sim.pki import WALL_S, Pki
from swarmnet.crypto.authority import Authority, RootKey, own_subject
from swarmnet.crypto.certificate import Chain, Role, decode_chain_untrusted
from swarmnet.crypto.identity import Identity
from swarmnet.errors import Refused
from swarmnet.node.outputs import Recertified, RenewalWanted
from swarmnet.tables.row import REVOCATION, TableName
from tests.node.table import Table

DAY_S = 86_400


class CertifiedPki(Pki):
    """Nodes up to `managers` are managers by the root; the second admits all others."""

    def __init__(self, managers: int = 2) -> None:
        super().__init__(1)
        self.keys = Random("certified")
        self.root_key = RootKey.make(self.keys.randbytes, WALL_S)
        self.root = self.root_key.certificate
        nobody = Identity.generate(self.keys.randbytes)
        random_bytes = self.keys.randbytes
        by_root = Authority(nobody, self.directory(), random_bytes, root=self.root_key)
        self.made: dict[int, Chain] = {}
        for number in range(1, managers + 1):
            subject = own_subject(self.identity(number), f"n{number}", Role.MANAGER)
            self.made[number] = by_root.issue(subject, WALL_S)
        self.second = Authority(
            self.identity(2), self.directory(), random_bytes, chain=self.made[2]
        )

    def chain(self, index: int) -> Chain:
        for number in range(3, index + 1):
            if number not in self.made:
                subject = own_subject(self.identity(number), f"n{number}", Role.WORKER)
                self.made[number] = self.second.issue(subject, WALL_S)
        return self.made[index]


class Certified(Table):
    """Nodes that have joined through node 1."""

    def __init__(self, count: int, managers: int = 2) -> None:
        self.certified = CertifiedPki(managers)
        self.authorities: dict[int, Authority] = {}
        self.stuck: set[int] = set()
        self.leapt_s = 0.0
        super().__init__(count, known=False, pki=self.certified)
        keys = self.certified.keys.randbytes
        for number in range(1, managers + 1):
            self.authorities[number] = Authority(
                *(self.certified.identity(number), self.directories[number], keys),
                chain=self.certified.made[number],
                root=self.certified.root_key if number == 1 else None,
                next_serial=self.certified.second.next_serial if number == 2 else 1,
            )
        for number in range(2, count + 1):
            self.join(number, 1)
        self.run(2.0)

    @property
    def wall(self) -> float:
        return WALL_S + self.leapt_s + self.now - 50.0

    def leap(self, seconds: float) -> None:
        """Let the calendar of all go on."""
        self.leapt_s += seconds
        for number, node in self.nodes.items():
            node.note_wall(self.now, self.wall)
            self._drain(number)

    def held(self, number: int, of: int | None = None) -> Chain:
        """Return the certificate that a node knows of itself, or of another."""
        chain = self.directories[number].chain(self.id(of or number))
        assert chain is not None, f"{number} does not know {of}"
        return chain

    def role(self, number: int, of: int) -> Role:
        """Return what a node takes another to be."""
        return self.held(number, of).certificate.subject.role

    def agree(self, of: int) -> bool:
        """Return whether all who run know the same certificate of a node."""
        return len({self.held(number, of).encoded for number in self.nodes}) == 1

    def hand(self, by: int, to: int, chain: Chain) -> None:
        """Let a manager give a node a certificate."""
        self.nodes[by].give_certificate(self.now, self.id(to), chain.encoded)
        self._drain(by)

    def change(self, by: int, of: int, role: Role) -> Chain:
        """Let a manager make a node something else."""
        issued = self.nodes[by].issued_by(self.id(of))
        made = self.authorities[by].change_role(
            self.held(by, of), role, self.wall, issued=issued
        )
        self.hand(by, of, made)
        return made

    def told(self, number: int) -> list[Chain]:
        """Return the certificates that a node was given, as its runtime stores them."""
        return [
            decode_chain_untrusted(note.chain)
            for one, note in self.notes
            if one == number and isinstance(note, Recertified)
        ]

    def counts(self, number: int, table: TableName = REVOCATION) -> set[bytes]:
        """Return what is shown of a table in the cluster's scope."""
        tables = self.nodes[number].tables
        return set(tables.table(next(iter(tables.scopes())), table))

    def _drain(self, number: int) -> None:
        seen = len(self.notes)
        super()._drain(number)
        for one, note in self.notes[seen:]:
            if isinstance(note, Recertified) and one in self.authorities:
                self.authorities[one].chain = decode_chain_untrusted(note.chain)
            if isinstance(note, RenewalWanted):
                self._renew(one, note)

    def _renew(self, number: int, wanted: RenewalWanted) -> None:
        authority = self.authorities.get(number)
        if authority is None or number in self.stuck:
            return
        try:
            made = authority.renew(decode_chain_untrusted(wanted.chain), self.wall)
        except Refused:
            return
        self.nodes[number].give_certificate(self.now, wanted.peer, made.encoded)
        self._drain(number)
