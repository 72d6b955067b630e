"""The nodes of one run and what can be done to them.

Crash, restart, leave, pause, slow CPU, drift and clone are verbs here; scenarios and
faults say when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from sim.application import Application, Published
from sim.checkers import DATAGRAM_BYTES_MAX, OTHERS, Checkers
from sim.course import Course
from sim.endpoint import Place, place_of
from sim.host import Host
from sim.perjury import Perjury
from sim.profiles.channeled import Outfit
from sim.profiles.contract import Identity, Profile
from sim.profiles.tabled import rebooted
from sim.streams import Streams
from sim.trace import Kind, Trace
from sim.underlay import Underlay
from sim.world import World
from swarmnet.ids import NODE_ID_BYTES, Address, NodeId
from swarmnet.swim.outputs import MemberChanged, Payload, State

if TYPE_CHECKING:
    from sim.options import Options

PORT: Final = 7946
UDP_BYTES_MAX: Final = 65_507
CLOCK_ORIGIN_S_MAX: Final = 100_000.0
JOIN_ADDRESSES: Final = 3


class Watcher(Protocol):
    """Whoever follows a run: the scenario."""

    def member_changed(self, host: Host, event: MemberChanged) -> None:
        """Follow a change of a member's state at one observer."""

    def delivered(self, host: Host, published: Published) -> None:
        """Follow the first arrival of a payload at a node."""

    def host_changed(self, host: Host) -> None:
        """Follow a process that started or ended."""


