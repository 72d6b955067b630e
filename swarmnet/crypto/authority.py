"""Who issues certificates: roots, and managers under them.

A root is made once, by `init`, and signs managers; its private key can then stay sealed
(`sealing`) or off the machine. A manager signs workers by its own node key, and with
the unsealed root key also managers. Whatever is issued begins an hour before, for hosts
whose clocks are slow, ends no later than the certificate of its issuer, and bears a
serial that was never used before. Renewing keeps everything of a node but the dates.
Of one node's certificates each begins later than that before it, though clocks differ:
by that all know which is the later (`directory`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from swarmnet.crypto.certificate import (
    RING_SERIAL_BYTES,
    UNIX_S_MAX,
    Chain,
    NodeCertificate,
    Role,
    RootCertificate,
    Sign,
    Subject,
    Terms,
    Verdict,
    certify,
    certify_root,
    chain,
    check_subject,
)
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import (
    KEY_BYTES,
    Identity,
    RandomBytes,
    SigningKey,
    verify_signature,
)
from swarmnet.crypto.token import Match, Refusal, TokenBook, decode_request_untrusted
from swarmnet.crypto.withdrawal import Withdrawal, withdrawal_message
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import U64_MAX, NodeId

JOIN_DOMAIN: Final = b"swarmnet join 1\0"
"""Stands before the handshake's hash when a joiner signs it."""
_DAY_S: Final = 86_400
BACKDATE_S: Final = 3600
WORKER_LIFE_S: Final = 90 * _DAY_S
"""As Docker's node certificates."""
MANAGER_LIFE_S: Final = 365 * _DAY_S
"""Longer, since a renewal needs the root key, which is meant to be away."""
RENEWAL_GRACE_S: Final = 30 * _DAY_S
"""So long after its end a certificate is still renewed: a host may have been off."""
_RENEWAL_SHARE: Final = (2, 3)


