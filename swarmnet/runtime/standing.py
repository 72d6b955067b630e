"""What a host holds of its membership in a cluster, and where it keeps that.

`init` makes it, `join` is given it, every start reads it from the data directory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.crypto.authority import RootKey
from swarmnet.crypto.certificate import (
    Chain,
    Role,
    RootCertificate,
    decode_chain_untrusted,
    decode_root_untrusted,
)
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity, SigningKey
from swarmnet.crypto.sealing import unseal
from swarmnet.crypto.trust import Trust
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, unpack_address_untrusted
from swarmnet.runtime.store import Store
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

PORT: Final = 7946
"""Docker's and memberlist's."""
SECRETS: Final = {Role.WORKER: "secret_worker", Role.MANAGER: "secret_manager"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is: its address on the underlay, and where its frames come from."""

    address: Address
    vtep: IP
    vxlan_port: int = VXLAN_PORT

    def encode(self) -> bytes:
        """Return what is kept of it."""
        return pack((self.address.pack(), self.vtep.packed, self.vxlan_port))


@dataclass(frozen=True, slots=True)
class Standing:
    """Who this node is, whom it believes, and what it may issue.

    `withdrawn` are the key ids of roots that have ended. `root` is the root's key if it
    is here and open, `sealed` if it is sealed. `secrets` are those of the join tokens
    that this node has made.
    """

    identity: Identity = field(repr=False)
    chain: Chain
    roots: tuple[RootCertificate, ...]
    place: Place
    withdrawn: tuple[bytes, ...] = ()
    root: RootKey | None = field(default=None, repr=False)
    sealed: bytes | None = field(default=None, repr=False)
    secrets: Mapping[Role, bytes] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.chain.certificate.subject.name

    @property
    def role(self) -> Role:
        return self.chain.certificate.subject.role

    def directory(self, wall: float) -> Directory:
        """Return a directory that knows the roots and this node."""
        trust = Trust(self.roots[0])
        for other in self.roots * len(self.roots):
            trust.add_root(other)
        for ended in self.withdrawn:
            trust.withdraw_root(ended)
        directory = Directory(trust)
        directory.learn(self.chain, wall)
        return directory

    def opened(self, passphrase: str) -> "Standing":
        """Return this with the root's key open.

        Raises:
            Refused: there is no sealed key, or the passphrase is wrong.
        """
        if self.sealed is None:
            raise Refused("root key: none is sealed here; nothing to unlock")
        key = unseal(self.sealed, passphrase)
        return replace(self, root=_root_key(key, self.roots))


def keep_standing(store: Store, held: Standing) -> None:
    """Write all of it, or nothing.

    Raises:
        Refused: it cannot be written.
    """
    key = None if held.root is None or held.sealed is not None else held.root.private
    store.put(
        signing_key=held.identity.signing_private,
        exchange_key=held.identity.exchange_private,
        chain=held.chain.encoded,
        roots=pack(tuple(root.encode() for root in held.roots)),
        place=held.place.encode(),
        withdrawn=pack(held.withdrawn),
        root_key=key,
        sealed_key=held.sealed,
        **{name: held.secrets.get(role) for role, name in SECRETS.items()},
    )


def read_standing(store: Store) -> Standing | None:
    """Return what was kept, or None if this host is in no cluster.

    Raises:
        Refused: it is damaged.
    """
    signing, exchange = store.get("signing_key"), store.get("exchange_key")
    if signing is None or exchange is None:
        return None
    try:
        roots = _roots(store.get("roots") or b"")
        key = store.get("root_key")
        return Standing(
            identity=Identity(signing, exchange),
            chain=decode_chain_untrusted(store.get("chain") or b""),
            roots=roots,
            place=_place(store.get("place") or b""),
            root=None if key is None else _root_key(key, roots),
            withdrawn=_blobs(store.get("withdrawn")),
            sealed=store.get("sealed_key"),
            secrets={
                role: secret
                for role, name in SECRETS.items()
                if (secret := store.get(name)) is not None
            },
        )
    except (BadPacket, Refused) as error:
        raise Refused(
            f"data directory {store.folder}: damaged ({error}): restore it, or"
            " remove it and join anew"
        ) from None


def _root_key(private: bytes, roots: Sequence[RootCertificate]) -> RootKey:
    """Return the key of one of the roots.

    Raises:
        Refused: it is of none of them.
    """
    public = SigningKey(private).public
    found = [one for one in roots if one.signing_public == public]
    return RootKey(private, found[0] if found else roots[-1])


def _blobs(data: bytes | None) -> tuple[bytes, ...]:
    if data is None:
        return ()
    return tuple(blob(one, len(data)) for one in unpack_array_untrusted(data))


def _roots(data: bytes) -> tuple[RootCertificate, ...]:
    shown = array(unpack_array_untrusted(data), 1)
    return tuple(decode_root_untrusted(blob(one, len(data))) for one in shown)


def _place(data: bytes) -> Place:
    address, vtep, port = array(unpack_array_untrusted(data), 3)[:3]
    packed = blob(vtep, 16, 4)
    if len(packed) not in (4, 16):
        raise BadPacket(f"an address of {len(packed)} bytes, want 4 or 16")
    return Place(
        unpack_address_untrusted(blob(address, 18)),
        ip_address(packed),
        natural(port, 0xFFFF),
    )