class Cluster:
    """`nodes` hosts on one underlay; clones stand behind them in `hosts`.

    `outfit` is what real keys and channels are made from; None where there are none.
    """

    def __init__(
        self, options: Options, profile: Profile, trace: Trace, nodes: int
    ) -> None:
        self.seed = options.seed
        self.nodes = nodes
        self.profile = profile
        self.overhead_bytes = profile.overhead_bytes
        self.trace = trace
        self.world = World()
        self.underlay = Underlay(
            self.world,
            trace,
            seed=options.seed,
            latency=options.latency,
            loss=options.loss,
        )
        self.streams = Streams(self.underlay, seed=options.seed)
        self.application = Application(options.seed)
        self.checkers = Checkers(self, profile.name, _limit_bytes(profile))
        self.random = Random(f"{options.seed}/scenario")
        self.watcher: Watcher | None = None
        self.course = Course()
        self.states: Counter[str] = Counter()
        self._engine_counts: Counter[str] = Counter()
        self._clocks = Random(f"{options.seed}/clocks")
        self.hosts: list[Host] = []
        self._by_node: dict[NodeId, Host] = {}
        for index in range(nodes):
            node = _node_id(profile, options.seed, index)
            host = self._place(Identity(index, node, _at(index)))
            self._by_node[host.node] = host
        outfit = getattr(profile, "outfit", None)
        self.outfit = outfit if isinstance(outfit, Outfit) else None
        if self.outfit is not None:
            self.underlay.raw_corruption = True
            self._perjury = Perjury(self, self.outfit)
            self.checkers.guards.append(self._perjury)

    def _place(self, identity: Identity) -> Host:
        offset_s = self._clocks.random() * CLOCK_ORIGIN_S_MAX
        host = Host(self, identity, len(self.hosts), offset_s)
        self.hosts.append(host)
        self.underlay.attach(host)
        return host

    @property
    def perjury(self) -> Perjury:
        """The guard of what is signed; there is one where channels are real."""
        return self._perjury

    # Who is who.

    def index_of(self, node: NodeId) -> int:
        """Return the index of the node of that identity, or -1."""
        host = self._by_node.get(node)
        return -1 if host is None else host.index

    def index_at(self, address: Address) -> int:
        """Return the index of the host at that address, or -1."""
        place: Place = place_of(address)
        endpoint = self.underlay.places.get(place)
        return -1 if endpoint is None else endpoint.index

    def live(self) -> list[Host]:
        """Return the hosts whose process runs and is not leaving; no clones."""
        return [h for h in self.hosts[: self.nodes] if h.up and not h.leaving]

    # What can be done to a node.

    def start_with_full_views(self) -> None:
        """Boot every node with a view in which all are alive."""
        view = self.profile.full_view([host.identity for host in self.hosts])
        # Known without a look at N views of N members.
        held = self.nodes - 1
        for host in self.hosts:
            self._boot(host, boot_epoch=1, view=view, held=held)

    def start_with_view(self, host: Host, view: object) -> None:
        """Boot a node with a view of its own, as the profile makes them."""
        self._boot(host, boot_epoch=1, view=view)

    def start_alone(self, host: Host) -> None:
        """Boot a node that knows nobody."""
        self._boot(host, boot_epoch=1, view=None)

    def join(self, host: Host, through: Sequence[Host]) -> None:
        """Let a node join the cluster through any of `through`."""
        engine = host.engine
        assert engine is not None
        addresses = [other.address for other in through]
        self.process_event(host, "join", through[0].index)
        host.command(lambda now: engine.join(now, addresses))

    def crash(self, host: Host, *, machine: bool = False) -> None:
        """Kill a node's process; with `machine`, nothing answers there at all."""
        engine = host.engine
        assert engine is not None
        host.saved = rebooted(engine.save()) if machine else engine.save()
        self._engine_counts.update(engine.counters())
        host.halt()
        self.course.ended(self.world.now, host.index)
        host.reachable = not machine
        self.process_event(host, "crash-machine" if machine else "crash", -1)
        self._tell(host)

    def restart(self, host: Host, *, with_state: bool, random: Random) -> None:
        """Start a node's process again, and rejoin through some that live.

        A node that lost its state begins at boot epoch 1 and knows nobody.
        """
        epoch = host.boot_epoch + 1 if with_state else 1
        self._boot(host, boot_epoch=epoch, view=host.saved if with_state else None)
        others = [other for other in self.live() if other is not host]
        if others:
            count = min(JOIN_ADDRESSES, len(others))
            self.join(host, random.sample(others, count))

    def leave(self, host: Host) -> None:
        """Let a node leave gracefully; its process ends when it has departed."""
        engine = host.engine
        assert engine is not None
        host.leaving = True
        self.process_event(host, "leave", -1)
        self._tell(host)
        host.command(engine.leave)

    def exit(self, host: Host) -> None:
        """End a process that has left."""
        if host.engine is not None:
            self._engine_counts.update(host.engine.counters())
        host.halt()
        self.course.ended(self.world.now, host.index)
        self.process_event(host, "exit", -1)
        self._tell(host)

    def clone(self, original: Host) -> Host:
        """Start a second process with a node's identity and state, elsewhere."""
        engine = original.engine
        assert engine is not None
        index = len(self.hosts)
        twin = self._place(Identity(index, original.node, _at(index)))
        twin.saved = rebooted(engine.save())
        twin.boot_epoch = original.boot_epoch
        self._boot(twin, boot_epoch=original.boot_epoch + 1, view=twin.saved)
        return twin

    def publish(self, host: Host, size_bytes: int) -> Published:
        """Let a node send a payload to all."""
        engine = host.engine
        assert engine is not None
        payload = self.application.make(host.index, self.world.now, size_bytes)
        published = self.application.published[-1]
        published.held[host.index] = self.world.now
        host.held.add(published.serial)
        self.trace.note(
            self.world.now,
            host.index,
            Kind.PUBLISH,
            -1,
            size_bytes,
            detail=str(published.serial),
        )
        host.command(lambda now: engine.publish(now, payload))
        return published

    def _boot(
        self, host: Host, *, boot_epoch: int, view: object, held: int | None = None
    ) -> None:
        """Start a process; `held` is how many its view holds alive, if known."""
        host.boot_epoch = boot_epoch
        host.leaving = False
        self.checkers.forget(host)
        random = Random(f"{self.seed}/engine/{host.index}/{host.life}")
        engine = self.profile.build(
            host.identity, boot_epoch=boot_epoch, random=random, view=view
        )
        self.process_event(host, f"start epoch={boot_epoch}", -1)
        if held is None:
            held = sum(state is State.ALIVE for state in engine.states().values())
        self.course.began(self.world.now, host.index, held)
        host.boot(engine)
        self.checkers.began(host, engine)
        self._tell(host)

    # What hosts report.

    def member_changed(self, host: Host, event: MemberChanged) -> None:
        """Follow a change of a member's state at one observer."""
        previous = "none" if event.previous is None else event.previous.name.lower()
        current = event.current.name.lower()
        self.states[current] += 1
        self.trace.lines.append(
            f"{self.world.now:12.6f} {host.index:5d} member  "
            f" {self.index_of(event.member):5d}      0 {previous}>{current}"
            f"@{event.boot_epoch}.{event.incarnation}\n"
        )
        self.checkers.member_changed(host, event)
        self.course.changed(self.world.now, host.index, event)
        if self.watcher is not None:
            self.watcher.member_changed(host, event)

    def delivered(self, host: Host, payload: Payload) -> bool:
        """Take a payload up; say whether it is good and may be relayed."""
        self.checkers.delivered(host)
        published = self.application.read(payload)
        if published is None:
            self.underlay.coverage["payload_refused"] += 1
            return False
        serial = published.serial
        self.trace.note(
            self.world.now,
            host.index,
            Kind.DELIVER,
            published.origin,
            len(payload.data),
            detail=str(serial),
        )
        if serial in host.held:
            self.checkers.delivered_again(host, serial)
            return True
        host.held.add(serial)
        published.held[host.index] = self.world.now
        if self.watcher is not None:
            self.watcher.delivered(host, published)
        return True

    def process_event(self, host: Host, what: str, peer: int) -> None:
        """Write down something about a process, and count it."""
        self.underlay.coverage[
            f"process_{what.partition(' ')[0].replace('-', '_')}"
        ] += 1
        self.trace.note(self.world.now, host.index, Kind.PROCESS, peer, 0, detail=what)

    def _tell(self, host: Host) -> None:
        if self.watcher is not None:
            self.watcher.host_changed(host)

    def flush(self) -> None:
        """Hash the trace so far, and see that time passes."""
        self.trace.flush()
        self.checkers.pace(self.trace.count())

    def coverage(self) -> dict[str, int]:
        """Return how often each thing happened: a run must not be seen to be void."""
        counts = Counter(self.underlay.coverage)
        counts["datagram_sent"] = self.underlay.sent
        counts["datagram_received"] = sum(host.received for host in self.hosts)
        counts["timer_woken"] = sum(host.woken for host in self.hosts)
        counts["payload_published"] = len(self.application.published)
        counts["payload_held"] = sum(
            len(published.held) for published in self.application.published
        )
        for name, count in self.states.items():
            counts[f"member_{name}"] = count
        engines = Counter(self._engine_counts)
        for host in self.hosts:
            if host.engine is not None:
                engines.update(host.engine.counters())
        # The health score is a level, not a count.
        engines.pop("health_score", None)
        for name, count in engines.items():
            counts[f"engine_{name}"] = count
        return {name: counts[name] for name in sorted(counts)}


def _at(index: int) -> Address:
    return Address((0x0A000001 + index).to_bytes(4, "big"), PORT)


def _node_id(profile: Profile, seed: int, index: int) -> NodeId:
    """Return the id of a node; where the profile has keys, it follows from those."""
    of_key = getattr(profile, "node_id", None)
    node = None if of_key is None else of_key(seed, index)
    if node is not None:
        return NodeId(node)
    name = f"{seed}/node/{index}".encode()
    return NodeId(blake2b(name, digest_size=NODE_ID_BYTES).digest())


def _limit_bytes(profile: Profile) -> int:
    limit = getattr(profile, "datagram_bytes_max", None)
    if isinstance(limit, int):
        return limit
    return UDP_BYTES_MAX if profile.name in OTHERS else DATAGRAM_BYTES_MAX
