"""Who this node knows by certificate, asked by the channels and by membership.

The calendar stands behind this alone: whether a certificate has expired is asked here,
of the wall clock as the driver last told it.
"""

from swarmnet.crypto.certificate import Chain, Verdict, decode_chain_untrusted
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.proofs import Proof, Proofs
from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.node.credentials import Credentials


class Acquaintances:
    """The directory as the channels see it (`crypto.switchboard.Peers`).

    `chain` is our own certificate and its issuer's. `wall` is Unix seconds, kept up to
    date by the engine. `learned` are those of whom another certificate is known since
    it was last cleared.
    """

    __slots__ = (
        "_demotions",
        "_directory",
        "_proofs",
        "_serials",
        "chain",
        "learned",
        "wall",
    )

    @classmethod
    def of(cls, credentials: Credentials) -> "Acquaintances":
        """Return what a node is given to begin with."""
        directory = credentials.directory
        proofs = Proofs(credentials.identity, directory)
        return cls(directory, proofs, credentials.chain, credentials.wall)

    def __init__(
        self, directory: Directory, proofs: Proofs, chain: bytes, wall: float
    ) -> None:
        self._directory = directory
        self._proofs = proofs
        # Kept even if the directory forgets: who is on the rings must be found there.
        self._serials: dict[NodeId, bytes] = {}
        self.chain = chain
        self.learned: dict[NodeId, None] = {}
        self._demotions: dict[tuple[NodeId, int], None] = {}
        self.wall = wall

    def exchange_of(self, node: NodeId) -> bytes | None:
        """Return the X25519 key of a node that may talk now, or None."""
        return self._directory.talker(node, self.wall)

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        """Return whose X25519 key that is, if he may talk now, or None."""
        node = self._directory.node_of(exchange_public)
        if node is None or not self._directory.may_talk(node, self.wall):
            return None
        return node

    def is_removed(self, exchange_public: bytes) -> bool:
        """Return whether that is the X25519 key of a node that was removed."""
        node = self._directory.node_of(exchange_public)
        return node is not None and self._directory.trust.is_revoked(node)

    def introduce(self, chain: bytes) -> Verdict:
        """Take a stranger's certificates, which may be any bytes; say what they are."""
        node = named_untrusted(chain)
        if node is None:
            return Verdict.MALFORMED
        before = self._directory.chain(node)
        verdict = self._directory.learn_untrusted(chain, self.wall)
        if self._directory.chain(node) is not before:
            self.learned[node] = None
        self._note_demotion(decode_chain_untrusted(chain))
        return verdict

    def _note_demotion(self, chain: Chain) -> None:
        """Whoever is a member by what a demoted manager issued since is one no more."""
        node, since = chain.certificate.node, chain.certificate.terms.not_before
        if chain.is_demotion and self._directory.trust.was_demoted(node, since):
            if (node, since) not in self._demotions:
                self.learned.update(dict.fromkeys(self._directory.issued_by(node)))
            self._demotions[node, since] = None

    def learn(self, chain: bytes) -> NodeId | None:
        """Take somebody's certificates; return who he is if his word counts now.

        It does when he has expired, too: that gates his channels, not what he signed.
        """
        node = named_untrusted(chain)
        if node is None:
            return None
        self.introduce(chain)
        return None if self._directory.signer(node) is None else node

    def exchange_ever(self, node: NodeId) -> bytes | None:
        """Return the X25519 key of a node, whether it may talk or not, or None."""
        return self._directory.exchange_of(node)

    def chain_of(self, node: NodeId) -> bytes | None:
        """Return the bytes that introduce `node` to others, or None."""
        return self._directory.chain_of(node)

    def serial(self, node: NodeId) -> bytes:
        """Return what places `node` on the rings: its issuer chose that."""
        serial = self._serials.get(node)
        if serial is None:
            serial = self._directory.ring_serial(node)
            assert serial is not None, "a member whose proof was good has a certificate"
            self._serials[node] = serial
        return serial

    def sign(self, message: bytes) -> bytes:
        """Return our own signature."""
        return self._proofs.sign(message)

    def verify(self, author: NodeId, message: bytes, proof: bytes) -> bool | None:
        """Return whether `author` signed `message`; None if he is unknown here."""
        verdict = self._proofs.verify(author, message, proof)
        return None if verdict is Proof.UNKNOWN_SIGNER else verdict is Proof.GENUINE


def named_untrusted(chain: bytes) -> NodeId | None:
    """Return whom a chain speaks of, be it true or false; None if it is none."""
    try:
        return decode_chain_untrusted(chain).certificate.node
    except BadPacket:
        return None
