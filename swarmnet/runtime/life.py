"""One stay in a cluster: from a start, an `init` or a `join` to the process's end.

It holds what a running node has around it. Nothing of the data plane ends with it: only
`leave`, and being removed, take down what stands in the kernel.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from secrets import token_bytes
from time import monotonic, time
from typing import Final

import trio

from swarmnet.cnm.sandbox import Sandbox
from swarmnet.crypto.admission import Admitted, Admitter
from swarmnet.crypto.certificate import Role
from swarmnet.crypto.switchboard import Disowned
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Address, NodeId
from swarmnet.kernel.operations import Failure
from swarmnet.node.calls import Called, Replied
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.engine import Node
from swarmnet.node.kernel_news import Drifted
from swarmnet.node.outputs import (
    Output,
    Recertified,
    Removed,
    RenewalWanted,
    RootsChanged,
)
from swarmnet.node.seat import Seat
from swarmnet.overlay.facts import mtu_towards
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.admitting import Admitting
from swarmnet.runtime.beginning import begin_pools
from swarmnet.runtime.certifying import Certifying
from swarmnet.runtime.continuing import Continuing
from swarmnet.runtime.datagrams import Datagrams
from swarmnet.runtime.doctor.taking_part import TakingPart
from swarmnet.runtime.driving import Driver
from swarmnet.runtime.feed import Feed
from swarmnet.runtime.hand import Hand
from swarmnet.runtime.health import Settledness
from swarmnet.runtime.inquiring import Inquiring
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.minding import follow_routes, mind_sandboxes
from swarmnet.runtime.news import News
from swarmnet.runtime.opening import read_host
from swarmnet.runtime.rebuilding import rebuild
from swarmnet.runtime.resolving import Resolver
from swarmnet.runtime.sandboxes import Sandboxes
from swarmnet.runtime.showing import (
    describe,
    describe_failure,
    show_disowned,
    show_namespace,
)
from swarmnet.runtime.standing import Standing
from swarmnet.runtime.store import Store
from swarmnet.runtime.streams import Streams
from swarmnet.runtime.supervising import KeptSockets
from swarmnet.swim.outputs import (
    Departed,
    IdentityConflict,
    Joined,
    JoinFailed,
    MemberChanged,
    State,
)
from swarmnet.tables.outputs import Fenced, Outbid

BEGIN: Final = "begin"
"""The key under which it is kept that a new cluster's first rows are to be written."""

log = logging.getLogger("swarmnet")


class End(StrEnum):
    """Why a stay in a cluster is over for good."""

    LEFT = "left"
    REMOVED = "removed"


