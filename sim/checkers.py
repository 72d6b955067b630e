"""The rules that no run may break, looked at on every transition.

An illegal value that is corrected a moment later would be invisible at the end of a
run, so each change of a member and the end of each input is checked as it happens. A
checker that is a guarantee of the swarmnet engine alone names the profiles that it
exempts: memberlist's rules do break some of them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sim.profiles.contract import Engine
from swarmnet.ids import NodeId
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

VIOLATIONS_MAX: Final = 100
DATAGRAM_BYTES_MAX: Final = 1200 - 48
"""What a datagram may hold: 1,200 bytes, of which the channel keeps 48."""
EVENTS_PER_NODE_S: Final = 5_000
"""No protocol at rest or at work comes near this; two nodes that answer each other's
answers pass it, and would keep a run busy for ever."""
EVENTS_MIN: Final = 100_000
OTHERS: Final = frozenset({"memberlist", "swim", "lifeguard"})
GONE: Final = frozenset({State.DEAD, State.LEFT})
LEFT: Final = frozenset({State.LEFT})
_ALL: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """What a checker demands, and which profiles do not promise it."""

    summary: str
    exempt: frozenset[str] = _ALL


RULES: Final[Mapping[str, Rule]] = {
    "own_incarnation": Rule("a process never lowers its own (epoch, incarnation)"),
    "incarnation": Rule("what one life holds of a member never goes back", OTHERS),
    "resurrection": Rule(
        "dead or left turns alive or suspect by a greater claim alone", OTHERS
    ),
    "precedence": Rule(
        "at one claim, states rise: left over dead over suspect", OTHERS
    ),
    "chain": Rule(
        "the previous state is the one that was reported last, or none if it was gone"
        " and the profile forgets those"
    ),
    "self": Rule("a node never lists itself"),
    "unknown": Rule("no member exists that never was a node"),
    "foreign": Rule("no claim exceeds what its subject has ever used", OTHERS),
    "datagram": Rule("a datagram never exceeds its limit"),
    "endless": Rule("poll_output ends"),
    "spin": Rule("timers make progress"),
    "storm": Rule(f"no more than {EVENTS_PER_NODE_S:,} events per node and second"),
    "delivery": Rule("a payload is delivered once in a life", OTHERS),
    "convergence": Rule("after the faults all views become equal in time", OTHERS),
    "signed": Rule(
        "with channels: what is held of a member, it signed; an accusation, its author",
        OTHERS,
    ),
    "ring": Rule(
        "with channels: ring neighbours follow from the issuer's numbers of the live",
        OTHERS,
    ),
    "unauthenticated": Rule(
        "an outsider's packet changes nothing, and brings no longer answer", OTHERS
    ),
    "liar": Rule("one lying member gets no healthy one declared dead", OTHERS),
    "row_owner": Rule("every row that is shown was written by its owner, as it is"),
    "row_version": Rule("what one life shows of an owner's row never goes back"),
    "row_scope": Rule("a node outside a network holds none of its rows"),
    "row_union": Rule("after calm, views are the union of what owners last wrote"),
    "row_quiet": Rule("digests stop changing when nothing changes"),
    "row_mask": Rule(
        "a masked row is hidden where that is known, and goes once its owner can; then"
        " the mask goes, and not before"
    ),
    "row_removed": Rule(
        "all hold the same of a removed node: what is to last, up to the cut"
    ),
    "row_resurrected": Rule("what one life knows to be gone is not shown again"),
    "row_tombstones": Rule("tombstones of owners that run are kept for a bounded time"),
    "address_doubled": Rule(
        "no two nodes use one address, and no view shows it twice, at any time"
    ),
    "address_owners": Rule("no two nodes may give out one number, at any time"),
    "address_given": Rule("what a node gives out is its own"),
    "address_pool": Rule("what all nodes own is the whole, and each number once"),
    "address_views": Rule("after calm all agree who owns what, and which networks are"),
    "address_lost": Rule(
        "after calm, with all removed that are gone, every number can be used"
    ),
    "address_clone": Rule("a clone that is heard gives nothing out"),
    "kernel_plan": Rule("after calm every kernel equals what its node's rows call for"),
    "kernel_flow": Rule(
        "after calm every host of a network has what leads to each endpoint, and to"
        " nothing else"
    ),
    "kernel_foreign": Rule("what others made in a kernel stays as it is"),
    "kernel_late": Rule(
        "what others change is put right within 1 s of its announcement, if the kernel"
        " refuses nothing"
    ),
    "kernel_lost": Rule(
        "while agents are killed and start again no kernel loses what leads to an"
        " endpoint that stays"
    ),
    "exception": Rule("no engine raises", _ALL),
}


class Guard(Protocol):
    """A further checker, told of everything that the checkers are told."""

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started."""

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """A member changed at an observer."""

    def delivered(self, host: "Host") -> None:
        """A payload came up at a node."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """A node sent something."""

    def after_input(self, host: "Host", engine: Engine) -> None:
        """All that an input brought has been done."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: when, which, at which node (-1 for none), and the values."""

    time_s: float
    checker: str
    node: int
    message: str

    def document(self) -> dict[str, object]:
        """Return this as JSON's types."""
        return asdict(self)


Claim = tuple[int, int, State]


