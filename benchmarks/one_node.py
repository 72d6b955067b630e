"""Nodes of a simulated cluster, run once more by themselves: their CPU, their memory.

A simulator of N nodes holds N views of N members in one process, so that its own time
says little of a node: caches hold one view on a host and none of ten thousand. But an
engine is a function of its inputs. So those of some nodes are noted while a cluster
runs; then all of it is thrown away, each node is made again, alone, and given the same
inputs. It must send byte for byte what it sent before, and only that is timed.
"""

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from random import Random
from time import perf_counter, process_time
from typing import Any, Final

from benchmarks.simulator import peak_gib
from sim.cluster import Cluster
from sim.options import Options
from sim.pki import pki_of
from sim.profiles.contract import Engine, Identity, Profile
from sim.run import registry
from sim.trace import Trace
from swarmnet.node.outputs import Output
from swarmnet.sketch.cells import _column
from swarmnet.swim.outputs import SendDatagram

LISTENED: Final = 5
"""Of so many nodes the inputs are noted; of fewer where there are fewer."""
INPUTS: Final = (
    "start",
    "receive_datagram",
    "receive_stream",
    "stream_failed",
    "handle_timeout",
)
"""What a quiet world gives an engine; the time is the first word of each."""
WARM_S: Final = 2.0
"""Left out: a node that begins tells its neighbours of it."""
NODES_BEFORE: Final = 3


@dataclass(slots=True)
class Noted:
    """What an engine was given, in order, and a hash of all datagrams that it sent.

    `clock_s` is what its clock showed when the run began.
    """

    clock_s: float = 0.0
    inputs: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    said: Any = field(default_factory=blake2b)


class Listener:
    """An engine that takes note of its inputs; all else is the engine's own."""

    def __init__(self, engine: Engine, noted: Noted) -> None:
        self._engine = engine
        self._noted = noted
        for name in INPUTS:
            setattr(self, name, partial(self._take, name, getattr(engine, name)))

    def _take(self, name: str, verb: Callable[..., None], *words: Any) -> None:
        self._noted.inputs.append((name, words))
        verb(*words)

    def poll_output(self) -> Output | None:
        """Return the next output; what is sent is added to the hash."""
        output = self._engine.poll_output()
        if type(output) is SendDatagram:
            self._noted.said.update(output.data)
        return output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class Listening:
    """A profile that listens to its first nodes; all else is the profile's own."""

    def __init__(self, profile: Profile) -> None:
        self.noted = [Noted() for _ in range(LISTENED)]
        self._profile = profile

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Any:
        """Return a new engine; see `contract.Profile.build`."""
        engine = self._profile.build(
            identity, boot_epoch=boot_epoch, random=random, view=view
        )
        if identity.index >= LISTENED:
            return engine
        return Listener(engine, self.noted[identity.index])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._profile, name)


@dataclass(frozen=True, slots=True)
class Cost:
    """What nodes take at rest, and what it took to simulate all of them.

    `cpu_us_s` is each listened node's microseconds of CPU per simulated second.
    `begin_s` is the wall clock of making all nodes, `wall_s` of a simulated second.
    """

    cpu_us_s: tuple[float, ...]
    begin_s: float
    wall_s: float
    peak_bytes: float


def cost_of(options: Options) -> Cost:
    """Run a quiet cluster, then some of its nodes again, each by itself.

    `options` are of `idle`; its `duration_s` counts from when it is warm.
    """
    assert options.nodes is not None
    assert options.duration_s is not None
    whole = replace(options, duration_s=WARM_S + options.duration_s)
    noted, begin_s, wall_s = _listened(whole)
    # What referred to itself goes before the next is made.
    gc.collect()
    made = _Made(options)
    spent = []
    for index in range(min(LISTENED, options.nodes)):
        engine = made.node(index)
        gc.collect()
        gc.freeze()
        spent.append(_replayed(engine, noted[index]))
        gc.unfreeze()
    cpu_us_s = tuple(one / options.duration_s * 1e6 for one in spent)
    return Cost(cpu_us_s, begin_s, wall_s, peak_gib() * 2**30)


def _listened(options: Options) -> tuple[list[Noted], float, float]:
    """Return what was noted, and two times in s; see `Cost`."""
    assert options.nodes is not None
    assert options.duration_s is not None
    began = perf_counter()
    profile: Any = Listening(_profile(options))
    cluster = Cluster(options, profile, Trace(), options.nodes)
    for host, one in zip(cluster.hosts, profile.noted, strict=False):
        one.clock_s = host.local_now()
    cluster.start_with_full_views()
    gc.freeze()
    begin_s = perf_counter() - began
    cluster.world.run(options.duration_s, flush=cluster.flush)
    wall_s = (perf_counter() - began - begin_s) / options.duration_s
    gc.unfreeze()
    violations = cluster.checkers.violations
    assert not violations, violations[:3]
    return profile.noted, begin_s, wall_s


def _replayed(engine: Engine, noted: Noted) -> float:
    """Return the CPU seconds that an engine takes for its inputs once it is warm."""
    said = blake2b()
    spent_s = 0.0
    for name, words in noted.inputs:
        verb = getattr(engine, name)
        began = process_time()
        verb(*words)
        outputs = []
        while (output := engine.poll_output()) is not None:
            outputs.append(output)
        engine.poll_timeout()
        took_s = process_time() - began
        if words[0] >= noted.clock_s + WARM_S:
            spent_s += took_s
        for output in outputs:
            if type(output) is SendDatagram:
                said.update(output.data)
    assert said.digest() == noted.said.digest(), "it sent something else"
    return spent_s


class _Made:
    """The nodes of a cluster as they are before their first input."""

    def __init__(self, options: Options) -> None:
        assert options.nodes is not None
        self._seed = options.seed
        self._profile = _profile(options)
        cluster = Cluster(options, self._profile, Trace(), options.nodes)
        self._identities = [host.identity for host in cluster.hosts]
        self._view = self._profile.full_view(self._identities)

    def node(self, index: int) -> Engine:
        """Return one that knows all others, with nobody around it."""
        random = Random(f"{self._seed}/engine/{index}/0")
        identity = self._identities[index]
        return self._profile.build(
            identity, boot_epoch=1, random=random, view=self._view
        )


def _profile(options: Options) -> Profile:
    return registry().profiles[options.profile](options.settings)


def held_bytes(options: Options) -> float:
    """Return what one node holds that knows all members, as Python allocates it.

    All that it was made from is let go. What a process holds once, whatever the size
    of the cluster, is there before: a smaller node was made and thrown away.
    """
    _traced(replace(options, nodes=NODES_BEFORE))
    return float(_traced(options))


def _traced(options: Options) -> int:
    gc.collect()
    tracemalloc.start()
    engine = _Made(options).node(0)
    pki_of.cache_clear()
    forget_columns()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del engine
    return held


def forget_columns() -> None:
    """Empty the cache of sketches' columns, and collect what is garbage.

    A process keeps those of the last 2,048 elements, whatever it holds: 2 MB that
    would pass for growth up to there, and for none beyond.
    """
    _column.cache_clear()
    gc.collect()
