"""Join tokens, and what is said over them: papers, a request, a refusal.

A token is what the user copies from one host to another to let it in.

    SNTKN-1-<digest>-<secret>

Version, digest of the root's certificate, secret; the last two in base 36, with zeros
in front to 50 and 25 characters, as in Docker's SWMTKN. By the digest the joiner knows
the cluster, by the secret the cluster knows the joiner, and which of the two secrets it
is says in what role he may join. A cluster keeps no secret but a hash of it (a
*verifier*, one for each role): whoever reads that cannot join by it, for a secret has
128 random bits.

    verifier     [1, role, hashes]      hashes: 32 bytes for the current secret, then
                                        the same for those rotated away, newest first
    papers       [1, chain, roots]      what a manager shows a joiner
    request      [1, secret, signing key, proof, name, role or none]
    refusal      [1, number, addresses]

`admission` says who sends which, and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from hmac import compare_digest
from typing import ClassVar, Final

from swarmnet.crypto.certificate import (
    CERTIFICATE_BYTES_MAX,
    CHAIN_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    Chain,
    Role,
    RootCertificate,
    decode_chain_untrusted,
    decode_root_untrusted,
)
from swarmnet.crypto.identity import KEY_BYTES, SIGNATURE_BYTES, RandomBytes, Signatures
from swarmnet.crypto.trust import Trust
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import U64_MAX, Address, unpack_address_untrusted
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

VERSION: Final = 1
DIGEST_BYTES: Final = 32
SECRET_BYTES: Final = 16
HINT_BYTES: Final = 8
ADDRESSES_MAX: Final = 8
PREFIX: Final = "SNTKN"

_DIGEST_CHARACTERS: Final = 50
_SECRET_CHARACTERS: Final = 25
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_HASH_BYTES: Final = 32
_SECRET_PERSON: Final = b"swarmnet token"
_HINT_PERSON: Final = b"swarmnet hint"
_CURE: Final = "copy the token whole, as `join-token` shows it"


@dataclass(frozen=True, slots=True)
class Token:
    """A digest and a secret; the secret shows in `text` and nowhere else."""

    digest: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, root: RootCertificate, random_bytes: RandomBytes) -> "Token":
        """Return a token of that root with a new secret."""
        return cls(root.digest, random_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Read `text`.

        Raises:
            Refused: it is no token. The message shows no character of the secret.
        """
        prefix, *rest = text.split("-")
        if prefix == "SWMTKN":
            raise Refused("join token: Docker's (SWMTKN), want SNTKN-1-…: " + _CURE)
        if prefix != PREFIX or len(rest) != 3:
            raise Refused(
                f"join token of {len(rest) + 1} parts, want SNTKN-1-digest-secret: "
                + _CURE
            )
        version, digest, secret = rest
        if version != str(VERSION):
            raise Refused(
                f"join token of version {version[:20]!r}, want {VERSION}: join with "
                "the version of swarmnet that made it"
            )
        return cls(
            _parse_part(digest, "digest", _DIGEST_CHARACTERS, DIGEST_BYTES),
            _parse_part(secret, "secret", _SECRET_CHARACTERS, SECRET_BYTES),
        )

    def text(self) -> str:
        """Return what the user copies."""
        digest = _base36(self.digest, _DIGEST_CHARACTERS)
        secret = _base36(self.secret, _SECRET_CHARACTERS)
        return f"{PREFIX}-{VERSION}-{digest}-{secret}"


