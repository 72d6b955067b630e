"""How soon do ten hosts know that one is dead, and how soon is all well after a cut?

Expected: a suspicion lives 2 s, and the first failed probe comes within 0.25 s; serf's
defaults (memberlist's LAN) take some 5 s. After a cut, whoever was dead is tried again
every few seconds at first, and a host whose own link comes back finds others alive by
its own probes.

Ours and serf's take turns, a cluster of each a round.
"""

from time import monotonic, sleep, time
from typing import Final

from benchmarks import herds, serf
from benchmarks.clusters import WAIT_S, Agents, until
from benchmarks.herds import Heard, Herd, dead, wait_whole
from benchmarks.hosts import Ground
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread

HOSTS: Final = 10
ROUNDS: Final = (3, 1)
CUT_S: Final = (60.0, 15.0)
DEAD_RATIO: Final = 0.4
BACK_S: Final = 2.0
SETTLE_S: Final = 10.0
"""So long all have run when one is killed: at first round trips are uncertain, and a
probe takes some 0.3 s longer."""


def ours_dead(hosts: int) -> float:
    """Return in s how long it took until all others held a killed agent for dead."""
    with herds.ours(hosts) as herd:
        return _dead(herd, hosts)


def theirs_dead(hosts: int) -> float:
    """Return the same of serf."""
    with herds.serfs(hosts) as herd:
        return _dead(herd, hosts)


def _dead(herd: Herd, hosts: int) -> float:
    heard, victim = Heard(), hosts - 1
    herd.start()
    for index in range(1, hosts):
        herd.join(index)
    wait_whole(herd, hosts, range(hosts))
    herd.follow(heard)
    sleep(SETTLE_S)
    began = time()
    herd.kill(victim)
    return max(heard.by(dead(victim), victim, began, WAIT_S)) - began


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
    """Measure each in a process of its own, the two kinds in turn."""
    mine: list[float] = []
    theirs: list[float] = []
    is_alone = serf.said_missing("agent_failures")
    for _ in range(ROUNDS[lab.quick]):
        mine.append(lab.alone("dead", ours_dead, HOSTS))
        if not is_alone:
            theirs.append(lab.alone("serf", theirs_dead, HOSTS))
    ours = spread(OURS, mine)
    peer: Spread | None = None
    limits: tuple[Target, ...] = ()
    if theirs:
        peer = spread(serf.name(), theirs)
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
            note="beside Docker: docker_failures",
        ),
    ]


QUESTION: Final[Question] = question("agent_failures", __doc__, answer, needs_root=True)
