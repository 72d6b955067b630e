from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.kernel.link_codec import (
    FoundLink,
    add_bridge,
    add_veth,
    add_vxlan,
    decode_link_untrusted,
    dump_links,
    get_link,
    link_up,
    newborn_untrusted,
    release_link,
    remove_link,
    set_link,
)
from swarmnet.kernel.links import Kind, Link, Port, Vxlan
from swarmnet.kernel.netlink import Request, attribute_text, attribute_u32
from tests.kernel.hostile import check_cuts_and_flips, check_read_or_refused
from tests.kernel.oracle import Attributes, heard_request, nest, spoken

MAC: Final = bytes.fromhex("02420a000001")
TEXT_MAC: Final = "02:42:0a:00:00:01"
BRIDGE: Final = Link("br0", Kind.BRIDGE, 1450, alias="swarmnet:a", mac=MAC)
VXLAN4: Final = Vxlan(4097, bytes((10, 0, 0, 1)), 4789)
VXLAN6: Final = Vxlan(
    0xFFFFFF, bytes((0xFD, *[0] * 14, 1)), 8472, learning=True, proxy=False
)
VETH: Final = Link("v1", Kind.VETH, 1430)
ADD: Final = 0x601
# A device of vxlan0's kind in a bridge, without the attributes that nobody asks for.
PORT_BODY: Final = bytes.fromhex(
    "00000100030000004310010000000000"  # index 3, up
    "08000300767830000800 0400aa050000".replace(" ", "")
    + "0a000100 56d8afcc10cd0000".replace(" ", "")
    + "08000a0002000000"
    + "080005000300000008002500 00000000".replace(" ", "")
    + "0e0014007377 61726d6e65743a 000000".replace(" ", "")
)


def read(request: Request) -> FoundLink | None:
    """Read a request as though a kernel had told it."""
    return decode_link_untrusted(request.body)


def expected(
    kind: int, flags: int, fields: Mapping[str, int], *attrs: tuple[str, object]
) -> object:
    return spoken("ifinfmsg", kind, flags, fields, attrs)


def test_a_bridge_is_asked_for() -> None:
    assert heard_request("ifinfmsg", add_bridge(BRIDGE)) == expected(
        16,
        ADD,
        {},
        ("IFLA_IFNAME", "br0"),
        ("IFLA_MTU", 1451),
        ("IFLA_ADDRESS", TEXT_MAC),
        ("IFLA_LINKINFO", nest(("IFLA_INFO_KIND", "bridge"))),
    )


@pytest.mark.parametrize(
    ("vxlan", "data"),
    [
        (
            VXLAN4,
            [
                ("IFLA_VXLAN_ID", 4097),
                ("IFLA_VXLAN_LOCAL", "10.0.0.1"),
                ("IFLA_VXLAN_PORT", 4789),
                ("IFLA_VXLAN_LEARNING", 0),
                ("IFLA_VXLAN_PROXY", 1),
                ("IFLA_VXLAN_L2MISS", 1),
                ("IFLA_VXLAN_L3MISS", 1),
            ],
        ),
        (
            VXLAN6,
            [
                ("IFLA_VXLAN_ID", 0xFFFFFF),
                ("IFLA_VXLAN_LOCAL6", "fd00::1"),
                ("IFLA_VXLAN_PORT", 8472),
                ("IFLA_VXLAN_LEARNING", 1),
                ("IFLA_VXLAN_PROXY", 0),
                ("IFLA_VXLAN_L2MISS", 1),
                ("IFLA_VXLAN_L3MISS", 1),
            ],
        ),
    ],
)
def test_a_vxlan_device_is_asked_for_in_another_namespace(
    vxlan: Vxlan, data: Attributes
) -> None:
    link = Link("vxlan0", Kind.VXLAN, 1450, vxlan=vxlan)
    request = add_vxlan(link, namespace_fd=9, master_index=2)
    info = nest(("IFLA_INFO_KIND", "vxlan"), ("IFLA_INFO_DATA", nest(*data)))
    assert heard_request("ifinfmsg", request) == expected(
        16,
        ADD,
        {},
        ("IFLA_IFNAME", "vxlan0"),
        ("IFLA_MTU", 1450),
        ("IFLA_NET_NS_FD", 9),
        ("IFLA_MASTER", 2),
        ("IFLA_LINKINFO", info),
    )


