"""Join tokens: their text, each way to be malformed, and which secret is which."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.admission import (
    Admitted,
    Admitter,
    CloseStream,
    Joined,
    Joiner,
    NotJoined,
    SendMessage,
)
from swarmnet.crypto.certificate import Role, Verdict
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.token import (
    ADDRESSES_MAX,
    Match,
    Papers,
    Refusal,
    Request,
    Token,
    TokenBook,
    Verifier,
    addresses_untrusted,
    decode_papers_untrusted,
    decode_request_untrusted,
    decode_verifier_untrusted,
    encode_refusal,
    fields_untrusted,
    hash_secret,
    hint_of,
)
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address
from swarmnet.wire import Value, pack
from tests.crypto.test_authority import WALL, Cluster
from tests.crypto.test_identity import flips

MEMBERS = [b"member one", b"member two"]
WORKER_SECRET, MANAGER_SECRET = b"the worker's one", b"the manager's 1!"


class Door:
    """A cluster whose manager admits, and tokens for it; all of it from a seed."""

    def __init__(
        self, members: Sequence[bytes] = MEMBERS, cluster: Cluster | None = None
    ) -> None:
        self.cluster = c = cluster or Cluster()
        self.book = TokenBook(
            Verifier.of(Role.WORKER, WORKER_SECRET),
            Verifier.of(Role.MANAGER, MANAGER_SECRET),
        )
        digest = c.root.certificate.digest
        self.token = Token(digest, WORKER_SECRET)
        self.manager_token = Token(digest, MANAGER_SECRET)
        self.admitter = Admitter(
            c.authority, self.book, lambda: members, Random(21).randbytes
        )

    def hears(
        self, data: bytes, stream: int = 1, now: float = 0.0
    ) -> list[SendMessage | CloseStream | Admitted]:
        """Give the manager a message; return all that he wants done."""
        self.admitter.receive_message(now, WALL, stream, data)
        return list(iter(self.admitter.poll_output, None))

    def answers(self, data: bytes) -> list[bytes]:
        """Give the manager a message; return the messages that he sends."""
        return [one.data for one in self.hears(data) if isinstance(one, SendMessage)]

    def state(self) -> tuple[int, int, float | None]:
        """Return what an admission, or an open exchange, changes."""
        authority = self.cluster.authority
        held = len(self.cluster.directory)
        return authority.next_serial, held, self.admitter.poll_timeout()


def joiner(
    token: Token, name: str = "w1", role: Role | None = None, seed: int = 31
) -> Joiner:
    keys = Random(seed).randbytes
    made = Joiner(Identity.generate(keys), token, name, keys, role=role)
    made.begin(0.0)
    return made


def sent(peer: Joiner) -> bytes:
    """Take the one message that a joiner has to send."""
    output = peer.poll_output()
    assert isinstance(output, SendMessage)
    assert peer.poll_output() is None
    return output.data


def ended(peer: Joiner) -> NotJoined:
    """Take how a joiner failed; nothing is left after it."""
    output = peer.poll_output()
    assert isinstance(output, NotJoined)
    assert "\n" not in output.line
    assert (peer.poll_output(), peer.poll_timeout()) == (None, None)
    return output


def join(door: Door, peer: Joiner) -> Joined | NotJoined:
    """Carry everything across until the joiner has its outcome."""
    while isinstance(output := peer.poll_output(), SendMessage):
        for data in door.answers(output.data):
            peer.receive_message(WALL, data)
    assert output is not None
    return output


def exchange(door: Door, peer: Joiner) -> list[bytes]:
    """Return the messages of a whole join, both ways, members' pages too."""
    first = sent(peer)
    (second,) = door.answers(first)
    peer.receive_message(WALL, second)
    third = sent(peer)
    return [first, second, third, *door.answers(third)]