class Refusal(Enum):
    """Why somebody does not join, with the line that he is told.

    The numbers up to 99 go over the wire and are never used again; only they do, and
    the line is the reader's own. From 100 on the joiner finds it for himself.
    """

    OTHER_CLUSTER = 1, "the token is of another cluster: ask this one for its own"
    ROOT_WITHDRAWN = 2, "the token's root was withdrawn: ask for a current token"
    SECRET_RETIRED = 3, "the token was rotated away: ask for the current one"
    SECRET_UNKNOWN = 4, "the token's secret is not this cluster's: copy it again"
    WRONG_ROLE = 5, "the token does not admit a {role}: ask for the other token"
    ROOT_SEALED = (
        6,
        "no root key there, so no new managers: unseal it, or join by another",
    )
    NAME_IN_USE = 7, "the name {name} is in use: choose another"
    REVOKED = 8, "this node was removed: delete its keys and join as a new one"
    KEYS_DIFFER = (
        9,
        "this node, or its exchange key, is known with another: make both new",
    )
    BAD_REQUEST = 10, "the manager cannot read the request: compare versions"
    UNABLE = 11, "that manager cannot issue now, its log says why: join by another"
    BUSY = 12, "that manager is busy: try again"
    NO_MANAGER = 13, "that node is no manager: join by one of those it knows"
    UNNAMED = 100, "refused for a reason that this version does not know: update it"
    BAD_ANSWER = 101, "the answer is none of swarmnet's: check address and version"
    FALSE_ROOT = 102, "the answerer lacks the token's root: check address and token"
    FALSE_KEY = 103, "the answerer is no manager, or shows another's certificate"
    NO_ANSWER = 104, "no answer in time: check the address and the firewall"

    def __init__(self, code: int, line: str) -> None:
        self.code = code
        self.line = line

    @classmethod
    def of_code(cls, code: int) -> "Refusal":
        """Return what a number from the wire stands for."""
        for refusal in cls:
            if refusal.code == code < cls.UNNAMED.code:
                return refusal
        return cls.UNNAMED


class Match(Enum):
    """What a secret is to a cluster."""

    WORKER = Role.WORKER
    MANAGER = Role.MANAGER
    RETIRED = "rotated away"
    UNKNOWN = "never one of ours, or rotated away long ago"

    @property
    def role(self) -> Role | None:
        """As what the secret admits, or None."""
        return self.value if isinstance(self.value, Role) else None


@dataclass(frozen=True, slots=True)
class Verifier:
    """By what a cluster knows a role's secret again: hashes, the current one first."""

    RETIRED_MAX: ClassVar = 4

    role: Role
    hashes: tuple[bytes, ...]

    @classmethod
    def of(cls, role: Role, secret: bytes) -> "Verifier":
        return cls(role, (hash_secret(role, secret),))

    def rotated(self, secret: bytes) -> "Verifier":
        """Return the verifier of a new secret, which knows the last few as retired."""
        hashes = (hash_secret(self.role, secret), *self.hashes)
        return Verifier(self.role, hashes[: self.RETIRED_MAX + 1])

    def encode(self) -> bytes:
        return pack((VERSION, self.role, b"".join(self.hashes)))


def decode_verifier_untrusted(data: bytes) -> Verifier:
    """Read `Verifier.encode`'s form.

    Raises:
        BadPacket: it is anything else.
    """
    fields = fields_untrusted(data, 3)
    most = _HASH_BYTES * (Verifier.RETIRED_MAX + 1)
    hashes = blob(fields[2], most, _HASH_BYTES)
    if len(hashes) % _HASH_BYTES:
        raise BadPacket(f"verifier with {len(hashes)} bytes of hashes")
    starts = range(0, len(hashes), _HASH_BYTES)
    return Verifier(
        Role(natural(fields[1], max(Role))),
        tuple(hashes[start : start + _HASH_BYTES] for start in starts),
    )


class TokenBook:
    """The verifiers of one cluster, one for each role; each is rotated by itself."""

    __slots__ = ("_verifiers",)

    def __init__(self, worker: Verifier, manager: Verifier) -> None:
        assert (worker.role, manager.role) == (Role.WORKER, Role.MANAGER)
        self._verifiers = {Role.WORKER: worker, Role.MANAGER: manager}

    def verifier(self, role: Role) -> Verifier:
        return self._verifiers[role]

    def replace(self, verifier: Verifier) -> None:
        """Take a verifier in place of its role's."""
        self._verifiers[verifier.role] = verifier

    def match(self, secret: bytes) -> Match:
        """Return what `secret` is.

        It is compared with everything that is known, whatever has matched already, and
        each comparison takes the same time: how long it took tells nothing.
        """
        found = Match.UNKNOWN
        for role, verifier in self._verifiers.items():
            hashed = hash_secret(role, secret)
            equal = [compare_digest(hashed, known) for known in verifier.hashes]
            if equal[:1] == [True]:
                found = Match(role)
            elif any(equal) and found is Match.UNKNOWN:
                found = Match.RETIRED
        return found


@dataclass(frozen=True, slots=True)
class Papers:
    """What a manager shows: its chain, and the roots by which to judge it."""

    chain: Chain
    roots: tuple[RootCertificate, ...]

    def encode(self) -> bytes:
        roots = [root.encode() for root in self.roots]
        return pack((VERSION, self.chain.encoded, roots))

    def trust(self, digest: bytes) -> Trust | None:
        """Return trust in the root that `digest` names, and by it in the others.

        None if the papers do not show that root.
        """
        for root in self.roots:
            if root.digest == digest and root.is_genuine(Signatures()):
                trust = Trust(root)
                # A root may stand before the one that vouches for it.
                for other in self.roots * len(self.roots):
                    trust.add_root(other)
                return trust
        return None


