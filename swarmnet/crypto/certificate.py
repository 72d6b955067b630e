"""Certificates: who may speak as which node, under which name and in which role.

The root signs the managers' certificates, a manager those of the other nodes, and a
chain brings both. A cluster's id is the digest of its first root's certificate; later
roots name it, and the root before them, and are signed by that one too (a rotation).

    certificate  [body, signature]                         body is bytes: what is signed
    body         [1, cluster, issuer, serial, signing key, exchange key, name, role,
                  ring serial, not before, not after, issued?]
    root         [body, signature, signature by the root before it, or none]
    body         [1, signing key, made at, cluster or none, digest of the root before]
    chain        [certificate, issuer's certificate, or none]

The leading 1 is the version. Fields grow at the end only; further ones of a body stay
in it, for bodies are never packed again. What stands outside of a body is not signed,
so it holds nothing that could be changed and still pass. "None" is an empty byte
string. With a name of 8 letters a worker's certificate has 222 bytes, a manager's 230,
a worker's chain 457; with 63 letters a certificate has at most 286. A first root has
116, a later one 244.

Reading says only that the bytes have this form. Whether they are to be believed says
`trust`. Functions with the suffix `_untrusted` raise nothing but `BadPacket`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from swarmnet.crypto.identity import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Signatures,
    is_signing_key,
    node_id_of,
)
from swarmnet.crypto.primitives import parse_public_untrusted
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import NODE_ID_BYTES, NodeId
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

VERSION: Final = 1
CLUSTER_ID_BYTES: Final = 32
RING_SERIAL_BYTES: Final = 8
CERTIFICATE_BYTES_MAX: Final = 512
"""With room for what later versions append."""
CHAIN_BYTES_MAX: Final = 2 * CERTIFICATE_BYTES_MAX + 16
NAME_CHARACTERS_MAX: Final = 63
UNIX_S_MAX: Final = 253_402_300_799
"""The last second of the year 9999."""

_BODY_BYTES_MAX: Final = CERTIFICATE_BYTES_MAX - SIGNATURE_BYTES - 8
# Each ends in a zero byte and none begins another, see `SigningKey.sign`.
_NODE_DOMAIN: Final = b"swarmnet certificate 1\0"
_ROOT_DOMAIN: Final = b"swarmnet root 1\0"
_SUCCESSION_DOMAIN: Final = b"swarmnet root succession 1\0"
_ROOT_PERSON: Final = b"swarmnet root"
_ROOT_KEY_PERSON: Final = b"swarmnet rootkey"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)

Sign = Callable[[bytes], bytes]


class Role(IntEnum):
    """What a node may do: a manager also admits, removes and issues."""

    WORKER = 0
    MANAGER = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate speaks of; `node` follows from the signing key.

    `name` is a label of a host name (RFC 1123, section 2.1) in lower case, so that two
    names that look alike to DNS cannot stand side by side.
    """

    signing_public: bytes
    exchange_public: bytes
    name: str
    role: Role
    node: NodeId = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "node", node_id_of(self.signing_public))


@dataclass(frozen=True, slots=True)
class Terms:
    """What the issuer decides.

    `issuer` is a manager's node id or a root's key id; `serial` (u64) ascends for each
    manager; `ring_serial` places the node on the rings. `not_before` and `not_after`
    are Unix seconds. `issued` makes it a demotion, if a root says it of a worker: of
    what the node issued as a manager, that stands up to this serial.
    """

    cluster: bytes
    issuer: bytes
    serial: int
    ring_serial: bytes
    not_before: int
    not_after: int
    issued: int | None = None


