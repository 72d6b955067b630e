"""The underlay between two members, tried both ways.

Reachability is tried from port to port, as membership's own datagrams go; the MTU from
the address that VXLAN's packets come from to that which they go to, with DF.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from secrets import token_bytes
from time import monotonic, time
from typing import Final

import trio

from swarmnet.cnm.endpoint import IP
from swarmnet.doctor.finding import Finding
from swarmnet.doctor.paths import (
    SMALLEST,
    Attempt,
    PathFacts,
    PathSize,
    Volley,
    check_path,
    sizes_between,
)
from swarmnet.doctor.standing import check_clock
from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.overlay.facts import mtu_towards
from swarmnet.overlay.mtu import UNDERLAY_MTU
from swarmnet.runtime.datagrams import TOKEN_BYTES
from swarmnet.runtime.doctor.alone import connect
from swarmnet.runtime.doctor.echoing import HEADS, udp_socket
from swarmnet.runtime.doctor.exchanging import counts_untrusted
from swarmnet.runtime.doctor.here import shared_mtus
from swarmnet.runtime.life import Life
from swarmnet.runtime.opening import read_host
from swarmnet.runtime.views import Views, data_path_of

REACH_BYTES: Final = 64
REACH_COUNT: Final = 8
SIZE_MAX: Final = 65_535
WALL_MAX: Final = 1e11
"""Of what a peer says that its clock shows, in Unix seconds."""
SIZES_MAX: Final = 64
ROUNDS: Final = 3
LOOKS: Final = 3
LOOK_S: Final = 0.1
"""A datagram may be behind what is said of it: it is looked again so often."""
CONNECT_S: Final = 1.5
"""Less than a call may take."""
DEAD: Final = "it is {} as this node sees it"


async def try_path(life: Life, peer: NodeId) -> tuple[list[Finding], bool]:
    """Try the way to a member and back; return findings, and whether it answers."""
    address = life.address_of(peer)
    name = life.name_of(peer) or peer.hex()
    if address is None:
        return [], False
    trial = _Trial(life, peer, address)
    host = str(ip_address(address.host))
    tcp = await trio.to_thread.run_sync(partial(connect, host, address.port))
    facts = PathFacts(name, str(address), address.port, tcp)
    clock: list[Finding] = []
    try:
        if not life.is_live(peer):
            raise Refused(DEAD.format(Views(life).state(peer)))
        clock.append(await trial.clock(name))
        facts = await trial.whole(facts)
    except Refused as refused:
        is_awaited = life.is_live(peer)
        facts = replace(facts, silence=str(refused), is_awaited=is_awaited)
    return [*check_path(facts), *clock], not facts.silence


class _Trial:
    """The trials with one peer."""

    def __init__(self, life: Life, peer: NodeId, address: Address) -> None:
        self._life = life
        self._peer = peer
        self._address = address
        self._head = HEADS[life.standing.place.vtep.version]

    async def _ask(self, **question: object) -> Mapping[str, object]:
        found = await self._life.inquiring.ask([self._peer], question)
        if not isinstance(found, dict):
            raise Refused("it answers something else: update it")
        return found

    async def clock(self, name: str) -> Finding:
        """Return how its clock differs, by one question.

        Raises:
            Refused: it does not answer.
        """
        began, at = monotonic(), time()
        found = await self._ask(ask="probe-count", token=token_bytes(16).hex())
        took_s = monotonic() - began
        wall = found.get("wall")
        if not isinstance(wall, int | float) or not 0 <= wall < WALL_MAX:
            raise Refused("it does not say its time: update it")
        return check_clock(name, wall - (at + took_s / 2), took_s)

    async def whole(self, facts: PathFacts) -> PathFacts:
        """Return all that can be known of the path.

        Raises:
            Refused: it answers no more.
        """
        link_mtu = await link_mtu_of(self._life)
        came, largest = await self._there(link_mtu)
        back = await self._back()
        return replace(
            facts,
            tcp_back=back[0],
            udp_to=Volley(REACH_COUNT, came),
            udp_back=back[1],
            size_to=PathSize(link_mtu, largest),
            size_back=back[2],
            networks=shared_mtus(self._life, self._peer),
        )

    async def _there(self, link_mtu: int) -> tuple[int, int | None]:
        """Return how many datagrams came there, and the largest packet that did."""
        token = token_bytes(TOKEN_BYTES)
        await self._ask(ask="probe-count", token=token.hex())
        _send_reach(self._life, self._address, token)
        search, came = _Search(link_mtu), dict[int, int]()
        while sizes := search.next():
            await send_sizes(self._life, self._peer, token, sizes)
            for _ in range(LOOKS):
                found = await self._ask(ask="probe-count", token=token.hex())
                came = counts_untrusted(found, self._head)
                if all(size in came for size in sizes):
                    break
                await trio.sleep(LOOK_S)
            search.note(came)
        count = came.get(REACH_BYTES + self._head, 0)
        return count, search.largest

    async def _back(self) -> tuple[Attempt, Volley, PathSize]:
        """Have the peer do the same."""
        token = token_bytes(TOKEN_BYTES)
        taking, awaited = self._life.taking_part, self._life.datagrams.awaited
        counted = taking.await_datagrams(None, awaited, token)
        found = await self._ask(
            ask="probe-send", token=token.hex(), sizes=[], first=True
        )
        link_mtu, seconds = found.get("link_mtu"), found.get("tcp_s")
        if not isinstance(link_mtu, int) or not SMALLEST <= link_mtu <= SIZE_MAX:
            link_mtu = UNDERLAY_MTU
        attempt = Attempt(
            str(found.get("tcp") or "")[:200],
            float(seconds) if isinstance(seconds, float) else 0.0,
        )
        search = _Search(link_mtu)
        while sizes := search.next():
            await self._ask(ask="probe-send", token=token.hex(), sizes=sizes)
            for _ in range(LOOKS):
                came = {size + self._head: n for size, n in counted.items()}
                if all(size in came for size in sizes):
                    break
                await trio.sleep(LOOK_S)
            search.note(came)
        volley = Volley(REACH_COUNT, counted[REACH_BYTES])
        return attempt, volley, PathSize(link_mtu, search.largest)


class _Search:
    """Looks for the largest packet that comes through, in a few rounds."""

    def __init__(self, high: int) -> None:
        self._low, self._high = SMALLEST - 1, high
        self._rounds = 0
        self._sizes: list[int] = []
        self.largest: int | None = None

    def next(self) -> list[int]:
        """Return the sizes that are to be tried; none: it is found."""
        is_nothing = self._rounds > 0 and self.largest is None
        if self._rounds == ROUNDS or is_nothing or self._low >= self._high:
            return []
        self._rounds += 1
        self._sizes = sizes_between(self._low, self._high)
        return self._sizes

    def note(self, came: Mapping[int, int]) -> None:
        """Take note of what came through."""
        through = [size for size in self._sizes if size in came]
        if through:
            self._low = self.largest = max(through)
        lost = [size for size in self._sizes if size > self._low]
        self._high = min([self._high, *(size - 1 for size in lost)])


def _send_reach(life: Life, to: Address, token: bytes) -> None:
    """Send some small ones from our port."""
    for _ in range(REACH_COUNT):
        life.datagrams.send(to, token.ljust(REACH_BYTES, b"\0"))


async def link_mtu_of(life: Life) -> int:
    """Return the MTU of the link that VXLAN's packets leave by."""
    vtep = life.standing.place.vtep
    host = await trio.to_thread.run_sync(partial(read_host, life.kernel))
    return mtu_towards(host, vtep) or UNDERLAY_MTU


