"""The near side of an exchange through VXLAN, from a sandbox of ours to a peer's."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from secrets import token_bytes
from typing import Final

import trio

from swarmnet.cnm.endpoint import IP, parse_ip
from swarmnet.doctor.exchange import Exchange
from swarmnet.doctor.paths import SMALLEST, sizes_between
from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.node.networks import KnownNetwork
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.datagrams import TOKEN_BYTES
from swarmnet.runtime.doctor.echoing import HEADS, tcp_socket, udp_socket, within
from swarmnet.runtime.doctor.volleys import Volleys, send_through
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Views

SMALL_BYTES: Final = 84
"""An IP packet as ping sends it."""
SMALL_COUNT: Final = 8
FULL_COUNT: Final = 4
VOLLEYS_MAX: Final = 2
SEARCH_S: Final = 0.25
ROUNDS: Final = 3
PORT_MAX: Final = 65_535
SIZE_FORM: Final = re.compile(r"[0-9]{1,5}")
TRIALS: Final = 5
AGAIN_S: Final = 0.3


def seats(life: Life, network: Scope) -> Iterator[tuple[str, IP]]:
    """Yield our sandboxes in a network, and their addresses that count."""
    for one in life.node.addressing.endpoints.all(network, life.me):
        if one.is_effective:
            for _, ip in one.facts.addresses:
                yield one.facts.sandbox, ip


def open_box(life: Life, sandbox: str) -> int:
    """Return a descriptor of a sandbox's namespace; the caller closes it.

    Raises:
        Refused: it is gone.
    """
    try:
        return life.kernel.open(box_of(sandbox))
    except OSError as error:
        told = error.strerror or str(error)
        raise Refused(f"sandbox {sandbox}: no namespace: {told}: remove it") from None


async def exchange(life: Life, peer: NodeId, known: KnownNetwork) -> Exchange:
    """Try the way from this host to a peer's through a network."""
    found = Views(life).network(known)
    name, mtu = str(found["name"]), found["mtu"]
    assert isinstance(mtu, int), mtu
    began = Exchange(name, mtu)
    ours = list(seats(life, known.id))
    if not ours:
        return replace(began, error="no sandbox of this host is in it", is_idle=True)
    versions = list(dict.fromkeys(ip.version for _, ip in ours))
    token = token_bytes(TOKEN_BYTES)
    question = {
        "ask": "probe-open",
        "token": token.hex(),
        "network": known.id.hex(),
        "versions": versions,
    }
    try:
        answer = await _ask_patiently(life, peer, question)
        if "idle" in answer:
            return replace(began, error=str(answer["idle"]), is_idle=True)
        target = _target_untrusted(life, peer, known.id, answer.get("ip"))
        ports = _port_untrusted(answer, "udp"), _port_untrusted(answer, "tcp")
        sandbox, source = next(one for one in ours if one[1].version == target.version)
        began = replace(began, source=str(source), target=str(target))
        return await _Exchanging(life, peer, token, began).run(sandbox, ports)
    except (Refused, StopIteration) as refused:
        return replace(began, error=str(refused) or "no address in common")
    except OSError as error:
        told = f"a socket in the sandbox: {error.strerror or error}"
        return replace(began, error=told)


def _target_untrusted(life: Life, peer: NodeId, network: Scope, text: object) -> IP:
    """Return the address that a peer names, if it has an endpoint there."""
    target = parse_ip("address", str(text)[:60])
    for one in life.node.addressing.endpoints.all(network, peer):
        if one.is_effective and target in [ip for _, ip in one.facts.addresses]:
            return target
    raise Refused(f"it named {target}, which is not known here to be its own")


def _port_untrusted(answer: Mapping[str, object], key: str) -> int:
    port = answer.get(key)
    if not isinstance(port, int) or not 1 <= port <= PORT_MAX:
        raise Refused("it answers something else: update it")
    return port


