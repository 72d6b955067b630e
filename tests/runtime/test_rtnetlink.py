import errno
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from swarmnet.kernel.address_codec import dump_addresses, put_address
from swarmnet.kernel.entry_codec import dump_fdb, encode_entries
from swarmnet.kernel.entry_dump_codec import FoundFdb, decode_fdb_untrusted
from swarmnet.kernel.link_codec import (
    add_bridge,
    decode_link_untrusted,
    dump_links,
    get_link,
    link_up,
    remove_link,
)
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.netlink import (
    NLM_F_DUMP_INTR,
    RTM_NEWLINK,
    Part,
    Reply,
    Request,
    part_untrusted,
    split_untrusted,
)
from swarmnet.kernel.operations import PutFdb
from swarmnet.kernel.state import Address, Unreadable
from swarmnet.runtime import rtnetlink
from swarmnet.runtime.rtnetlink import Rtnetlink
from tests.runtime.conftest import ran

BRIDGE = Link("br0", Kind.BRIDGE, 1450)
VTEP = bytes([10, 0, 0, 1])


@pytest.fixture
def netlink(host: int) -> Iterator[Rtnetlink]:
    made = Rtnetlink(host)
    yield made
    made.close()


def links(datagrams: list[bytes]) -> dict[str, int]:
    """The links that were told, and their indexes."""
    bodies = (
        datagram[start:end]
        for datagram in datagrams
        for kind, _, _, start, end in split_untrusted(datagram)
        if kind == RTM_NEWLINK
    )
    found = [decode_link_untrusted(body) for body in bodies]
    return {link.link.name: link.index for link in found if link is not None}


def names(datagrams: list[bytes]) -> list[str]:
    return sorted(links(datagrams))


def test_each_failure_is_told_of_its_own_request(netlink: Rtnetlink) -> None:
    missing = put_address(99, Address("x", VTEP, 24))
    requests = [add_bridge(BRIDGE), missing, add_bridge(BRIDGE), link_up(98)]
    replies = netlink.request(requests)
    assert [reply.error for reply in replies] == [
        0,
        errno.ENODEV,
        errno.EEXIST,
        errno.ENODEV,
    ]
    assert replies[0] == Reply(1, 0, "")


def test_the_kernels_own_words_are_told(netlink: Rtnetlink) -> None:
    strange = Request(RTM_NEWLINK, 0, bytes(3))
    (reply,) = netlink.request([strange])
    assert reply.error == errno.EINVAL
    assert reply.message != ""


def test_a_question_is_answered_between_changes(netlink: Rtnetlink) -> None:
    replies, answers = netlink.ask([add_bridge(BRIDGE), get_link("br0")])
    assert [reply.error for reply in replies] == [0, 0]
    assert names(answers) == ["br0"]


def test_nothing_is_asked_of_the_kernel_for_nothing(netlink: Rtnetlink) -> None:
    assert netlink.ask([]) == ([], [])


def test_a_dump_tells_all(netlink: Rtnetlink) -> None:
    netlink.request([add_bridge(BRIDGE)])
    assert names(netlink.dump(dump_links())) == ["br0", "lo"]


def test_thousands_are_sent_and_the_few_bad_ones_named(
    netlink: Rtnetlink, host: int
) -> None:
    command = "ip link add v type vxlan id 7 dstport 4789 local 10.0.0.9"
    ran(host, *command.split())
    index = links(netlink.dump(dump_links()))["v"]
    macs = [b"\2\0\0\0" + n.to_bytes(2, "big") for n in range(2000)]
    operations = [
        PutFdb("", "v", mac, VTEP if n % 700 else VTEP * 4)
        for n, mac in enumerate(macs)
    ]
    first = netlink.reserve(len(operations))
    failed = netlink.send(encode_entries(operations, index, first), first)
    assert [number - first for number in failed] == [0, 700, 1400]
    found = FoundFdb()
    for datagram in netlink.dump(dump_fdb()):
        decode_fdb_untrusted(datagram, found)
    assert len(found.fdb[index]) == 1997


def test_a_dump_of_no_such_thing_is_unreadable(netlink: Rtnetlink) -> None:
    with pytest.raises(Unreadable, match="dump failed"):
        netlink.dump(dump_addresses(index=99))
    assert names(netlink.dump(dump_links())) == ["lo"]


@pytest.mark.parametrize("torn", [4, 5])
def test_a_torn_dump_is_made_again_some_times(
    netlink: Rtnetlink, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    dumps = 0

    def tear(datagram: bytes) -> Part:
        nonlocal dumps
        part = part_untrusted(datagram)
        dumps += part.is_last
        is_torn = part.is_last and dumps <= torn
        return replace(part, flags=NLM_F_DUMP_INTR) if is_torn else part

    monkeypatch.setattr(rtnetlink, "part_untrusted", tear)
    if torn < rtnetlink.DUMPS_MAX:
        assert names(netlink.dump(dump_links())) == ["lo"]
    else:
        with pytest.raises(Unreadable, match="changed under each"):
            netlink.dump(dump_links())
    assert dumps == min(torn + 1, rtnetlink.DUMPS_MAX)


def test_sequence_numbers_begin_anew_before_they_run_out(netlink: Rtnetlink) -> None:
    netlink.reserve(rtnetlink.SEQUENCE_MAX - 1)
    replies = netlink.request([remove_link(97), remove_link(98), remove_link(99)])
    assert [reply.error for reply in replies] == [errno.ENODEV] * 3
    assert replies[0].sequence == 1


def test_an_answer_that_never_comes_is_an_error(
    netlink: Rtnetlink, monkeypatch: pytest.MonkeyPatch, host: int
) -> None:
    monkeypatch.setattr(rtnetlink, "TIMEOUT_MS", 20)
    monkeypatch.setattr(rtnetlink, "NLM_F_ACK", 0)
    hasty = Rtnetlink(host)
    try:
        with pytest.raises(BlockingIOError):
            hasty.request([add_bridge(BRIDGE)])
        monkeypatch.undo()
        assert names(hasty.dump(dump_links())) == ["br0", "lo"]
    finally:
        hasty.close()


def test_the_socket_is_in_the_namespace_and_the_thread_is_not(
    netlink: Rtnetlink,
) -> None:
    before = os.stat("/proc/thread-self/ns/net").st_ino
    netlink.request([add_bridge(BRIDGE)])
    assert "br0" in names(netlink.dump(dump_links()))
    assert os.stat("/proc/thread-self/ns/net").st_ino == before
    assert not os.path.exists("/sys/class/net/br0")
