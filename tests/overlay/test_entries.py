"""Where frames of other hosts' endpoints go: what a book says, however it was told."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.kernel.state import Entries
from swarmnet.overlay.entries import EntryBook, Sort, book_of, bridge_mac

NETWORK = Network(
    "n",
    "n",
    (Subnet(ip_network("10.0.1.0/24"), vni=1), Subnet(ip_network("fd00::/64"), vni=2)),
)
SINGLE = replace(NETWORK, subnets=NETWORK.subnets[:1])
ME = Attachment("a", ip_address("10.99.0.1"))
B = Attachment("b", ip_address("10.99.0.2"))
C = Attachment("c", ip_address("10.99.0.3"))
FAR = Attachment("d", ip_address("fd99::2"))
VTEP_B, VTEP_C = B.vtep.packed, C.vtep.packed


def mac(number: int) -> bytes:
    return bytes([2, 0, 0, 0, 0, number])


def endpoint(key: str, *addresses: str, node: str = "b", number: int = 1) -> Endpoint:
    """Return an endpoint with the MAC of a number."""
    packed = tuple(ip_address(one) for one in addresses)
    return Endpoint(key, key, node, "box", packed, mac(number))


def ip(text: str) -> bytes:
    return ip_address(text).packed


ONE = endpoint("e1", "10.0.1.2")
BOTH = endpoint("e2", "fd00::2", "10.0.1.3", number=2)


def book(*endpoints: Endpoint, network: Network = NETWORK) -> EntryBook:
    return book_of(network, ME, (B, C), endpoints)


def says(one: EntryBook) -> object:
    """Return all that a book says."""
    count = len(one.values) // len(Sort)
    entries = [one.entries(index) for index in range(count)]
    return entries, one.stations(), one.vteps()


def test_an_endpoint_has_a_neighbour_for_each_address_and_one_fdb_entry() -> None:
    found = book(ONE, BOTH)
    assert found.entries(0) == Entries(
        {mac(1): VTEP_B}, {ip("10.0.1.2"): mac(1), ip("10.0.1.3"): mac(2)}
    )
    assert found.entries(1) == Entries({mac(2): VTEP_B}, {ip("fd00::2"): mac(2)})
    assert found.stations() == {mac(1): "vxlan0", mac(2): "vxlan1"}


def test_with_one_device_the_bridge_need_not_be_told() -> None:
    assert book(ONE, network=SINGLE).stations() == {}


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (replace(ONE, node="a"), "it is of this host"),
        (replace(ONE, node="x"), "its node does not take part"),
        (replace(ONE, node="d"), "its node is on an underlay of the other family"),
        (replace(ONE, addresses=(ip_address("10.0.2.2"),)), "it is in no subnet"),
    ],
)
def test_nothing_leads_to_an_endpoint_if(one: Endpoint, why: str) -> None:
    found = book_of(NETWORK, ME, (B, C, FAR), [one])
    nothing: object = ([Entries(), Entries()], {}, (VTEP_B, VTEP_C))
    assert says(found) == nothing, why


def test_of_two_that_claim_one_thing_that_of_the_lesser_id_has_it() -> None:
    same_ip = endpoint("e0", "10.0.1.2", node="c", number=9)
    same_mac = endpoint("e9", "10.0.1.9", node="c", number=1)
    found = book(ONE, same_ip, same_mac)
    neighbours = {ip("10.0.1.2"): mac(9), ip("10.0.1.9"): mac(1)}
    fdb = {mac(1): VTEP_B, mac(9): VTEP_C}
    assert found.entries(0) == Entries(fdb, neighbours)
    found.drop("e0")
    assert found.value((Sort.NEIGHBOUR, 0, ip("10.0.1.2"))) == mac(1)
    found.drop("e1")
    assert found.entries(0) == Entries({mac(1): VTEP_C}, {ip("10.0.1.9"): mac(1)})
    found.drop("e9")
    assert says(found) == says(book())


def test_an_endpoint_goes_where_its_node_goes() -> None:
    found = book(ONE)
    found.attach(replace(B, vtep=ip_address("10.99.0.7")))
    assert found.entries(0).fdb == {mac(1): ip("10.99.0.7")}
    found.attach(replace(B, vtep=FAR.vtep))
    assert found.entries(0) == Entries()
    found.attach(B)
    assert says(found) == says(book(ONE))
    found.detach("b")
    assert (found.entries(0), found.vteps()) == (Entries(), (VTEP_C,))


def test_of_this_host_nobody_knows_better_than_it_does() -> None:
    found = book(ONE)
    found.attach(replace(ME, vtep=B.vtep))
    found.detach("a")
    assert says(found) == says(book(ONE))
    assert found.attachments()["a"] == ME


def test_changed_keys_are_those_that_say_something_else() -> None:
    found = book(ONE)
    found.changed.clear()
    found.put(ONE)
    found.attach(replace(B, mtu=1400))
    assert found.changed == {}
    found.put(replace(ONE, mac=mac(5)))
    assert sorted(found.changed) == [
        *((Sort.FDB, 0, mac(1)), (Sort.FDB, 0, mac(5))),
        (Sort.NEIGHBOUR, 0, ip("10.0.1.2")),
        *((Sort.STATION, 0, mac(1)), (Sort.STATION, 0, mac(5))),
    ]


def test_an_endpoint_that_comes_here_leaves_the_book() -> None:
    found = book(ONE)
    found.put(replace(ONE, node="a"))
    assert (says(found), list(found.endpoints())) == (says(book()), [])


@pytest.mark.parametrize(
    ("option", "flood"),
    [("true", (VTEP_B, VTEP_C)), ("1", (VTEP_B, VTEP_C)), ("false", ()), ("0", ())],
)
def test_multicasts_go_to_all_nodes_if_the_option_is_set(
    option: str, flood: tuple[bytes, ...]
) -> None:
    network = replace(NETWORK, options={"multicast": option})
    assert book(network=network).flood() == flood


def test_a_vtep_of_two_nodes_is_named_once_and_our_own_never() -> None:
    twin = Attachment("d", B.vtep)
    mine = Attachment("e", ME.vtep)
    assert book_of(NETWORK, ME, (C, B, twin, mine, FAR), ()).vteps() == (VTEP_B, VTEP_C)


def test_a_book_knows_of_whom_it_has_an_entry() -> None:
    found = book(ONE)
    assert found.knows(Sort.NEIGHBOUR, ip("10.0.1.2"))
    assert found.knows(Sort.FDB, mac(1))
    assert not found.knows(Sort.FDB, mac(2))
    assert not found.knows(Sort.NEIGHBOUR, ip("10.0.1.3"))


# Any history says what a new book says that is told of its end.

KEYS = [f"e{number}" for number in range(5)]
PLACES = ["10.0.1.2", "10.0.1.3", "fd00::2", "fd00::3", "10.0.7.7"]
VTEPS = ["10.99.0.2", "10.99.0.3", "10.99.0.1", "fd99::2"]
endpoints = st.builds(
    endpoint,
    st.sampled_from(KEYS),
    st.sampled_from(PLACES),
    node=st.sampled_from("abcd"),
    number=st.integers(1, 3),
) | st.builds(
    endpoint,
    st.sampled_from(KEYS),
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
    node=st.sampled_from("abcd"),
    number=st.integers(1, 3),
)
attachments = st.builds(
    Attachment, st.sampled_from("abcd"), st.sampled_from(VTEPS).map(ip_address)
)
steps = st.lists(
    endpoints
    | attachments
    | st.tuples(st.sampled_from(["drop", "detach"]), st.integers(0, 4))
)


@given(st.sampled_from([NETWORK, SINGLE]), steps)
def test_any_history_ends_as_if_all_had_been_told_at_once(
    network: Network, history: list[Endpoint | Attachment | tuple[str, int]]
) -> None:
    told = EntryBook(network, ME)
    here: dict[str, Endpoint] = {}
    nodes: dict[str, Attachment] = {}
    for step in history:
        before = dict(flatten(told))
        told.changed.clear()
        tell(told, step, here, nodes)
        after = dict(flatten(told))
        keys = dict.fromkeys([*before, *after])
        silent = [k for k in keys if k not in told.changed]
        assert [k for k in silent if before.get(k) != after.get(k)] == []
    for way in (list, reversed):
        again = book_of(
            network, ME, way(list(nodes.values())), way(list(here.values()))
        )
        assert says(told) == says(again)
    assert told._waiting.keys() <= told._holders.keys()


def tell(
    told: EntryBook,
    step: Endpoint | Attachment | tuple[str, int],
    here: dict[str, Endpoint],
    nodes: dict[str, Attachment],
) -> None:
    match step:
        case Endpoint():
            here[step.id] = step
            told.put(step)
        case Attachment():
            nodes[step.node] = step
            told.attach(step)
        case ("drop", number):
            here.pop(KEYS[number], None)
            told.drop(KEYS[number])
        case (_, number):
            nodes.pop("abcde"[number], None)
            told.detach("abcde"[number])


def flatten(told: EntryBook) -> Iterable[tuple[object, bytes]]:
    for (sort, index), held in told.values.items():
        for about, value in held.items():
            yield (sort, index, about), value


def test_whose_address_a_mac_is_made_from_has_it_whoever_else_claims_it() -> None:
    """An address is its owner's by deeds; of a MAC anybody says that it is his."""
    honest = replace(ONE, id="e9", mac=mac_of(ONE.addresses))
    thief = endpoint("e0", "10.0.1.66", node="c")
    thief = replace(thief, mac=honest.mac)
    for order in ((honest, thief), (thief, honest)):
        assert book(*order).entries(0).fdb == {honest.mac: VTEP_B}
    left = book(honest, thief)
    left.drop("e9")
    assert left.entries(0).fdb == {honest.mac: VTEP_C}
    left.put(honest)
    assert left.entries(0).fdb == {honest.mac: VTEP_B}


def test_nobody_has_the_mac_of_the_bridge() -> None:
    thief = replace(ONE, mac=bridge_mac(NETWORK))
    found = book(thief)
    assert found.entries(0).fdb == {}
    assert found.stations() == {}