SECRETS = [bytes((number,)) * 16 for number in range(12)]
TOKEN = Token(bytes(31) + b"\x25", bytes(15) + b"\x48")
DIGEST_TEXT = "0" * 48 + "11"
SECRET_TEXT = "0" * 23 + "20"
TEXT = f"SNTKN-1-{DIGEST_TEXT}-{SECRET_TEXT}"


def test_a_token_has_this_text() -> None:
    assert TOKEN.text() == TEXT
    assert Token.parse(TEXT) == TOKEN
    assert Token(b"\xff" * 32, b"\xff" * 16).text() == (
        "SNTKN-1-6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof"
        "-f5lxx1zz5pnorynqglhzmsp33"
    )


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_every_token_has_one_width_and_reads_back(digest: bytes, secret: bytes) -> None:
    token = Token(digest, secret)
    assert len(token.text()) == len("SNTKN-1-") + 50 + 1 + 25
    assert Token.parse(token.text()) == token


def test_a_token_shows_its_secret_only_as_text() -> None:
    token = Token(bytes(32), Random(1).randbytes(16))
    assert repr(token.secret) not in repr(token)
    assert token.secret.hex() not in repr(token)
    assert token.text().rpartition("-")[2] not in repr(token)


def test_a_token_of_a_root_names_its_digest() -> None:
    cluster = Cluster()
    token = Token.generate(cluster.root.certificate, cluster.random_bytes)
    assert token.digest == cluster.trust.cluster
    assert len(token.secret) == 16


MALFORMED = [
    ("", "of 1 parts, want SNTKN-1-digest-secret"),
    ("hello", "of 1 parts, want SNTKN-1-digest-secret"),
    (f"SWMTKN-1-{DIGEST_TEXT}-{SECRET_TEXT}", "Docker's"),
    (f"sntkn-1-{DIGEST_TEXT}-{SECRET_TEXT}", "of 4 parts, want SNTKN-1-digest-secret"),
    (f"SNTKN-1-{DIGEST_TEXT}", "of 3 parts"),
    (f"{TEXT}-x", "of 5 parts"),
    (f"SNTKN-2-{DIGEST_TEXT}-{SECRET_TEXT}", "of version '2', want 1"),
    (f"SNTKN--{DIGEST_TEXT}-{SECRET_TEXT}", "of version '', want 1"),
    (f"SNTKN-1-{DIGEST_TEXT[1:]}-{SECRET_TEXT}", "a digest of 49 characters, want 50"),
    (f"SNTKN-1-{DIGEST_TEXT}0-{SECRET_TEXT}", "a digest of 51 characters, want 50"),
    (f"SNTKN-1-{DIGEST_TEXT}-{SECRET_TEXT[1:]}", "a secret of 24 characters, want 25"),
    (f"{TEXT}\n", "a secret of 26 characters, want 25"),
    (f"SNTKN-1-{DIGEST_TEXT}-{SECRET_TEXT[1:]}\n", "a secret not of 0-9 and a-z"),
    (f"SNTKN-1-{'Z' * 50}-{SECRET_TEXT}", "a digest not of 0-9 and a-z"),
    (f"SNTKN-1-{DIGEST_TEXT}-+{SECRET_TEXT[1:]}", "a secret not of 0-9 and a-z"),
    (f"SNTKN-1-{DIGEST_TEXT}-0_{SECRET_TEXT[2:]}", "a secret not of 0-9 and a-z"),
    (f"SNTKN-1-{DIGEST_TEXT}-٣{SECRET_TEXT[1:]}", "a secret not of 0-9 and a-z"),
    (f"SNTKN-1-{'z' * 50}-{SECRET_TEXT}", "a digest above 256 bits"),
    (f"SNTKN-1-{DIGEST_TEXT}-{'z' * 25}", "a secret above 128 bits"),
]


