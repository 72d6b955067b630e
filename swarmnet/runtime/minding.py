"""What a running node minds besides: the host's routes, and sandboxes that are gone."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import trio

from swarmnet.cnm.network import Prefix
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.kernel.state import HOST, Unreadable
from swarmnet.overlay.facts import foreign_prefixes
from swarmnet.runtime.driving import Driver
from swarmnet.runtime.kernel import Kernel

if TYPE_CHECKING:
    from swarmnet.runtime.life import Life

ROUTES_EVERY_S: Final = 10.0
SANDBOXES_EVERY_S: Final = 5.0

log = logging.getLogger("swarmnet")


async def follow_routes(driver: Driver, kernel: Kernel) -> None:
    """Tell the node what this host reaches, so that no subnet of a pool hides it."""
    while True:
        try:
            host = await trio.to_thread.run_sync(kernel.read, HOST)
        except Unreadable:
            host = None
        if host is not None:
            _note_routes(driver, list(foreign_prefixes(host)))
        await trio.sleep(ROUTES_EVERY_S)


def _note_routes(driver: Driver, routes: Sequence[Prefix]) -> None:
    driver.act(lambda node, now: node.allocate(now, lambda a: a.note_routes(routes)))


async def mind_sandboxes(life: "Life") -> None:
    """Withdraw the endpoints of sandboxes that are no more."""
    while True:
        for sandbox in life.sandboxes.gone():
            _let_go(life, sandbox.name)
        for network, endpoint in _orphans(life):
            await _withdraw(life, network, endpoint)
        await trio.sleep(SANDBOXES_EVERY_S)


def _let_go(life: "Life", sandbox: str) -> None:
    try:
        life.sandboxes.drop(sandbox)
    except Refused as refused:
        life.note_trouble(str(refused))
        return
    log.warning("sandbox gone", extra={"facts": {"sandbox": sandbox}})
    life.drop_sandbox(sandbox)


def _orphans(life: "Life") -> list[tuple[Scope, bytes]]:
    """Return our endpoints whose sandbox is not known here."""
    return [
        (one.network, one.id)
        for one in life.own_endpoints()
        if life.sandboxes.get(one.facts.sandbox) is None
    ]


async def _withdraw(life: "Life", network: Scope, endpoint: bytes) -> None:
    try:
        await life.driver.command(
            lambda node, now: node.allocate(
                now, lambda a: a.disconnect(now, network, endpoint)
            )
        )
    except Refused as refused:
        log.warning("endpoint not withdrawn: %s", refused)
