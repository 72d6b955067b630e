"""Entries put into the kernel itself and read back; misses, and other news of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import pytest

from swarmnet.kernel.entry_codec import (
    NO_MAC,
    NUD_NOARP,
    NeighbourEvent,
    decode_event_untrusted,
    dump_fdb,
    dump_neighbours,
    encode_entries,
    put_station,
    remove_station,
)
from swarmnet.kernel.entry_dump_codec import (
    FoundFdb,
    FoundNeighbours,
    decode_fdb_untrusted,
    decode_neighbours_untrusted,
)
from swarmnet.kernel.link_codec import set_link
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
    split_untrusted,
)
from swarmnet.kernel.operations import (
    EntryOperation,
    PutFdb,
    PutFlood,
    PutNeighbour,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
)
from tests.kernel.networks import VXLAN, make_network
from tests.kernel.real import (
    DATAGRAM_BYTES,
    NETLINK_ADD_MEMBERSHIP,
    SOL_NETLINK,
    RealNamespace,
    needs_root,
)

pytestmark = needs_root

RTNLGRP_NEIGH: Final = 3
WHERE: Final = ("net/a", "vxlan0")


def mac(number: int) -> bytes:
    return b"\x02\x42\x0a" + number.to_bytes(3, "big")


def ip(number: int, size: int = 4) -> bytes:
    head = b"\x0a" if size == 4 else bytes((0xFD, *[0] * 12))
    return head + number.to_bytes(3, "big")


class Network:
    """A network's namespace, and the entries of its vxlan0."""

    def __init__(self, host: RealNamespace, inside: RealNamespace) -> None:
        self.inside = inside
        self.bridge, self.vxlan = make_network(host, inside)

    def do(self, *operations: EntryOperation) -> list[str]:
        """Carry out operations; return the names of the errors."""
        messages = encode_entries(operations, self.vxlan, 1)
        return self.inside.send(messages)

    def fdb(self, index: int | None = None) -> FoundFdb:
        found = FoundFdb()
        request = dump_fdb(self.vxlan if index is None else index)
        for datagram in self.inside.dump(request):
            decode_fdb_untrusted(datagram, found)
        return found

    def entries(self) -> tuple[dict[bytes, bytes], list[bytes], list[bytes]]:
        """Return the FDB of vxlan0, the VTEPs for all, and the odd MACs."""
        found = self.fdb()
        of = self.vxlan
        odd = list(found.odd.get(of, {}))
        return found.fdb.get(of, {}), found.flood.get(of, []), odd

    def neighbours(self, family: int = AF_UNSPEC) -> FoundNeighbours:
        found = FoundNeighbours()
        for datagram in self.inside.dump(dump_neighbours(family, self.vxlan)):
            decode_neighbours_untrusted(datagram, found)
        return found

    def ask_fdb(self, words: str) -> None:
        """Let iproute2 change the FDB."""
        self.inside.run("bridge", "fdb", *words.split())


@pytest.fixture
def network(host: RealNamespace, inside: RealNamespace) -> Network:
    return Network(host, inside)


def test_fdb_entries_are_put_replaced_and_removed(network: Network) -> None:
    puts = [PutFdb(*WHERE, mac(i), ip(i % 7)) for i in range(1, 2000)]
    assert network.do(*puts) == []
    assert network.do(PutFdb(*WHERE, mac(1), ip(99)), *puts[1:]) == []
    pairs = {put.mac: put.vtep for put in puts} | {mac(1): ip(99)}
    assert network.entries() == (pairs, [], [])
    assert network.do(*(RemoveFdb(*WHERE, put.mac) for put in puts)) == []
    assert network.entries() == ({}, [], [])
    assert network.do(RemoveFdb(*WHERE, mac(1))) == ["ENOENT"]


