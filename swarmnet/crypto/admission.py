"""Joining: how a stranger with a token becomes a node, over Noise XX.

    1  joiner    [1, hint, e]                      in the clear
    2  manager   [1, 0, e ee s es + papers]        papers: [1, chain, roots]
       or anyone [1, refusal, addresses]           in the clear, and hangs up
    3  joiner    [1, s se, sealed request]         request: [1, secret, signing key,
                                                    signature, name, role or none]
    4  manager   sealed [1, 0, chain, pages], and so many sealed [1, members]
       or        sealed [1, refusal, "", 0]        and hangs up

Each is one message of a reliable stream. The prologue binds the purpose and the token's
digest. **The joiner tells nothing but a hint of that digest until it has seen that the
other side holds the certified key of a manager, under the very root that the token
names.** Then it gives the secret, and proves its keys: the exchange key is the static
key of XX, and the signing key signs the handshake's hash.

A refusal in the clear may be made up by anyone on the way, who could as well cut the
line. A member that is no manager says NO_MANAGER, and where those are that it knows.
Whatever is out of place ends the exchange and changes nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

from swarmnet.crypto.authority import JOIN_DOMAIN, Authority
from swarmnet.crypto.certificate import (
    CHAIN_BYTES_MAX,
    Chain,
    Role,
    Subject,
    Verdict,
    check_subject,
    decode_chain_untrusted,
)
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.identity import Identity, RandomBytes
from swarmnet.crypto.limits import Bucket
from swarmnet.crypto.symmetric import Transport
from swarmnet.crypto.token import (
    HINT_BYTES,
    Papers,
    Refusal,
    Request,
    Token,
    TokenBook,
    addresses_untrusted,
    decode_papers_untrusted,
    encode_refusal,
    fields_untrusted,
    hint_of,
)
from swarmnet.crypto.trust import Trust
from swarmnet.errors import BadPacket
from swarmnet.ids import Address
from swarmnet.timers import Timers
from swarmnet.wire import array, blob, natural, pack

STRANGER_BYTES_MAX: Final = 2048
"""The largest message before the other side is known."""
MESSAGE_BYTES_MAX: Final = 16_384
PAGES_MAX: Final = 16
"""A joiner is told up to 256 KiB of members, and learns the rest from those."""

_NOISE: Final = b"Noise_XX_25519_AESGCM_BLAKE2s"
_VERSION: Final = 1
_PROLOGUE: Final = b"swarmnet join 1"
_GO_ON: Final = 0
_PAGE_BYTES: Final = MESSAGE_BYTES_MAX - 64


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send `data` as one message on `stream`; a joiner has only one."""

    data: bytes
    stream: int = 0


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Hang up, once all is sent that was to be."""

    stream: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A node has a certificate. Save the authority's next serial before going on."""

    stream: int
    chain: Chain


@dataclass(frozen=True, slots=True)
class Joined:
    """We have a certificate, roots to trust, and members as the manager gave them."""

    chain: Chain
    trust: Trust
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class NotJoined:
    """We have not; `line` is for the user, and `managers` are where to try next."""

    reason: Refusal | Verdict
    line: str
    managers: tuple[Address, ...] = ()


