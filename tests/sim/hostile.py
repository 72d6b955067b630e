"""Small hostile worlds for the tests: some nodes, a short attack, a second process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from sim.cluster import Cluster
from sim.options import Options, Result
from sim.profiles.channeled import ChanneledNode
from sim.profiles.swarmnet import SwarmnetProfile
from sim.run import run
from sim.trace import Trace

SOON: Final = {"at_s": "1", "restart_after_s": "2", "crash_after_s": "3"}
ATTACK_S: Final = 6.0


def outsider(kind: int, **settings: str) -> Result:
    """Let somebody attack four nodes for some seconds."""
    options = {**SOON, "kind": str(kind), "flood_per_s": "400", **settings}
    duration_s = 1 + ATTACK_S + 12
    return run(
        Options("hostile-outsider", 4, 3, duration_s=duration_s, settings=options)
    )


def member(kind: int, **settings: str) -> Result:
    """Let one of six lie for some seconds."""
    options = {**SOON, "leave_after_s": "1", "rate_per_s": "40"}
    options |= {"kind": str(kind), **settings}
    duration_s = 1 + ATTACK_S + 15
    return run(Options("hostile-member", 6, 3, duration_s=duration_s, settings=options))


def checkers_of(result: Result) -> list[str]:
    """Return the rules that a run broke, each once."""
    return sorted({violation.checker for violation in result.violations})


def channeled(nodes: int, seed: int = 1) -> Cluster:
    """Return a cluster with real channels that knows itself, and has begun."""
    options = Options("idle", nodes, seed)
    profile = SwarmnetProfile({"channels": "on"})
    cluster = Cluster(options, profile, Trace(), nodes)
    cluster.start_with_full_views()
    return cluster


def pass_time(cluster: Cluster, until_s: float) -> None:
    """Let virtual time pass."""
    cluster.world.run(until_s, flush=cluster.flush)


def engine_of(cluster: Cluster, index: int) -> ChanneledNode:
    """Return the engine of a node that runs."""
    engine = cluster.hosts[index].engine
    assert isinstance(engine, ChanneledNode)
    return engine


def counters(cluster: Cluster, index: int) -> Mapping[str, int]:
    """Return how often what happened at a node."""
    return engine_of(cluster, index).counters()


def hashes(words: str) -> tuple[str, str]:
    """Return the trace's hash of one command in two processes that hash otherwise."""
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "sim", *words.split(), "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        line = next(x for x in done.stdout.splitlines() if "trace_hash" in x)
        found.append(line.split('"')[3])
    return found[0], found[1]