@pytest.mark.parametrize(("text", "refusal"), MALFORMED)
def test_each_way_to_be_malformed_has_its_own_line(text: str, refusal: str) -> None:
    with pytest.raises(Refused) as caught:
        Token.parse(text)
    line = str(caught.value)
    assert line.startswith("join token")
    assert refusal in line
    assert ": " in line
    assert "\n" not in line
    assert SECRET_TEXT[1:] not in line


@given(st.text(max_size=90))
def test_text_by_chance_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^join token"):
        Token.parse(text)


def test_a_joiner_under_no_name_is_refused_before_it_says_anything() -> None:
    with pytest.raises(Refused, match="node name 'Bad Name': want 1 to 63"):
        joiner(Door().token, "Bad Name")


def test_a_member_that_is_no_manager_says_who_is() -> None:
    managers = (Address(b"\x0a\0\0\1", 7946), Address(bytes(16), 1))
    peer = joiner(Door().token)
    sent(peer)
    peer.receive_message(WALL, encode_refusal(Refusal.NO_MANAGER, managers))
    line = "that node is no manager: join by one of those it knows"
    assert ended(peer) == NotJoined(Refusal.NO_MANAGER, line, managers)


def book(*rotations: Role) -> TokenBook:
    """Return a book whose secrets are 0 for workers and 1 for managers, then 2, 3…"""
    made = TokenBook(
        Verifier.of(Role.WORKER, SECRETS[0]), Verifier.of(Role.MANAGER, SECRETS[1])
    )
    for number, role in enumerate(rotations, start=2):
        made.replace(made.verifier(role).rotated(SECRETS[number]))
    return made


def test_each_secret_admits_to_its_role() -> None:
    matches = [book().match(secret) for secret in SECRETS[:3]]
    assert matches == [Match.WORKER, Match.MANAGER, Match.UNKNOWN]
    assert [match.role for match in matches] == [Role.WORKER, Role.MANAGER, None]
    assert Match.RETIRED.role is None


def test_the_two_secrets_are_rotated_apart() -> None:
    rotated = book(Role.WORKER)
    assert [rotated.match(secret) for secret in SECRETS[:3]] == [
        Match.RETIRED,
        Match.MANAGER,
        Match.WORKER,
    ]


def test_the_last_few_retired_secrets_are_known_as_such() -> None:
    rotated = book(*[Role.MANAGER] * 6)
    secrets = [SECRETS[1], *SECRETS[2:8]]
    assert [rotated.match(secret) for secret in secrets] == [
        *[Match.UNKNOWN] * 2,
        *[Match.RETIRED] * 4,
        Match.MANAGER,
    ]
    assert len(rotated.verifier(Role.MANAGER).hashes) == Verifier.RETIRED_MAX + 1


def test_a_verifier_of_one_role_admits_to_no_other() -> None:
    assert hash_secret(Role.WORKER, SECRETS[0]) != hash_secret(Role.MANAGER, SECRETS[0])
    moved = Verifier(Role.MANAGER, Verifier.of(Role.WORKER, SECRETS[0]).hashes)
    made = TokenBook(Verifier.of(Role.WORKER, SECRETS[2]), moved)
    assert made.match(SECRETS[0]) is Match.UNKNOWN


def test_all_hashes_are_compared_whatever_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr("swarmnet.crypto.token.compare_digest", compare)
    rotated = book(Role.WORKER, Role.MANAGER, Role.WORKER)
    for secret in SECRETS:
        compared.clear()
        rotated.match(secret)
        assert len(compared) == 5


def test_a_verifier_has_these_bytes() -> None:
    verifier = book(Role.WORKER).verifier(Role.WORKER)
    hashes = b"".join(verifier.hashes)
    assert verifier.encode().hex() == "930100c440" + hashes.hex()
    assert hash_secret(Role.WORKER, SECRETS[0]) == hashes[32:]
    assert (
        hashes[32:].hex()
        == "91341ed4f2796b6672d32c9566e4f1d73a59e43076aba2d14070f95a9cb7e3b4"
    )
    assert decode_verifier_untrusted(verifier.encode()) == verifier


