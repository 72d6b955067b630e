"""What rides on a probe: read totally, and of those networks alone that both are in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, Scope
from swarmnet.node.rider import (
    NETWORKS_MAX,
    decode_rider_untrusted,
    encode_rider,
    tag_of,
)
from swarmnet.swim.codec import RIDER_BYTES_MAX

ONE = Scope(b"network one")
TWO = Scope(b"network two")
CLUSTERS = (bytes(range(16)), 7)
HERS = (bytes(range(16, 32)), 8)


def test_a_rider_says_the_clusters_digest_and_those_of_some_networks() -> None:
    rider = encode_rider(CLUSTERS, [(ONE, HERS), (TWO, CLUSTERS)])
    assert len(rider) == 20 + 2 * 24
    assert list(decode_rider_untrusted(rider, [CLUSTER, TWO, ONE])) == [
        (CLUSTER, CLUSTERS),
        (ONE, HERS),
        (TWO, CLUSTERS),
    ]


def test_networks_that_the_reader_is_not_in_are_passed_over() -> None:
    rider = encode_rider(CLUSTERS, [(ONE, HERS)])
    assert list(decode_rider_untrusted(rider, [CLUSTER, TWO])) == [(CLUSTER, CLUSTERS)]


def test_as_many_networks_fit_as_a_probe_may_carry() -> None:
    networks = [(Scope(b"%d" % number), HERS) for number in range(NETWORKS_MAX)]
    assert len(encode_rider(CLUSTERS, networks)) <= RIDER_BYTES_MAX
    assert len(encode_rider(CLUSTERS, networks)) + 24 > RIDER_BYTES_MAX


def test_tags_differ() -> None:
    assert len({tag_of(Scope(b"%d" % number)) for number in range(1000)}) == 1000


@pytest.mark.parametrize("length", [0, 1, 19])
def test_a_rider_that_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(BadPacket):
        decode_rider_untrusted(bytes(length), [CLUSTER])


@pytest.mark.parametrize("more", [1, 23])
def test_what_a_later_version_appends_to_a_rider_is_passed_over(more: int) -> None:
    rider = encode_rider(CLUSTERS, [(ONE, CLUSTERS)])
    told = list(decode_rider_untrusted(rider, [CLUSTER, ONE]))
    assert list(decode_rider_untrusted(rider + bytes(more), [CLUSTER, ONE])) == told


@given(st.binary(max_size=200))
def test_any_bytes_give_digests_or_are_refused(data: bytes) -> None:
    try:
        found = list(decode_rider_untrusted(data, [CLUSTER, ONE]))
    except BadPacket:
        return
    assert found[0][0] == CLUSTER
    assert all(len(digest) == 16 for _, (digest, _) in found)
