"""Links: how they come, change and go, and what goes with them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from sim.kernel import addressing
from sim.kernel.cells import LinkCell, Machine, NamespaceCell, Refusal
from swarmnet.kernel.held import DEFAULT, is_on, link_of_sysctl, sysctl_of
from swarmnet.kernel.links import LINK_NAME_BYTES_MAX, Kind, Link, Port, is_ours
from swarmnet.kernel.operations import AddLink, SetLink

MTU_MIN: Final = 68
MTU_MAX: Final = 65535
VNI_MAX: Final = (1 << 24) - 1
PORT_AT_FIRST: Final = Port(learning=True, flood=True)
"""How a bridge treats a new port of which nothing is said."""


def add_namespace(
    machine: Machine, key: str, sysctls: Iterable[tuple[str, str]] = ()
) -> None:
    """Make and pin a namespace with these sysctls, unless it is there."""
    if key not in machine.namespaces:
        home = NamespaceCell(key, is_pinned=True, sysctls=dict(sysctls))
        machine.namespaces[key] = home


def remove_namespace(machine: Machine, key: str) -> None:
    """Let go of a namespace: a pinned one ends, an adopted one goes on."""
    home = machine.namespaces.pop(key, None)
    if home is not None and home.is_pinned:
        end_namespace(machine, home)


def end_namespace(machine: Machine, home: NamespaceCell) -> None:
    """Delete every link of a namespace; with a veth goes its other end elsewhere."""
    for cell in list(home.links.values()):
        remove(machine, cell)
    home.is_alive = False


def add_link(machine: Machine, operation: AddLink) -> None:
    """Make a link, or a veth pair; one of ours that stands there already is set.

    Raises:
        Refusal: as Linux has it; then nothing was made.
    """
    link, other = operation.link, operation.other
    ends = [(machine.get(operation.namespace), link)]
    if link.kind is Kind.VETH:
        if link.peer is None or other is None:
            raise Refusal("EINVAL", "a veth needs its other end")
        ends.append((machine.get(link.peer.namespace), other))
    standing = [_standing(home, end) for home, end in ends]
    if all(standing) and _are_ends(standing):
        for cell, (_, end) in zip(standing, ends, strict=True):
            assert cell is not None, "all stand"
            _set(machine, cell, end)
        return
    for home, end in ends:
        _check_new(machine, home, end)
    if len(ends) == 2 and ends[0][0] is ends[1][0] and link.name == ends[1][1].name:
        raise Refusal("EEXIST")
    cells = [make(machine, home, end) for home, end in ends]
    cells[0].is_mtu_fixed = True
    if len(cells) == 2:
        cells[0].other, cells[1].other = cells[1], cells[0]


def _standing(home: NamespaceCell, link: Link) -> LinkCell | None:
    """Return the link that is there already, if we made it and it is the same."""
    cell = home.links.get(link.name)
    if cell is None or not is_ours(link):
        return None
    held = (cell.link.kind, cell.link.vxlan, cell.link.alias)
    return cell if held == (link.kind, link.vxlan, link.alias) else None


def _are_ends(cells: list[LinkCell | None]) -> bool:
    """Say whether two links are the ends of one pair; one link is no pair."""
    first = cells[0]
    return len(cells) == 1 or (first is not None and first.other is cells[1])


def make(machine: Machine, home: NamespaceCell, link: Link) -> LinkCell:
    """Make one link, without any check."""
    mac = link.mac or machine.new_mac()
    bare = replace(link, mac=mac, peer=None, master=None, port=None, is_up=False)
    cell = LinkCell(home, bare)
    home.links[link.name] = cell
    _inherit_sysctls(home, link.name)
    machine.announce(home, "link")
    _set_master(machine, cell, link.master)
    if link.port is not None and link.master is not None:
        cell.change(port=link.port)
    set_up(machine, cell, is_up=link.is_up)
    return cell


def _inherit_sysctls(home: NamespaceCell, name: str) -> None:
    """Give a new link the sysctls that were written for `default`."""
    for path, value in list(home.sysctls.items()):
        if link_of_sysctl(path) == DEFAULT:
            home.sysctls[sysctl_of(path, name)] = value


def set_link(machine: Machine, operation: SetLink) -> None:
    """Change a link; what makes it stays.

    Raises:
        Refusal: as Linux has it; then nothing was changed.
    """
    cell = machine.get(operation.namespace).get(operation.link.name)
    _set(machine, cell, operation.link)


def _set(machine: Machine, cell: LinkCell, link: Link) -> None:
    _check_value(cell.home, link)
    cell.change(alias=link.alias)
    if link.has_link_local != cell.link.has_link_local:
        cell.change(has_link_local=link.has_link_local)
        addressing.settle_link_local(machine, cell)
    set_mtu(machine, cell, link.mtu)
    if link.mac is not None:
        set_mac(machine, cell, link.mac)
    _set_master(machine, cell, link.master)
    if link.port is not None and cell.link.master is not None:
        cell.change(port=link.port)
    set_up(machine, cell, is_up=link.is_up)
    machine.announce(cell.home, "link")


def set_mtu(machine: Machine, cell: LinkCell, mtu: int) -> None:
    """Change the MTU; below IPv6's least all of IPv6 is lost, and does not come back.

    A bridge that was never told its MTU takes the least of its ports'.
    """
    if cell.link.mtu == mtu:
        return
    cell.change(mtu=mtu)
    cell.is_mtu_fixed = True
    if not cell.has_ipv6:
        drop_ipv6(machine, cell)
    bridge = cell.bridge
    if bridge is not None and not bridge.is_mtu_fixed:
        bridge.change(mtu=min(port.link.mtu for port in bridge.ports()))
    machine.announce(cell.home, "link")


def set_mac(machine: Machine, cell: LinkCell, mac: bytes) -> None:
    """Change the MAC; the neighbours on the link are lost, permanent ones too."""
    if cell.link.mac != mac:
        cell.change(mac=mac)
        _drop_neighbours(machine, cell)
        machine.announce(cell.home, "link")


def set_up(machine: Machine, cell: LinkCell, *, is_up: bool) -> None:
    """Take a link up or down. Going down it loses routes, IPv6 and neighbours.

    It keeps the FDB, and a bridge the static entries of that port.
    """
    if cell.link.is_up == is_up:
        return
    cell.change(is_up=is_up)
    if is_up:
        addressing.add_connected_routes(machine, cell)
    else:
        addressing.link_went_down(machine, cell)
        _drop_neighbours(machine, cell)
    machine.announce(cell.home, "link")


def drop_ipv6(machine: Machine, cell: LinkCell) -> None:
    """Drop all that a link without IPv6 cannot keep."""
    addressing.drop_ipv6(machine, cell)
    _drop_neighbours(machine, cell, size=16)


def release(machine: Machine, cell: LinkCell) -> None:
    """Take a link out of its bridge, which forgets the stations behind it."""
    bridge = cell.bridge
    if bridge is None:
        return
    cell.change(master=None, port=None)
    for mac in [m for m, port in bridge.stations.items() if port == cell.name]:
        del bridge.stations[mac]
        machine.announce(cell.home, "neighbour")
    machine.announce(cell.home, "link")


def move(machine: Machine, cell: LinkCell, home: NamespaceCell, name: str) -> None:
    """Take a link to another namespace, under another name; it goes down."""
    release(machine, cell)
    addressing.drop_all(machine, cell)
    _drop_neighbours(machine, cell)
    del cell.home.links[cell.name]
    machine.announce(cell.home, "link")
    cell.home = home
    cell.change(name=name, is_up=False)
    home.links[name] = cell
    machine.announce(home, "link")


def remove(machine: Machine, cell: LinkCell) -> None:
    """Delete a link, a veth with its other end; what stands on them goes too."""
    pair = [cell] if cell.other is None else [cell, cell.other]
    for end in pair:
        for port in end.ports():
            release(machine, port)
        release(machine, end)
        addressing.drop_all(machine, end)
        home = end.home
        home.links.pop(end.name, None)
        for path in [p for p in home.sysctls if link_of(p) == end.name]:
            del home.sysctls[path]
        for one in [one for one in home.intruders if is_on(one, end.name)]:
            del home.intruders[one]
        machine.announce(home, "link")


def link_of(path: str) -> str | None:
    """Return the link that a sysctl is of: net/ipv4/conf/NAME/…, else None."""
    match path.split("/"):
        case ["net", "ipv4" | "ipv6", "conf" | "neigh", name, _]:
            return name if name not in ("all", "default", "lo") else None
    return None


def all_links(machine: Machine) -> Iterator[LinkCell]:
    """Yield every link of the host, namespace by namespace."""
    for home in machine.all_namespaces():
        yield from home.links.values()


def _set_master(machine: Machine, cell: LinkCell, master: str | None) -> None:
    if cell.link.master == master:
        return
    release(machine, cell)
    if master is None:
        return
    cell.change(master=master, port=PORT_AT_FIRST)
    bridge = cell.home.links[master]
    if not bridge.is_mtu_fixed:
        bridge.change(mtu=min(port.link.mtu for port in bridge.ports()))
    machine.announce(cell.home, "link")


def _drop_neighbours(
    machine: Machine, cell: LinkCell, *, size: int | None = None
) -> None:
    for ip in [i for i in cell.neighbours if size is None or len(i) == size]:
        del cell.neighbours[ip]
        machine.announce(cell.home, "neighbour")


def _check_new(machine: Machine, home: NamespaceCell, link: Link) -> None:
    name = link.name
    if len(name.encode()) > LINK_NAME_BYTES_MAX:
        raise Refusal("ERANGE", "Attribute failed policy validation")
    if name in ("", ".", "..") or "/" in name or " " in name:
        raise Refusal("EINVAL")
    if link.kind is Kind.OTHER:
        raise Refusal("EOPNOTSUPP", "Unknown device type")
    if name in home.links or name == "lo":
        raise Refusal("EEXIST")
    _check_value(home, link)
    if link.kind is Kind.VXLAN:
        _check_vxlan(machine, link)


def _check_value(home: NamespaceCell, link: Link) -> None:
    if not MTU_MIN <= link.mtu <= MTU_MAX:
        bound = "less than device minimum"
        if link.mtu > MTU_MAX:
            bound = "greater than device maximum"
        raise Refusal("EINVAL", f"mtu {bound}")
    if link.mac is not None and (link.mac[0] & 1 or not any(link.mac)):
        raise Refusal("EADDRNOTAVAIL")
    if link.master is None:
        return
    if not home.get(link.master).is_bridge:
        raise Refusal("EOPNOTSUPP")
    if link.kind is Kind.BRIDGE:
        raise Refusal("ELOOP", "Can not enslave a bridge to a bridge")


def _check_vxlan(machine: Machine, link: Link) -> None:
    if link.vxlan is None:
        raise Refusal("EINVAL", "Required attributes not provided")
    if link.vxlan.vni > VNI_MAX:
        raise Refusal("ERANGE")
    for cell in list(all_links(machine)):
        if _socket(cell.link) != _socket(link):
            continue
        if not is_ours(link) or cell.link.alias != link.alias:
            text = "A VXLAN device with the specified VNI already exists."
            raise Refusal("EEXIST", text)
        # Somebody took it there.
        remove(machine, cell)


def _socket(link: Link) -> tuple[int, int, int] | None:
    """Return what only one VXLAN device of a host may have."""
    vxlan = link.vxlan
    return None if vxlan is None else (vxlan.vni, vxlan.port, len(vxlan.local))