class RootKey:
    """A root with its private key."""

    __slots__ = ("_key", "certificate")

    def __init__(self, private: bytes, certificate: RootCertificate) -> None:
        """Put a root together again.

        Raises:
            Refused: the key is not that of the certificate.
        """
        self._key = SigningKey(private)
        if self._key.public != certificate.signing_public:
            raise Refused(
                f"root key: of another root than {certificate.key_id.hex()}: unseal "
                "the key that was made with this root"
            )
        self.certificate: Final = certificate

    @classmethod
    def make(cls, random_bytes: RandomBytes, wall: float) -> "RootKey":
        """Return the first root of a new cluster."""
        key = SigningKey(random_bytes(KEY_BYTES))
        return cls(key.private, certify_root(key.public, int(wall), key.sign))

    def succeed(self, random_bytes: RandomBytes, wall: float) -> "RootKey":
        """Return a new root of the same cluster, which this one vouches for."""
        key = SigningKey(random_bytes(KEY_BYTES))
        made = certify_root(
            key.public, int(wall), key.sign, (self.certificate, self.sign)
        )
        return RootKey(key.private, made)

    def withdraw(self, ended: RootCertificate) -> Withdrawal:
        """Return our word that a root before this one counts no more."""
        by = self.certificate.key_id
        message = withdrawal_message(by, ended.key_id)
        return Withdrawal(by, ended.key_id, self.sign(message))

    def __repr__(self) -> str:
        return f"RootKey(key_id={self.certificate.key_id.hex()})"

    @property
    def private(self) -> bytes:
        """The raw key, to be sealed."""
        return self._key.private

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class Authority:
    """What one node may issue: as a manager by `chain`, as the root by `root`.

    `next_serial` is this manager's next: the caller saves it before anything that was
    issued leaves the node, for a serial that is given twice cannot be revoked singly.
    The serials of a root are random instead, since several managers may have its key
    and no cut is ever asked of it.

    Every method that raises Refused has changed nothing.
    """

    __slots__ = (
        "_random_bytes",
        "chain",
        "directory",
        "identity",
        "is_living",
        "next_serial",
        "root",
    )

    def __init__(
        self,
        identity: Identity,
        directory: Directory,
        random_bytes: RandomBytes,
        *,
        chain: Chain | None = None,
        root: RootKey | None = None,
        next_serial: int = 1,
    ) -> None:
        """Issue in the name of `identity`.

        Args:
            identity: this node.
            directory: whom it knows and believes.
            random_bytes: gives so many random bytes.
            chain: this manager's own; without it only the root can issue.
            root: the unsealed root; without it no manager is certified. Both may be
                given and taken away later.
            next_serial: what was saved, 1 to 2^64-1.
        """
        assert 1 <= next_serial <= U64_MAX, next_serial
        self.identity: Final = identity
        self.directory: Final = directory
        self.chain = chain
        self.root = root
        self.next_serial = next_serial
        self.is_living: Callable[[NodeId], bool] = lambda _node: True
        """Whether a node still has a right to its name: it has not left, nor died."""
        self._random_bytes = random_bytes

    def admit(
        self, tokens: TokenBook, asked: bytes, shown: tuple[bytes, bytes], wall: float
    ) -> Chain | Refusal:
        """Decide on a join: return the chain that was issued, or why not.

        The secret comes first: who has none learns nothing of the others.

        Args:
            tokens: the verifiers of the cluster.
            asked: the joiner's request, as it came.
            shown: his exchange key, and the handshake's hash that he had to sign.
            wall: Unix seconds.
        """
        try:
            request = decode_request_untrusted(asked)
        except BadPacket:
            return Refusal.BAD_REQUEST
        exchange_public, handshake_hash = shown
        match = tokens.match(request.secret)
        if match.role is None:
            retired = match is Match.RETIRED
            return Refusal.SECRET_RETIRED if retired else Refusal.SECRET_UNKNOWN
        keys = (request.signing_public, exchange_public)
        subject = Subject(*keys, request.name, match.role)
        signed = JOIN_DOMAIN + handshake_hash
        if not verify_signature(request.signing_public, signed, request.proof):
            return Refusal.BAD_REQUEST
        if request.role not in (None, match.role):
            return Refusal.WRONG_ROLE
        directory = self.directory
        if directory.trust.is_revoked(subject.node):
            return Refusal.REVOKED
        if directory.conflicts(subject):
            return Refusal.KEYS_DIFFER
        others = directory.named(request.name, wall)
        if any(one != subject.node and self.is_living(one) for one in others):
            return Refusal.NAME_IN_USE
        if subject.role is Role.MANAGER and self.root is None:
            return Refusal.ROOT_SEALED
        return self._issue_or_refuse(subject, wall)

    def _issue_or_refuse(self, subject: Subject, wall: float) -> Chain | Refusal:
        """Return the chain of a subject who may have one, if we may still give it."""
        try:
            check_subject(subject)
        except Refused:
            return Refusal.BAD_REQUEST
        try:
            issued = self.issue(subject, wall)
        except Refused:
            return Refusal.UNABLE
        known = self.directory.learn(issued, wall) is Verdict.GOOD
        return issued if known else Refusal.UNABLE

    def issue(self, subject: Subject, wall: float) -> Chain:
        """Return the first certificate of a node, or one with other attributes.

        A node that is known keeps its place on the rings: joining again and again
        chooses no neighbours.

        Raises:
            Refused: this node may not issue that, or the subject may not have it.
        """
        check_subject(subject)
        if self.directory.trust.is_revoked(subject.node):
            raise Refused(
                f"node {subject.node.hex()}: it was removed: join with a new key"
            )
        return self._issue(subject, wall)

    def renew(self, held: Chain, wall: float) -> Chain:
        """Return `held` with new dates, from this authority.

        Raises:
            Refused: `held` is not good, or expired more than `RENEWAL_GRACE_S` ago, or
                this node may not issue that.
        """
        self._check_held(held, wall)
        return self._issue(held.certificate.subject, wall, held)

    def change_role(
        self, held: Chain, role: Role, wall: float, *, issued: int = 0
    ) -> Chain:
        """Return `held` in another role, as the root's word.

        Managers are made by the root alone, and unmade as well: no manager could rid
        the cluster of the others by certificates. It is also what lets a demotion hold
        wherever it is heard of, whoever passes it on.

        Args:
            held: the certificate that the node has.
            role: what it is to be.
            wall: Unix seconds.
            issued: of a demotion, up to which serial that stands which it issued.

        Raises:
            Refused: the node has that role, `held` is not good, or the root is sealed.
        """
        self._check_held(held, wall)
        subject = held.certificate.subject
        if subject.role is role:
            raise Refused(f"{subject.name}: is a {role.name.lower()} already")
        ended = issued if role is Role.WORKER else None
        return self._issue(replace(subject, role=role), wall, held, ended)

    def _check_held(self, held: Chain, wall: float) -> None:
        trust = self.directory.trust
        verdict = trust.judge(held, wall)
        ends = held.life[1]
        late = verdict is Verdict.EXPIRED and wall > ends + RENEWAL_GRACE_S
        if late or verdict not in (Verdict.GOOD, Verdict.EXPIRED):
            cure = ": too long ago to renew, join anew" if late else ""
            raise Refused(trust.explain(verdict, held, wall) + cure)

    def _issue(
        self,
        subject: Subject,
        wall: float,
        held: Chain | None = None,
        ended: int | None = None,
    ) -> Chain:
        if self.directory.conflicts(subject):
            raise Refused(
                f"node {subject.node.hex()}: known by another exchange key: join with "
                "both keys, or with new ones"
            )
        by_root = subject.role is Role.MANAGER or ended is not None
        manager = None if by_root else self._manager(wall)
        known = (self.directory.chain(subject.node), held)
        terms_known = [one.certificate.terms for one in known if one is not None]
        before = max(terms_known, key=lambda one: one.not_before, default=None)
        life_s = WORKER_LIFE_S if subject.role is Role.WORKER else MANAGER_LIFE_S
        issuer, serial, sign = self._signature_of(manager, subject)
        last = UNIX_S_MAX if manager is None else manager.terms.not_after
        begins = max(0, int(wall) - BACKDATE_S)
        terms = Terms(
            cluster=self.directory.trust.cluster,
            issuer=issuer,
            serial=serial,
            ring_serial=self._ring_serial(before),
            not_before=begins if before is None else max(begins, before.not_before + 1),
            not_after=min(int(wall) + life_s, last),
            issued=ended,
        )
        if terms.not_before >= terms.not_after:
            raise Refused(
                f"{subject.name}: its certificate begins {terms.not_before}, one of "
                f"now ends {terms.not_after}: set this host's clock"
            )
        issued = chain(certify(subject, terms, sign), manager)
        if manager is not None:
            self.next_serial += 1
        return issued

    def _ring_serial(self, before: Terms | None) -> bytes:
        if before is not None:
            return before.ring_serial
        return self._random_bytes(RING_SERIAL_BYTES)

    def _manager(self, wall: float) -> NodeCertificate | None:
        """Return our own certificate, to issue under; None if only the root can.

        Raises:
            Refused: it no longer counts.
        """
        if self.chain is None:
            return None
        trust = self.directory.trust
        verdict = trust.judge(self.chain, wall)
        if verdict is not Verdict.GOOD:
            line = trust.explain(verdict, self.chain, wall)
            raise Refused(f"this manager cannot issue: its own {line}")
        certificate = self.chain.certificate
        if certificate.subject.role is not Role.MANAGER:
            raise Refused(
                f"{certificate.subject.name}: a worker issues nothing: ask a manager"
            )
        assert certificate.node == self.identity.node, "another node's certificate"
        return certificate

    def _signature_of(
        self, manager: NodeCertificate | None, subject: Subject
    ) -> tuple[bytes, int, Sign]:
        """Return who issues, under which serial and by which key."""
        if manager is not None:
            return manager.node, self.next_serial, self.identity.sign
        if self.root is None:
            raise Refused(
                f"{subject.name}: {subject.role.name.lower()} certificate without the "
                "root key: unseal it here, or ask a manager that holds it"
            )
        serial = int.from_bytes(self._random_bytes(8), "big")
        return self.root.certificate.key_id, serial, self.root.sign


def renewal_due(certificate: NodeCertificate) -> float:
    """Return when two thirds of a certificate's life are over, in Unix seconds."""
    share, whole = _RENEWAL_SHARE
    begins = certificate.terms.not_before + BACKDATE_S
    life_s = certificate.terms.not_after - begins
    return begins + life_s * share / whole


def needs_renewal(certificate: NodeCertificate, wall: float) -> bool:
    """Return whether two thirds of a certificate's life are over."""
    return wall >= renewal_due(certificate)


def own_subject(identity: Identity, name: str, role: Role) -> Subject:
    """Return what a node asks to be certified for itself."""
    return Subject(identity.signing_public, identity.exchange_public, name, role)
