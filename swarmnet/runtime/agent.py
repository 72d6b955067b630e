"""The agent: one host's part in a cluster, from the process's start to its end.

It serves the control API all the time, and at most one life in a cluster. What stands
in the kernel outlives it, unless the host leaves the cluster or is removed from it.
"""

import logging
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.runtime.answering import answer_member
from swarmnet.runtime.continuing import Continuing
from swarmnet.runtime.http import listen, serve_http
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.life import BEGIN, End, Life
from swarmnet.runtime.locking import locked
from swarmnet.runtime.logs import set_up_logs
from swarmnet.runtime.opening import open_kernel
from swarmnet.runtime.resolving import FILE as RESOLV_CONF
from swarmnet.runtime.routing import Routing
from swarmnet.runtime.sandboxes import Sandboxes
from swarmnet.runtime.showing import describe_failure
from swarmnet.runtime.standing import Standing, keep_standing, read_standing
from swarmnet.runtime.steering import clear
from swarmnet.runtime.store import Store
from swarmnet.runtime.supervising import KeptSockets, notify, notify_ready
from swarmnet.runtime.telemetry import STRANGERS, Telemetry, listen_for_monitors

SOCKET: Final = "api.sock"
LEAVING: Final = "leaving"
"""The key under which it is kept that this host has left, and is clearing up."""
NOTICE: Final = "notice"
"""And that under which it is kept why it is in no cluster any more."""
LEAVE_S: Final = 10.0

log = logging.getLogger("swarmnet")


class Agent:
    """What this process holds, in a cluster or not."""

    def __init__(
        self, run_dir: Path, store: Store, kernel: Kernel, no_firewall: str | None
    ) -> None:
        self.run_dir = run_dir
        self.store = store
        self.kernel = kernel
        self.no_firewall = no_firewall
        self.life: Life | None = None
        self.kept = KeptSockets()
        self.notice: str | None = None
        """Why this host is in no cluster any more; kept until it is in one."""
        self.changing = trio.Lock()
        """Held by whoever joins or leaves."""
        self._nursery: trio.Nursery | None = None
        self._over = trio.Event()
        self._serving = trio.CancelScope()

    async def run(
        self, listener: socket.socket, monitors: socket.socket | None = None
    ) -> None:
        """Serve until cancelled; monitors as well, if they have a listener.

        Raises:
            Refused: what was kept cannot be read, or its ports are in use.
        """
        kept = self.store.get(NOTICE)
        self.notice = None if kept is None else kept.decode()
        if self.store.get(LEAVING) is not None:
            # The process before this one had left, and was killed while it cleared up.
            await self._clear_up()
        standing = read_standing(self.store)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if standing is not None:
                self.begin_life(standing)
            else:
                self.kept.retain({})
            if monitors is not None:
                nursery.start_soon(
                    serve_http, monitors, Telemetry(self).serve, STRANGERS
                )
            notify_ready()
            with self._serving:
                await serve_http(listener, Routing(self).serve)
            # No command is under way any more: each has happened, or was undone.
            if self.life is not None:
                await self.life.driver.stored()
                await self.life.driver.keep_known()
            nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """End what is served, and then all; what is under way is brought to its end."""
        notify("STOPPING=1")
        self._serving.cancel()

    def begin_life(self, standing: Standing) -> Life:
        """Take part in a cluster from now on.

        Raises:
            Refused: a port is in use, or the data directory cannot be used.
        """
        assert self._nursery is not None, "it runs"
        assert self.life is None, "one at a time"
        life = Life(
            self.run_dir,
            self.store,
            self.kernel,
            standing,
            no_firewall=self.no_firewall,
            kept=self.kept,
        )
        self.life, self.notice = life, None
        self._over = trio.Event()
        log.info(
            "cluster",
            extra={"facts": {"node": life.me.hex(), "name": standing.name}},
        )
        self._nursery.start_soon(self._live, life)
        return life

    def enter(self, standing: Standing, begin: bytes | None = None) -> Life:
        """Keep a standing that was just given, and begin a life by it; or neither.

        `begin` is kept until it is done: what a new cluster's pools are.

        Raises:
            Refused: as `begin_life`.
        """
        try:
            self.store.put(**{BEGIN: begin, NOTICE: None})
            keep_standing(self.store, standing)
            return self.begin_life(standing)
        except Exception:
            self._forget()
            raise

    async def _live(self, life: Life) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(life.inquiring.serve, partial(answer_member, life))
                await life.run()
                nursery.cancel_scope.cancel()
        finally:
            life.inquiring.close()
            life.close()
        if life.end is End.REMOVED:
            self.notice = (
                f"this node ({life.standing.name}, {life.me.hex()}) was removed from"
                " its cluster by a manager; join anew"
            )
        with trio.CancelScope(shield=True):
            await self._tear_down(life)
        self.life = None
        self._over.set()

    async def _tear_down(self, life: Life) -> None:
        """Remove all of ours from the kernel, and forget the cluster."""
        Continuing(self.run_dir, life.me).drop()
        told = None if self.notice is None else self.notice.encode()
        self.store.put(**{LEAVING: b"1", NOTICE: told})
        await self._clear_up()

    async def _clear_up(self) -> None:
        """Remove what is ours; the mark that we do goes last, with the keys."""
        sandboxes = Sandboxes(self.store, self.run_dir)
        for sandbox in sandboxes.all():
            sandboxes.drop(sandbox.name)
        self.kept.retain({})
        (self.run_dir / RESOLV_CONF).unlink(missing_ok=True)
        await trio.to_thread.run_sync(self._clear)
        self._forget()

    def _forget(self) -> None:
        """Forget the cluster, but not why this host is in it no more."""
        told = {} if self.notice is None else {NOTICE: self.notice.encode()}
        self.store.wipe(**told)

    def _clear(self) -> None:
        for failure in clear(self.kernel).failures():
            what = describe_failure(failure)
            log.warning("left behind", extra={"facts": {"what": what}})

    async def abandon(self, life: Life) -> None:
        """End a life that came to nothing."""
        life.finish(End.LEFT)
        await self._over.wait()

    async def leave(self, life: Life) -> None:
        """Leave the cluster; others are told, as long as they answer."""
        life.driver.act(lambda node, now: node.leave(now))
        with trio.move_on_after(LEAVE_S):
            await self._over.wait()
            return
        log.warning("nobody has acknowledged that we leave")
        await self.abandon(life)