class Life:
    """A node and all around it. `close` it after `run`."""

    def __init__(
        self,
        run_dir: Path,
        store: Store,
        kernel: Kernel,
        standing: Standing,
        *,
        no_firewall: str | None,
        kept: KeptSockets,
    ) -> None:
        """Put a node together.

        Raises:
            Refused: a port is in use, or something cannot be read or written.
        """
        self.run_dir, self.store = run_dir, store
        self.kernel, self.standing = kernel, standing
        self.me, self.no_firewall = standing.identity.node, no_firewall
        self.news = News()
        self.sandboxes = Sandboxes(store, run_dir)
        self.trouble: str | None = None
        """Why rows cannot be written."""
        self.fenced_by: str | None = None
        self.end: End | None = None
        self._ended, self.begun, self.joined = (trio.Event() for _ in range(3))
        """Set when it is over; a new cluster has rows; a member has answered."""
        self.plane_moved = trio.Event()
        """Is set, and made anew, whenever the data plane may have changed."""
        self._datagrams, self._streams = self._ports()
        self.driver = self._build(Continuing(run_dir, self.me))
        self._hand = Hand(
            kernel, self._tell_plane, told=self._note_drift, refused=self._note_refused
        )
        self.feed, self.settledness = Feed(self.node.tables), Settledness()
        self.driver.hand, self.driver.after = self._hand, self._tell_feed
        self.certifying = Certifying(self, standing)
        self.inquiring, self.taking_part = Inquiring(self), TakingPart()
        self.resolver = Resolver(self, kept)
        self.tokens = self.node.certification.tokens.book
        keep_serial = self.certifying.keep_serial
        self.admitting = Admitting(self.managers, keep_serial, self._note_admitted)
        self._streams.admit = self.admitting.serve
        self.follow_role()

    def _ports(self) -> tuple[Datagrams, Streams]:
        port = self.standing.place.address.port
        datagrams = Datagrams(port)
        try:
            return datagrams, Streams(port)
        except BaseException:
            datagrams.close()
            raise

    def _build(self, continuing: Continuing) -> Driver:
        place = self.standing.place
        has_firewall = self.no_firewall is None
        seat = Seat(place.vtep, place.vxlan_port, self._mtu(), has_firewall)
        try:
            built = rebuild(self.standing, self.store, seat, continuing)
        except BaseException:
            self.close()
            raise
        self.directory, self._peers = built.directory, built.peers
        self._is_new = built.is_new
        return Driver(
            self.me,
            built.node,
            (self._datagrams, self._streams),
            self.store,
            continuing,
            told=self._note,
            troubled=self.note_trouble,
        )

    @property
    def node(self) -> Node:
        return self.driver.node

    @property
    def datagrams(self) -> Datagrams:
        """The sockets of this node's UDP port."""
        return self._datagrams

    @property
    def plane(self) -> Dataplane:
        """The data plane, to be looked at."""
        plane = self.node.dataplane
        assert plane is not None, "the node has a seat"
        return plane

    def close(self) -> None:
        """Let the ports go."""
        self._datagrams.close()
        self._streams.close()

    # Running

    async def run(self) -> None:
        """Take part until cancelled, or over for good (`end` says why)."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.driver.run)
            nursery.start_soon(self.admitting.run)
            self._start()
            others = (self._hand, self.resolver, self.taking_part)
            for task in (self._begin, *(one.run for one in others)):
                nursery.start_soon(task)
            nursery.start_soon(follow_routes, self.driver, self.kernel)
            nursery.start_soon(mind_sandboxes, self)
            nursery.start_soon(self.certifying.end_old_roots)
            await self._ended.wait()
            await self.driver.stored()
            nursery.cancel_scope.cancel()

    def _start(self) -> None:
        driver = self.driver
        names = self.kernel.names()
        for sandbox in self.sandboxes.all():
            self.set_sandbox(sandbox)
        driver.act(lambda node, now: node.start(now))
        seat = Seat(self.standing.place.vtep).encode()
        driver.act(lambda node, now: node.update(now, meta=seat))
        self._tell_plane(lambda plane, now: plane.start(now, names))
        if self._peers and (self._is_new or not self.node.states()):
            driver.act(lambda node, now: node.join(now, self._peers))

    async def _begin(self) -> None:
        """Make the pools and tokens of a new cluster, unless that was done before."""
        kept = self.store.get(BEGIN)
        try:
            if kept is not None:
                self.driver.act(lambda node, now: begin_pools(node, now, kept))
                self.certifying.begin_tokens()
                await self.driver.stored()
                self.store.put(**{BEGIN: None})
        except Refused as refused:
            self.note_trouble(str(refused))
        else:
            self.begun.set()

    def set_sandbox(self, sandbox: Sandbox) -> None:
        """Let the data plane have a sandbox, and names be resolved in it."""
        self._tell_plane(lambda plane, now: plane.set_sandbox(now, sandbox))
        self.resolver.wake(sandbox.name)

    def drop_sandbox(self, name: str) -> None:
        """Take a sandbox from the data plane; what we have open in it goes."""
        self.resolver.drop(name)
        self._tell_plane(lambda plane, now: plane.drop_sandbox(now, name))

    def _tell_plane(self, verb: Callable[[Dataplane, float], object]) -> None:
        self.driver.tell_plane(verb)
        self.settledness.note(monotonic(), self.plane)
        self.plane_moved.set()
        self.plane_moved = trio.Event()

    def netns_of(self, name: str) -> str:
        """Return where the namespace of a sandbox is."""
        sandbox = self.sandboxes.get(name)
        netns = None if sandbox is None else sandbox.netns
        return self.kernel.path_of(box_of(name)) if netns is None else netns

    def finish(self, end: End) -> None:
        """Let it be over."""
        self.end = self.end or end
        self._ended.set()

    def own_endpoints(self) -> Iterator[KnownEndpoint]:
        """Yield this node's endpoints, of all networks."""
        for scope in self.node.tables.scopes():
            if scope != CLUSTER:
                yield from self.node.addressing.endpoints.all(scope, self.me)

    # Whom we let in

    def follow_role(self) -> None:
        """Admit others if we are a manager, and nobody if we are none."""
        if self.standing.role is not Role.MANAGER:
            self.admitting.admitter = None
        elif self.admitting.admitter is None:
            self.admitting.admitter = Admitter(
                self.certifying.authority, self.tokens, self._chains, token_bytes
            )

    def _chains(self) -> Iterator[bytes]:
        for node in (self.me, *self.node.states()):
            chain = self.directory.chain_of(node)
            if chain is not None:
                yield chain

    def managers(self) -> Iterator[Address]:
        """Yield where managers are that live."""
        for node in self.node.states():
            chain = self.directory.chain(node)
            is_manager = (
                chain is not None and chain.certificate.subject.role is Role.MANAGER
            )
            if is_manager and self.is_live(node):
                address = self.address_of(node)
                if address is not None:
                    yield address

    def is_live(self, node: NodeId) -> bool:
        """Return whether a member is alive, as far as is known here."""
        return self.node.states().get(node) in (State.ALIVE, State.SUSPECT)

    def address_of(self, node: NodeId) -> Address | None:
        """Return where a member says that it is."""
        member = self.node.swim.member(node)
        return None if member is None else member.claim.address

    # What is told

    def _note(self, output: Output) -> None:
        match output:
            case MemberChanged(member, previous, current):
                self.certifying.note_heard(member)
                self._tell_member(member, previous, current)
            case Removed(node):
                if node == self.me:
                    self._say("warning", text="this node was removed by a manager")
                    self.finish(End.REMOVED)
            case Disowned(peer):
                self._say("warning", text=self.disowned((peer,)))
            case RenewalWanted():
                self.certifying.renew(output)
            case Recertified() | RootsChanged():
                self.certifying.note(output)
            case Called() | Replied():
                self.inquiring.note(output)
            case Joined():
                self.joined.set()
            case Departed():
                self.finish(End.LEFT)
            case Fenced():
                self.fenced_by = (
                    "another process has this node's key: its disk was copied, or a"
                    " backup put back; nothing is written until one of the two stops"
                )
                self._say("warning", text=self.fenced_by)
            case Outbid():
                self.fenced_by = None
            case IdentityConflict(_, address):
                self._say("warning", text=f"another process at {address} has our key")
            case JoinFailed(addresses):
                shown = ", ".join(map(str, addresses))
                self._say("warning", text=f"nobody answers at {shown}; trying on")
            case _:
                return

    def _tell_feed(self) -> None:
        self.settledness.note(monotonic(), self.plane)
        for event in self.feed.poll():
            self.news.tell({"time": time(), **event})

    def _tell_member(
        self, member: NodeId, previous: State | None, current: State
    ) -> None:
        if previous is current:
            return
        before = None if previous is None else previous.name.lower()
        self._say(
            "member",
            node=member.hex(),
            name=self.name_of(member),
            state=current.name.lower(),
            before=before,
        )

    def name_of(self, node: NodeId) -> str | None:
        """Return what a node is called, or None."""
        chain = self.directory.chain(node)
        return None if chain is None else chain.certificate.subject.name

    def disowned(self, by: Sequence[NodeId]) -> str:
        """Return who takes this node for removed, and the cure."""
        return show_disowned([self.name_of(node) or node.hex() for node in by])

    def note_trouble(self, text: str | None) -> None:
        """Take note of why something cannot be written; None: it can be again."""
        if text not in (None, self.trouble):
            self._say("warning", text=text)
        self.trouble = text

    def _note_admitted(self, admitted: Admitted) -> None:
        subject = admitted.chain.certificate.subject
        self.certifying.note_admitted(subject.node)
        role = subject.role.name.lower()
        self._say("admitted", node=subject.node.hex(), name=subject.name, role=role)

    def _note_drift(self, drifted: Drifted) -> None:
        self._say(
            "drift",
            namespace=show_namespace(drifted.namespace),
            count=drifted.count,
            first=describe(drifted.sample[0]),
        )

    def _note_refused(self, failure: Failure) -> None:
        self._say("refused", text=describe_failure(failure))

    def _say(self, kind: str, **facts: object) -> None:
        is_bad = kind in ("warning", "refused", "drift")
        level = logging.WARNING if is_bad else logging.INFO
        log.log(level, kind, extra={"facts": facts})
        self.news.tell({"time": time(), "kind": kind, **facts})

    def _mtu(self) -> int | None:
        return mtu_towards(read_host(self.kernel), self.standing.place.vtep)
