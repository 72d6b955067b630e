"""Which firewall rule drops what this host must receive or send.

A packet is led through the chains as a kernel would. Where a rule looks at something
that is not known here, both ways are followed: what drops only then, may drop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, skipped, warning
from swarmnet.doctor.matching import NotSo, Packet, matches, value_of
from swarmnet.doctor.ruleset import Chain, Rule, Ruleset

OURS: Final = ("inet", "swarmnet")
FAMILIES: Final = {4: ("netdev", "inet", "ip"), 6: ("netdev", "inet", "ip6")}
IN: Final = ("ingress", "prerouting", "input")
OUT: Final = ("output", "postrouting", "egress")
THROUGH: Final = ("prerouting", "forward", "postrouting")
REPLY: Final = "established"
"""The state of what is sent back, as conntrack has it."""
DNAT: Final = "dnat"
"""The status of what is led on to another address, as conntrack has it."""
DEPTH_MAX: Final = 16
"""Of jumps, as the kernel has it (NFT_JUMP_STACK_SIZE)."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Something that must pass: what it is, a packet of it, and by which hooks.

    `inside` is, of what is forwarded, the link on whose side our sandboxes are.
    """

    what: str
    packet: Packet
    hooks: tuple[str, ...]
    inside: str = ""


@dataclass(frozen=True, slots=True)
class FirewallFacts:
    """All rules, None if they could not be read, and `why` not; and what must pass."""

    ruleset: Ruleset | None
    why: str = ""
    crossings: Sequence[Crossing] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """What drops a packet: a rule of a chain, or (None) the chain's policy."""

    chain: Chain
    rule: Rule | None
    is_certain: bool


class _End(Enum):
    ACCEPTED = auto()
    RETURNED = auto()


_Outcome = Drop | _End


def check_firewall(facts: FirewallFacts) -> Iterator[Finding]:
    """Yield which rules drop something that must pass, each once."""
    if facts.ruleset is None:
        yield skipped("firewall", f"not read: {facts.why}", "run doctor as root")
        return
    seen: dict[tuple[object, ...], None] = {}
    for crossing in facts.crossings:
        drop = first_drop(facts.ruleset, crossing.packet, crossing.hooks)
        if drop is None or (not drop.is_certain and crossing.packet.source is None):
            continue
        about = drop.chain.place, drop.rule and drop.rule.removal, crossing.what
        if about not in seen:
            seen[about] = None
            yield _blocked(crossing, drop)
    if not seen:
        names = ", ".join(dict.fromkeys(one.what for one in facts.crossings))
        count = len(facts.ruleset.chains)
        yield ok("firewall", f"nothing in {count} chains drops {names or 'anything'}")


def _blocked(crossing: Crossing, drop: Drop) -> Finding:
    what = drop.rule.text if drop.rule else f"policy {drop.chain.policy}"
    verb = "drops" if drop.is_certain else "may drop"
    told = f"{crossing.what}: {drop.chain.shown} {verb} it: {what}"
    make = failure if drop.is_certain else warning
    return make("firewall", told, _cure(crossing, drop))


def _cure(crossing: Crossing, drop: Drop) -> str:
    _, table, name = drop.chain.place
    if table == "firewalld":
        return _of_firewalld(crossing)
    if name.startswith("ufw") or (drop.rule and "ufw" in drop.rule.text):
        return _of_ufw(crossing)
    if drop.rule is not None:
        return drop.rule.removal
    place = " ".join(drop.chain.place)
    return " && ".join(
        drop.chain.opening.format(place=place, match=match, options=options)
        for match, options in _openings(crossing, drop.chain.hook)
    )


def _of_firewalld(crossing: Crossing) -> str:
    if crossing.inside:
        added = f"--zone=trusted --add-interface={crossing.inside}"
    elif crossing.packet.state == REPLY:
        # It accepts replies by a rule of its own: somebody has removed that.
        return "firewall-cmd --reload"
    else:
        added = f"--add-port={crossing.packet.port}/{crossing.packet.protocol}"
    return f"firewall-cmd --permanent {added} && firewall-cmd --reload"


def _of_ufw(crossing: Crossing) -> str:
    if crossing.packet.state == REPLY:
        # As firewalld: before.rules accept replies.
        return "ufw reload"
    if crossing.inside:
        return f"ufw route allow in on {crossing.inside}"
    return f"ufw allow {crossing.packet.port}/{crossing.packet.protocol}"


def _openings(crossing: Crossing, hook: str) -> Iterator[tuple[str, str]]:
    """Yield what is to be accepted where a policy drops: for nft, and for iptables."""
    packet, inside = crossing.packet, crossing.inside
    if packet.icmp_type is not None:
        kinds = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
        yield kinds, "-p icmpv6"
        return
    if packet.status == DNAT:
        tracked = f"-o {inside} -m conntrack --ctstate DNAT"
        yield f"oifname {inside} ct status dnat", tracked
        return
    if inside and packet.state != REPLY:
        yield f"iifname {inside}", f"-i {inside}"
    elif packet.state != REPLY:
        yield (
            f"{packet.protocol} dport {packet.port}",
            f"-p {packet.protocol} --dport {packet.port}",
        )
    replies = "ct state established,related"
    tracked = "-m conntrack --ctstate ESTABLISHED,RELATED"
    if inside and hook == "forward":
        # One chain sees both directions: one without the other is no way out.
        yield f"oifname {inside} {replies}", f"-o {inside} {tracked}"
    elif packet.state == REPLY:
        yield replies, tracked