def run_agent(
    *,
    data_dir: str,
    run_dir: str,
    log_format: str,
    log_level: str,
    metrics_addr: str | None,
) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Raises:
        Refused: it cannot begin; the message says why, and what to do.
    """
    set_up_logs(log_format, log_level)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with locked(run_dir), ExitStack() as stack:
        store = stack.enter_context(closing(Store(data_dir)))
        kernel, no_firewall = open_kernel(run_dir)
        stack.callback(kernel.close)
        monitors = None
        if metrics_addr is not None:
            monitors = stack.enter_context(listen_for_monitors(metrics_addr))
        listener = listen(Path(run_dir) / SOCKET)
        agent = partial(Agent, Path(run_dir), store, kernel, no_firewall)
        trio.run(_run, agent, listener, monitors)


async def _run(
    make: Callable[[], Agent],
    listener: socket.socket,
    monitors: socket.socket | None,
) -> None:
    agent = make()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_on_signal, agent, nursery.cancel_scope)
            await agent.run(listener, monitors)
            nursery.cancel_scope.cancel()
    except* Refused as refused:
        raise _first(refused) from None
    finally:
        listener.close()
        with suppress(OSError):
            (agent.run_dir / SOCKET).unlink()


async def _end_on_signal(agent: Agent, scope: trio.CancelScope) -> None:
    """End in order on the first signal, and at once on the second."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
        agent.stop()
        await anext(signals)
        scope.cancel()


def _first(group: BaseExceptionGroup[Refused]) -> Refused:
    """Return the first of those that were raised."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            return _first(one)
        return one
    raise AssertionError("a group is not empty")