@dataclass(frozen=True, slots=True)
class NodeCertificate:
    """What `signature` makes `terms.issuer` say of `subject`; `body` is what it said.

    `body` holds fields that are unknown here too.
    """

    subject: Subject
    terms: Terms
    body: bytes
    signature: bytes

    @property
    def node(self) -> NodeId:
        return self.subject.node

    def encode(self) -> bytes:
        return pack((self.body, self.signature))

    def is_signed_by(self, signing_public: bytes, signatures: Signatures) -> bool:
        """Return whether the holder of that key issued this certificate."""
        signed = _NODE_DOMAIN + self.body
        return signatures.verify(signing_public, signed, self.signature)


@dataclass(frozen=True, slots=True)
class Chain:
    """A certificate, and its issuer's unless that is a root; `encoded` is both."""

    certificate: NodeCertificate
    issuer: NodeCertificate | None
    encoded: bytes

    @property
    def top(self) -> NodeCertificate:
        """The certificate that a root should have signed."""
        return self.issuer or self.certificate

    @property
    def is_demotion(self) -> bool:
        """Whether a root says by it that a node is a manager no more."""
        subject, terms = self.certificate.subject, self.certificate.terms
        is_worker = self.issuer is None and subject.role is Role.WORKER
        return is_worker and terms.issued is not None

    @property
    def life(self) -> tuple[int, int]:
        """From when to when all of it is valid, in Unix seconds."""
        own, above = self.certificate.terms, self.top.terms
        return (
            max(own.not_before, above.not_before),
            min(own.not_after, above.not_after),
        )


class Verdict(Enum):
    """What `trust` thinks of a chain; the value is the line that it tells the user."""

    GOOD = "good"
    MALFORMED = "its bytes are none of ours: send it again"
    WRONG_CLUSTER = "of cluster {theirs}, this is {ours}: join by a token of this one"
    BROKEN_CHAIN = "by {issuer}, but with it comes {brought}: send its issuer's with it"
    ISSUER_NO_MANAGER = "issued by {issuer}, a worker: have a manager issue it"
    NOT_BY_ROOT = "a manager's, but issued by node {issuer}: have the root sign it"
    UNKNOWN_ROOT = "of root {root}, which is not held here: bring that first, or rejoin"
    ROOT_WITHDRAWN = "of root {root}, which was withdrawn: join by a current token"
    BAD_SIGNATURE = "not signed by its issuer {issuer}: join anew"
    REVOKED = "node {node} or its serial {serial} was revoked: join with a new key"
    ISSUER_REVOKED = "serial {serial} of {issuer}, removed at serial {cut}: join anew"
    EXPIRED = "expired {not_after}, here it is {wall}: renew it, or set this clock"
    NOT_YET_VALID = "begins {not_before}, here it is {wall}: set this host's clock"
    KEY_CONFLICT = (
        "its exchange key is another's, or not the one known of {node}: keep both keys "
        "of a node, or make both new"
    )
    FULL = "no room, {held} are held: remove nodes that are gone"


@dataclass(frozen=True, slots=True)
class RootCertificate:
    """A root's own word for itself, and in a rotation its predecessor's for it.

    `digest` names it in join tokens. `cluster` is the id of the cluster that it roots:
    the digest of its first root. `predecessor` is the digest of the root before, or
    empty. `key_id` is how certificates name it as their issuer.
    """

    signing_public: bytes
    made_at: int
    cluster: bytes
    predecessor: bytes
    body: bytes
    signature: bytes
    cross_signature: bytes
    digest: bytes
    key_id: bytes

    def encode(self) -> bytes:
        return pack((self.body, self.signature, self.cross_signature))

    def is_genuine(self, signatures: Signatures) -> bool:
        """Return whether the root signed itself."""
        signed = _ROOT_DOMAIN + self.body
        return signatures.verify(self.signing_public, signed, self.signature)

    def succeeds(self, earlier: "RootCertificate", signatures: Signatures) -> bool:
        """Return whether `earlier` made this root its successor."""
        signed = _SUCCESSION_DOMAIN + self.body
        return self.predecessor == earlier.digest and signatures.verify(
            earlier.signing_public, signed, self.cross_signature
        )