def _takes_replies(rule: Rule, kind: str, body: object) -> bool:
    """Return whether it is iptables' conntrack match of a rule that accepts.

    nft(8) does not show which states: those that are accepted are replies'.
    """
    is_tracked = isinstance(body, dict) and body.get("name") in ("conntrack", "state")
    return (
        kind == "xt" and is_tracked and any("accept" in one for one in rule.expressions)
    )


def first_drop(ruleset: Ruleset, packet: Packet, hooks: Sequence[str]) -> Drop | None:
    """Return what drops a packet on its way through some hooks, the surest first."""
    families = FAMILIES[packet.version or 4]
    doubtful: Drop | None = None
    for hook in hooks:
        for chain in ruleset.bases(families, hook):
            if chain.place[:2] == OURS:
                continue
            walk = _Walk(ruleset, packet)
            outcome = walk.through(chain, 0)
            if isinstance(outcome, Drop) and outcome.is_certain:
                return outcome
            if isinstance(outcome, Drop):
                doubtful = doubtful or outcome
            doubtful = doubtful or walk.doubtful
    return doubtful


class _Walk:
    """A packet on its way through one base chain and what it jumps to."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self._ruleset = ruleset
        self._packet = packet
        self._is_sure = True
        self.doubtful: Drop | None = None

    def through(self, chain: Chain, depth: int) -> _Outcome:
        for rule in chain.rules:
            outcome = self._rule(chain, rule, depth)
            if isinstance(outcome, Drop) or outcome is _End.ACCEPTED:
                return outcome
            if outcome is _End.RETURNED:
                break
        if chain.hook and chain.policy == "drop":
            return Drop(chain, None, self._is_sure)
        return _End.ACCEPTED if chain.hook else _End.RETURNED

    def _rule(self, chain: Chain, rule: Rule, depth: int) -> _Outcome | None:
        """Return how it ends by one rule; None: it goes on behind it."""
        applies: bool | None = True
        for expression in rule.expressions:
            for kind, body in expression.items():
                found = self._step(chain, kind, body)
                if self._packet.state == REPLY and _takes_replies(rule, kind, body):
                    continue
                if found is False:
                    return None
                if found is None:
                    applies = None
                    continue
                if found is True:
                    continue
                return self._end(chain, rule, found, depth, applies=applies)
        return None

    def _step(
        self, chain: Chain, kind: str, body: object
    ) -> bool | tuple[str, str] | None:
        """Return whether a rule still applies, or its verdict and where that leads."""
        if kind == "match":
            return matches(body, self._packet, lambda name: self._set(chain, name))
        if kind == "vmap":
            return self._vmap(chain, body)
        if kind in ("accept", "drop", "reject", "return", "queue"):
            return kind, ""
        if kind in ("jump", "goto") and isinstance(body, dict):
            return kind, str(body.get("target"))
        if kind in ("xt", "limit", "quota"):
            return None
        return True

    def _set(self, chain: Chain, name: str) -> Sequence[object] | None:
        return self._ruleset.sets.get((*chain.place[:2], name))

    def _vmap(self, chain: Chain, body: object) -> bool | tuple[str, str] | None:
        if not isinstance(body, dict):
            return None
        try:
            actual = value_of(body.get("key"), self._packet)
        except NotSo:
            return False
        data = body.get("data")
        pairs = data.get("set") if isinstance(data, dict) else None
        if isinstance(data, str):
            pairs = self._set(chain, data.removeprefix("@"))
        if actual is None or not isinstance(pairs, Sequence):
            return None
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                return None
            match = {"op": "==", "left": body.get("key"), "right": pair[0]}
            if matches(match, self._packet, lambda name: self._set(chain, name)):
                verdict = pair[1]
                for kind, more in verdict.items() if isinstance(verdict, dict) else ():
                    target = more.get("target") if isinstance(more, dict) else ""
                    return str(kind), str(target)
        return False

    def _end(
        self,
        chain: Chain,
        rule: Rule,
        verdict: tuple[str, str],
        depth: int,
        *,
        applies: bool | None,
    ) -> _Outcome | None:
        kind, target = verdict
        if kind in ("drop", "reject"):
            drop = Drop(chain, rule, applies is True and self._is_sure)
            if applies:
                return drop
            self.doubtful = self.doubtful or drop
            return None
        if kind in ("jump", "goto"):
            return self._jump(
                chain, target, depth, applies=applies, is_goto=kind == "goto"
            )
        if applies is None:
            # Who knows whether it ends here: from now on nothing is sure.
            self._is_sure = False
            return None
        return _End.RETURNED if kind == "return" else _End.ACCEPTED

    def _jump(
        self,
        chain: Chain,
        target: str,
        depth: int,
        *,
        applies: bool | None,
        is_goto: bool,
    ) -> _Outcome | None:
        there = self._ruleset.chains.get((*chain.place[:2], target))
        if there is None or depth >= DEPTH_MAX:
            # An extension of iptables, or nonsense.
            self._is_sure = False
            return None
        before = self._is_sure
        self._is_sure = before and applies is True
        outcome = self.through(there, depth + 1)
        if applies is None:
            if isinstance(outcome, Drop):
                self.doubtful = self.doubtful or outcome
            if outcome is _End.RETURNED:
                self._is_sure = before
            return None
        if outcome is _End.RETURNED:
            return _End.RETURNED if is_goto else None
        return outcome
