"""How a host becomes a member: it makes a cluster, or joins one by a token."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes
from time import time
from typing import Final

import trio

from swarmnet.crypto.admission import (
    MESSAGE_BYTES_MAX,
    Joined,
    Joiner,
    NotJoined,
    SendMessage,
)
from swarmnet.crypto.authority import Authority, RootKey, own_subject
from swarmnet.crypto.certificate import Role, check_subject
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.framing import Unframer
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.sealing import seal
from swarmnet.crypto.token import SECRET_BYTES, Refusal, Token
from swarmnet.crypto.trust import Trust
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address
from swarmnet.ipam.pools import Pool, parse_pool
from swarmnet.node.engine import Node
from swarmnet.runtime.standing import Place, Standing
from swarmnet.runtime.streams import CONNECT_S, READ_BYTES, Line, open_line
from swarmnet.wire import array, natural, pack, unpack_array_untrusted

assert MESSAGE_BYTES_MAX <= READ_BYTES
MANAGERS_TRIED_MAX: Final = 16
"""Beside those that the user names: managers that others name."""
AGAIN: Final = (Refusal.BUSY, Refusal.NO_ANSWER, Refusal.UNABLE)
"""Another address may do better."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """A standing that was just given, the members that came with it, and by whom."""

    standing: Standing
    members: tuple[bytes, ...]
    through: Address


def encode_pools(pools: Sequence[Pool], forget_dead_after_s: int | None) -> bytes:
    """Return what is kept of a cluster's addresses until its first rows are written."""
    shown = tuple((str(pool.prefix), pool.length) for pool in pools)
    return pack((shown, forget_dead_after_s))


def begin_pools(node: Node, now: float, kept: bytes) -> None:
    """Begin the addresses of a cluster; nothing happens if that was done before."""
    shown, forget_s = array(unpack_array_untrusted(kept), 2)[:2]
    pools = [
        parse_pool(str(prefix), natural(length))
        for prefix, length in (array(one, 2) for one in array(shown, 1))
    ]
    forget = None if forget_s is None else natural(forget_s)
    if node.addressing.networks.pool is None:
        node.allocate(now, lambda one: one.init_pools(now, pools, forget))


def begin_cluster(name: str, place: Place, passphrase: str | None) -> Standing:
    """Return the standing of a new cluster's first node, a manager with the root's key.

    Raises:
        Refused: no node can have that name, or nothing be sealed by that passphrase.
    """
    wall = time()
    identity = Identity.generate(token_bytes)
    subject = own_subject(identity, name, Role.MANAGER)
    check_subject(subject)
    root = RootKey.make(token_bytes, wall)
    sealed = None
    if passphrase is not None:
        sealed = seal(root.private, passphrase, token_bytes)
    directory = Directory(Trust(root.certificate))
    authority = Authority(identity, directory, token_bytes, root=root)
    return Standing(
        identity=identity,
        chain=authority.issue(subject, wall),
        roots=(root.certificate,),
        place=place,
        root=root,
        sealed=sealed,
        secrets={role: token_bytes(SECRET_BYTES) for role in Role},
    )


async def join_cluster(
    name: str, place: Place, token: Token, addresses: Sequence[Address]
) -> Welcome:
    """Join through any one of some addresses, tried in turn.

    Who is no manager names some, which are tried as well.

    Raises:
        Refused: nobody lets us in; what the last one said.
    """
    identity = Identity.generate(token_bytes)
    check_subject(own_subject(identity, name, Role.WORKER))
    to_try, tried = list(addresses), list[Address]()
    reasons: list[str] = []
    while to_try and len(tried) < len(addresses) + MANAGERS_TRIED_MAX:
        address = to_try.pop(0)
        tried.append(address)
        outcome = await _try(Joiner(identity, token, name, token_bytes), address)
        if isinstance(outcome, Joined):
            return Welcome(
                _standing(identity, place, outcome), outcome.members, address
            )
        to_try += [one for one in outcome.managers if one not in (*tried, *to_try)]
        if outcome.reason is not Refusal.NO_MANAGER:
            reasons.append(f"{address}: {outcome.line}")
        if outcome.reason not in (*AGAIN, Refusal.NO_MANAGER, Refusal.BAD_ANSWER):
            break
    raise Refused("; ".join(reasons) or "no manager is known there: join by one")


def _standing(identity: Identity, place: Place, joined: Joined) -> Standing:
    return Standing(
        identity=identity,
        chain=joined.chain,
        roots=joined.trust.roots(),
        place=place,
    )


async def _try(joiner: Joiner, address: Address) -> Joined | NotJoined:
    no_answer = Refusal.NO_ANSWER
    try:
        with trio.fail_after(CONNECT_S):
            line = await open_line(address)
    except trio.TooSlowError:
        return NotJoined(no_answer, no_answer.line)
    except OSError as error:
        cure = "check the address and the firewall, and that an agent runs there"
        return NotJoined(no_answer, f"{error.strerror}: {cure}")
    assert line.stream is not None, "it is connected"
    async with line.stream:
        return await _converse(joiner, line)


async def _converse(joiner: Joiner, line: Line) -> Joined | NotJoined:
    """Carry one exchange through to its outcome."""
    assert line.stream is not None, "it is connected"
    unframer = Unframer()
    unframer.authenticated()
    joiner.begin(trio.current_time())
    while True:
        while (output := joiner.poll_output()) is not None:
            if not isinstance(output, SendMessage):
                return output
            line.put(output.data)
        deadline = joiner.poll_timeout()
        assert deadline is not None, "it is under way"
        try:
            with trio.fail_at(deadline):
                await line.flush()
                data = await line.stream.receive_some(READ_BYTES)
        except trio.TooSlowError:
            joiner.handle_timeout(trio.current_time())
            continue
        except (OSError, trio.BrokenResourceError):
            data = b""
        try:
            for message in unframer.receive(data):
                joiner.receive_message(time(), message)
        except BadPacket:
            data = b""
        if not data:
            joiner.receive_closed()
