"""What a lying member says, kind by kind."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from sim.forgery import self_signed
from sim.liar import Liar
from swarmnet.crypto.certificate import Chain, Role, Subject, certify, chain
from swarmnet.crypto.identity import Identity
from swarmnet.ids import U64_MAX, Address, NodeId
from swarmnet.node.envelope import (
    CERTIFICATES,
    WANTED_MAX,
    encode_certificates,
    encode_wanted,
)
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import claim_of, encode_message
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.messages import (
    Ack,
    Compare,
    Digest,
    Have,
    Join,
    Message,
    Nack,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Lie(IntEnum):
    """The kinds: the values of the key `kind`."""

    ACCUSE = 1
    """Accuses everybody of their very current version, for ever."""
    ROWS = 2
    """Says again what was once true, and signed: claims of former versions."""
    FLOOD = 3
    """Pings, joins, wants, sketches, stale accusations, questions for certificates."""
    FORGE = 4
    """Speaks for others: leaves, addresses, greater versions, false certificates."""
    RESTLESS = 5
    """Says ever new things of itself: versions, addresses of others, two at once."""
    THIEF = 6
    """A second process that has a member's keys does all of these in its name."""
    ALL = 7
    """A member does all of these, as two processes."""


SPOKEN: Final = (Lie.ACCUSE, Lie.ROWS, Lie.FLOOD, Lie.FORGE, Lie.RESTLESS)
_PER_FRAME: Final = 6
"""Claims that fit into a datagram."""
_INVENTED: Final = 2
_ROWS_MAX: Final = 4096
_FAR: Final = (1 << 63, U64_MAX - 1)
"""Versions that nobody comes to by himself."""
_NOWHERE: Final = Address(b"\xc6\x33\x64\xfe", 7946)