def test_a_cut_or_turned_verifier_is_refused_or_admits_nobody() -> None:
    whole = book().verifier(Role.WORKER).encode()
    for cut in range(len(whole)):
        with pytest.raises(BadPacket):
            decode_verifier_untrusted(whole[:cut])
    for data in flips(whole[2:]):
        try:
            turned = decode_verifier_untrusted(whole[:2] + data)
        except BadPacket:
            continue
        assert turned.hashes != book().verifier(Role.WORKER).hashes or (
            turned.role is Role.MANAGER
        )


BAD_VERIFIERS: list[list[Value]] = [
    [0, 0, bytes(32)],
    [1, 2, bytes(32)],
    [1, 0, b""],
    [1, 0, bytes(33)],
    [1, 0, bytes(32 * 6)],
    [1, 0],
]


@pytest.mark.parametrize("bad", BAD_VERIFIERS, ids=str)
def test_a_verifier_out_of_bounds_is_refused(bad: list[Value]) -> None:
    with pytest.raises(BadPacket):
        decode_verifier_untrusted(pack(bad))


def test_a_hint_is_eight_bytes_that_are_not_the_digests_own() -> None:
    assert hint_of(bytes(32)).hex() == "e1a638193f7dadae"
    assert hint_of(bytes(32)) != bytes(8)


def test_papers_and_requests_read_back() -> None:
    c = Cluster()
    second = c.root.succeed(c.random_bytes, WALL)
    papers = Papers(c.chain, (c.root.certificate, second.certificate))
    assert decode_papers_untrusted(papers.encode()) == papers
    for role in (None, *Role):
        request = Request(bytes(16), bytes(32), bytes(64), "name", role)
        assert decode_request_untrusted(request.encode()) == request
    assert "secret" not in repr(request)


def test_papers_give_trust_in_the_root_that_the_digest_names() -> None:
    c = Cluster()
    second = c.root.succeed(c.random_bytes, WALL)
    third = second.succeed(c.random_bytes, WALL).certificate
    first = c.root.certificate
    stranger = Cluster(2).root.certificate
    papers = Papers(c.chain, (third, stranger, second.certificate, first))
    for root in (first, second.certificate, third):
        trust = papers.trust(root.digest)
        assert trust is not None
        assert {one.digest for one in trust.roots()} == {
            *(first.digest, second.certificate.digest, third.digest)
        }
        assert trust.judge(c.chain, WALL) is Verdict.GOOD
    assert papers.trust(bytes(32)) is None


def test_a_refusal_tells_where_to_try_instead() -> None:
    managers = [Address(bytes((10, 0, 0, n)), 7946) for n in range(12)]
    _, number, shown = fields_untrusted(encode_refusal(Refusal.BUSY, managers), 3)
    assert number == Refusal.BUSY.code
    assert addresses_untrusted(shown) == tuple(managers[:ADDRESSES_MAX])
    for bad in (None, [b"short"], [7], b""):
        with pytest.raises(BadPacket):
            addresses_untrusted(bad)


def test_a_refusal_from_the_wire_is_read_by_number() -> None:
    sent = [refusal for refusal in Refusal if refusal.code < 100]
    assert [Refusal.of_code(refusal.code) for refusal in sent] == sent
    for number in (0, 99, 101, 104, 255):
        assert Refusal.of_code(number) is Refusal.UNNAMED
    assert len({refusal.code for refusal in Refusal}) == len(Refusal)
    lines = [refusal.line.format(name="n", role="r") for refusal in Refusal]
    assert len(set(lines)) == len(Refusal)
    assert not any("\n" in line for line in lines)


@given(st.binary(max_size=300))
def test_bytes_by_chance_are_refused(data: bytes) -> None:
    decoders = (decode_verifier_untrusted, decode_papers_untrusted)
    for decode in (*decoders, decode_request_untrusted):
        with pytest.raises(BadPacket):
            decode(data)
