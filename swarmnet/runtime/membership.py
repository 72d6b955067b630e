"""Commands about membership: init, join, leave, tokens, removing a node."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.crypto.certificate import Chain, Role
from swarmnet.crypto.token import Token
from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.ipam.pools import DEFAULT_POOLS, SUBNET_LENGTH, Pool, parse_pool
from swarmnet.node.network_facts import check_pools
from swarmnet.runtime.beginning import begin_cluster, encode_pools, join_cluster
from swarmnet.runtime.http import Unserved
from swarmnet.runtime.json_fields import Fields
from swarmnet.runtime.life import Life
from swarmnet.runtime.locating import find_place, parse_address
from swarmnet.runtime.opening import read_host
from swarmnet.runtime.rebuilding import keep_peers
from swarmnet.runtime.standing import Place
from swarmnet.runtime.views import Json, Views

if TYPE_CHECKING:
    from swarmnet.runtime.agent import Agent

JOIN_S: Final = 15.0
"""So long at most from the certificate to the first member that answers."""
ROLE_S: Final = 10.0
"""So long at most until a node says that it has another role."""
ROLE_LOOK_S: Final = 0.02
FORGET_S_MIN: Final = 60
FORGET_S_MAX: Final = 10 * 365 * 86_400
ROLES: Final = {role.name.lower(): role for role in Role}


class MembershipCommands:
    """Carries out commands on one agent."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    # Coming

    async def init(self, fields: Fields) -> Json:
        """Make a cluster, with this host as its first node.

        Raises:
            Refused: it is in one, or what is wished for cannot be; nothing has changed.
        """
        passphrase = fields.optional("passphrase", str)
        pools = read_pools(fields)
        forget_s = fields.number(
            "forget_dead_after_s", FORGET_S_MIN, FORGET_S_MAX, None
        )
        name, place = await self._name_and_place(fields)
        fields.done()
        async with self._agent.changing:
            self._check_alone()
            standing = await trio.to_thread.run_sync(
                begin_cluster, name, place, passphrase
            )
            life = self._agent.enter(standing, begin=encode_pools(pools, forget_s))
            try:
                await self._wait(life.begun, "the first rows cannot be written")
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._agent.abandon(life)
                raise
        tokens = {name: life.certifying.token(role) for name, role in ROLES.items()}
        return {
            **_self_shown(life),
            "tokens": {name: token.text() for name, token in tokens.items()},
        }

    async def join(self, fields: Fields) -> Json:
        """Join a cluster by a token.

        Raises:
            Refused: this host is in one, or nobody lets it in; nothing has changed.
        """
        token = Token.parse(fields.text("token"))
        texts = fields.texts("addresses")
        if not texts:
            raise Unserved(400, "body: addresses: want one at least")
        addresses = [parse_address("address", text) for text in texts]
        name, place = await self._name_and_place(fields)
        fields.done()
        async with self._agent.changing:
            self._check_alone()
            welcome = await join_cluster(name, place, token, addresses)
            through = [welcome.through, *addresses]
            keep_peers(self._agent.store, dict.fromkeys(through), welcome.members)
            life = self._agent.enter(welcome.standing)
            try:
                await self._wait_joined(life, welcome.through)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._agent.abandon(life)
                raise
        return _self_shown(life)

    async def _wait_joined(self, life: Life, through: Address) -> None:
        await self._wait(
            life.joined,
            f"{through} has let this node in, but nobody answers it since: open port"
            f" {through.port}, UDP and TCP, on both hosts, and join again",
        )

    @staticmethod
    async def _wait(event: trio.Event, why_not: str) -> None:
        with trio.move_on_after(JOIN_S):
            await event.wait()
            return
        raise Refused(why_not)

    def _check_alone(self) -> None:
        life = self._agent.life
        if life is not None:
            raise Refused(
                f"this host is node {life.standing.name} of cluster"
                f" {life.directory.trust.cluster.hex()} already: swarmnet leave first"
            )
        self._agent.store.check_room()

    async def _name_and_place(self, fields: Fields) -> tuple[str, Place]:
        name = fields.text("name", default_name())
        advertise = fields.optional("advertise_addr", str)
        data_path = fields.optional("data_path_addr", str)
        port = fields.number("data_path_port", 1, 0xFFFF, None)
        host = await trio.to_thread.run_sync(read_host, self._agent.kernel)
        return name, find_place(host, advertise, data_path, port)

    # Going

    async def leave(self, life: Life, *, is_forced: bool) -> Json:
        """Leave the cluster.

        Raises:
            Refused: it would be left without a manager; or its keys cannot be deleted,
                so that the next process would be the node that has left.
        """
        async with self._agent.changing:
            life.store.check_writable()
            if not is_forced and life.standing.role is Role.MANAGER:
                self._check_other_managers(life)
            await self._agent.leave(life)
        return {}

    def _check_other_managers(self, life: Life) -> None:
        others = any(True for _ in life.managers())
        if not others:
            raise Refused(
                f"node {life.standing.name}: is the last manager that lives; without"
                " one nobody can join or be removed: promote another first, or leave"
                " with --force"
            )

    async def remove(self, life: Life, reference: str) -> Json:
        """Remove another node for good.

        Raises:
            Refused: it is unknown, this one, or we are no manager.
        """
        views = Views(life)
        node = views.find_node(reference)
        if node == life.me:
            raise Refused(f"node {reference}: is this one: swarmnet leave")
        if life.standing.role is not Role.MANAGER:
            raise Refused(
                f"node {reference}: only a manager removes; this node is a worker: run"
                " it on one"
            )
        name = life.name_of(node)
        life.store.check_room()
        life.driver.act(
            lambda engine, now: engine.command(now, lambda t: t.revoke(now, node))
        )
        await life.driver.stored()
        return {"id": node.hex(), "name": name}

    async def change_role(self, life: Life, reference: str, role: Role) -> Json:
        """Make a node a manager, or a worker; return what it is then.

        Raises:
            Refused: it is one already, or this node has no root's key.
        """
        views = Views(life)
        node = views.find_node(reference)
        word = role.name.lower()
        if life.standing.root is None:
            is_sealed = life.standing.sealed is not None
            why = "sealed: swarmnet unlock first" if is_sealed else "not on this host"
            raise Refused(
                f"node {reference}: the root's key, which alone makes a {word}, is"
                f" {why}"
            )
        if role is Role.WORKER and node == life.me:
            raise Refused(
                f"node {reference}: a manager does not demote itself; ask another"
            )
        life.store.check_room()
        made = life.certifying.change_role(node, role)
        try:
            with trio.fail_after(ROLE_S):
                while views.role(node) is not role:
                    await trio.sleep(ROLE_LOOK_S)
                await life.driver.stored()
        except BaseException as error:
            if role is Role.MANAGER:
                await self._take_back(life, made)
            if isinstance(error, trio.TooSlowError):
                raise Refused(
                    f"node {reference}: did not answer within {ROLE_S:.0f} s, and stays"
                    " what it was: see swarmnet node ls, and try again once it lives"
                ) from None
            raise
        return {"id": node.hex(), "name": life.name_of(node), "role": word}

    @staticmethod
    async def _take_back(life: Life, promotion: Chain) -> None:
        with trio.move_on_after(ROLE_S, shield=True) as scope:
            await life.certifying.take_back(promotion)
        if scope.cancelled_caught:
            raise Refused(
                "the promotion cannot be taken back: swarmnet node demote it, once this"
                " node writes rows again (swarmnet status)"
            )

    # Tokens

    def token(self, life: Life, role: str) -> Json:
        """Return the join token of a role.

        Raises:
            Refused: this node does not know it.
        """
        self._check_manager(life, "join token")
        token = life.certifying.token(ROLES[role])
        address = str(life.standing.place.address)
        return {"role": role, "token": token.text(), "address": address}

    async def rotate(self, life: Life, role: str) -> Json:
        """Make a new join token for a role; the one before admits nobody any more.

        Raises:
            Refused: this node is no manager.
        """
        self._check_manager(life, "join token")
        life.store.check_room()
        life.certifying.rotate_token(ROLES[role])
        await life.driver.stored()
        return self.token(life, role)

    @staticmethod
    def _check_manager(life: Life, what: str) -> None:
        if life.standing.role is not Role.MANAGER:
            raise Refused(
                f"{what}: this node is a worker: ask a manager; see swarmnet node ls"
            )


def read_pools(fields: Fields) -> Sequence[Pool]:
    """Read the address pools that are wished for.

    Raises:
        Refused: one is none, or two overlap.
    """
    length = fields.number("default_addr_pool_mask_length", 1, 128, SUBNET_LENGTH)
    assert length is not None, "it has a default"
    texts = fields.texts("default_addr_pools")
    if not texts:
        if length == SUBNET_LENGTH:
            return DEFAULT_POOLS
        texts = [str(one.prefix) for one in DEFAULT_POOLS]
    pools = [parse_pool(text, length) for text in texts]
    check_pools(pools)
    return pools


def default_name() -> str:
    """Return the host's name, as a node can have it."""
    return socket.gethostname().partition(".")[0] or "node"


def _self_shown(life: Life) -> dict[str, object]:
    standing = life.standing
    return {
        "node": life.me.hex(),
        "name": standing.name,
        "role": standing.role.name.lower(),
        "cluster": life.directory.trust.cluster.hex(),
        "address": str(standing.place.address),
    }
