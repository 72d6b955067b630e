"""A data plane that follows a file: what `overlay run` does."""

import signal
from collections.abc import Callable
from time import monotonic

import click
import trio

from swarmnet.errors import Refused
from swarmnet.kernel.operations import Failure
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import Drifted
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.showing import describe, describe_failure, show_namespace
from swarmnet.runtime.state_file import StateFile
from swarmnet.runtime.stewarding import Steward

ENDING = (signal.SIGINT, signal.SIGTERM)


def run_file(
    plane: Dataplane, kernel: Kernel, read: Callable[[], StateFile], first: StateFile
) -> None:
    """Keep the kernel as a file says until SIGINT or SIGTERM; SIGHUP reads it again.

    `plane` knows already what it says at first.
    """
    trio.run(_run, plane, kernel, read, first)


async def _run(
    plane: Dataplane, kernel: Kernel, read: Callable[[], StateFile], first: StateFile
) -> None:
    plane.start(monotonic(), kernel.names())
    plane.complete(monotonic())
    steward = Steward(plane, kernel, told=_tell_drift, refused=_tell_failure)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(steward.run)
        nursery.start_soon(_tell_settled, plane)
        with trio.open_signal_receiver(*ENDING, signal.SIGHUP) as signals:
            while await anext(signals) == signal.SIGHUP:
                first = _read_again(plane, read, first)
                steward.wake()
        nursery.cancel_scope.cancel()


async def _tell_settled(plane: Dataplane) -> None:
    """Say once that all is as the file says: whoever waits for it can begin."""
    while not plane.is_settled:
        await trio.sleep(0.01)
    for warning in plane.desired.warnings():
        _tell(f"warning: {warning}")
    _tell("settled")


def _read_again(
    plane: Dataplane, read: Callable[[], StateFile], before: StateFile
) -> StateFile:
    try:
        found = read()
        if found.place != before.place:
            raise Refused("node, vtep, port and mtu cannot change; start anew")
    except Refused as refused:
        _tell(f"{refused}; nothing has changed")
        return before
    follow(plane, before, found)
    _tell("read again")
    return found


def follow(plane: Dataplane, before: StateFile, after: StateFile) -> None:
    """Tell a data plane what differs between two states."""
    now = monotonic()
    for sandbox in after.sandboxes:
        plane.set_sandbox(now, sandbox)
    views = {view.network.id: view for view in after.views}
    for view in before.views:
        network = view.network.id
        if network not in views:
            plane.drop_network(now, network)
            continue
        nodes = [one.node for one in views[network].attachments]
        for attachment in view.attachments:
            if attachment.node not in nodes:
                plane.detach(now, network, attachment.node)
        endpoints = [one.id for one in views[network].endpoints]
        for endpoint in view.endpoints:
            if endpoint.id not in endpoints:
                plane.drop_endpoint(now, network, endpoint.id)
    for view in after.views:
        plane.set_network(now, view.network, view.attachments, view.endpoints)
    names = [one.name for one in after.sandboxes]
    for sandbox in before.sandboxes:
        if sandbox.name not in names:
            plane.drop_sandbox(now, sandbox.name)


def _tell_drift(drifted: Drifted) -> None:
    where = show_namespace(drifted.namespace)
    first = describe(drifted.sample[0])
    _tell(f"drift: {where}: {drifted.count} put right, the first: {first}")


def _tell_failure(failure: Failure) -> None:
    _tell(f"refused: {describe_failure(failure)}")


def _tell(text: str) -> None:
    click.echo(f"overlay: {text}", err=True)
