"""How soon do ten hosts know that one is dead, and how soon is all well after a cut?

Expected: a suspicion lives 2 s, and the first failed probe comes within 0.25 s; serf's
defaults (memberlist's LAN) take some 5 s. After a cut, whoever was dead is tried again
every few seconds at first, and a host whose own link comes back finds others alive by
its own probes.
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
SETTLE_S: Final = 3.0


def ours_dead(rounds: int) -> list[float]:
    """Return in s how long it took until all others held a killed agent for dead."""
    with herds.ours(HOSTS) as herd:
        return _dead(herd, rounds)


def theirs_dead(rounds: int) -> list[float]:
    """Return the same of serf."""
    with herds.serfs(HOSTS) as herd:
        return _dead(herd, rounds)


def _dead(herd: Herd, rounds: int) -> list[float]:
    heard, victim = Heard(), HOSTS - 1
    herd.start()
    for index in range(1, HOSTS):
        herd.join(index)
    wait_whole(herd, HOSTS, range(HOSTS))
    herd.follow(heard)
    found = []
    for _ in range(rounds):
        sleep(SETTLE_S)
        began = time()
        herd.kill(victim)
        found.append(max(heard.by(dead(victim), victim, began, WAIT_S)) - began)
        herd.revive(victim)
        wait_whole(herd, HOSTS, range(HOSTS))
    return found


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
    if not serf.said_missing("agent_failures"):
        peer = spread(serf.name(), lab.alone("serf", theirs_dead, ROUNDS[lab.quick]))
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
