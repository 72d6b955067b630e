"""What a kernel should hold of an endpoint, what it does, and where the two differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import trio

from swarmnet.cnm.endpoint import show_mac
from swarmnet.kernel.state import Namespace, Unreadable
from swarmnet.node.attached import interface_of
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.overlay.naming import box_of, device_of, namespace_of, port_of
from swarmnet.runtime.life import Life
from swarmnet.runtime.showing import describe_failure
from swarmnet.runtime.views import Json, data_path_of

Facts = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What should be there and what is, by what it is called; None: it is not.

    `agreement` is what is told if all of it is there. `missing` says why nothing can
    be, and `cure` what helps; "" if that is not so.
    """

    wanted: Facts = field(default_factory=dict)
    held: Facts = field(default_factory=dict)
    agreement: str = ""
    missing: str = ""
    cure: str = ""

    def differences(self) -> Sequence[str]:
        """Return a line for each thing that is not as it should be."""
        if self.missing:
            return [self.missing]
        return [
            f"{name}: {self.held.get(name) or 'absent'}, want {wanted or 'none'}"
            for name, wanted in self.wanted.items()
            if self.held.get(name) != wanted
        ]


async def compare(life: Life, one: KnownEndpoint) -> Json:
    """Return what `explain` shows of this kernel about an endpoint."""
    if not one.is_effective:
        return {
            "agrees": None,
            "detail": "its address is not its own, so nothing should lead to it",
            "wanted": {},
            "held": {},
            "cure": None,
        }
    compared = await (_here if one.owner == life.me else _there)(life, one)
    differences = compared.differences()
    cure = compared.cure or _cure(life)
    return {
        "agrees": not differences,
        "detail": "; ".join(differences) or compared.agreement,
        "wanted": dict(compared.wanted),
        "held": dict(compared.held),
        "cure": cure if differences else None,
    }


def _cure(life: Life) -> str:
    """Return what helps against a difference that nobody has put right yet."""
    for failure in life.plane.failures():
        return f"mend what the kernel refuses: {describe_failure(failure)}"
    return (
        "nothing: it is put right within 30 s; if it comes again, swarmnet monitor"
        " shows when, and swarmnet doctor what was changed"
    )


async def _read(life: Life, name: str) -> Namespace | None:
    try:
        return await trio.to_thread.run_sync(life.kernel.read, name)
    except Unreadable:
        return None


async def _here(life: Life, one: KnownEndpoint) -> Comparison:
    """Compare an endpoint of this host: its interface, and its port on the bridge."""
    sandbox, network = one.facts.sandbox, one.network.hex()
    box = await _read(life, box_of(sandbox))
    if box is None:
        cure = f"swarmnet sandbox rm {sandbox}, and make or adopt it anew"
        missing = f"sandbox {sandbox}: its namespace is gone"
        return Comparison(missing=missing, cure=cure)
    name = interface_of(life.plane.held(), sandbox, one.id.hex())
    link = None if name is None else box.links.get(name)
    if name is None or link is None:
        return Comparison(missing=f"sandbox {sandbox}: has no interface for it")
    space = await _read(life, namespace_of(network)) or Namespace()
    port, mac = space.links.get(port_of(one.id.hex())), one.facts.station
    there = {address.ip for address in box.addresses if address.link == name}
    wanted: dict[str, str | None] = {f"{name} mac": show_mac(mac), f"{name} is": "up"}
    held: dict[str, str | None] = {
        f"{name} mac": show_mac(link.mac or b""),
        f"{name} is": "up" if link.is_up else "down",
    }
    for _, ip in one.facts.addresses:
        wanted[f"{name} address {ip}"] = "present"
        held[f"{name} address {ip}"] = "present" if ip.packed in there else None
    wanted[f"bridge entry of {show_mac(mac)}"] = port_of(one.id.hex())
    held[f"bridge entry of {show_mac(mac)}"] = space.stations.get(mac)
    wanted["port on the bridge"] = "up"
    held["port on the bridge"] = (
        None if port is None or port.master is None else "up" if port.is_up else "down"
    )
    return Comparison(wanted, held, f"{name} in sandbox {sandbox} has it")


async def _there(life: Life, one: KnownEndpoint) -> Comparison:
    """Compare an endpoint elsewhere: its entries, and where they lead."""
    vtep = data_path_of(life, one.owner)
    space = await _read(life, namespace_of(one.network.hex()))
    if space is None:
        return Comparison(missing="the network has no namespace here")
    mac = one.facts.station
    wanted: dict[str, str | None] = {}
    held: dict[str, str | None] = {}
    for index, address in one.facts.addresses:
        device = device_of(index)
        entries = space.entries.get(device)
        if entries is None:
            return Comparison(missing=f"no device {device}")
        neighbour = f"{device} neighbour {address}"
        wanted[neighbour] = show_mac(mac)
        held[neighbour] = _shown(entries.neighbours.get(address.packed))
    # Whatever its addresses, its frames go by the device of the first.
    device = device_of(one.facts.addresses[0][0])
    forwarding, leads = f"{device} fdb {show_mac(mac)}", space.entries[device].fdb
    wanted[forwarding] = vtep
    held[forwarding] = str(ip_address(leads[mac])) if leads.get(mac) else None
    told = f"its neighbour and FDB entries lead to {vtep}"
    return Comparison(wanted, held, told)


def _shown(mac: bytes | None) -> str | None:
    return None if mac is None else show_mac(mac) if mac else "not permanent"