@pytest.mark.parametrize("size", [4, 16])
def test_neighbours_are_put_replaced_and_removed(network: Network, size: int) -> None:
    puts = [PutNeighbour(*WHERE, ip(i, size), mac(i)) for i in range(1, 1000)]
    assert network.do(*puts) == []
    assert network.do(replace(puts[0], mac=mac(99))) == []
    pairs = {put.ip: put.mac for put in puts} | {ip(1, size): mac(99)}
    family = AF_INET if size == 4 else AF_INET6
    for asked in (family, AF_UNSPEC):
        found = network.neighbours(asked)
        assert found == FoundNeighbours(permanent={network.vxlan: pairs})
    assert network.do(*(RemoveNeighbour(*WHERE, put.ip) for put in puts)) == []
    assert network.neighbours() == FoundNeighbours()
    assert network.do(RemoveNeighbour(*WHERE, ip(1, size))) == ["ENOENT"]


def test_iproute2_tells_the_same_of_entries(network: Network) -> None:
    network.do(
        PutFdb(*WHERE, mac(1), ip(7)),
        PutFlood(*WHERE, ip(8)),
        PutNeighbour(*WHERE, ip(1), mac(1)),
    )
    told = network.inside.json("bridge", "fdb", "show", "dev", "vxlan0")
    keys = ("mac", "dst", "flags", "state")
    assert [[each[key] for key in keys] for each in told if "dst" in each] == [
        ["00:00:00:00:00:00", "10.0.0.8", ["self"], "permanent"],
        ["02:42:0a:00:00:01", "10.0.0.7", ["self"], "permanent"],
    ]
    (told,) = network.inside.json("ip", "neigh", "show", "dev", "vxlan0")
    assert (told["dst"], told["lladdr"]) == ("10.0.0.1", "02:42:0a:00:00:01")
    assert told["state"] == ["PERMANENT"]


def test_those_that_get_what_is_for_all_come_and_go_one_by_one(
    network: Network,
) -> None:
    puts = [PutFlood(*WHERE, ip(i)) for i in (3, 1, 2)]
    assert network.do(*puts) == []
    assert network.entries() == ({}, [ip(3), ip(1), ip(2)], [])
    assert network.do(puts[1]) == []
    assert network.do(RemoveFlood(*WHERE, ip(1))) == []
    assert network.entries() == ({}, [ip(3), ip(2)], [])
    assert network.do(RemoveFlood(*WHERE, ip(9))) == []
    assert network.entries() == ({}, [ip(3), ip(2)], [])
    assert network.do(RemoveFdb(*WHERE, NO_MAC)) == []
    assert network.do(RemoveFlood(*WHERE, ip(9))) == ["ENOENT"]
    assert network.entries() == ({}, [], [])


def test_one_failure_among_many_is_told_alone(network: Network) -> None:
    operations: Sequence[EntryOperation] = [
        PutFdb(*WHERE, mac(1), ip(1)),
        RemoveNeighbour(*WHERE, ip(1)),
        PutFdb(*WHERE, mac(2), ip(1)),
    ]
    assert network.do(*operations) == ["ENOENT"]
    assert network.entries() == ({mac(1): ip(1), mac(2): ip(1)}, [], [])


@pytest.mark.parametrize(
    "words", ["port 4444", "vni 9", "via br0"], ids=["port", "vni", "via"]
)
def test_an_entry_that_others_bent_is_odd_until_it_is_put_again(
    network: Network, words: str
) -> None:
    put = PutFdb(*WHERE, mac(1), ip(1))
    network.do(put)
    network.ask_fdb(f"replace 02:42:0a:00:00:01 dev vxlan0 dst 10.0.0.1 {words} self")
    assert network.entries() == ({mac(1): ip(1)}, [], [mac(1)])
    assert network.do(put) == []
    assert network.entries() == ({mac(1): ip(1)}, [], [])


def test_a_mac_cannot_be_given_a_second_destination(network: Network) -> None:
    network.do(PutFdb(*WHERE, mac(1), ip(1)))
    network.ask_fdb("append 02:42:0a:00:00:01 dev vxlan0 dst 10.0.0.2 self")
    assert network.entries() == ({mac(1): ip(1)}, [], [])


def test_a_neighbour_that_others_bent_is_passing_until_it_is_put_again(
    network: Network,
) -> None:
    put = PutNeighbour(*WHERE, ip(1), mac(1))
    network.do(put)
    bend = "neigh replace 10.0.0.1 lladdr 02:42:0a:00:00:01 dev vxlan0 nud reachable"
    network.inside.run("ip", *bend.split())
    table = {network.vxlan: {ip(1): mac(1)}}
    assert network.neighbours() == FoundNeighbours(passing=table)
    network.do(put)
    assert network.neighbours() == FoundNeighbours(permanent=table)