@dataclass(frozen=True, slots=True)
class Request:
    """What a joiner asks, and by which right; `role` is None for any.

    `proof` is the signature, by the key that is to be certified, of the handshake.
    """

    secret: bytes = field(repr=False)
    signing_public: bytes
    proof: bytes
    name: str
    role: Role | None

    def encode(self) -> bytes:
        said = (self.secret, self.signing_public, self.proof)
        return pack((VERSION, *said, self.name, self.role))


def fields_untrusted(
    data: bytes, count_min: int, version_max: int = U64_MAX
) -> list[object]:
    """Read an array of so many fields or more, the first of which is a version.

    A later one may have more fields; in the clear, where anybody could make it a later
    one, `version_max` is ours.

    Raises:
        BadPacket: it is anything else.
    """
    fields = array(unpack_array_untrusted(data), count_min)
    if natural(fields[0], version_max) < VERSION:
        raise BadPacket("version 0")
    return fields


def encode_refusal(refusal: Refusal, managers: Sequence[Address] = ()) -> bytes:
    """Return what turns a joiner away; `managers` are where to try instead."""
    shown = [address.pack() for address in managers[:ADDRESSES_MAX]]
    return pack((VERSION, refusal.code, shown))


def addresses_untrusted(value: object) -> tuple[Address, ...]:
    """Read a refusal's addresses.

    Raises:
        BadPacket: it is no array, or holds anything else.
    """
    shown = array(value, 0)[:ADDRESSES_MAX]
    return tuple(unpack_address_untrusted(blob(value, 18)) for value in shown)


def decode_papers_untrusted(data: bytes) -> Papers:
    """Read `Papers.encode`'s form.

    Raises:
        BadPacket: it is anything else.
    """
    _, chain, roots = fields_untrusted(data, 3)[:3]
    shown = (blob(root, CERTIFICATE_BYTES_MAX) for root in array(roots, 1))
    return Papers(
        decode_chain_untrusted(blob(chain, CHAIN_BYTES_MAX)),
        tuple(map(decode_root_untrusted, shown)),
    )


def decode_request_untrusted(data: bytes) -> Request:
    """Read `Request.encode`'s form. The name is one only by its length.

    Raises:
        BadPacket: it is anything else.
    """
    _, secret, public, proof, name, role = fields_untrusted(data, 6)[:6]
    if type(name) is not str or len(name) > NAME_CHARACTERS_MAX:
        raise BadPacket(f"want a name of at most {NAME_CHARACTERS_MAX} characters")
    return Request(
        blob(secret, SECRET_BYTES, SECRET_BYTES),
        blob(public, KEY_BYTES, KEY_BYTES),
        blob(proof, SIGNATURE_BYTES, SIGNATURE_BYTES),
        name,
        None if role is None else Role(natural(role, max(Role))),
    )


def hash_secret(role: Role, secret: bytes) -> bytes:
    """Return the hash by which a role's secret is known; no other role's has it."""
    salt = role.to_bytes(1, "big")
    hashed = blake2b(secret, digest_size=_HASH_BYTES, salt=salt, person=_SECRET_PERSON)
    return hashed.digest()


def hint_of(digest: bytes) -> bytes:
    """Return the 8 bytes by which a joiner names his token's root in the clear."""
    return blake2b(digest, digest_size=HINT_BYTES, person=_HINT_PERSON).digest()


def _base36(data: bytes, characters: int) -> str:
    number = int.from_bytes(data, "big")
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _parse_part(text: str, part: str, characters: int, size: int) -> bytes:
    if len(text) != characters:
        raise Refused(
            f"join token with a {part} of {len(text)} characters, want {characters}: "
            + _CURE
        )
    # int() would take signs, spaces, underscores and foreign digits too.
    if text.strip(_DIGITS):
        raise Refused(f"join token with a {part} not of 0-9 and a-z: {_CURE}")
    number = int(text, 36)
    if number.bit_length() > 8 * size:
        raise Refused(f"join token with a {part} above {8 * size} bits: {_CURE}")
    return number.to_bytes(size, "big")
