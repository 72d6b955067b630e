"""What rows say of networks: they read as they were written, and any bytes read safely.

The hex is what version 1 writes; a later one must read it.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.ipam.pools import Pool
from swarmnet.ipam.subnets import IP, Network, parse_subnet
from swarmnet.ipam.vnis import VNI_FIRST, VNI_LAST
from swarmnet.node.books import AddressBook, PoolBook, subnet_span
from swarmnet.node.network_facts import (
    HEIRS_MAX,
    EndpointFacts,
    NetworkFacts,
    NetworkFlag,
    NetworkSubnet,
    PoolFacts,
    decode_endpoint_untrusted,
    decode_network_untrusted,
    decode_pool_untrusted,
    decode_prefixes_untrusted,
    decode_will_untrusted,
    encode_prefixes,
    encode_will,
    network_id,
)
from swarmnet.tables.row import ENDPOINT, NETWORK, POOL, RANGE, ROUTE, TableName
from swarmnet.wire import pack, unpack_array_untrusted
from tests.node.hosts import Hosts

NODE = NodeId(bytes(range(16)))
FOUR, SIX = IPv4Address("10.1.0.0").packed, IPv6Address("fd00::").packed
DECODERS: dict[TableName, Callable[[bytes], object]] = {
    POOL: decode_pool_untrusted,
    NETWORK: decode_network_untrusted,
    ENDPOINT: decode_endpoint_untrusted,
    RANGE: decode_will_untrusted,
    ROUTE: decode_prefixes_untrusted,
}

u64 = st.integers(0, (1 << 64) - 1)
names = st.text(max_size=63)
pairs = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)


@st.composite
def prefixes(draw: st.DrawFn) -> Network:
    bits = draw(st.sampled_from((32, 128)))
    length = draw(st.integers(0, bits))
    number = draw(st.integers(0, (1 << length) - 1)) << (bits - length)
    kind = IPv4Address if bits == 32 else IPv6Address
    return ip_network((kind(number), length))


@st.composite
def addresses_in(draw: st.DrawFn, prefix: Network) -> IP:
    offset = draw(st.integers(0, prefix.num_addresses - 1))
    return ip_address(prefix.network_address + offset)


@st.composite
def subnets(draw: st.DrawFn) -> NetworkSubnet:
    """Return a subnet that a user could write."""
    whole = draw(st.sampled_from(("10.0.0.0/8", "172.16.0.0/12", "fd00::/8")))
    outer = ip_network(whole)
    length = draw(st.integers(outer.prefixlen, outer.max_prefixlen))
    prefix = ip_network((draw(addresses_in(outer)), length), strict=False)
    inside = addresses_in(prefix).map(str)
    bits = draw(st.integers(length, outer.max_prefixlen))
    held = ip_network((draw(addresses_in(prefix)), bits), strict=False)
    named = st.dictionaries(st.text(min_size=1, max_size=9), inside, max_size=2)
    try:
        subnet = parse_subnet(
            str(prefix),
            gateway=draw(st.none() | inside),
            ip_range=draw(st.sampled_from((None, str(held)))),
            auxiliaries=draw(named),
            has_gateway=draw(st.booleans()),
        )
    except Refused:
        reject()
    return NetworkSubnet(subnet, draw(st.integers(VNI_FIRST, VNI_LAST)))


networks = st.builds(
    NetworkFacts,
    nonce=st.binary(min_size=8, max_size=8),
    life=u64,
    name=names,
    subnets=st.lists(subnets(), max_size=4).map(tuple),
    driver=st.text(max_size=20),
    flags=st.integers(0, 255).map(NetworkFlag),
    options=pairs,
    labels=pairs,
)
endpoints = st.builds(
    EndpointFacts,
    name=names,
    sandbox=st.text(max_size=255),
    addresses=st.lists(st.tuples(u64, st.ip_addresses()), max_size=3).map(tuple),
    aliases=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    mac=st.none() | st.binary(min_size=6, max_size=6),
    life=u64,
    publish=st.lists(st.text(max_size=20), max_size=3).map(tuple),
)


@st.composite
def pool_facts(draw: st.DrawFn) -> PoolFacts:
    found = draw(st.lists(prefixes(), max_size=3))
    pools = tuple(
        Pool(one, min(one.max_prefixlen, one.prefixlen + draw(st.integers(0, 62))))
        for one in found
    )
    return PoolFacts(draw(u64), pools, draw(st.none() | u64))


@pytest.mark.slow
@given(networks)
def test_a_network_reads_as_it_was_written(facts: NetworkFacts) -> None:
    assert decode_network_untrusted(facts.encode()) == facts


@given(endpoints)
def test_an_endpoint_reads_as_it_was_written(facts: EndpointFacts) -> None:
    assert decode_endpoint_untrusted(facts.encode()) == facts


@given(pool_facts())
def test_a_pool_reads_as_it_was_written(facts: PoolFacts) -> None:
    assert decode_pool_untrusted(facts.encode()) == facts


@given(st.lists(st.binary(min_size=16, max_size=16).map(NodeId), max_size=HEIRS_MAX))
def test_a_will_reads_as_it_was_written(heirs: list[NodeId]) -> None:
    assert decode_will_untrusted(encode_will(heirs)) == tuple(heirs)


@given(st.lists(prefixes(), max_size=24))
def test_prefixes_read_as_they_were_written(found: list[Network]) -> None:
    assert decode_prefixes_untrusted(encode_prefixes(found)) == tuple(found)


@pytest.mark.parametrize("table", DECODERS)
@given(added=st.lists(st.integers(0, 9) | st.binary(max_size=4), max_size=3))
def test_fields_of_a_later_version_are_passed_over(
    table: TableName, added: list[int | bytes]
) -> None:
    if table in (RANGE, ROUTE):
        # These are lists themselves: nothing is ever appended to them.
        return
    value = GOLDEN[table][1]
    longer = pack([*unpack_array_untrusted(value), *added])  # type: ignore[list-item]
    assert DECODERS[table](longer) == DECODERS[table](value)


# Any bytes


@pytest.mark.slow
@pytest.mark.parametrize("table", DECODERS)
@given(data=st.data())
def test_any_bytes_give_a_value_or_bad_packet(
    table: TableName, data: st.DataObject
) -> None:
    junk = st.recursive(
        st.none()
        | st.booleans()
        | u64
        | st.floats()
        | st.text(max_size=4)
        | st.sampled_from([FOUR, SIX, bytes(8), bytes(16), b""]),
        lambda inner: st.lists(inner, max_size=9),
        max_leaves=30,
    )
    value = data.draw(st.binary(max_size=99) | st.lists(junk, max_size=9).map(pack))
    check_total(DECODERS[table], value)


@pytest.mark.parametrize("table", DECODERS)
@given(data=st.data())
def test_true_bytes_with_a_flaw_give_a_value_or_bad_packet(
    table: TableName, data: st.DataObject
) -> None:
    broken = bytearray(GOLDEN[table][1])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    check_total(DECODERS[table], bytes(broken))
    check_total(DECODERS[table], bytes(broken[:cut]))


def check_total(decode: Callable[[bytes], object], value: bytes) -> None:
    try:
        found = decode(value)
    except BadPacket:
        return
    assert found is not None


@pytest.mark.slow
@given(networks)
def test_whatever_subnet_is_read_has_books_that_give_what_it_owns(
    facts: NetworkFacts,
) -> None:
    for index, one in enumerate(facts.subnets):
        book = AddressBook(one.subnet)
        is_hashed = index % 2 == 0
        whole = subnet_span(one.subnet, is_hashed=is_hashed)
        assert 0 == whole.first <= whole.last < 1 << 64
        assert book.free(0.0).size == 0


@given(pool_facts())
def test_whatever_pool_is_read_has_a_book(facts: PoolFacts) -> None:
    for pool in facts.pools:
        book = PoolBook(pool, list)
        assert book.numbers_of(pool.prefix) == book.span


@pytest.mark.slow
@settings(max_examples=30)
@given(
    found=st.lists(
        networks.map(lambda one: (NETWORK, one.encode()))
        | pool_facts().map(lambda one: (POOL, one.encode()))
        | st.binary(max_size=60).map(lambda value: (RANGE, value))
        | st.binary(max_size=60).map(lambda value: (ROUTE, value)),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_a_member_writes_the_others_go_on(
    found: list[tuple[TableName, bytes]],
) -> None:
    hosts = Hosts(2)
    engine, me = hosts.engine(2), hosts.id(2)
    for place, (table, value) in enumerate(found):
        key = bytes(me) if table in (POOL, ROUTE) else bytes([place])
        if table == NETWORK:
            key = network_id(me, decode_network_untrusted(value).nonce)
        if len(value) < 800:
            engine.command(
                hosts.now,
                lambda t, at=(table, bytes(key)), v=value: t.put(  # type: ignore[misc]
                    hosts.now, CLUSTER, at, v, durable=True
                ),
            )
            hosts.run(0.05)
    hosts.run(3.0)
    assert hosts.all_see(1, 2)
    hosts.addressing(1).networks.warnings()


# Known values

GOLDEN: dict[TableName, tuple[object, bytes]] = {
    POOL: (
        PoolFacts(7, (Pool(ip_network("10.0.0.0/8"), 24),), 86_400),
        bytes.fromhex("9307919292c4040a0000000818ce00015180"),
    ),
    NETWORK: (
        NetworkFacts(
            nonce=bytes(8),
            life=7,
            name="blue",
            subnets=(
                NetworkSubnet(
                    parse_subnet(
                        "10.1.0.0/24",
                        ip_range="10.1.0.128/25",
                        auxiliaries={"a": "10.1.0.9"},
                    ),
                    1 << 20,
                ),
            ),
            flags=NetworkFlag.INTERNAL,
            options={"x": "y"},
        ),
        bytes.fromhex(
            "98c408000000000000000007a4626c7565a76f7665726c617901919592c4040a"
            "01000018c4040a01008092c4040a010080199192a161c4040a010009ce001000"
            "009192a178a17990"
        ),
    ),
    ENDPOINT: (
        EndpointFacts(
            name="web",
            sandbox="/s",
            addresses=((0, ip_address("10.1.0.2")), (1, ip_address("fd00::2"))),
            aliases=("www",),
            mac=bytes(6),
            life=7,
            publish=("80:80",),
        ),
        bytes.fromhex(
            "97a3776562a22f739292"
            "00c4040a0100029201c410fd000000000000000000000000000002"
            "91a3777777c4060000000000000791a538303a3830"
        ),
    ),
    RANGE: ((NODE,), bytes.fromhex("91c410") + NODE),
    ROUTE: (
        (ip_network("10.1.0.0/24"),),
        bytes.fromhex("9192c4040a01000018"),
    ),
}


@pytest.mark.parametrize("table", GOLDEN)
def test_known_bytes_read_as_they_always_did(table: TableName) -> None:
    facts, value = GOLDEN[table]
    assert DECODERS[table](value) == facts
    if isinstance(facts, PoolFacts | NetworkFacts | EndpointFacts):
        assert facts.encode() == value


PREFIX = [FOUR, 24]
SUBNET = [PREFIX, None, None, [], VNI_FIRST]
NETWORK_FIELDS = [bytes(8), 1, "n", "overlay", 0, [SUBNET], [], []]
ENDPOINT_FIELDS = ["n", "s", [[0, FOUR]], [], None, 1, []]


def changed(fields: list[object], place: int, value: object) -> bytes:
    return pack([*fields[:place], value, *fields[place + 1 :]])  # type: ignore[list-item]


def subnet(place: int, value: object) -> bytes:
    one = [*SUBNET[:place], value, *SUBNET[place + 1 :]]
    return changed(list(NETWORK_FIELDS), 5, [one])


OTHER = IPv4Address("10.2.0.1").packed
BAD: list[tuple[TableName, bytes]] = [
    *((table, b"") for table in DECODERS),
    *((table, pack([1])) for table in DECODERS),
    (NETWORK, pack(NETWORK_FIELDS[:7])),  # type: ignore[arg-type]
    (NETWORK, changed(list(NETWORK_FIELDS), 0, bytes(7))),
    (NETWORK, changed(list(NETWORK_FIELDS), 1, -1)),
    (NETWORK, changed(list(NETWORK_FIELDS), 2, b"n")),
    (NETWORK, changed(list(NETWORK_FIELDS), 2, "n" * 64)),
    (NETWORK, changed(list(NETWORK_FIELDS), 4, "1")),
    (NETWORK, changed(list(NETWORK_FIELDS), 5, 5)),
    (NETWORK, changed(list(NETWORK_FIELDS), 6, [["a"]])),
    (NETWORK, changed(list(NETWORK_FIELDS), 7, [["a", 1]])),
    (NETWORK, subnet(0, [FOUR, 33])),
    (NETWORK, subnet(0, [FOUR, 8])),
    (NETWORK, subnet(0, [bytes(5), 8])),
    (NETWORK, subnet(1, OTHER)),
    (NETWORK, subnet(1, SIX)),
    (NETWORK, subnet(2, [OTHER[:3] + b"\0", 25])),
    (NETWORK, subnet(2, [FOUR, 23])),
    (NETWORK, subnet(2, [SIX, 64])),
    (NETWORK, subnet(3, [["a", OTHER]])),
    (NETWORK, subnet(4, 1 << 24)),
    (ENDPOINT, pack(ENDPOINT_FIELDS[:6])),  # type: ignore[arg-type]
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 0, "n" * 64)),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 1, "s" * 801)),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 2, [[0]])),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 2, [[-1, FOUR]])),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 2, [[0, bytes(6)]])),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 4, bytes(5))),
    (ENDPOINT, changed(list(ENDPOINT_FIELDS), 6, [80])),
    (POOL, pack([1, [[PREFIX, 23]], None])),  # type: ignore[list-item]
    (POOL, pack([1, [[[SIX, 8], 71]], None])),
    (POOL, pack([1, [[PREFIX, 33]], None])),  # type: ignore[list-item]
    (POOL, pack([1, [[PREFIX, 24]], -1])),  # type: ignore[list-item]
    (POOL, pack([None, [], None])),
    (RANGE, pack([bytes(15)])),
    (RANGE, pack([bytes(16)] * (HEIRS_MAX + 1))),
    (ROUTE, pack([[FOUR, 40]])),
    (ROUTE, pack([[OTHER, 24]])),
]


@pytest.mark.parametrize(("table", "value"), BAD)
def test_what_is_none_is_refused(table: TableName, value: bytes) -> None:
    with pytest.raises(BadPacket):
        DECODERS[table](value)


def test_the_good_that_the_bad_are_made_from_is_good() -> None:
    assert decode_network_untrusted(pack(NETWORK_FIELDS)).name == "n"  # type: ignore[arg-type]
    assert decode_endpoint_untrusted(pack(ENDPOINT_FIELDS)).name == "n"  # type: ignore[arg-type]


def test_a_networks_id_says_whose_it_is() -> None:
    other = NodeId(bytes(16))
    ids = {network_id(node, bytes([n]) * 8) for node in (NODE, other) for n in (1, 2)}
    assert len(ids) == 4
    assert {len(one) for one in ids} == {16}