def test_a_static_station_replaces_a_learned_one(network: Network) -> None:
    network.ask_fdb("add 02:42:0a:00:00:01 dev vxlan0 master dynamic")
    found = network.fdb()
    assert network.vxlan in found.own
    assert list(found.stations[network.vxlan]) == [mac(1)]
    assert found.stations[network.vxlan][mac(1)] & NUD_NOARP == 0
    for _ in range(2):
        network.inside.do(put_station(network.vxlan, mac(1)))
        assert network.fdb().stations == {network.vxlan: {mac(1): NUD_NOARP}}
    network.inside.do(remove_station(network.vxlan, mac(1)))
    assert network.fdb().stations == {}
    assert network.inside.ask(remove_station(network.vxlan, mac(1))) == "ENOENT"


def test_entries_outlive_a_change_of_their_link(network: Network) -> None:
    network.do(PutFdb(*WHERE, mac(1), ip(1)), PutNeighbour(*WHERE, ip(1), mac(1)))
    changed = replace(VXLAN, mtu=1400, alias="swarmnet:y")
    network.inside.do(
        *set_link(network.vxlan, changed, master_index=network.bridge, rename=None)
    )
    assert network.entries() == ({mac(1): ip(1)}, [], [])
    pairs = {network.vxlan: {ip(1): mac(1)}}
    assert network.neighbours() == FoundNeighbours(permanent=pairs)


def test_a_dump_of_all_links_tells_vxlan_and_bridge_apart(network: Network) -> None:
    network.do(PutFdb(*WHERE, mac(1), ip(1)))
    network.inside.do(put_station(network.vxlan, mac(2)))
    found = network.fdb(0)
    assert found.fdb == {network.vxlan: {mac(1): ip(1)}}
    assert found.stations == {network.vxlan: {mac(2): NUD_NOARP}}
    assert sorted(found.own) == [network.bridge, network.vxlan]


def news(network: Network) -> Iterator[NeighbourEvent]:
    """Yield what the kernel tells on the namespace's socket."""
    while True:
        data = network.inside.socket.recv(DATAGRAM_BYTES)
        for kind, _, _, start, end in split_untrusted(data):
            if kind in (RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH):
                yield decode_event_untrusted(kind, data[start:end])


def first(network: Network, kind: int) -> NeighbourEvent:
    """Return the first news of a kind about vxlan0."""
    wanted = (kind, network.vxlan)
    return next(e for e in news(network) if (e.kind, e.ifindex) == wanted)


@pytest.fixture
def listening(network: Network) -> Network:
    """A network whose socket hears of entries too."""
    network.inside.run(*["ip", "addr", "add", "10.0.0.200/24", "dev", "br0"])
    network.inside.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEIGH)
    return network


def test_what_others_put_and_remove_is_told(listening: Network) -> None:
    for verb, kind in (("add", RTM_NEWNEIGH), ("del", RTM_DELNEIGH)):
        listening.ask_fdb(f"{verb} 02:42:0a:00:00:01 dev vxlan0 dst 10.0.0.9 self")
        assert first(listening, kind) == NeighbourEvent(
            kind, listening.vxlan, AF_BRIDGE, None, mac(1), ip(9), 0xC0, 2
        )


def test_a_miss_names_the_address_or_the_mac(listening: Network) -> None:
    listening.inside.run(*["ip", "neigh", "replace", "10.0.0.1", "dev", "br0", "use"])
    missed = first(listening, RTM_GETNEIGH)
    assert (missed.ip, missed.mac, missed.dst) == (ip(1), None, None)
    neighbour = "ip neigh replace 10.0.0.2 lladdr 02:42:0a:00:00:02 dev br0"
    listening.inside.run(*neighbour.split())
    listening.inside.run("bash", "-c", "echo > /dev/udp/10.0.0.2/9")
    missed = next(e for e in news(listening) if e.kind == RTM_GETNEIGH and not e.ip)
    assert (missed.ip, missed.mac, missed.dst) == (None, mac(2), None)