def root_key_id(signing_public: bytes) -> bytes:
    """Return the 16 bytes by which certificates name a root as their issuer."""
    digest = blake2b(signing_public, digest_size=NODE_ID_BYTES, person=_ROOT_KEY_PERSON)
    return digest.digest()


def check_subject(subject: Subject) -> None:
    """Ask of a subject what its certificate would have to fulfil.

    Raises:
        Refused: its name is no label, or a key can be nobody's.
    """
    if not _NAME.fullmatch(subject.name):
        raise Refused(
            f"node name {subject.name[:80]!r}: want 1 to {NAME_CHARACTERS_MAX} of a-z, "
            "0-9 and inner hyphens: choose another"
        )
    if not is_signing_key(subject.signing_public):
        raise Refused(f"signing key {subject.signing_public.hex()}: generate another")
    try:
        parse_public_untrusted(subject.exchange_public)
    except BadPacket as error:
        raise Refused(f"exchange key: {error}: generate another") from None


def explain(verdict: Verdict, chain: Chain, wall: float, **facts: object) -> str:
    """Return one line for the user: what it is about, the bound, the cure.

    `facts` are what the judge knows besides: `ours`, `cut` and `held`.
    """
    terms, issuer = chain.certificate.terms, chain.issuer
    begins, ends = chain.life
    line = verdict.value.format(
        node=chain.certificate.node.hex(),
        serial=terms.serial,
        issuer=terms.issuer.hex(),
        brought="none" if issuer is None else issuer.node.hex(),
        root=chain.top.terms.issuer.hex(),
        theirs=terms.cluster.hex(),
        not_before=_utc(begins),
        not_after=_utc(ends),
        wall=_utc(wall),
        **facts,
    )
    return f"certificate of {chain.certificate.subject.name}: {line}"


def certify(subject: Subject, terms: Terms, sign: Sign) -> NodeCertificate:
    """Return the certificate that `sign`, the issuer's key, makes of both."""
    fields = (
        *(VERSION, terms.cluster, terms.issuer, terms.serial),
        *(subject.signing_public, subject.exchange_public, subject.name, subject.role),
        *(terms.ring_serial, terms.not_before, terms.not_after),
    )
    body = pack(fields if terms.issued is None else (*fields, terms.issued))
    return NodeCertificate(subject, terms, body, sign(_NODE_DOMAIN + body))


def chain(certificate: NodeCertificate, issuer: NodeCertificate | None) -> Chain:
    """Return the chain of a certificate and its issuer's; None if that is a root."""
    above = b"" if issuer is None else issuer.encode()
    encoded = pack((certificate.encode(), above))
    return Chain(certificate, issuer, encoded)


def certify_root(
    signing_public: bytes,
    made_at: int,
    sign: Sign,
    succession: tuple[RootCertificate, Sign] | None = None,
) -> RootCertificate:
    """Return a root's certificate; `succession` is the root before it, and its key."""
    origin = (b"", b"")
    if succession is not None:
        origin = (succession[0].cluster, succession[0].digest)
    body = pack((VERSION, signing_public, made_at, *origin))
    cross = b"" if succession is None else succession[1](_SUCCESSION_DOMAIN + body)
    return _root(body, sign(_ROOT_DOMAIN + body), cross)


def decode_certificate_untrusted(data: bytes) -> NodeCertificate:
    """Read `NodeCertificate.encode`'s form."""
    fields = array(unpack_array_untrusted(blob(data, CERTIFICATE_BYTES_MAX)), 2)
    body = blob(fields[0], _BODY_BYTES_MAX)
    return _certificate(body, blob(fields[1], SIGNATURE_BYTES, SIGNATURE_BYTES))


def decode_chain_untrusted(data: bytes) -> Chain:
    """Read `Chain.encoded`."""
    return _chain(blob(data, CHAIN_BYTES_MAX))