class Lies:
    """Tells lies with one voice, a message at a time, to any node that runs."""

    def __init__(self, cluster: "Cluster", liar: Liar) -> None:
        self._cluster = cluster
        self._liar = liar
        self._random = liar.random
        self._rows: deque[bytes] = deque(maxlen=_ROWS_MAX)
        self._last = (0, 0)
        self._kinds: dict[Lie, Callable[[Host], None]] = {
            Lie.ACCUSE: self._accuse,
            Lie.ROWS: self._repeat_rows,
            Lie.FLOOD: self._flood,
            Lie.FORGE: self._forge,
            Lie.RESTLESS: self._change,
        }

    def note(self, node: NodeId) -> None:
        """Keep what a member says now, to say it again when it is past."""
        member = self._liar.held(node)
        if member is not None:
            self._rows.extend(claim.item for claim in member.claims)

    def begin(self, kind: Lie, pause_s: float, until_s: float) -> None:
        """Lie until then, once every so often."""
        kinds = SPOKEN if kind in (Lie.THIEF, Lie.ALL) else (kind,)
        self._lie(kinds, pause_s, until_s)

    def _lie(self, kinds: tuple[Lie, ...], pause_s: float, until_s: float) -> None:
        world = self._cluster.world
        if world.now >= until_s or not self._liar.host.up:
            return
        world.after(pause_s, self._lie, kinds, pause_s, until_s)
        others = [host for host in self._cluster.live() if host.node != self._liar.me]
        if others:
            target = self._random.choice(others)
            self._kinds[self._random.choice(kinds)](target)

    def _others(self, count: int) -> list["Host"]:
        """Return some nodes that are not the liar, running or not."""
        nodes = self._cluster.hosts[: self._cluster.nodes]
        others = [host for host in nodes if host.node != self._liar.me]
        return self._random.sample(others, min(count, len(others)))

    def _version(self, node: NodeId) -> tuple[int, int]:
        held = self._liar.held(node)
        return (1, 0) if held is None else held.claim.version

    def _accuse(self, target: "Host") -> None:
        """Accuse some members, the one that hears it perhaps among them."""
        accused = [host.node for host in self._others(_PER_FRAME)]
        claims = [self._liar.accusation(one, self._version(one)) for one in accused]
        self._liar.tell(target, [claim.item for claim in claims])

    def _repeat_rows(self, target: "Host") -> None:
        count = min(_PER_FRAME, len(self._rows))
        rows = [self._random.choice(self._rows) for _ in range(count)]
        if rows:
            self._liar.tell(target, rows, streamed=self._random.random() < 0.25)

    # Too much.

    def _flood(self, target: "Host") -> None:
        way = self._random.random()
        if way < 0.1:
            ids = [NodeId(self._random.randbytes(16)) for _ in range(WANTED_MAX - 1)]
            wanted = encode_wanted([*ids, self._others(1)[0].node])
            self._liar.tell_envelope(target, wanted)
        elif way < 0.2:
            self._invent(target)
        elif way < 0.35:
            message: Message = self._random.choice(
                (Join(), Welcome(self._digest()), Ranges(self._random.randbytes(200)))
            )
            own = self._liar.held(self._liar.me)
            items = [] if own is None else [own.claim.item]
            items.append(encode_message(message))
            self._liar.tell(target, items, streamed=True)
        else:
            items = [encode_message(self._question()) for _ in range(8)]
            stale = self._others(1)[0].node
            epoch, incarnation = self._version(stale)
            past = (max(0, epoch - 1), incarnation)
            items.append(self._liar.accusation(stale, past).item)
            self._liar.tell(target, items)

    def _invent(self, target: "Host") -> None:
        """Speak of nodes that nobody admitted, with true signatures of theirs.

        And hand over the certificates that are then asked for, which they made for
        themselves.
        """
        outfit = self._cluster.outfit
        assert outfit is not None, "channels are on"
        model = outfit.pki.chain(0)
        claims, chains = [], []
        for _ in range(_INVENTED):
            keys = Identity.generate(self._random.randbytes)
            nobody = Liar(self._liar.host, keys, self._random)
            about = (_NOWHERE, b"")
            claims.append(nobody.statement(keys.node, (1, 0), State.ALIVE, about).item)
            chains.append(self_signed(model, keys, Role.WORKER).encoded)
        self._liar.tell(target, claims)
        self._liar.tell_envelope(target, encode_certificates(chains))

    def _question(self) -> Message:
        """Return a message that calls for an answer, or for work."""
        random = self._random
        number = random.getrandbits(32)
        ids = tuple(random.getrandbits(64) for _ in range(random.randint(1, 8)))
        member = self._others(1)[0]
        return random.choice(
            (
                Ping(number, self._digest()),
                PingRequest(number, member.node, _NOWHERE, 60.0),
                Ack(number, ORIGIN),
                Nack(number),
                Have(ids, reminds=True),
                Want(ids),
                WantClaims(ids),
                Compare(self._digest()),
                SketchOffer(random.randbytes(random.randint(1, 60))),
            )
        )

    def _digest(self) -> Digest:
        return Digest(self._random.randbytes(16), self._random.randrange(10_000))

    # In the name of others.

    def _forge(self, target: "Host") -> None:
        if self._random.random() < 0.25:
            chains = [self.false_chain().encoded for _ in range(2)]
            self._liar.tell_envelope(target, encode_certificates(chains))
            self._liar.tell_envelope(target, CERTIFICATES + self._random.randbytes(99))
            return
        items = []
        for host in self._others(_PER_FRAME):
            claim = self._false_claim(host)
            proof = self._random.choice((claim.proof, self._random.randbytes(64)))
            held = self._liar.held(host.node)
            if held is not None and self._random.random() < 0.25:
                proof = held.claim.proof
            items.append(claim_of(claim.body, proof).item)
        self._liar.tell(target, items)

    def _false_claim(self, host: "Host") -> Claim:
        random, liar = self._random, self._liar
        epoch, incarnation = self._version(host.node)
        if random.random() < 0.3:
            author = self._others(2)[-1].node
            if author != host.node:
                return liar.accusation(host.node, (epoch, incarnation), author)
        version = random.choice(
            (
                (epoch, incarnation),
                (epoch, incarnation + 1),
                (epoch + 1, 0),
                (random.randint(*_FAR), random.randint(*_FAR)),
            )
        )
        state = random.choice((State.ALIVE, State.LEFT))
        address = random.choice((host.address, liar.host.address, _NOWHERE))
        return liar.statement(host.node, version, state, (address, b""))

    def false_chain(self) -> Chain:
        """Return a certificate that puts somebody in another place, or has other keys.

        The liar's own or another's; signed by the liar as if he were the issuer, signed
        by him as himself, or under the signature of the true one.
        """
        random, keys = self._random, self._liar.keys
        outfit = self._cluster.outfit
        assert outfit is not None, "channels are on"
        pki = outfit.pki
        mine = pki.chain(pki.index_of(self._liar.me))
        about = random.choice((mine, pki.chain(self._others(1)[0].index)))
        subject = about.certificate.subject
        terms = replace(
            about.certificate.terms,
            ring_serial=random.randbytes(8),
            not_after=about.certificate.terms.not_after + 1,
        )
        if random.random() < 0.5:
            pair = (subject.signing_public, keys.exchange_public)
            subject = Subject(*pair, subject.name, Role(random.randrange(2)))
        match random.randrange(3):
            case 0:
                return chain(certify(subject, terms, keys.sign), about.issuer)
            case 1:
                terms = replace(terms, issuer=self._liar.me)
                return chain(certify(subject, terms, keys.sign), mine.certificate)
            case _:
                kept = about.certificate.signature
                return chain(certify(subject, terms, lambda _: kept), about.issuer)

    # Of itself.

    def _change(self, target: "Host") -> None:
        """Claim another version, and now and then another one of the same number."""
        random, liar = self._random, self._liar
        epoch, incarnation = max(self._last, self._version(liar.me))
        version = (epoch, incarnation + 1)
        if random.random() < 0.02:
            version = (max(epoch, _FAR[0]) + 1, 0)
        self._last = version
        states = (State.ALIVE, State.ALIVE, State.ALIVE, State.LEFT)
        claims = [self._own_claim(version, random.choice(states))]
        if random.random() < 0.3:
            claims.append(self._own_claim(version, State.ALIVE))
        for claim in claims:
            liar.tell(target, [claim.item])
            target = self._others(1)[0]

    def _own_claim(self, version: tuple[int, int], state: State) -> Claim:
        random, liar = self._random, self._liar
        elsewhere = self._others(1)[0].address
        address = random.choice((liar.host.address, elsewhere, _NOWHERE))
        meta = random.randbytes(random.choice((0, 0, 40, 256)))
        return liar.statement(liar.me, version, state, (address, meta))
