"""A node's part in what a member tries out, and in its looking at us.

    {"ask": "probe-open", "token", "network", "versions"}  an echo in a sandbox of ours
    {"ask": "probe-told", "token"}                         what came to it
    {"ask": "probe-count", "token"}                        what came to our port so far
    {"ask": "probe-send", "token", "sizes"}                send some to the asker's port
    {"ask": "probe-begin", "what": "host"|"row", "network"}    look; a number
    {"ask": "probe-job", "job", "after"}                   what was found so far

Nothing is sent but to whoever asks, at the addresses that it signed as its own, and
through our own sandboxes. Tokens are 16 bytes in hexadecimal.
"""

from collections.abc import Mapping
from functools import partial
from time import time
from typing import Final

import trio

from swarmnet.cnm.endpoint import IP
from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.runtime.datagrams import TOKEN_BYTES
from swarmnet.runtime.doctor.echoing import Echo, listener, udp_socket, within
from swarmnet.runtime.doctor.exchanging import open_box, seats
from swarmnet.runtime.doctor.here import examined
from swarmnet.runtime.doctor.host import examine
from swarmnet.runtime.doctor.matrix import fill_row
from swarmnet.runtime.doctor.taking_part import Job, Json
from swarmnet.runtime.doctor.underlay import answer_send
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Views

QUESTIONS: Final = (
    *("probe-open", "probe-told", "probe-count", "probe-send"),
    *("probe-begin", "probe-job"),
)
UNKNOWN: Final = "a question that this version does not know: update it"


async def answer_probe(
    life: Life, peer: NodeId, question: Mapping[str, object]
) -> Json:
    """Return the answer to one of the `QUESTIONS`.

    Raises:
        Refused: it cannot be answered, or too much is under way.
    """
    match question:
        case {"ask": "probe-open", "network": str(network)}:
            return await _open(life, peer, _scope(network), question)
        case {"ask": "probe-told"}:
            return {"came": life.taking_part.came(_token(question))}
        case {"ask": "probe-count"}:
            awaited = life.datagrams.awaited
            found = life.taking_part.await_datagrams(peer, awaited, _token(question))
            return {"came": dict(found), "wall": time()}
        case {"ask": "probe-send"}:
            return await answer_send(life, peer, _token(question), question)
        case {"ask": "probe-begin", "what": "host"}:
            return {"job": life.taking_part.begin(peer, partial(_look, life))}
        case {"ask": "probe-begin", "what": "row", "network": str(network)}:
            known = Views(life).find_network(network)
            return {"job": life.taking_part.begin(peer, partial(fill_row, life, known))}
        case {"ask": "probe-job", "job": int(number), "after": int(after)}:
            return life.taking_part.report(number, max(0, after))
        case _:
            raise Refused(UNKNOWN)


def _token(question: Mapping[str, object]) -> bytes:
    try:
        token = bytes.fromhex(str(question.get("token")))
    except ValueError:
        token = b""
    if len(token) != TOKEN_BYTES:
        raise Refused(f"token: want {TOKEN_BYTES} bytes in hexadecimal")
    return token


def _scope(text: str) -> Scope:
    try:
        return Scope(bytes.fromhex(text))
    except ValueError:
        raise Refused(f"network {text[:60]}: no id") from None


async def _look(life: Life, job: Job) -> None:
    """Look at this host for a member, one at a time: it costs a second of work."""
    async with life.taking_part.looking:
        known = examined(life.store, life, None)
        found = await trio.to_thread.run_sync(lambda: examine(known))
    job.found += [one.as_json() for one in found]


async def _open(
    life: Life, peer: NodeId, network: Scope, question: Mapping[str, object]
) -> Json:
    """Open an echo in a sandbox of ours that is in a network."""
    token, versions = _token(question), question.get("versions")
    life.taking_part.check_room(peer)
    wanted = versions if isinstance(versions, list) else []
    found = [one for one in seats(life, network) if one[1].version in wanted]
    if not found:
        name = life.standing.name
        return {"idle": f"no sandbox of {name} is in it with such an address"}
    sandbox, ip = found[0]
    try:
        echo = await _echo(life, token, sandbox, ip)
    except OSError as error:
        told = error.strerror or str(error)
        raise Refused(f"sandbox {sandbox}: no socket at {ip}: {told}") from None
    try:
        life.taking_part.serve(peer, echo)
    except Refused:
        echo.close()
        raise
    return {"ip": str(ip), "udp": echo.ports[0], "tcp": echo.ports[1]}


async def _echo(life: Life, token: bytes, sandbox: str, ip: IP) -> Echo:
    udp = await trio.to_thread.run_sync(
        partial(within, open_box(life, sandbox), partial(udp_socket, ip))
    )
    try:
        tcp = await trio.to_thread.run_sync(
            partial(within, open_box(life, sandbox), partial(listener, ip))
        )
    except (OSError, Refused):
        udp.close()
        raise
    return Echo(token, udp, tcp)
