"""Where a node is on the underlay: as its user says, or as the routes do."""

from ipaddress import ip_address

from swarmnet.cnm.endpoint import IP, parse_ip
from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.kernel.links import is_ours
from swarmnet.kernel.state import Namespace
from swarmnet.runtime.standing import PORT, Place


def parse_address(what: str, text: str, port: int = PORT) -> Address:
    """Read `IP`, `IP:PORT` or `[IPv6]:PORT`.

    Raises:
        Refused: it is none of these.
    """
    host, number = text, str(port)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Refused(f"{what} {text[:60]!r}: want [IPv6]:PORT")
        number = rest[1:] or number
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
    address = parse_ip(what, host)
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 0xFFFF):
        raise Refused(f"{what} {text[:60]!r}: port {number[:9]!r}: want 1 to 65535")
    return Address(address.packed, int(number))


def find_place(
    host: Namespace, advertise: str | None, data_path: str | None, port: int | None
) -> Place:
    """Return where this host is: what is not said is found by its default route.

    Raises:
        Refused: what is said is no address of this host's, or nothing tells which of
            several it should be.
    """
    if advertise is None:
        address = Address(_default(host).packed, PORT)
    else:
        address = parse_address("advertise address", advertise)
    if data_path is None:
        vtep = ip_address(address.host)
    else:
        vtep = parse_ip("data path address", data_path)
    if vtep not in _addresses(host):
        raise Refused(
            f"data path address {vtep}: no link of this host has it; it has"
            f" {_listed(host)}: name one with --data-path-addr"
        )
    number = VXLAN_PORT if port is None else port
    if not 1 <= number <= 0xFFFF:
        raise Refused(f"data path port {number}: want 1 to 65535")
    return Place(address, vtep, number)


def _default(host: Namespace) -> IP:
    """Return the address of the link to which the default route leads."""
    links = dict.fromkeys(one.link for one in host.routes if one.length == 0)
    known = _addresses(host)
    found = [ip for ip, link in known.items() if link in links]
    if not links:
        found = list(known)
    # A host speaks IPv4 if it can: so do its peers.
    first = [one for one in found if one.version == 4] or found
    if len(first) == 1:
        return first[0]
    why = "several may be meant" if first else "this host has none"
    raise Refused(
        f"advertise address: {why}: {_listed(host)}: name one with --advertise-addr"
    )


def _addresses(host: Namespace) -> dict[IP, str]:
    """Return the addresses at which others may reach this host, and their links."""
    found: dict[IP, str] = {}
    for one in host.addresses:
        address, link = ip_address(one.ip), host.links.get(one.link)
        if address.is_loopback or address.is_link_local:
            continue
        if link is not None and not is_ours(link):
            found[address] = one.link
    return found


def _listed(host: Namespace) -> str:
    shown = [f"{ip} ({link})" for ip, link in _addresses(host).items()]
    return ", ".join(shown) or "no address"
