"""The state of a data plane as JSON: what it says, and what is refused of it."""

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.cnm.endpoint import Endpoint, Publish
from swarmnet.cnm.network import Attachment, Network, NetworkView, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.errors import Refused
from swarmnet.node.desired import Place
from swarmnet.runtime.state_file import StateFile, parse_state

ID = "0123456789abcdef" * 2
Json = dict[str, object]


def subnet(**more: object) -> Json:
    return {"subnet": "10.0.1.0/24", "gateway": "10.0.1.1", "vni": 101, **more}


def endpoint(**more: object) -> Json:
    return {"node": "a", "sandbox": "s1", "ipv4": "10.0.1.2", **more}


def network(**more: object) -> Json:
    """Return a network with a local endpoint, and one of node b."""
    return {
        "name": "red",
        "subnets": [subnet()],
        "vteps": [{"node": "b", "address": "10.99.0.2"}],
        "endpoints": [endpoint(), endpoint(node="b", sandbox="t1", ipv4="10.0.1.3")],
        **more,
    }


def state(**more: object) -> Json:
    return {
        "node": "a",
        "vtep": "10.99.0.1",
        "sandboxes": [{"name": "s1"}],
        "networks": [network()],
        **more,
    }


def parse(value: object) -> StateFile:
    return parse_state(json.dumps(value))


def test_the_least_that_a_document_says() -> None:
    place = Place("a", ip_address("10.99.0.1"))
    assert parse({"node": "a", "vtep": "10.99.0.1"}) == StateFile(place, (), ())


def test_all_that_a_document_may_say() -> None:
    text = json.dumps(
        {
            "node": "a",
            "vtep": "fd99::1",
            "port": 8472,
            "mtu": 9000,
            "sandboxes": [{"name": "s1"}, {"name": "s2", "netns": "/proc/7/ns/net"}],
            "networks": [
                {
                    "id": ID,
                    "name": "red",
                    "driver": "overlay",
                    "internal": False,
                    "options": {"mtu": "1400"},
                    "subnets": [
                        subnet(),
                        {"subnet": "fd00::/64", "gateway": None, "vni": 102},
                    ],
                    "vteps": [{"node": "b", "address": "fd99::2", "mtu": 1500}],
                    "endpoints": [
                        {
                            "id": ID,
                            "name": "web",
                            "node": "a",
                            "sandbox": "s1",
                            "ipv4": "10.0.1.2",
                            "ipv6": "fd00::2",
                            "mac": "02:00:00:00:00:01",
                            "publish": ["8080:80", "[::]:53:53/udp"],
                        }
                    ],
                }
            ],
        }
    )
    subnets = (
        Subnet(ip_network("10.0.1.0/24"), ip_address("10.0.1.1"), 101),
        Subnet(ip_network("fd00::/64"), None, 102),
    )
    web = Endpoint(
        *(ID, "web", "a", "s1"),
        addresses=(ip_address("10.0.1.2"), ip_address("fd00::2")),
        mac=bytes([2, 0, 0, 0, 0, 1]),
        publish=(
            Publish(None, 8080, 80, "tcp"),
            Publish(ip_address("::"), 53, 53, "udp"),
        ),
    )
    assert parse_state(text) == StateFile(
        Place("a", ip_address("fd99::1"), 8472, 9000),
        (Sandbox("s1"), Sandbox("s2", "/proc/7/ns/net")),
        (
            NetworkView(
                Network(ID, "red", subnets, options={"mtu": "1400"}),
                (Attachment("b", ip_address("fd99::2"), 1500),),
                (web,),
            ),
        ),
    )


def test_what_is_not_said_is_made_up_the_same_each_time() -> None:
    (view,) = parse(state()).views
    local, remote = view.endpoints
    assert parse(state()).views == (view,)
    assert (local.name, local.mac.hex()) == ("s1", "02420a000102")
    ids = [view.network.id, local.id, remote.id]
    assert [len(one) for one in ids] == [32, 32, 32]
    assert len(dict.fromkeys(ids)) == 3
    (other,) = parse(state(networks=[network(name="blue")])).views
    assert other.endpoints[0].id not in ids


def test_null_says_as_much_as_nothing() -> None:
    nothing = dict.fromkeys(("id", "name", "mac", "ipv6", "publish"))
    ends = [endpoint(**{k: None for k in nothing if k != "name"})]
    value = state(networks=[network(endpoints=ends, vteps=None)], mtu=None, port=None)
    (view,) = parse(value).views
    assert view.endpoints == (parse(state()).views[0].endpoints[0],)
    assert parse(value).place == Place("a", ip_address("10.99.0.1"))