async def send_sizes(
    life: Life, peer: NodeId, token: bytes, sizes: Sequence[int]
) -> None:
    """Send packets of these sizes, with DF, the way that VXLAN's go."""
    path, address = data_path_of(life, peer), life.address_of(peer)
    ours = life.standing.place.vtep
    if address is None or path is None or ip_address(path).version != ours.version:
        raise Refused("its data-path address is not known, or of another family")
    await trio.to_thread.run_sync(
        partial(_send_all, ours, (path, address.port), token, sizes)
    )


def _send_all(
    ours: IP, target: tuple[str, int], token: bytes, sizes: Sequence[int]
) -> None:
    try:
        sock = udp_socket(ours)
    except OSError as error:
        told = error.strerror or os.strerror(error.errno or 0)
        raise Refused(f"no socket at {ours}: {told}") from None
    with sock:
        for size in sizes:
            # One that is larger than the link's MTU does not leave.
            with suppress(OSError):
                sock.sendto(token.ljust(size - HEADS[ours.version], b"\0"), target)


async def answer_send(
    life: Life, peer: NodeId, token: bytes, question: Mapping[str, object]
) -> Mapping[str, object]:
    """Send datagrams to whoever asks; at first, try to connect there too.

    Raises:
        Refused: it is not known where it is, or the sizes are out of bounds.
    """
    address, sizes = life.address_of(peer), question.get("sizes")
    if address is None:
        raise Refused("it is not known here where you are: try again")
    whole = (
        [one for one in sizes if isinstance(one, int)]
        if isinstance(sizes, list)
        else []
    )
    if len(whole) > SIZES_MAX or any(not 100 <= one <= SIZE_MAX for one in whole):
        raise Refused(f"sizes: want {SIZES_MAX} at most, of 100 to {SIZE_MAX} bytes")
    if whole:
        await send_sizes(life, peer, token, whole)
    if not question.get("first"):
        return {}
    _send_reach(life, address, token)
    host = str(ip_address(address.host))
    attempt = await trio.to_thread.run_sync(
        partial(connect, host, address.port, CONNECT_S)
    )
    return {
        "tcp": attempt.error,
        "tcp_s": attempt.seconds,
        "link_mtu": await link_mtu_of(life),
    }
