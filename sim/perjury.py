"""Is anything believed that nobody signed, and does a liar get his way?

Three rules, looked at on every transition of a run with real channels. What an observer
holds of a member must be what a process of that member signed, and each accusation what
its author signed (`signed`); the thief of a key may say of himself what he likes. Who
stands next to whom must follow from the numbers that the issuer drew (`ring`). And
where a scenario names a liar, nobody healthy may be declared dead (`liar`).
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sim.profiles.channeled import ChanneledNode, Outfit
from sim.profiles.contract import Engine
from swarmnet.ids import NodeId
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream, State
from swarmnet.swim.rings import Rings

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

_LIVE = (State.ALIVE, State.SUSPECT)


class Perjury:
    """The guard that knows who signed what; `breaches` counts them, by rule.

    `liars` are the members that lie; while there are none, deaths are not judged.
    """

    def __init__(self, cluster: "Cluster", outfit: Outfit) -> None:
        self._cluster = cluster
        self._outfit = outfit
        self.breaches: Counter[str] = Counter()
        self.liars: dict[NodeId, None] = {}
        self._rings: dict[int, tuple[int, Rings]] = {}
        self._moved: dict[int, None] = {}

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started."""

    def delivered(self, host: "Host") -> None:
        """A payload came up at a node."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """A node sent something."""

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Check one transition of one member at one observer."""
        engine = host.engine
        assert isinstance(engine, ChanneledNode)
        self._check_signed(host, engine, event.member)
        self._check_verdict(host, event)
        rings = self._rings_of(host, engine)
        if engine.states().get(event.member) in _LIVE:
            rings.add(event.member)
        else:
            rings.remove(event.member)
        self._moved[host.index] = None

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Check who stands next to a node, if anybody came or went."""
        if host.index not in self._moved:
            return
        del self._moved[host.index]
        assert isinstance(engine, ChanneledNode)
        found = self._names(engine.inner.swim.neighbours())
        wanted = self._names(self._rings_of(host, engine).neighbours())
        if found != wanted:
            self._break("ring", host, f"neighbours {found}, by their numbers {wanted}")

    def check_all(self) -> None:
        """Look at all that every running node holds, transitions or none."""
        for host in self._cluster.live():
            engine = host.engine
            assert isinstance(engine, ChanneledNode)
            for member in engine.states():
                self._check_signed(host, engine, member)

    def _check_signed(
        self, host: "Host", engine: ChanneledNode, member: NodeId
    ) -> None:
        held = engine.inner.swim.member(member)
        if held is None:
            return
        for claim in held.claims:
            if not self._is_signed(claim):
                about = self._cluster.index_of(member)
                what = f"{claim.state.name.lower()}@{claim.version} of {about}"
                author = self._cluster.index_of(claim.author)
                self._break("signed", host, f"holds {what}, which {author} never said")

    def _is_signed(self, claim: Claim) -> bool:
        if claim.author in self._cluster.checkers.hostile:
            return True
        return self._outfit.ledger.holds(claim.author, SIGN_DOMAIN + claim.body)

    def _check_verdict(self, host: "Host", event: MemberChanged) -> None:
        if not self.liars or event.current is not State.DEAD:
            return
        hostile = self._cluster.checkers.hostile
        index = self._cluster.index_of(event.member)
        if index < 0 or event.member in hostile or host.node in hostile:
            return
        subject = self._cluster.hosts[index]
        if subject.up and not subject.leaving and not subject.paused:
            self._break("liar", host, f"holds {index} dead, which is healthy")

    def _rings_of(self, host: "Host", engine: ChanneledNode) -> Rings:
        """Return the rings that a node should have; made when they first move."""
        life, rings = self._rings.get(host.index, (0, None))
        if rings is None or life != host.life:
            config = self._outfit.settings.swim
            rings = Rings(host.node, config.rings, self._serial)
            states = engine.states()
            rings.fill(node for node, state in states.items() if state in _LIVE)
            self._rings[host.index] = (host.life, rings)
        return rings

    def _serial(self, node: NodeId) -> bytes:
        pki = self._outfit.pki
        return pki.chain(pki.index_of(node)).certificate.terms.ring_serial

    def _names(self, nodes: Iterable[NodeId]) -> list[int]:
        return [self._cluster.index_of(node) for node in nodes]

    def _break(self, rule: str, host: "Host", message: str) -> None:
        self.breaches[rule] += 1
        self._cluster.checkers.violate(rule, host.index, message)
