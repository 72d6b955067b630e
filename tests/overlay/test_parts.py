"""Parts of several networks, put together in one namespace."""

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.state import Address, Entries, Namespace, Route
from swarmnet.overlay.parts import join

MAC = bytes(6)


def part(name: str, subnet: int, *routes: Route) -> Namespace:
    """Return one network's part: a link, and what stands on it."""
    return Namespace(
        links={name: Link(name, Kind.VETH, 1500)},
        addresses={Address(name, bytes([10, 0, subnet, 2]), 24): None},
        routes=dict.fromkeys(routes),
        entries={name: Entries()},
        stations={bytes([2, 0, 0, 0, 0, subnet]): name},
        sysctls={f"net/ipv6/conf/{name}/disable_ipv6": "0"},
        tables={("inet", name): Table("inet", name)},
    )


def to(subnet: int, link: str) -> Route:
    return Route(bytes([10, 0, subnet, 0]), 24, link)


def test_all_parts_are_in_the_whole_and_the_base_says_whose_it_is() -> None:
    base = Namespace(is_owned=True, is_pinned=True)
    one, two = part("eth0", 1, to(8, "eth0")), part("eth1", 2, to(9, "eth1"))
    assert join(base, [one, two]) == Namespace(
        links={**one.links, **two.links},
        addresses={**one.addresses, **two.addresses},
        routes={**one.routes, **two.routes},
        entries={**one.entries, **two.entries},
        stations={**one.stations, **two.stations},
        sysctls={**one.sysctls, **two.sysctls},
        tables={**one.tables, **two.tables},
        is_owned=True,
        is_pinned=True,
    )
    assert join(base, []) == base


def test_a_part_that_is_owned_makes_the_whole_nobodys() -> None:
    assert not join(Namespace(), [Namespace(is_owned=True, is_pinned=True)]).is_owned


def test_to_one_prefix_leads_one_route_and_none_where_an_address_is() -> None:
    one = part("eth0", 1, to(8, "eth0"), to(2, "eth0"))
    two = part("eth1", 2, to(8, "eth1"), to(9, "eth1"))
    whole = join(Namespace(), [one, two])
    assert list(whole.routes) == [to(8, "eth0"), to(9, "eth1")]
    assert list(join(Namespace(), [two, one]).routes) == [to(8, "eth1"), to(9, "eth1")]