class Joiner:
    """The joining side of one exchange: then comes one outcome, and it hangs up."""

    WAIT_S: ClassVar = 10.0

    def __init__(
        self,
        identity: Identity,
        token: Token,
        name: str,
        random_bytes: RandomBytes,
        *,
        role: Role | None = None,
    ) -> None:
        """Prepare to join under `name`; without a `role`, as what the token admits to.

        Raises:
            Refused: the name is none that a node can have.
        """
        keys = (identity.signing_public, identity.exchange_public)
        self._wanted = Subject(*keys, name, role or Role.WORKER)
        check_subject(self._wanted)
        self._identity = identity
        self._token = token
        self._role = role
        self._noise = _handshake(identity, token.digest, random_bytes, initiator=True)
        self._deadline: float | None = None
        self._read: Callable[[float, bytes], None] | None = self._read_answer
        self._outputs: deque[SendMessage | Joined | NotJoined] = deque()

    def begin(self, now: float) -> None:
        """Send the first message."""
        self._deadline = now + self.WAIT_S
        message = self._noise.write_message(b"")
        hello = pack((_VERSION, hint_of(self._token.digest), message))
        self._outputs.append(SendMessage(hello))

    def receive_message(self, wall: float, message: bytes) -> None:
        """Take the manager's next message, at most `MESSAGE_BYTES_MAX` long."""
        if self._read is None:
            return
        try:
            self._read(wall, message)
        except BadPacket:
            self._end(Refusal.BAD_ANSWER)

    def receive_closed(self) -> None:
        self._end(Refusal.BAD_ANSWER)

    def handle_timeout(self, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._end(Refusal.NO_ANSWER)

    def poll_output(self) -> SendMessage | Joined | NotJoined | None:
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        return self._deadline

    def _read_answer(self, wall: float, message: bytes) -> None:
        fields = fields_untrusted(blob(message, STRANGER_BYTES_MAX), 3, _VERSION)
        if code := natural(fields[1], 0xFF):
            return self._end(Refusal.of_code(code), addresses_untrusted(fields[2]))
        shown = self._noise.read_message(blob(fields[2], STRANGER_BYTES_MAX))
        return self._examine(wall, decode_papers_untrusted(shown))

    def _examine(self, wall: float, papers: Papers) -> None:
        """Decide whether the other side is one of those whom the token means."""
        trust = papers.trust(self._token.digest)
        if trust is None:
            return self._end(Refusal.FALSE_ROOT)
        verdict = trust.judge(papers.chain, wall)
        if verdict is not Verdict.GOOD:
            line = f"the manager's {trust.explain(verdict, papers.chain, wall)}"
            return self._finish(NotJoined(verdict, line))
        subject = papers.chain.certificate.subject
        shown = (self._noise.remote_static, Role.MANAGER)
        if (subject.exchange_public, subject.role) != shown:
            return self._end(Refusal.FALSE_KEY)
        return self._ask(trust)

    def _ask(self, trust: Trust) -> None:
        """Reveal the secret: the other side has proved who it is."""
        message = self._noise.write_message(b"")
        send, receive = self._noise.split()
        proof = self._identity.sign(JOIN_DOMAIN + self._noise.handshake_hash)
        said = (self._token.secret, self._identity.signing_public, proof)
        request = Request(*said, self._wanted.name, self._role)
        sealed = send.encrypt(b"", request.encode())
        self._outputs.append(SendMessage(pack((_VERSION, message, sealed))))
        self._read = partial(self._read_welcome, trust, receive)

    def _read_welcome(
        self, trust: Trust, receive: Transport, wall: float, message: bytes
    ) -> None:
        fields = _open_untrusted(receive, message, 4)
        if code := natural(fields[1], 0xFF):
            return self._end(Refusal.of_code(code))
        chain = decode_chain_untrusted(blob(fields[2], CHAIN_BYTES_MAX))
        pages = natural(fields[3], PAGES_MAX)
        subject = chain.certificate.subject
        if subject != replace(self._wanted, role=subject.role):
            raise BadPacket("a certificate of other keys or name than were sent")
        verdict = trust.judge(chain, wall)
        if verdict is not Verdict.GOOD:
            line = f"our own {trust.explain(verdict, chain, wall)}"
            return self._finish(NotJoined(verdict, line))
        joined = Joined(chain, trust, ())
        self._read = partial(self._read_page, receive, joined, pages)
        return None

    def _read_page(
        self, receive: Transport, so_far: Joined, pages: int, _: float, message: bytes
    ) -> None:
        items = array(_open_untrusted(receive, message, 2)[1], 0)
        page = tuple(blob(item, MESSAGE_BYTES_MAX) for item in items)
        joined = replace(so_far, members=so_far.members + page)
        if pages > 1:
            self._read = partial(self._read_page, receive, joined, pages - 1)
        else:
            self._finish(joined)

    def _end(self, reason: Refusal, managers: tuple[Address, ...] = ()) -> None:
        role = "node" if self._role is None else self._role.name.lower()
        line = reason.line.format(name=self._wanted.name, role=role)
        self._finish(NotJoined(reason, line, managers))

    def _finish(self, outcome: Joined | NotJoined) -> None:
        if self._read is not None:
            self._outputs.append(outcome)
        self._read = self._deadline = None


class Admitter:
    """A manager's side of all exchanges, by the caller's number of each stream.

    What strangers can cost is bounded: `STARTS_PER_S` key exchanges in the long run
    (some 0.3 ms each) and `STARTS_BURST` at once, `HALF_OPEN_MAX` exchanges of 1.5 KiB
    that wait for their third message, each for `HALF_OPEN_S`. Beyond the first bound
    a stranger is told BUSY; beyond the second, the one that waited for longest. So a
    flood must be faster than an honest joiner's round trip to keep him out.
    """

    HALF_OPEN_MAX: ClassVar = 256
    HALF_OPEN_S: ClassVar = 5.0
    STARTS_PER_S: ClassVar = 200.0
    STARTS_BURST: ClassVar = 1000.0

    def __init__(
        self,
        authority: Authority,
        tokens: TokenBook,
        members: Callable[[], Iterable[bytes]],
        random_bytes: RandomBytes,
    ) -> None:
        """Admit in the name of `authority`, which has a chain; `members` are told."""
        self._authority = authority
        self._tokens = tokens
        self._members = members
        self._random_bytes = random_bytes
        self._starts = Bucket(self.STARTS_PER_S, self.STARTS_BURST)
        self._half_open: dict[int, HandshakeState] = {}
        self._timers: Timers[int] = Timers()
        self._outputs: deque[SendMessage | CloseStream | Admitted] = deque()

    def receive_message(
        self, now: float, wall: float, stream: int, message: bytes
    ) -> None:
        """Take a stranger's next message, at most `STRANGER_BYTES_MAX` long."""
        handshake = self._half_open.get(stream)
        try:
            blob(message, STRANGER_BYTES_MAX)
            if handshake is None:
                self._start(now, stream, message)
                return
            self._conclude(wall, stream, message, handshake)
        except BadPacket:
            self._close(stream)

    def receive_closed(self, stream: int) -> None:
        self._drop(stream)

    def handle_timeout(self, now: float) -> None:
        while (stream := self._timers.pop_due(now)) is not None:
            self._close(stream)

    def poll_output(self) -> SendMessage | CloseStream | Admitted | None:
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        return self._timers.next()

    def _start(self, now: float, stream: int, message: bytes) -> None:
        """Answer a first message by the papers, or in the clear."""
        _, shown, first = fields_untrusted(message, 3, _VERSION)[:3]
        trust = self._authority.directory.trust
        digests = {hint_of(root.digest): root.digest for root in trust.roots()}
        hint = blob(shown, HINT_BYTES, HINT_BYTES)
        if hint not in digests:
            withdrawn = hint in map(hint_of, trust.withdrawn())
            reason = Refusal.ROOT_WITHDRAWN if withdrawn else Refusal.OTHER_CLUSTER
            return self._turn_away(stream, reason)
        if not self._starts.take(now):
            return self._turn_away(stream, Refusal.BUSY)
        handshake = _handshake(
            *(self._authority.identity, digests[hint], self._random_bytes),
            initiator=False,
        )
        handshake.read_message(blob(first, STRANGER_BYTES_MAX))
        assert self._authority.chain is not None, "who admits is a manager"
        papers = Papers(self._authority.chain, trust.roots())
        answer = pack((_VERSION, _GO_ON, handshake.write_message(papers.encode())))
        if len(self._half_open) >= self.HALF_OPEN_MAX:
            self._turn_away(next(iter(self._half_open)), Refusal.BUSY)
        self._half_open[stream] = handshake
        self._timers.set(stream, now + self.HALF_OPEN_S)
        return self._outputs.append(SendMessage(answer, stream))

    def _conclude(
        self, wall: float, stream: int, message: bytes, handshake: HandshakeState
    ) -> None:
        """Answer a third message: the exchange is over, one way or the other."""
        _, third, sealed = fields_untrusted(message, 3, _VERSION)[:3]
        handshake.read_message(blob(third, STRANGER_BYTES_MAX))
        send, receive = handshake.split()
        request = receive.decrypt(b"", blob(sealed, STRANGER_BYTES_MAX))
        shown = (handshake.remote_static or b"", handshake.handshake_hash)
        outcome = self._authority.admit(self._tokens, request, shown, wall)
        if isinstance(outcome, Refusal):
            answers = [pack((_VERSION, outcome.code, b"", 0))]
        else:
            self._outputs.append(Admitted(stream, outcome))
            pages = [pack((_VERSION, page)) for page in _pages(self._members())]
            answers = [pack((_VERSION, _GO_ON, outcome.encoded, len(pages))), *pages]
        for answer in answers:
            self._outputs.append(SendMessage(send.encrypt(b"", answer), stream))
        self._close(stream)

    def _turn_away(self, stream: int, reason: Refusal) -> None:
        self._outputs.append(SendMessage(encode_refusal(reason), stream))
        self._close(stream)

    def _close(self, stream: int) -> None:
        self._drop(stream)
        self._outputs.append(CloseStream(stream))

    def _drop(self, stream: int) -> None:
        self._half_open.pop(stream, None)
        self._timers.cancel(stream)


def _open_untrusted(receive: Transport, message: bytes, count_min: int) -> list[object]:
    sealed = blob(message, MESSAGE_BYTES_MAX)
    return fields_untrusted(receive.decrypt(b"", sealed), count_min)


def _handshake(
    identity: Identity, digest: bytes, random_bytes: RandomBytes, *, initiator: bool
) -> HandshakeState:
    return HandshakeState(
        _NOISE,
        initiator=initiator,
        prologue=_PROLOGUE + digest,
        static=identity.exchange,
        random_bytes=random_bytes,
    )


def _pages(items: Iterable[bytes]) -> list[list[bytes]]:
    """Return `items` by messages; what is beyond the last page is left out."""
    pages: list[list[bytes]] = [[]]
    room = _PAGE_BYTES
    for item in items:
        size = len(item) + 3  # with its header
        assert size <= _PAGE_BYTES, f"an item of {len(item)} bytes"
        if size > room:
            if len(pages) == PAGES_MAX:
                break
            pages.append([])
            room = _PAGE_BYTES
        pages[-1].append(item)
        room -= size
    return pages