def test_a_veth_pair_is_asked_for_with_one_end_elsewhere() -> None:
    other = Link("eth0", Kind.VETH, 1430, mac=MAC)
    request = add_veth(VETH, master_index=2, other=other, other_fd=7)
    peer = nest(
        ("IFLA_IFNAME", "eth0"),
        ("IFLA_MTU", 1430),
        ("IFLA_NET_NS_FD", 7),
        ("IFLA_ADDRESS", TEXT_MAC),
        ("IFLA_NUM_TX_QUEUES", 1),
        ("IFLA_NUM_RX_QUEUES", 1),
    )
    data = nest(("VETH_INFO_PEER", peer))
    assert heard_request("ifinfmsg", request) == expected(
        16,
        ADD,
        {},
        ("IFLA_IFNAME", "v1"),
        ("IFLA_MTU", 1430),
        ("IFLA_MASTER", 2),
        ("IFLA_NUM_TX_QUEUES", 1),
        ("IFLA_NUM_RX_QUEUES", 1),
        ("IFLA_LINKINFO", nest(("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data))),
    )


def test_an_existing_link_is_changed_in_three_steps() -> None:
    link = replace(VETH, name="eth0", alias="swarmnet:b", mac=MAC, port=Port())
    requests = set_link(5, link, master_index=2, rename="eth0")
    mode = nest(("AF_INET6", nest(("IFLA_INET6_ADDR_GEN_MODE", 1))))
    flags = nest(
        ("IFLA_BRPORT_LEARNING", 0),
        ("IFLA_BRPORT_UNICAST_FLOOD", 0),
        ("IFLA_BRPORT_ISOLATED", 0),
        ("IFLA_BRPORT_MODE", 0),
    )
    slave = nest(("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", flags))
    assert [heard_request("ifinfmsg", each) for each in requests] == [
        expected(
            19,
            1,
            {"index": 5},
            ("IFLA_IFNAME", "eth0"),
            ("IFLA_IFALIAS", "swarmnet:b"),
            ("IFLA_MTU", 1430),
            ("IFLA_ADDRESS", TEXT_MAC),
            ("IFLA_MASTER", 2),
        ),
        expected(19, 1, {"index": 5}, ("IFLA_AF_SPEC", mode)),
        expected(
            16,
            1,
            {"index": 5, "flags": 0x1001, "change": 0x1081},
            ("IFLA_LINKINFO", slave),
        ),
    ]


def test_a_link_is_addressed_by_its_name_where_the_index_is_not_known() -> None:
    requests = set_link(0, BRIDGE, master_index=None, rename=None)
    found = [read(each) for each in requests]
    assert [each.link.name if each else "" for each in found] == ["br0"] * 3


def test_a_link_too_narrow_for_ipv6_is_not_told_of_it() -> None:
    narrow = replace(VETH, mtu=1279, is_up=False)
    first, last = set_link(5, narrow, master_index=None, rename=None)
    assert (first.kind, last.kind) == (19, 16)
    fields = {"index": 5, "flags": 0x1000, "change": 0x1081}
    assert heard_request("ifinfmsg", last) == expected(16, 1, fields)


def test_a_link_is_taken_up_released_removed_and_asked_for() -> None:
    requests = [link_up(5), release_link(5), remove_link(5), get_link("br0")]
    assert [heard_request("ifinfmsg", each) for each in requests] == [
        expected(19, 1, {"index": 5, "flags": 1, "change": 1}),
        expected(19, 1, {"index": 5}, ("IFLA_MASTER", 0)),
        expected(17, 1, {"index": 5}),
        expected(18, 1, {}, ("IFLA_IFNAME", "br0"), ("IFLA_EXT_MASK", 8)),
    ]
    assert heard_request("ifinfmsg", dump_links()) == expected(
        18, 0x301, {}, ("IFLA_EXT_MASK", 8)
    )


def test_a_bridge_port_of_another_namespace_is_read() -> None:
    assert decode_link_untrusted(PORT_BODY) == FoundLink(
        index=3,
        flags=0x11043,
        link=Link(
            "vx0",
            Kind.OTHER,
            1450,
            alias="swarmnet:",
            mac=bytes.fromhex("56d8afcc10cd"),
        ),
        master_index=2,
        peer_index=3,
        netns_id=0,
    )


@pytest.mark.parametrize("vxlan", [VXLAN4, VXLAN6])
def test_a_vxlan_device_is_read_as_it_was_written(vxlan: Vxlan) -> None:
    link = Link("vxlan0", Kind.VXLAN, 1450, vxlan=vxlan)
    found = read(add_vxlan(link, namespace_fd=9, master_index=2))
    assert found == FoundLink(
        0, 0, replace(link, mac=b"", is_up=False, is_mute=True), 2
    )


PORTS: Final = st.builds(
    Port,
    learning=st.booleans(),
    flood=st.booleans(),
    isolated=st.booleans(),
    hairpin=st.booleans(),
)


@given(PORTS, st.booleans())
def test_port_flags_are_read_as_they_were_written(port: Port, has_any: bool) -> None:
    link = replace(BRIDGE, port=port, has_link_local=has_any)
    _, mode, last = set_link(0, link, master_index=None, rename=None)
    found = read(last)
    assert found is not None
    assert (found.link.port, found.link.is_up) == (port, True)
    found = read(mode)
    assert found is not None
    assert found.link.has_link_local == has_any


def test_of_a_new_pair_both_indexes_are_read() -> None:
    other_end = PORT_BODY[:32] + attribute_u32(5, 9)
    assert newborn_untrusted(other_end, VETH) == FoundLink(3, 0, VETH, peer_index=9)
    assert newborn_untrusted(other_end, BRIDGE) == FoundLink(3, 0, BRIDGE)
    assert newborn_untrusted(PORT_BODY[:32], VETH) == FoundLink(3, 0, VETH)


def test_a_bridges_word_on_its_port_is_passed_over() -> None:
    assert decode_link_untrusted(b"\7" + PORT_BODY[1:]) is None


@pytest.mark.parametrize(
    "body", [b"", PORT_BODY[:15], PORT_BODY[:16], PORT_BODY + b"\1"]
)
def test_a_link_that_is_cut_off_or_has_no_name_is_refused(body: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_link_untrusted(body)


def test_a_kind_that_we_never_make_is_another() -> None:
    body = PORT_BODY[:16] + attribute_text(3, "tun0")
    found = decode_link_untrusted(body)
    assert found is not None
    assert (found.link.kind, found.link.port, found.link.vxlan) == (
        Kind.OTHER,
        None,
        None,
    )


def test_links_cut_or_changed_anywhere_are_read_or_refused() -> None:
    link = Link("vxlan0", Kind.VXLAN, 1450, vxlan=VXLAN4, port=Port(), alias="a")
    bodies = [add_vxlan(link, namespace_fd=9, master_index=2).body, PORT_BODY]
    requests = set_link(0, link, master_index=2, rename=None)
    bodies += [each.body for each in requests]
    for body in bodies:
        check_cuts_and_flips(decode_link_untrusted, body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_a_newborn_or_refused(data: bytes) -> None:
    check_read_or_refused(lambda body: newborn_untrusted(body, VETH), data)
    check_read_or_refused(
        lambda body: newborn_untrusted(body, VETH), PORT_BODY[:16] + data
    )


@given(st.binary(max_size=120))
def test_any_bytes_are_read_as_a_link_or_refused(data: bytes) -> None:
    check_read_or_refused(decode_link_untrusted, data)
    check_read_or_refused(decode_link_untrusted, PORT_BODY[:24] + data)