class Checkers:
    """Holds what was seen of every claim, and the violations of one run."""

    def __init__(self, cluster: "Cluster", profile: str, limit_bytes: int) -> None:
        self._cluster = cluster
        self._limit_bytes = limit_bytes
        # memberlist forgets the long dead; swarmnet remembers them, but no leave for
        # ever. Whoever was forgotten is truly reported as new.
        self._forgotten = GONE if profile == "memberlist" else LEFT
        self._tag = cluster.application.tag
        self._active = {
            name for name, rule in RULES.items() if profile not in rule.exempt
        }
        self.violations: list[Violation] = []
        self.guards: list[Guard] = []
        self.payload_copies = 0
        self.own_max: dict[NodeId, tuple[int, int]] = {}
        self._own: dict[int, tuple[int, int, int]] = {}
        # Members whose key is in bad hands: no process has to have said what they say.
        self.hostile: dict[NodeId, None] = {}
        self._seen: dict[int, dict[NodeId, Claim]] = {}
        self._claims: dict[Claim, Claim] = {}
        self._storm_from = (0.0, 0)
        self.aborted = False

    def waive(self, *names: str) -> None:
        """Stop looking at some rules, because this run breaks their premises."""
        self._active.difference_update(names)

    def violate(self, checker: str, node: int, message: str) -> None:
        """Record a broken rule, unless this run does not hold it."""
        if checker not in self._active or len(self.violations) >= VIOLATIONS_MAX:
            return
        now = round(self._cluster.world.now, 6)
        self.violations.append(Violation(now, checker, node, message))

    def forget(self, host: "Host") -> None:
        """Begin a new life of `host`: what it knew before binds it no more."""
        self._seen[host.index] = {}
        self._own.pop(host.index, None)

    def began(self, host: "Host", engine: Engine) -> None:
        """A process has started, and done what it does first."""
        for guard in self.guards:
            guard.began(host, engine)

    # One call per thing that an engine does.

    def datagram(self, host: "Host", output: SendDatagram) -> None:
        """Check a datagram, and count the payload copies in it."""
        data = output.data
        if len(data) > self._limit_bytes:
            self.violate(
                "datagram",
                host.index,
                f"datagram of {len(data)} bytes, limit {self._limit_bytes}",
            )
        self.payload_copies += data.count(self._tag)
        for guard in self.guards:
            guard.sent(host, output)

    def frame(self, host: "Host", output: SendStream) -> None:
        """Count the payload copies in a stream's frame."""
        self.payload_copies += output.data.count(self._tag)
        for guard in self.guards:
            guard.sent(host, output)

    def delivered(self, host: "Host") -> None:
        """A payload, good or not, came up at a node."""
        for guard in self.guards:
            guard.delivered(host)

    def endless(self, host: "Host", count: int) -> None:
        """Record that an input brought more outputs than any input may."""
        self.violate("endless", host.index, f"{count} outputs after one input")

    def spinning(self, host: "Host", count: int) -> None:
        """Record that an engine wakes again and again at one instant."""
        self.violate("spin", host.index, f"{count} wake-ups at one instant")

    def pace(self, events: int) -> None:
        """Stop a run whose events outpace time; `events` is their number so far."""
        if self.aborted:
            return
        began_s, before = self._storm_from
        world = self._cluster.world
        if events - before < max(EVENTS_MIN, EVENTS_PER_NODE_S * self._cluster.nodes):
            if world.now - began_s >= 1.0:
                self._storm_from = (world.now, events)
            return
        message = f"{events - before} events in {world.now - began_s:.6f} s"
        self.violate("storm", -1, message)
        self.aborted = True
        world.stop()

    def delivered_again(self, host: "Host", serial: int) -> None:
        """Record that a payload came up twice."""
        self.violate("delivery", host.index, f"payload {serial} delivered again")

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Check what must hold at the end of every input of a node."""
        for guard in self.guards:
            guard.after_input(host, engine)
        own = engine.incarnation(host.node)
        if own is None:
            return
        before = self._own.get(host.index)
        if before is not None and before[1:] == own and before[0] == host.life:
            return
        if before is not None and before[0] == host.life and own < before[1:]:
            self.violate(
                "own_incarnation", host.index, f"own claim went {before[1:]} to {own}"
            )
        self._own[host.index] = (host.life, *own)
        self.own_max[host.node] = max(own, self.own_max.get(host.node, own))

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Check one transition of one member at one observer."""
        for guard in self.guards:
            guard.member_changed(host, event)
        member = event.member
        index = self._cluster.index_of(member)
        if member == host.node:
            self.violate("self", host.index, "lists itself")
            return
        if index < 0:
            self.violate("unknown", host.index, f"unknown member {member.hex()}")
            return
        claim = (event.boot_epoch, event.incarnation, event.current)
        claim = self._claims.setdefault(claim, claim)
        seen = self._seen.setdefault(host.index, {})
        before = seen.get(member)
        seen[member] = claim
        most = self.own_max.get(member)
        if most is not None and claim[:2] > most and member not in self.hostile:
            self.violate(
                "foreign",
                host.index,
                f"member {index} claimed at {claim[:2]}, it never passed {most}",
            )
        if before is None:
            return
        if event.previous is not None or before[2] not in self._forgotten:
            self._check_step(host.index, index, before, claim, event.previous)

    def _check_step(
        self,
        node: int,
        member: int,
        before: Claim,
        claim: Claim,
        previous: State | None,
    ) -> None:
        step = f"member {member}: {_show(before)} to {_show(claim)}"
        if previous != before[2]:
            self.violate("chain", node, f"{step}, said to come from {previous!r}")
        if claim[:2] < before[:2]:
            self.violate("incarnation", node, step)
        gone = before[2] in GONE
        back = claim[2] in (State.ALIVE, State.SUSPECT)
        if gone and back and claim[:2] <= before[:2]:
            self.violate("resurrection", node, step)
        elif claim[:2] == before[:2] and claim[2] < before[2]:
            self.violate("precedence", node, step)


def _show(claim: Claim) -> str:
    return f"{claim[2].name.lower()}@{claim[0]}.{claim[1]}"
