"""Rules, queueing disciplines and tables on the wire; bytes of a kernel, cut too."""

from struct import pack

import pytest

from swarmnet.errors import BadPacket
from swarmnet.kernel.intruder_codec import (
    INGRESS,
    ROOT,
    decode_qdisc_untrusted,
    decode_rule_untrusted,
    dump_qdiscs,
    dump_rules,
    intruding_rules,
    mend_rule,
    remove_qdisc,
)
from swarmnet.kernel.intruders import KERNEL_RULES, AlienTable, Qdisc, Rule
from swarmnet.kernel.netlink import (
    NLM_F_DUMP,
    Request,
    attribute_text,
    attribute_u8,
    attribute_u32,
    encode,
    message,
)
from swarmnet.kernel.table_codec import (
    decode_tables_untrusted,
    dump_tables,
    remove_table,
)

MAIN = (
    bytes.fromhex("0200 0000 fe00 0001 0000 0000")
    + attribute_u32(15, 254)
    + attribute_u32(14, 0xFFFFFFFF)
    + attribute_u8(21, 2)
    + attribute_u32(6, 32766)
)
"""What Linux 6.18 tells of `32766: from all lookup main`."""
BOOT = MAIN.replace(attribute_u8(21, 2), attribute_u8(21, 3))
MARKED = MAIN + attribute_u32(10, 7)
NOT_ALL = bytes.fromhex("0200 0800 fe00 0001 0000 0000") + MAIN[12:]
INVERTED = bytes.fromhex("0200 0000 fe00 0001 0200 0000") + MAIN[12:]
BLACK = bytes.fromhex("0200 0000 fe00 0006 0000 0000") + MAIN[12:]
OTHER_TABLE = MAIN.replace(attribute_u32(15, 254), attribute_u32(15, 9))


def test_a_rule_of_the_kernels_own_is_known() -> None:
    assert decode_rule_untrusted(MAIN) == Rule(2, 32766)
    assert decode_rule_untrusted(MAIN.replace(attribute_u8(21, 2), b"")) == Rule(
        2, 32766
    )


@pytest.mark.parametrize("body", [BOOT, MARKED, NOT_ALL, INVERTED, BLACK, OTHER_TABLE])
def test_a_rule_of_others_keeps_all_that_was_told(body: bytes) -> None:
    assert decode_rule_untrusted(body) == Rule(2, 32766, body)
    assert mend_rule(Rule(2, 32766, body)) == Request(33, 0, body)


def test_a_rule_of_multicast_routing_is_none() -> None:
    assert decode_rule_untrusted(b"\x80" + MAIN[1:]) is None


def test_a_missing_rule_is_put_as_the_kernel_has_it() -> None:
    request = mend_rule(Rule(2, 32766, is_missing=True))
    assert (request.kind, request.flags) == (32, 0x600)
    assert decode_rule_untrusted(request.body) == Rule(2, 32766)


def test_what_is_missing_is_told_of_a_family_that_is_there() -> None:
    own = [Rule(*key) for key in KERNEL_RULES]
    assert list(intruding_rules(own)) == []
    assert list(intruding_rules([])) == []
    alien = Rule(10, 5, b"alien")
    assert list(intruding_rules([own[0], own[2], alien])) == [
        alien,
        Rule(2, 32766, is_missing=True),
        Rule(10, 0, is_missing=True),
        Rule(10, 32766, is_missing=True),
    ]


def qdisc(handle: int, parent: int, kind: str = "tbf") -> bytes:
    return pack("=BxxxiIII", 0, 3, handle, parent, 1) + attribute_text(1, kind)


def test_a_queueing_discipline_at_a_root_or_an_ingress_is_read() -> None:
    found = decode_qdisc_untrusted(qdisc(0x10000, ROOT))
    assert found == (3, Qdisc("", "tbf", 0x10000, ROOT))
    found = decode_qdisc_untrusted(qdisc(0xFFFF0000, INGRESS, "clsact"))
    assert found == (3, Qdisc("", "clsact", 0xFFFF0000, INGRESS))


@pytest.mark.parametrize("body", [qdisc(0, ROOT, "noqueue"), qdisc(0x20000, 0x10001)])
def test_one_of_the_kernels_own_or_below_another_is_none(body: bytes) -> None:
    assert decode_qdisc_untrusted(body) is None


def test_a_queueing_discipline_is_deleted_by_its_link_and_place() -> None:
    body = pack("=BxxxiIII", 0, 3, 0x10000, ROOT, 0)
    assert remove_qdisc(3, Qdisc("br0", "tbf", 0x10000, ROOT)) == Request(37, 0, body)


def test_dumps_ask_for_all() -> None:
    assert dump_rules() == Request(34, NLM_F_DUMP, bytes(12))
    assert dump_qdiscs() == Request(38, NLM_F_DUMP, bytes(20))
    assert dump_tables() == Request(0x0A01, NLM_F_DUMP, bytes(4))


@pytest.mark.parametrize("size", range(len(MAIN)))
def test_a_rule_that_is_cut_is_a_bad_packet_or_another(size: int) -> None:
    try:
        assert decode_rule_untrusted(MAIN[:size]) != Rule(2, 32766)
    except BadPacket:
        return


@pytest.mark.parametrize("size", range(20))
def test_a_queueing_discipline_that_is_cut_is_a_bad_packet(size: int) -> None:
    with pytest.raises(BadPacket):
        decode_qdisc_untrusted(qdisc(0x10000, ROOT)[:size])


def table(family: int, name: str) -> bytes:
    return bytes([family, 0, 0, 1]) + attribute_text(1, name)


def test_tables_are_read_from_a_dump() -> None:
    first = message(0x0A00, 2, 1, table(1, "one")) + message(0x0A00, 2, 1, table(2, ""))
    second = message(0x0A0F, 2, 1, table(1, "no table")) + message(3, 2, 1, bytes(4))
    found = list(decode_tables_untrusted([first, second]))
    assert found == [AlienTable(1, "one"), AlienTable(2, "")]
    with pytest.raises(BadPacket):
        list(decode_tables_untrusted([message(0x0A00, 2, 1, bytes(3))]))


def test_a_table_is_deleted_in_a_batch() -> None:
    begin, delete, end = remove_table(AlienTable(1, "one"))
    assert (begin.kind, delete.kind, end.kind) == (16, 0x0A02, 17)
    assert begin.body == end.body == bytes.fromhex("0000 000a")
    assert delete.body == bytes([1, 0, 0, 0]) + attribute_text(1, "one")
    assert encode(begin, 0, ack=False)[6:8] == b"\1\0"
