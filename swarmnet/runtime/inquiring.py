"""What one node asks another: of networks it takes no part in, and a part in trials.

    {"ask": "network", "network": id}    what `network inspect` shows
    {"ask": "explain", "network": id, "what": text}    what `explain` finds in it
    {"ask": "probe-…", …}    a part in what is tried out (`doctor.answers`)

Answers are JSON, {"answer": …} or {"error": line}; what does not fit is an error.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.node.calls import BODY_BYTES_MAX, Called, Replied

if TYPE_CHECKING:
    from swarmnet.runtime.life import Life

TRIED_MAX: Final = 3
"""So many of those who could answer are asked, one after the other."""
Question = Mapping[str, object]
Answering = Callable[[NodeId, Question], Awaitable[object]]
"""Answers a member's question."""
AT_ONCE_MAX: Final = 32
"""So many questions are answered at a time; some wait for the network."""

log = logging.getLogger("swarmnet")


class Inquiring:
    """Asks others, and answers them. `serve` answers until cancelled."""

    def __init__(self, life: "Life") -> None:
        self._life = life
        self._waiting: dict[int, trio.Event] = {}
        self._replies: dict[int, bytes | None] = {}
        self._is_over = False
        self._calls, self._inlet = trio.open_memory_channel[Called](256)

    def close(self) -> None:
        """Let nobody wait for an answer any more: this node talks to nobody."""
        self._is_over = True
        for number, event in self._waiting.items():
            self._replies.setdefault(number, None)
            event.set()

    def note(self, output: Called | Replied) -> None:
        """Take what a member asks, or what comes of our own question."""
        if isinstance(output, Called):
            try:
                self._calls.send_nowait(output)
            except trio.WouldBlock:
                # It asks somebody else then.
                return
        else:
            self._replies[output.number] = output.body
            if output.number in self._waiting:
                self._waiting[output.number].set()

    async def ask(self, peers: Iterable[NodeId], question: Question) -> object:
        """Return what the first peer answers that does.

        Raises:
            Refused: none does; why not.
        """
        told = "none of those who take part in it lives"
        for peer in list(peers)[:TRIED_MAX]:
            body = await self._call(peer, json.dumps(question).encode())
            name = self._life.name_of(peer) or peer.hex()
            if body is None:
                told = f"{name} does not answer"
                continue
            found = _read(body)
            if "answer" in found:
                return found["answer"]
            told = f"{name}: {found.get('error', 'answers something else')}"
        raise Refused(told)

    async def _call(self, peer: NodeId, body: bytes) -> bytes | None:
        number = self._life.driver.act(lambda node, now: node.call(now, peer, body))
        # The engine tells it in any case, and maybe has already.
        with trio.CancelScope(shield=True):
            if number not in self._replies and not self._is_over:
                self._waiting[number] = trio.Event()
                await self._waiting[number].wait()
                del self._waiting[number]
        return self._replies.pop(number, None)

    def attached(self, network: Scope) -> list[NodeId]:
        """Return the nodes that live and take part in a network, the nearest first."""
        life = self._life
        found = [
            node
            for node in life.node.tables.attached(network)
            if node != life.me and life.is_live(node)
        ]
        return sorted(found, key=lambda node: life.node.swim.distance(node) or 1.0)

    async def serve(self, answer: Answering) -> None:
        """Answer what members ask until cancelled, no question waiting for another."""
        limit = trio.CapacityLimiter(AT_ONCE_MAX)
        async with trio.open_nursery() as nursery:
            async for called in self._inlet:
                nursery.start_soon(self._answer, called, answer, limit)

    async def _answer(
        self, called: Called, answer: Answering, limit: trio.CapacityLimiter
    ) -> None:
        async with limit:
            body = json.dumps(await _answered(called, answer)).encode()
        if len(body) > BODY_BYTES_MAX:
            body = json.dumps({"error": "too long to be sent"}).encode()
        self._reply(called, body)

    def _reply(self, called: Called, body: bytes) -> None:
        try:
            self._life.driver.act(
                lambda node, now: node.reply(now, called.peer, called.number, body)
            )
        except Refused as refused:
            log.info("not answered: %s", refused)


async def _answered(called: Called, answer: Answering) -> object:
    try:
        return {"answer": await answer(called.peer, _read(called.body))}
    except (Refused, OSError) as error:
        return {"error": str(error)}


def _read(body: bytes) -> Question:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