def decode_root_untrusted(data: bytes) -> RootCertificate:
    """Read `RootCertificate.encode`'s form."""
    fields = array(unpack_array_untrusted(blob(data, CERTIFICATE_BYTES_MAX)), 3)
    cross = blob(fields[2], SIGNATURE_BYTES)
    if len(cross) not in (0, SIGNATURE_BYTES):
        raise BadPacket(f"a cross signature of {len(cross)} bytes")
    signature = blob(fields[1], SIGNATURE_BYTES, SIGNATURE_BYTES)
    return _root(blob(fields[0], _BODY_BYTES_MAX), signature, cross)


# Reading is a pure function of the bytes, and everybody passes the same certificates
# on: each is held once, also for all nodes of a simulation. What is kept here is not
# verified, so it is bounded by what strangers may waste on it: some 12 MiB.
@lru_cache(maxsize=1 << 12)
def _chain(data: bytes) -> Chain:
    fields = array(unpack_array_untrusted(data), 2)
    certificate = decode_certificate_untrusted(blob(fields[0], CERTIFICATE_BYTES_MAX))
    above = blob(fields[1], CERTIFICATE_BYTES_MAX)
    issuer = decode_certificate_untrusted(above) if above else None
    return chain(certificate, issuer)


@lru_cache(maxsize=1 << 12)
def _certificate(body: bytes, signature: bytes) -> NodeCertificate:
    fields = array(unpack_array_untrusted(body), 11)
    _version(fields[0])
    _, cluster, issuer, serial, signing, exchange, name, role = fields[:8]
    if type(name) is not str or not _NAME.fullmatch(name):
        raise BadPacket("a name that is no label")
    subject = Subject(
        _key(signing),
        parse_public_untrusted(_key(exchange)).raw,
        name,
        Role(natural(role, max(Role))),
    )
    terms = Terms(
        cluster=blob(cluster, CLUSTER_ID_BYTES, CLUSTER_ID_BYTES),
        issuer=blob(issuer, NODE_ID_BYTES, NODE_ID_BYTES),
        serial=natural(serial),
        ring_serial=blob(fields[8], RING_SERIAL_BYTES, RING_SERIAL_BYTES),
        not_before=natural(fields[9], UNIX_S_MAX),
        not_after=natural(fields[10], UNIX_S_MAX),
        issued=None if fields[11:12] in ([], [None]) else natural(fields[11]),
    )
    if terms.not_before >= terms.not_after:
        raise BadPacket("a certificate that ends before it begins")
    return NodeCertificate(subject, terms, body, signature)


def _root(body: bytes, signature: bytes, cross_signature: bytes) -> RootCertificate:
    fields = array(unpack_array_untrusted(body), 5)
    _version(fields[0])
    signing_public = _key(fields[1])
    cluster = blob(fields[3], CLUSTER_ID_BYTES)
    predecessor = blob(fields[4], CLUSTER_ID_BYTES)
    digest = blake2b(body, digest_size=CLUSTER_ID_BYTES, person=_ROOT_PERSON).digest()
    shape = (len(cluster), len(predecessor), len(cross_signature))
    if shape not in ((0, 0, 0), (CLUSTER_ID_BYTES, CLUSTER_ID_BYTES, SIGNATURE_BYTES)):
        raise BadPacket(f"a root with an origin of {shape} bytes")
    return RootCertificate(
        signing_public=signing_public,
        made_at=natural(fields[2], UNIX_S_MAX),
        cluster=cluster or digest,
        predecessor=predecessor,
        body=body,
        signature=signature,
        cross_signature=cross_signature,
        digest=digest,
        key_id=root_key_id(signing_public),
    )


def _version(value: object) -> None:
    if natural(value) < VERSION:
        raise BadPacket("version 0")


def _key(value: object) -> bytes:
    return blob(value, KEY_BYTES, KEY_BYTES)


def _utc(wall: float) -> str:
    """Return Unix seconds for people to read."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M:%S} UTC"
