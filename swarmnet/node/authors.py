"""Whose rows count: by which key they are verified, and who may write what."""

from collections.abc import Iterable

from swarmnet.crypto.certificate import Chain, Role, Verdict, decode_chain_untrusted
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.node.about import chain_of_untrusted
from swarmnet.node.acquaintances import Acquaintances, named_untrusted
from swarmnet.node.seams import PlaneSeams
from swarmnet.tables.row import POOL, REVOCATION, TOKEN, TableName

_MANAGERS_TABLES = frozenset({POOL, REVOCATION, TOKEN})
_FORGED = frozenset({Verdict.BAD_SIGNATURE, Verdict.BROKEN_CHAIN, Verdict.MALFORMED})


class Authors:
    """The directory as the tables see it."""

    __slots__ = ("_acquaintances", "_directory", "_identity")

    def __init__(
        self, identity: Identity, directory: Directory, acquaintances: Acquaintances
    ) -> None:
        self._identity = identity
        self._directory = directory
        self._acquaintances = acquaintances

    def seams(self) -> PlaneSeams:
        """Return all that a control plane is handed."""
        known = self._acquaintances
        return PlaneSeams(
            sign=known.sign,
            verify=known.verify,
            serial=known.serial,
            signer=self.signer,
            check=self.check,
            may_write=self.may_write,
            introduce=self.introduce,
            issued=self.issued,
            stands=self.stands,
        )

    def signer(self, node: NodeId) -> bytes | None:
        """Return the key under which a node's rows are verified, or None.

        That of a removed node, too: the tables know up to where its word counts.
        """
        if node == self._identity.node:
            return self._identity.signing_public
        return self._directory.past_signer(node)

    def check(self, key: bytes, message: bytes, proof: bytes) -> bool:
        """Return whether the holder of `key` signed `message`."""
        return self._directory.trust.signatures.verify(key, message, proof)

    def may_write(self, node: NodeId, table: TableName) -> bool:
        """Return whether a node's rows of a table count.

        They do if its certificate stands, expired or not; and if it was removed itself,
        for what it wrote before. They do not if that was made void with its issuer.
        """
        chain = self._directory.chain(node)
        if chain is None:
            return node == self._identity.node and table not in _MANAGERS_TABLES
        is_manager = chain.certificate.subject.role is Role.MANAGER
        if table in _MANAGERS_TABLES and not is_manager:
            return False
        stands = self._directory.signer(node) is not None
        return stands or self._directory.trust.is_revoked(node)

    def stands(self, node: NodeId, about: bytes) -> bool:
        """Return whether a node's certificate was not made void with its issuer.

        That is known by rows alone: which certificate its own row brings, who has
        removed the issuer of that, and up to which serial. Where there is no such row
        it is the one that is known.
        """
        if node == self._identity.node:
            return True
        chain = _chain_of(node, about) or self._directory.chain(node)
        return chain is None or not self._directory.trust.is_void_by_issuer(chain)

    def introduce(self, about: bytes) -> bool:
        """Take up the certificate that a node's own row brings, if it is new here.

        Returns False if nobody can have issued it.
        """
        chain = chain_of_untrusted(about)
        node = None if chain is None else named_untrusted(chain)
        if chain is None or node is None:
            return True
        if self._acquaintances.chain_of(node) == chain:
            return True
        return self._acquaintances.introduce(chain) not in _FORGED

    def issued_to(self, manager: NodeId) -> list[NodeId]:
        """Return the nodes that are members by a manager's word."""
        return self._directory.issued_by(manager)

    def issued(self, manager: NodeId, nodes: Iterable[NodeId]) -> int:
        """Return the last serial of what a manager issued to some nodes; 0 for none."""
        chains = (self._directory.chain(node) for node in nodes)
        terms = (chain.certificate.terms for chain in chains if chain is not None)
        return max((one.serial for one in terms if one.issuer == manager), default=0)

    def revoke(self, node: NodeId, issued: int) -> None:
        """Believe a node no more: a manager has removed it.

        What it issued up to the serial `issued` stands.
        """
        trust = self._directory.trust
        trust.restore_node(node)
        trust.cut_issuer(node, issued)
        trust.revoke_node(node)

    def restore(self, node: NodeId) -> None:
        """Believe a node again: whoever removed it could not."""
        self._directory.trust.restore_node(node)


def _chain_of(node: NodeId, about: bytes) -> Chain | None:
    """Return the certificates that a node's own row brings, if they speak of it."""
    encoded = chain_of_untrusted(about)
    try:
        chain = None if encoded is None else decode_chain_untrusted(encoded)
    except BadPacket:
        return None
    return None if chain is None or chain.certificate.node != node else chain
