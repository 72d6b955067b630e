"""Certificates at one node: its own, those that it issues, the roots, the join tokens.

The engine says what is wanted; what takes the authority's keys, or must be written
down first, is done here. A serial, a root's key and a certificate are on the disk
before anybody hears of them.
"""

import logging
from dataclasses import replace
from secrets import token_bytes
from time import time
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.crypto.authority import Authority, RootKey
from swarmnet.crypto.certificate import (
    Chain,
    Role,
    RootCertificate,
    decode_chain_untrusted,
    decode_root_untrusted,
)
from swarmnet.crypto.sealing import seal, unseal
from swarmnet.crypto.token import SECRET_BYTES, Token, Verifier, hash_secret
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import NodeId
from swarmnet.node.outputs import Recertified, RenewalWanted, RootsChanged
from swarmnet.node.tokens import write_verifier
from swarmnet.runtime.standing import Standing, keep_standing

if TYPE_CHECKING:
    from swarmnet.runtime.life import Life

LOOK_EVERY_S: Final = 10.0
TAKEN_BACK_LOOK_S: Final = 0.02
EXPECTED_S: Final = 30.0
"""So long a node that was let in has its name, though it was not heard yet."""

log = logging.getLogger("swarmnet")


class Certifying:
    """What one life does about certificates."""

    def __init__(self, life: "Life", standing: Standing) -> None:
        self._life = life
        serial = int.from_bytes(life.store.get("next_serial") or b"\1", "big")
        self.authority = Authority(
            standing.identity,
            life.directory,
            token_bytes,
            chain=standing.chain,
            root=standing.root,
            next_serial=serial,
        )
        self.authority.is_living = self._is_living
        self._admitted: dict[NodeId, float] = {}

    def keep_serial(self) -> None:
        """Write down which serial is the next.

        Raises:
            Refused: it cannot be written.
        """
        serial = self.authority.next_serial
        self._life.store.put(next_serial=serial.to_bytes(8, "big"))

    def note_admitted(self, node: NodeId) -> None:
        """A node was let in, and will be heard soon."""
        now = time()
        young = {n: at for n, at in self._admitted.items() if now - at < EXPECTED_S}
        self._admitted = {**young, node: now}

    def note_heard(self, node: NodeId) -> None:
        """A node was heard: from now on its name is its own while it lives."""
        self._admitted.pop(node, None)

    def _is_living(self, node: NodeId) -> bool:
        """Return whether a node has a right to its name."""
        is_expected = time() - self._admitted.get(node, 0.0) < EXPECTED_S
        return is_expected or node == self._life.me or self._life.is_live(node)

    # Our own

    def restand(self, standing: Standing) -> None:
        """Hold another standing from now on, and keep it.

        Raises:
            Refused: it cannot be written; nothing has changed.
        """
        keep_standing(self._life.store, standing)
        self._life.standing = standing
        self.authority.chain = standing.chain
        self.authority.root = standing.root
        self._life.follow_role()

    def note(self, output: Recertified | RootsChanged) -> None:
        """Keep what has changed about certificates and roots."""
        held = self._life.standing
        try:
            if isinstance(output, Recertified):
                chain = decode_chain_untrusted(output.chain)
                self.restand(replace(held, chain=chain))
            else:
                roots = tuple(map(decode_root_untrusted, output.roots))
                withdrawn = tuple(output.withdrawn)
                self.restand(replace(held, roots=roots, withdrawn=withdrawn))
        except (BadPacket, Refused) as error:
            # It is told again in the next life.
            self._life.note_trouble(str(error))

    async def unlock(self, passphrase: str) -> None:
        """Open the root's key; it is kept sealed all the same.

        Raises:
            Refused: none is sealed here, or the passphrase is wrong.
        """
        opened = await trio.to_thread.run_sync(self._life.standing.opened, passphrase)
        self._life.standing = replace(self._life.standing, root=opened.root)
        self.authority.root = opened.root

    # What others ask

    def renew(self, wanted: RenewalWanted) -> None:
        """Renew a member's certificate, if this node may."""
        try:
            held = decode_chain_untrusted(wanted.chain)
            chain = self.authority.renew(held, time())
            self._give(wanted.peer, chain)
        except (BadPacket, Refused) as error:
            facts = {"node": wanted.peer.hex(), "why": str(error)}
            log.info("not renewed", extra={"facts": facts})

    def _give(self, node: NodeId, chain: Chain) -> None:
        self.keep_serial()
        self._life.driver.act(
            lambda engine, now: engine.give_certificate(now, node, chain.encoded)
        )

    def change_role(self, node: NodeId, role: Role) -> Chain:
        """Make a worker a manager, or the other way round; return what it is given.

        Raises:
            Refused: the root's key is not open here, or the node has that role.
        """
        life = self._life
        held = life.directory.chain(node)
        if held is None:
            raise Refused(f"node {node.hex()}: its certificate has not come yet; wait")
        issued = life.node.issued_by(node)
        chain = self.authority.change_role(held, role, time(), issued=issued)
        self._give(node, chain)
        return chain

    async def take_back(self, promotion: Chain) -> None:
        """Let a promotion that was not answered count nowhere, whenever it is heard.

        It is on its way, and may be read at any time: by a node that was frozen, say.
        So it is ended as any manager is, by a row, written before this returns.

        Raises:
            Refused: it cannot be written.
        """
        life, node = self._life, promotion.certificate.node
        issued = life.node.issued_by(node)
        ended = self.authority.change_role(
            promotion, Role.WORKER, time(), issued=issued
        )
        self._give(node, ended)
        since, trust = ended.certificate.terms.not_before, life.directory.trust
        while not trust.was_demoted(node, since):
            await trio.sleep(TAKEN_BACK_LOOK_S)
        await life.driver.stored()

    # The root

    async def rotate(self, passphrase: str | None) -> str:
        """Make a new root, which the one before vouches for; return its id.

        Raises:
            Refused: the root's key is not here, or not open.
        """
        held = self._life.standing
        if held.root is None:
            sealed = "sealed: swarmnet unlock first" if held.sealed else "not here"
            raise Refused(f"root key: {sealed}; rotate it on the node that has it open")
        sealed_key = None
        made = held.root.succeed(token_bytes, time())
        if held.sealed is not None:
            if passphrase is None:
                raise Refused("root key: is kept sealed: give its passphrase")
            sealed_key = await trio.to_thread.run_sync(
                _sealed_anew, held.sealed, passphrase, made
            )
        # Meanwhile there may have come another certificate.
        held = self._life.standing
        self.restand(
            replace(
                held,
                roots=(*held.roots, made.certificate),
                root=made,
                sealed=sealed_key,
            )
        )
        self._spread(made)
        return made.certificate.key_id.hex()

    def _spread(self, made: RootKey) -> None:
        self._life.driver.act(
            lambda node, now: node.certify(
                now, lambda one: one.roots.add(now, made.certificate)
            )
        )

    async def end_old_roots(self) -> None:
        """Withdraw older roots once everybody has a certificate of the newest."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            trust, root = self._life.directory.trust, self._life.standing.root
            roots = trust.roots()
            if len(roots) < 2 or root is None or root.certificate != trust.newest():
                continue
            if self._life.node.certification.behind():
                continue
            for old in roots:
                if old != root.certificate:
                    self._withdraw(root, old)

    def _withdraw(self, root: RootKey, ended: RootCertificate) -> None:
        withdrawal = root.withdraw(ended)
        try:
            self._life.driver.act(
                lambda node, now: node.certify(
                    now, lambda one: one.roots.withdraw(now, withdrawal)
                )
            )
        except Refused as refused:
            log.warning("root not withdrawn: %s", refused)

    # Join tokens

    def begin_tokens(self) -> None:
        """Say by what the secrets of a new cluster are known."""
        for role in self._life.standing.secrets:
            if not self._life.tokens.verifier(role).hashes:
                secret = split_secrets(self._life.standing, role)[0]
                self._write_verifier(Verifier.of(role, secret))

    def token(self, role: Role) -> Token:
        """Return the current token of a role.

        Raises:
            Refused: another manager has made it.
        """
        life = self._life
        current = life.tokens.verifier(role).hashes[:1]
        for secret in split_secrets(life.standing, role):
            if (hash_secret(role, secret),) == current:
                break
        else:
            name = role.name.lower()
            raise Refused(
                f"join token for {name}s: not made on this node: ask the manager that"
                f" made it, or make a new one: swarmnet join-token {name} --rotate"
            )
        return Token(life.directory.trust.newest().digest, secret)

    def rotate_token(self, role: Role) -> None:
        """Make a new secret for a role; the one before admits nobody any more.

        Raises:
            Refused: it cannot be written.
        """
        held, secret = self._life.standing, token_bytes(SECRET_BYTES)
        # The one before is kept: until the row is written, it is the current one.
        kept = secret + b"".join(split_secrets(held, role)[:1])
        self.restand(replace(held, secrets={**held.secrets, role: kept}))
        self._write_verifier(self._life.tokens.verifier(role).rotated(secret))

    def _write_verifier(self, verifier: Verifier) -> None:
        self._life.driver.act(
            lambda node, now: node.command(
                now, lambda tables: write_verifier(tables, now, verifier)
            )
        )


def split_secrets(standing: Standing, role: Role) -> list[bytes]:
    """Return the secrets of a role that this node has made, the newest first."""
    kept = standing.secrets.get(role, b"")
    starts = range(0, len(kept), SECRET_BYTES)
    return [kept[start : start + SECRET_BYTES] for start in starts]


def _sealed_anew(sealed: bytes, passphrase: str, made: RootKey) -> bytes:
    """Return a root's key sealed by the passphrase of the one before.

    Raises:
        Refused: it is another passphrase.
    """
    unseal(sealed, passphrase)
    return seal(made.private, passphrase, token_bytes)