async def _ask_patiently(
    life: Life, peer: NodeId, question: Mapping[str, object]
) -> Mapping[str, object]:
    """Ask a peer, that may be busy, a few times.

    Raises:
        Refused: it does not answer.
    """
    told = ""
    for _ in range(TRIALS):
        try:
            found = await life.inquiring.ask([peer], question)
        except Refused as refused:
            told = str(refused)
            if "try again" not in told:
                break
            await trio.sleep(AGAIN_S)
        else:
            return found if isinstance(found, dict) else {}
    raise Refused(told)


class _Exchanging:
    """One exchange under way."""

    def __init__(self, life: Life, peer: NodeId, token: bytes, began: Exchange) -> None:
        self._life = life
        self._peer = peer
        self._token = token
        self._began = began
        self._source = parse_ip("address", began.source)
        self._target = parse_ip("address", began.target)
        self._head = HEADS[self._target.version]

    async def run(self, sandbox: str, ports: tuple[int, int]) -> Exchange:
        udp_port, tcp_port = ports
        box = open_box(self._life, sandbox)
        try:
            udp = await trio.to_thread.run_sync(
                partial(within, os.dup(box), partial(udp_socket, self._source))
            )
            tcp = await trio.to_thread.run_sync(
                partial(within, os.dup(box), partial(tcp_socket, self._source))
            )
        finally:
            os.close(box)
        volleys = Volleys(self._token, udp, self._target)
        try:
            found = await self._datagrams(volleys, udp_port)
        finally:
            volleys.close()
        if not found.answered:
            tcp.close()
            return found
        target = str(self._target), tcp_port
        return replace(found, tcp=await send_through(tcp, target, self._token))

    async def _datagrams(self, volleys: Volleys, port: int) -> Exchange:
        mtu, rounds = self._began.mtu, 0
        sizes = [SMALL_BYTES] * SMALL_COUNT + [mtu] * FULL_COUNT
        small: list[float] = []
        full: list[float] = []
        while rounds < VOLLEYS_MAX and not (small and full):
            # A host that stood still for a second is no fault of the way.
            rounds += 1
            came = await volleys.send(port, sizes)
            small += came.get(SMALL_BYTES, [])
            full += came.get(mtu, [])
        arrived = await self._arrived()
        largest = mtu if full else await self._search(volleys, port, mtu, small)
        return replace(
            self._began,
            sent=SMALL_COUNT * rounds,
            answered=len(small),
            arrived=None if arrived is None else arrived.get(SMALL_BYTES, 0),
            full_sent=FULL_COUNT * rounds,
            full_answered=len(full),
            full_arrived=None if arrived is None else arrived.get(mtu, 0),
            # The least: what the two processes took is no part of the way.
            round_trip_s=round(min(small), 6) if small else None,
            path_mtu=largest,
        )

    async def _search(
        self, volleys: Volleys, port: int, mtu: int, small: list[float]
    ) -> int | None:
        """Return the largest packet that comes back, below one that does not."""
        if not small:
            return None
        # Larger ones take no longer than small ones did, by much.
        wait_s = min(1.0, max(SEARCH_S, 4 * max(small)))
        low, high = SMALL_BYTES, mtu - 1
        for _ in range(ROUNDS):
            first = SMALLEST if low < SMALLEST < high else low
            came = await volleys.send(port, sizes_between(first, high), wait_s)
            low = max([low, *came])
            lost = [size for size in sizes_between(first, high) if size > low]
            high = min([high, *(size - 1 for size in lost)])
            if low >= high:
                break
        return low

    async def _arrived(self) -> dict[int, int] | None:
        """Return what the peer got, by size of IP; None if it does not tell."""
        question = {"ask": "probe-told", "token": self._token.hex()}
        try:
            found = await self._life.inquiring.ask([self._peer], question)
        except Refused:
            return None
        return counts_untrusted(found, self._head)


def counts_untrusted(found: object, head: int) -> dict[int, int]:
    """Read what a peer counted; sizes become those of IP."""
    counts = found.get("came") if isinstance(found, dict) else None
    return {
        int(size) + head: count
        for size, count in (counts if isinstance(counts, dict) else {}).items()
        if SIZE_FORM.fullmatch(str(size)) and isinstance(count, int)
    }
