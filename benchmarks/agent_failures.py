"""How soon do ten hosts know that one is dead, and how soon is all well after a cut?

Expected: a suspicion lives 2 s, and the first failed probe comes within 0.25 s; serf's
defaults (memberlist's LAN) take some 5 s. After a cut, whoever was dead is tried again
every few seconds at first, and a host whose own link comes back finds others alive by
its own probes.
"""

import signal
import subprocess
from contextlib import ExitStack
from shutil import which
from time import monotonic, sleep
from typing import Final

from benchmarks import serf
from benchmarks.clusters import Agents, Events, Switch, monitored, until
from benchmarks.hosts import Ground, run_inside
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread

HOSTS: Final = 10
ROUNDS: Final = (3, 1)
CUT_S: Final = (60.0, 15.0)
DEAD_RATIO: Final = 0.4
BACK_S: Final = 2.0
SETTLE_S: Final = 3.0


def ours_dead(rounds: int) -> list[float]:
    """Return in s how long it took until all others held a killed agent for dead."""
    found = []
    with Ground() as ground, Agents(ground, HOSTS) as agents, ExitStack() as stack:
        agents.begin()
        events = Events()
        for index, process in monitored(agents, range(HOSTS - 1)):
            stack.callback(process.kill)
            events.follow(index, process)
        for _ in range(rounds):
            events.seen.clear()
            sleep(SETTLE_S)
            began = monotonic()
            agents.end(HOSTS - 1, signal.SIGKILL)
            until("dead everywhere", lambda: _all_say(events, HOSTS - 1))
            found.append(max(events.of('"dead"').values()) - began)
            agents.start(HOSTS - 1)
            for index in range(HOSTS):
                agents.wait_alive(index)
    return found


def _all_say(events: Events, count: int) -> bool:
    return len(events.of('"dead"')) == count


def theirs_dead(rounds: int) -> list[float]:
    """Return the same of serf."""
    found = []
    words = ("EventMemberFailed", f"n{HOSTS - 1}")
    with Ground() as ground, ExitStack() as stack:
        switch = Switch(ground, HOSTS)
        agents = {}
        for index in range(HOSTS):
            agents[index] = serf.start(switch, index, stack, serf.join_to(0))
        events = Events()
        until("serf joined", lambda: _serf_alive(switch) == HOSTS)
        for index in range(HOSTS - 1):
            process = switch.start(index, "serf", "monitor", out=subprocess.PIPE)
            stack.callback(process.kill)
            events.follow(index, process)
        for _ in range(rounds):
            events.seen.clear()
            sleep(SETTLE_S)
            began = monotonic()
            agents[HOSTS - 1].kill()
            until("serf: dead", lambda: len(events.of(*words)) == HOSTS - 1)
            found.append(max(events.of(*words).values()) - began)
            agents[HOSTS - 1] = serf.start(switch, HOSTS - 1, stack, serf.join_to(0))
            until("serf joined", lambda: _serf_alive(switch) == HOSTS)
    return found


def _serf_alive(switch: Switch) -> int:
    try:
        told = run_inside(switch.hosts[0], "serf", "members", "-status=alive")
    except RuntimeError:
        return 0
    return len(told.splitlines())


def back_after_cut(cut_s: float) -> list[float]:
    """Return in s how long after a cut all hosts saw all alive again, and all rows."""
    with Ground() as ground, Agents(ground, HOSTS) as agents:
        agents.begin()
        network = agents.call(0, "POST", "networks", {"name": "web"})["id"]
        for index in (0, 1, HOSTS - 1):
            agents.wait_network(index, network)
            agents.sandbox(index, "first", "web")
        agents.switch.cut(HOSTS - 1)
        began = monotonic()
        until("dead", lambda: agents.alive(0) == HOSTS - 1)
        # What is made meanwhile must come, too.
        agents.sandbox(0, "meanwhile", "web")
        agents.sandbox(HOSTS - 1, "apart", "web")
        sleep(max(0.0, cut_s - (monotonic() - began)))
        agents.switch.mend(HOSTS - 1)
        began = monotonic()
        until("all back", lambda: _is_whole(agents, network))
        return [monotonic() - began]


def _is_whole(agents: Agents, network: str) -> bool:
    if any(agents.alive(index) != HOSTS for index in range(HOSTS)):
        return False
    inside = [
        agents.call(index, "GET", f"networks/{network}")["endpoints"]
        for index in (0, 1, HOSTS - 1)
    ]
    return all(len(found) == 5 for found in inside)


def answer(lab: Lab) -> list[Row]:
    """Measure each in a process of its own."""
    ours = spread(OURS, lab.alone("dead", ours_dead, ROUNDS[lab.quick]))
    peer: Spread | None = None
    limits: tuple[Target, ...] = ()
    if which("serf") is not None:
        peer = spread(serf.NAME, lab.alone("serf", theirs_dead, ROUNDS[lab.quick]))
        limits = (Target(Of.MEDIAN, DEAD_RATIO * peer.median),)
    back = lab.alone("cut", back_after_cut, CUT_S[lab.quick])
    return [
        Row(
            f"kill -9 of an agent until dead on all of {HOSTS} hosts",
            "s",
            Clock.WALL,
            ours,
            peer,
            limits,
        ),
        Row(
            f"cable back after {CUT_S[lab.quick]:.0f} s until all is everywhere",
            "s",
            Clock.WALL,
            spread(OURS, back),
            targets=(Target(Of.WORST, BACK_S),),
            note="Docker: 22 (1 to 32)",
        ),
    ]


QUESTION: Final[Question] = question("agent_failures", __doc__, answer, needs_root=True)
