"""Certificates as bytes: golden hex, sizes, cuts, flips and fields to come."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.certificate import (
    CERTIFICATE_BYTES_MAX,
    CHAIN_BYTES_MAX,
    NodeCertificate,
    Role,
    RootCertificate,
    Subject,
    Terms,
    Verdict,
    certify,
    certify_root,
    chain,
    decode_certificate_untrusted,
    decode_chain_untrusted,
    decode_root_untrusted,
    explain,
    root_key_id,
)
from swarmnet.crypto.identity import Identity, Signatures, SigningKey
from swarmnet.errors import BadPacket
from swarmnet.ids import U64_MAX
from swarmnet.wire import Value, pack
from tests.crypto.test_authority import WALL, Cluster
from tests.crypto.test_identity import flips

ROOT_KEY = SigningKey(b"\x01" * 32)
NEXT_KEY = SigningKey(b"\x02" * 32)
NODE = Identity(b"\x03" * 32, b"\x04" * 32)
SUBJECT = Subject(NODE.signing_public, NODE.exchange_public, "n1", Role.WORKER)
TERMS = Terms(b"c" * 32, b"i" * 16, 258, b"ring1234", 1_800_000_000, 1_800_003_600)
SIGNATURES = Signatures(0)

ROOT = certify_root(ROOT_KEY.public, 1_800_000_000, ROOT_KEY.sign)
NEXT = certify_root(
    NEXT_KEY.public, 1_800_000_001, NEXT_KEY.sign, (ROOT, ROOT_KEY.sign)
)
CERTIFICATE = certify(SUBJECT, TERMS, ROOT_KEY.sign)
CHAIN = chain(CERTIFICATE, CERTIFICATE)

TIME = "ce6b49d200"
ROOT_BODY = "9501c420" + ROOT_KEY.public.hex() + TIME + "c400c400"
NEXT_BODY = (
    "95" "01" "c420" + NEXT_KEY.public.hex() + "ce6b49d201"
    "c420" + ROOT.digest.hex() + "c420" + ROOT.digest.hex()
)  # fmt: skip
BODY = (
    "9b" "01" "c420" + "63" * 32 + "c410" + "69" * 16 + "cd0102"
    "c420" + NODE.signing_public.hex() + "c420" + NODE.exchange_public.hex()
    + "a26e31" "00" "c408" "72696e6731323334" + TIME + "ce6b49e010"
)  # fmt: skip


def packed(body: str, signature: bytes, *more: bytes) -> str:
    """Return the hex of an array of a body and signatures."""
    parts = (bytes.fromhex(body), signature, *more)
    return f"{0x90 + len(parts):02x}" + "".join(
        f"c4{len(part):02x}" + part.hex() for part in parts
    )


def test_a_first_root_has_these_bytes() -> None:
    signature = ROOT_KEY.sign(b"swarmnet root 1\0" + bytes.fromhex(ROOT_BODY))
    assert ROOT.encode().hex() == packed(ROOT_BODY, signature, b"")
    assert ROOT.digest.hex() == (
        "1c72e22664d781ac78e29324d2534d91340345512a3da776ca012587a019d80d"
    )
    assert ROOT.cluster == ROOT.digest
    assert root_key_id(ROOT_KEY.public) == ROOT.key_id
    assert ROOT.key_id.hex() == "d9ca34d5b55ef3d60a4995b3b67509cf"


def test_a_later_root_has_these_bytes() -> None:
    body = bytes.fromhex(NEXT_BODY)
    signature = NEXT_KEY.sign(b"swarmnet root 1\0" + body)
    cross = ROOT_KEY.sign(b"swarmnet root succession 1\0" + body)
    assert NEXT.encode().hex() == packed(NEXT_BODY, signature, cross)


def test_a_certificate_has_these_bytes() -> None:
    signature = ROOT_KEY.sign(b"swarmnet certificate 1\0" + bytes.fromhex(BODY))
    assert CERTIFICATE.encode().hex() == packed(BODY, signature)


def test_a_chain_has_these_bytes() -> None:
    part = CERTIFICATE.encode()
    assert len(part) == 218
    assert CHAIN.encoded.hex() == "92" + 2 * ("c4da" + part.hex())
    assert chain(CERTIFICATE, None).encoded.hex() == "92c4da" + part.hex() + "c400"


def test_what_was_encoded_is_read_back() -> None:
    alone = chain(CERTIFICATE, None)
    assert decode_certificate_untrusted(CERTIFICATE.encode()) == CERTIFICATE
    assert decode_chain_untrusted(CHAIN.encoded) == CHAIN
    assert decode_chain_untrusted(alone.encoded) == alone
    assert decode_root_untrusted(ROOT.encode()) == ROOT
    assert decode_root_untrusted(NEXT.encode()) == NEXT


def test_the_stated_sizes_hold() -> None:
    cluster = Cluster()
    worker = cluster.certify(cluster.identity(), "worker01")
    manager = cluster.certify(cluster.identity(), "manager1", Role.MANAGER)
    cluster.authority.next_serial = U64_MAX
    longest = cluster.certify(cluster.identity(), "n" * 63).certificate
    cluster.authority.chain = manager
    successor = cluster.root.succeed(cluster.random_bytes, WALL).certificate
    chained = chain(worker.certificate, manager.certificate)
    things = (worker.certificate, manager.certificate, longest, successor)
    sizes = [len(thing.encode()) for thing in things]
    assert [*sizes, len(chained.encoded)] == [222, 230, 286, 244, 457]
    assert len(cluster.root.certificate.encode()) == 116


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
KEYS = st.binary(min_size=32, max_size=32)
# The number behind it is over 2: no point of low order.
EXCHANGES = KEYS.map(lambda key: b"\x09" + key[1:31] + b"\x01")
SUBJECTS = st.builds(Subject, KEYS, EXCHANGES, NAMES, st.sampled_from(Role))
TIMES = st.integers(0, 253_402_300_798)
ALL_TERMS = st.builds(
    Terms,
    cluster=KEYS,
    issuer=st.binary(min_size=16, max_size=16),
    serial=st.integers(0, U64_MAX),
    ring_serial=st.binary(min_size=8, max_size=8),
    not_before=TIMES,
    not_after=st.just(253_402_300_799),
)


@given(SUBJECTS, ALL_TERMS)
def test_every_certificate_reads_back_as_it_was_written(
    subject: Subject, terms: Terms
) -> None:
    written = certify(subject, terms, lambda _: bytes(64))
    assert decode_certificate_untrusted(written.encode()) == written
    assert len(written.encode()) <= CERTIFICATE_BYTES_MAX


def test_what_is_cut_anywhere_is_refused() -> None:
    for cut in range(len(CERTIFICATE.encode())):
        with pytest.raises(BadPacket):
            decode_certificate_untrusted(CERTIFICATE.encode()[:cut])
    for cut in range(len(CHAIN.encoded)):
        with pytest.raises(BadPacket):
            decode_chain_untrusted(CHAIN.encoded[:cut])
    for root in (ROOT, NEXT):
        for cut in range(len(root.encode())):
            with pytest.raises(BadPacket):
                decode_root_untrusted(root.encode()[:cut])


def certificate_of(data: bytes) -> NodeCertificate | None:
    try:
        return decode_certificate_untrusted(data)
    except BadPacket:
        return None


def root_of(data: bytes) -> RootCertificate | None:
    try:
        return decode_root_untrusted(data)
    except BadPacket:
        return None


@pytest.mark.slow
def test_any_bit_turned_makes_a_certificate_unreadable_or_unsigned() -> None:
    assert CERTIFICATE.is_signed_by(ROOT_KEY.public, SIGNATURES)
    for data in flips(CERTIFICATE.encode()):
        read = certificate_of(data)
        assert read is None or not read.is_signed_by(ROOT_KEY.public, SIGNATURES)


@pytest.mark.slow
@pytest.mark.parametrize("root", [ROOT, NEXT], ids=["first", "later"])
def test_any_bit_turned_makes_a_root_unreadable_or_unsigned(
    root: RootCertificate,
) -> None:
    assert root.is_genuine(SIGNATURES)
    for data in flips(root.encode()):
        read = root_of(data)
        assert (
            read is None
            or not read.is_genuine(SIGNATURES)
            or not read.succeeds(ROOT, SIGNATURES)
        )


def test_a_root_is_succeeded_by_the_one_that_it_signed_and_no_other() -> None:
    stranger = SigningKey(b"\x09" * 32)
    foreign = certify_root(stranger.public, 1, stranger.sign)
    claimed = certify_root(stranger.public, 2, stranger.sign, (ROOT, stranger.sign))
    twin = certify_root(ROOT_KEY.public, 5, ROOT_KEY.sign)
    assert NEXT.succeeds(ROOT, SIGNATURES)
    assert not NEXT.succeeds(foreign, SIGNATURES)
    assert not NEXT.succeeds(twin, SIGNATURES), "of the same key, but another root"
    assert not ROOT.succeeds(NEXT, SIGNATURES)
    assert claimed.is_genuine(SIGNATURES)
    assert not claimed.succeeds(ROOT, SIGNATURES)


def test_a_signature_made_for_one_purpose_serves_no_other() -> None:
    # What one key signs as a root, as a predecessor and as an issuer, in each place.
    for signed in (ROOT.signature, NEXT.cross_signature):
        moved = replace(CERTIFICATE, body=ROOT.body, signature=signed)
        assert not moved.is_signed_by(ROOT_KEY.public, SIGNATURES)
    moved_root = replace(ROOT, body=CERTIFICATE.body, signature=CERTIFICATE.signature)
    assert not moved_root.is_genuine(SIGNATURES)
    swapped = replace(
        NEXT, cross_signature=NEXT.signature, signature=NEXT.cross_signature
    )
    assert not swapped.succeeds(ROOT, SIGNATURES)
    assert not swapped.is_genuine(SIGNATURES)


def fields(**changed: Value) -> list[Value]:
    """Return the fields of a good body, with some of them changed."""
    good: dict[str, Value] = {
        "version": 1,
        "cluster": TERMS.cluster,
        "issuer": TERMS.issuer,
        "serial": TERMS.serial,
        "signing": SUBJECT.signing_public,
        "exchange": SUBJECT.exchange_public,
        "name": SUBJECT.name,
        "role": SUBJECT.role,
        "ring_serial": TERMS.ring_serial,
        "not_before": TERMS.not_before,
        "not_after": TERMS.not_after,
    }
    return list((good | changed).values())


def test_fields_of_a_later_version_are_skipped_and_kept() -> None:
    body = pack([*fields(version=2), None, "later", [1, 2]])
    signature = ROOT_KEY.sign(b"swarmnet certificate 1\0" + body)
    data = pack((body, signature, b"outside of what is signed"))
    read = decode_certificate_untrusted(data)
    assert (read.subject, read.terms, read.body) == (SUBJECT, TERMS, body)
    assert read.is_signed_by(ROOT_KEY.public, SIGNATURES)
    relayed = decode_chain_untrusted(chain(read, read).encoded)
    assert (relayed.certificate, relayed.issuer) == (read, read)


def test_a_later_roots_fields_are_skipped_and_kept() -> None:
    body = pack((2, ROOT_KEY.public, 5, b"", b"", "later"))
    signature = ROOT_KEY.sign(b"swarmnet root 1\0" + body)
    read = decode_root_untrusted(pack((body, signature, b"")))
    assert read.is_genuine(SIGNATURES)
    assert decode_root_untrusted(read.encode()) == read


BAD_FIELDS: list[dict[str, Value]] = [
    {"version": 0},
    {"version": "1"},
    {"cluster": b"c" * 31},
    {"issuer": b"i" * 17},
    {"serial": -1},
    {"serial": True},
    {"signing": b"s" * 33},
    {"exchange": b""},
    {"exchange": bytes(32)},
    {"name": ""},
    {"name": "n" * 64},
    {"name": "N1"},
    {"name": "n1-"},
    {"name": "n1\n"},
    {"name": "n1.example"},
    {"name": b"n1"},
    {"role": 2},
    {"role": -1},
    {"ring_serial": b"1234567"},
    {"not_before": 1.5},
    {"not_before": TERMS.not_after},
    {"not_after": 253_402_300_800},
]


@pytest.mark.parametrize("bad", BAD_FIELDS, ids=str)
def test_a_body_with_a_field_out_of_bounds_is_refused(bad: dict[str, Value]) -> None:
    good = pack((pack(fields()), bytes(64)))
    assert decode_certificate_untrusted(good).subject == SUBJECT
    with pytest.raises(BadPacket):
        decode_certificate_untrusted(pack((pack(fields(**bad)), bytes(64))))


BAD_ROOTS: list[list[Value]] = [
    [0, bytes(32), 5, b"", b""],
    [1, bytes(31), 5, b"", b""],
    [1, bytes(32), -5, b"", b""],
    [1, bytes(32), 5, bytes(32), b""],
    [1, bytes(32), 5, b"", bytes(32)],
    [1, bytes(32), 5, bytes(32), bytes(32)],
    [1, bytes(32), 5, bytes(7), bytes(7)],
    [1, bytes(32), 5, b""],
]


@pytest.mark.parametrize("bad", BAD_ROOTS, ids=str)
def test_a_root_with_half_an_origin_is_refused(bad: list[Value]) -> None:
    good = pack((pack((1, bytes(32), 5, b"", b"")), bytes(64), b""))
    assert decode_root_untrusted(good).made_at == 5
    with pytest.raises(BadPacket):
        decode_root_untrusted(pack((pack(bad), bytes(64), b"")))


JUNK: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**63) | st.binary(max_size=80)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=8,
)  # fmt: skip
DECODERS = [
    decode_certificate_untrusted,
    decode_chain_untrusted,
    decode_root_untrusted,
]


@given(st.binary(max_size=700) | JUNK.map(lambda junk: pack((junk,))))  # type: ignore[arg-type]
def test_bytes_by_chance_are_refused(data: bytes) -> None:
    for decode in DECODERS:
        with pytest.raises(BadPacket):
            decode(data)


@pytest.mark.slow
@given(st.lists(JUNK, max_size=12).map(pack))  # type: ignore[arg-type]
def test_arrays_by_chance_are_refused_outside_and_as_a_body(data: bytes) -> None:
    for decode in DECODERS:
        for tried in (data, pack((data, bytes(64), b"")), pack((1, data, data))):
            with pytest.raises(BadPacket):
                decode(tried)


def test_what_is_longer_than_its_bound_is_refused_unread() -> None:
    filler = "x" * CERTIFICATE_BYTES_MAX
    body = pack([*fields(), filler])
    with pytest.raises(BadPacket, match=f"to {CERTIFICATE_BYTES_MAX} bytes"):
        decode_certificate_untrusted(pack((body, bytes(64))))
    with pytest.raises(BadPacket, match=f"to {CHAIN_BYTES_MAX} bytes"):
        decode_chain_untrusted(CHAIN.encoded + bytes(CHAIN_BYTES_MAX))


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_is_one_line_with_nothing_left_open(verdict: Verdict) -> None:
    line = explain(verdict, CHAIN, WALL, ours="ours", cut=7, held=9)
    assert line.startswith("certificate of n1: ")
    assert not any(mark in line for mark in "\n{}")
