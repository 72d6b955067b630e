"""What a data plane does no more of than it must: one row, and many networks."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.operations import (
    ChangeElements,
    PutFdb,
    PutNeighbour,
    PutStation,
    PutTable,
    RemoveFdb,
    RemoveLink,
    RemoveNeighbour,
    RemoveStation,
    RemoveTable,
)
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host
from swarmnet.node import dataplane
from tests.node.overlays import RED, REMOTE, endpoint, tell
from tests.node.served import Served, host_kernel

NET, DEVICES = "net/red", ("vxlan0", "vxlan1")
TABLES = (PutTable, ChangeElements, RemoveTable)


def is_planned(life: Served) -> bool:
    """Say whether the kernel holds what is desired, as a look at it tells."""
    return not reconcile(Host(life.plane.desired.namespaces), life.actual())


@pytest.fixture
def life() -> Served:
    life = Served(host_kernel())
    tell(life)
    life.start()
    life.calm()
    life.log.clear()
    return life


def test_a_row_where_there_are_several_subnets_costs_its_entries_alone(
    life: Served,
) -> None:
    one = endpoint(9)
    vtep = bytes([10, 99, 0, 2])
    life.plane.put_endpoint(life.now, "red", one)
    life.serve()
    assert life.log == [
        PutFdb(NET, "vxlan0", one.mac, vtep),
        *(
            PutNeighbour(NET, device, ip.packed, one.mac)
            for device, ip in zip(DEVICES, one.addresses, strict=True)
        ),
        PutStation(NET, "vxlan0", one.mac),
    ]
    life.log.clear()
    life.plane.drop_endpoint(life.now, "red", one.id)
    life.serve()
    assert life.log == [
        *(
            RemoveNeighbour(NET, device, ip.packed)
            for device, ip in zip(DEVICES, one.addresses, strict=True)
        ),
        RemoveStation(NET, "vxlan0", one.mac),
        RemoveFdb(NET, "vxlan0", one.mac),
    ]
    assert is_planned(life)


def test_the_bridge_follows_a_mac_to_the_device_of_another_subnet(life: Served) -> None:
    moved = replace(REMOTE[0], addresses=REMOTE[0].addresses[1:])
    life.plane.put_endpoint(life.now, "red", moved)
    life.serve()
    held = life.kernel.read(NET)
    assert held.stations[moved.mac] == "vxlan1"
    assert held.entries["vxlan1"].fdb[moved.mac] == bytes([10, 99, 0, 2])
    assert is_planned(life)


def test_a_mac_that_is_here_too_stays_with_its_own_port(life: Served) -> None:
    ports = dict(life.kernel.read(NET).stations)
    twin = replace(endpoint(9), mac=endpoint(0).mac)
    life.plane.put_endpoint(life.now, "red", twin)
    life.serve()
    assert dict(life.kernel.read(NET).stations) == ports
    assert is_planned(life)


def network(number: int) -> Network:
    prefix = ip_network(f"10.1.{number}.0/24")
    return replace(
        RED,
        id=f"n{number}",
        name=f"n{number}",
        subnets=(Subnet(prefix, None, 300 + number),),
        is_internal=True,
    )


def test_many_networks_come_and_go_some_at_a_time_and_filters_go_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dataplane, "NAMES_MAX", 4)
    life = Served(host_kernel())
    life.start()
    life.calm()
    networks = [network(number) for number in range(9)]
    for number, one in enumerate(networks):
        life.plane.set_sandbox(life.now, Sandbox(f"s{number}"))
        ip = ip_address(f"10.1.{number}.5")
        mine = replace(
            endpoint(number, "a", f"s{number}"), addresses=(ip,), id=f"{number:012x}"
        )
        there = Attachment("b", ip_address("10.99.0.2"))
        life.plane.set_network(life.now, one, [there], [mine])
    life.calm()
    assert is_planned(life)
    assert isinstance(life.log[0], TABLES)
    assert len(life.kernel.names()) == 2 * len(networks)
    life.log.clear()
    for number, one in enumerate(networks):
        life.plane.drop_network(life.now, one.id)
        life.plane.drop_sandbox(life.now, f"s{number}")
    life.calm()
    # The first was gone before the others were dropped.
    rest = [one for one in life.log if one.namespace != "net/n0"]
    links = [i for i, one in enumerate(rest) if isinstance(one, RemoveLink)]
    tables = [i for i, one in enumerate(rest) if isinstance(one, RemoveTable)]
    assert len(links) >= 3 * (len(networks) - 1)
    assert len(tables) == 1
    assert tables[0] > links[-1]
    assert life.kernel.names() == ()
    assert OURS not in life.kernel.read(HOST).tables