TWICE = {"node": "b", "address": "10.99.0.3"}
WRONG: list[tuple[Json | list[object] | str | int | None, str]] = [
    # Shapes
    (None, "state: want an object in braces, not null"),
    ([], "state: want an object in braces, not []"),
    (state(networks={}), "state: networks: want a list, not {}"),
    (state(networks=[1]), "state: networks[0]: want an object in braces, not 1"),
    (state(sandboxes=[{"name": 1}]), "state: sandboxes[0]: name: want a text, not 1"),
    (state(more=1, less=2), "state: unknown field less, more: see docs/overlay.md"),
    (state(networks=[network(more=1)]), "unknown field more"),
    (state(networks=[network(subnets=[subnet(more=1)])]), "unknown field more"),
    (state(networks=[network(options={"mtu": 1400})]), "mtu: want a text, not 1400"),
    (state(networks=[network(internal="yes")]), 'internal "yes": want true or false'),
    # Values
    (state(vtep="10.99.0.300"), "state: vtep '10.99.0.300': "),
    (state(vtep=7), "state: vtep: want a text, not 7"),
    (state(port=0), "state: port 0: want a number from 1 to 65535"),
    (state(port=True), "state: port true: want a number from 1 to 65535"),
    (state(port=1.5), "state: port 1.5: want a number from 1 to 65535"),
    (state(mtu=67), "state: mtu 67: want a number from 68 to 65535"),
    (state(sandboxes=[{"name": "../s1"}]), "sandbox name '../s1': want 1 to 128"),
    (state(networks=[network(id="red")]), "id 'red': want 32 hexadecimal digits"),
    (state(networks=[network(driver="bridge")]), "driver 'bridge': want overlay"),
    (state(networks=[network(options={"encrypted": ""})]), "overlay has no such"),
    (state(networks=[network(options={"mtu": "9"})]), "option mtu=9: want a number"),
    # Subnets
    (state(networks=[network(subnets=[], endpoints=[])]), "want one subnet at least"),
    (state(networks=[network(subnets=[subnet(vni=None)])]), "vni: want a number"),
    (state(networks=[network(subnets=[subnet(vni=1 << 24)])]), "vni 16777216: want"),
    (state(networks=[network(subnets=[subnet(subnet="10.0.1.1/24")])]), "host bits"),
    (
        state(networks=[network(subnets=[subnet(gateway="10.0.2.1")])]),
        "gateway 10.0.2.1: not in 10.0.1.0/24",
    ),
    (
        state(
            networks=[
                network(subnets=[subnet(), subnet(subnet="10.0.2.0/24", gateway=None)])
            ]
        ),
        "VNI 101: network red has it",
    ),
    # Endpoints
    (
        state(networks=[network(endpoints=[endpoint(ipv4="10.0.2.2")])]),
        "10.0.2.2: in no subnet of red",
    ),
    (state(networks=[network(endpoints=[endpoint(ipv4=None)])]), "want an ipv4 or an"),
    (state(networks=[network(endpoints=[endpoint(mac="ff:ff:ff:ff:ff:ff")])]), "MAC"),
    (state(networks=[network(endpoints=[endpoint(publish="80:80")])]), "want a list"),
    (state(networks=[network(endpoints=[endpoint(publish=[80])])]), "80: want texts"),
    (state(networks=[network(endpoints=[endpoint(publish=["80"])])]), "publish '80'"),
    (
        state(networks=[network(endpoints=[endpoint(publish=["9" * 5000 + ":1"])])]),
        "want 1 to 65535",
    ),
    (
        state(networks=[network(internal=True, endpoints=[endpoint(publish=["1:1"])])]),
        "the network is internal; publish on another",
    ),
    (
        state(networks=[network(endpoints=[endpoint(node="c")])]),
        "node c is not among its vteps",
    ),
    (
        state(networks=[network(endpoints=[endpoint(sandbox="s2")])]),
        "sandbox s2: not among the sandboxes",
    ),
    # What only one may have
    (
        state(networks=[network(vteps=[TWICE, TWICE])]),
        "network red: b: both node b and node b",
    ),
    (
        state(
            networks=[network(endpoints=[endpoint(), endpoint(node="b", sandbox="x")])]
        ),
        "network red: 10.0.1.2: both endpoint s1 and endpoint x",
    ),
    (
        state(networks=[network(endpoints=[endpoint(ipv4="10.0.1.1")])]),
        "network red: 10.0.1.1: both a gateway and endpoint s1",
    ),
    (
        state(
            networks=[network(endpoints=[endpoint(), endpoint(ipv4="10.0.1.9", id=ID)])]
        ),
        "network red: sandbox s1: both endpoint s1 and endpoint s1",
    ),
    (state(networks=[network(), network()]), "network red: another has the id"),
    (state(sandboxes=[{"name": "s1"}] * 2), "sandboxes: two have one name"),
    (
        state(networks=[network(), network(name="blue")]),
        "network blue: VNI 101: network red has it",
    ),
]


@pytest.mark.parametrize(("value", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_is_refused_in_one_line(value: object, said: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "nul", "{'node': 1}", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no JSON: "):
        parse_state(text)


def test_other_hosts_sandboxes_need_not_be_known_here() -> None:
    ends = [endpoint(node="b", sandbox="anything at all")]
    (view,) = parse(state(sandboxes=[], networks=[network(endpoints=ends)])).views
    assert view.endpoints[0].sandbox == "anything at all"


def test_one_subnet_may_be_in_two_networks() -> None:
    blue = network(name="blue", subnets=[subnet(vni=102)])
    views = parse(state(networks=[network(), blue])).views
    assert [one.network.subnets[0].vni for one in views] == [101, 102]
    assert replace(views[0].network.subnets[0], vni=102) == views[1].network.subnets[0]


def refusal(value: object) -> str:
    """Return why a document is refused, or nothing."""
    try:
        parse(value)
    except Refused as refused:
        return str(refused)
    return ""


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["node", "vtep", "networks", "name", "subnets", "vni", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(documents)
def test_any_document_is_read_or_refused(value: object) -> None:
    assert "\n" not in refusal(value)


@given(
    st.sampled_from(["node", "vtep", "port", "mtu", "sandboxes", "networks"]), documents
)
def test_any_field_may_be_wrong(name: str, value: object) -> None:
    assert "\n" not in refusal(state(**{name: value}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"vtep": "0.0.0.0"', "want an address of one host"),
        ('"vtep": "239.1.1.1"', "want an address of one host"),
        ('"vtep": "fe80::1%e0"', "want no zone"),
        (
            '"vtep": "10.99.0.1", "sandboxes": [{"name": "s", "netns": "a\\u0000b"}]',
            "path",
        ),
    ],
)
def test_what_no_kernel_could_hold_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parse_state('{"node": "a", ' + text + "}")
