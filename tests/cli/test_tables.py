"""What each command prints for people."""

import pytest

from swarmnet.runtime.cli.answers import milliseconds
from swarmnet.runtime.cli.layout import block, table
from tests.cli.conftest import Shell
from tests.cli.fake_agent import FakeAgent

NODE = {
    "id": "0123456789abcdef0123456789abcdef",
    "name": "web1",
    "self": True,
    "role": "manager",
    "state": "alive",
    "address": "192.0.2.1:7946",
    "data_path_address": "192.0.2.1",
    "incarnation": 3,
    "rtt_s": None,
}
NETWORK = {
    "id": "fedcba9876543210",
    "name": "web",
    "driver": "overlay",
    "scope": "global",
    "vni": 4097,
    "subnets": [{"subnet": "10.0.1.0/24", "gateway": "10.0.1.1", "vni": 4097}],
    "mtu": 1450,
    "internal": False,
    "labels": {"team": "a"},
    "options": {},
}
ENDPOINT = {
    "id": "e1",
    "name": "box1",
    "sandbox": "box1",
    "node": NODE["id"],
    "node_name": "web1",
    "mac": "02:42:0a:00:01:02",
    "ipv4": "10.0.1.2",
    "ipv6": None,
    "aliases": ["db"],
    "state": "active",
}


def test_nodes_stand_in_columns(shell: Shell, agent: FakeAgent) -> None:
    other = NODE | {"name": "web2", "self": False, "role": "worker", "rtt_s": 0.00123}
    agent.answer = [NODE, other]
    head, first, second = shell.lines("node", "ls")
    assert head.split("   ")[0] == "ID"
    assert first.split() == [
        *("0123456789ab", "web1", "*", "manager", "alive"),
        *("192.0.2.1:7946", "192.0.2.1", "-"),
    ]
    assert second.endswith("1.23 ms")
    assert first.index("manager") == second.index("worker") == head.index("ROLE")


def test_a_node_is_a_block_of_facts(shell: Shell, agent: FakeAgent) -> None:
    certificate = {"not_before": "2026-01-01", "not_after": "2026-04-01", "issuer": "r"}
    agent.answer = NODE | {"certificate": certificate, "networks": [], "boot_epoch": 4}
    lines = shell.lines("node", "inspect", "web1")
    assert lines[0] == "id:              0123456789abcdef0123456789abcdef"
    assert "certified until: 2026-04-01" in lines
    assert "networks:        -" in lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("node rm a", "Node web1 (0123456789ab) is removed."),
        ("node promote a", "Node web1 (0123456789ab) is a manager."),
        ("node demote a", "Node web1 (0123456789ab) is a worker."),
        ("network create web", "0123456789abcdef0123456789abcdef"),
        ("network rm web", "Network web1 (0123456789ab) is removed."),
        ("network disconnect web box1", "box1 is no longer in web."),
        ("leave", "This node left the cluster."),
    ],
)
def test_what_was_done_is_said_in_one_line(
    shell: Shell, agent: FakeAgent, line: str, said: str
) -> None:
    agent.answer = NODE
    assert shell.lines(*line.split()) == [said]


def test_networks_stand_in_columns(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = [NETWORK]
    _, row = shell.lines("network", "ls")
    assert row.split() == [
        *("fedcba987654", "web", "overlay", "global", "4097", "10.0.1.0/24", "1450"),
    ]


def test_a_network_is_facts_and_its_endpoints(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = NETWORK | {"endpoints": [ENDPOINT], "nodes": [NODE["id"]]}
    lines = shell.lines("network", "inspect", "web")
    assert "subnet:   10.0.1.0/24, gateway 10.0.1.1, VNI 4097" in lines
    assert "labels:   team=a" in lines
    blank, head, row = lines[-3:]
    assert (blank, head.split()[0]) == ("", "ENDPOINT")
    assert row.split() == [
        *("box1,", "db", "box1", "web1", "(0123456789ab)", "10.0.1.2", "-"),
        *("02:42:0a:00:01:02", "active"),
    ]


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "said"),
    [
        ("10.0.1.2", None, "10.0.1.2"),
        ("10.0.1.2", "fd00::2", "10.0.1.2"),
        (None, "fd00::2", "fd00::2"),
    ],
)
def test_connect_prints_the_address_alone(
    shell: Shell, agent: FakeAgent, ipv4: str | None, ipv6: str | None, said: str
) -> None:
    agent.answer = {"endpoint": "e1", "ipv4": ipv4, "ipv6": ipv6}
    assert shell.lines("network", "connect", "web", "box1") == [said]


def test_sandboxes_stand_in_columns(shell: Shell, agent: FakeAgent) -> None:
    endpoints = [
        {"network": "web", "ipv4": "10.0.1.2", "ipv6": None, "mac": "02:42:0a:00:01:02"}
    ]
    box = {"name": "b", "netns": "/run/b", "adopted": True, "endpoints": endpoints}
    box["dns"] = "127.0.0.11"
    agent.answer = [box, {"name": "c", "netns": None, "endpoints": []}]
    head, first, second = shell.lines("sandbox", "ls")
    assert head.split() == ["NAME", "NAMESPACE", "ADOPTED", "DNS", "ENDPOINTS"]
    assert first.split() == ["b", "/run/b", "yes", "127.0.0.11", "web", "10.0.1.2"]
    assert second.split() == ["c", "-", "-", "-", "-"]


@pytest.mark.parametrize("words", [("create", "b"), ("rm", "b")])
def test_a_sandbox_is_named(
    shell: Shell, agent: FakeAgent, words: tuple[str, ...]
) -> None:
    agent.answer = {"name": "box1"}
    assert shell.lines("sandbox", *words) == ["box1"]


def test_init_says_how_others_join(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {
        "node": "n1",
        "name": "web1",
        "cluster": "c1",
        "address": "192.0.2.1:7946",
        "tokens": {"worker": "SNTKN-1-w", "manager": "SNTKN-1-m"},
    }
    lines = shell.lines("init")
    assert "    swarmnet join --token SNTKN-1-w 192.0.2.1:7946" in lines
    assert "SNTKN-1-m" not in "".join(lines)


def test_join_says_what_this_node_is_now(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {"node": "n2", "name": "w2", "role": "worker", "cluster": "c1"}
    said = shell.lines("join", "--token", "T", "192.0.2.1")
    assert said == ["This node, w2 (n2), joined cluster c1 as worker."]


def test_join_token_says_the_command_or_the_token(
    shell: Shell, agent: FakeAgent
) -> None:
    agent.answer = {"role": "worker", "token": "SNTKN-1-w", "address": "[fd00::1]:7946"}
    lines = shell.lines("join-token", "worker")
    assert lines[-1] == "    swarmnet join --token SNTKN-1-w [fd00::1]:7946"
    assert shell.lines("join-token", "-q", "worker") == ["SNTKN-1-w"]


def test_ca_rotate_says_the_new_root(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {"root": "r2"}
    assert shell.lines("ca", "rotate") == ["r2"]


def test_status_is_a_glance(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {
        "node": "n1",
        "name": "web1",
        "role": "manager",
        "cluster": "c1",
        "address": "192.0.2.1:7946",
        "data_path_address": "192.0.2.1",
        "members": {"alive": 3, "degraded": 0, "suspect": 1, "dead": 0},
        "version": "0.1.0",
        "networks": 2,
        "in_sync": True,
        "last_convergence_s": 0.0042,
        "warnings": ["the clock is off by 1 h"],
    }
    assert shell.lines("status") == [
        "node:             web1 (n1), manager",
        "cluster:          c1",
        "address:          192.0.2.1:7946",
        "data path:        192.0.2.1",
        "members:          3 alive, 1 suspect",
        "networks:         2",
        "in sync:          yes",
        "last convergence: 4.2 ms",
        "version:          0.1.0",
        "warning: the clock is off by 1 h",
    ]


def test_status_before_init_says_what_to_do(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {"cluster": None, "version": "0.1.0", "warnings": []}
    assert shell.lines("status") == [
        "cluster: none: `swarmnet init` makes one, `swarmnet join` joins one",
        "version: 0.1.0",
    ]


def test_status_names_networks_if_it_knows_them(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = {"cluster": "c1", "networks": ["web", {"id": "f1", "name": "db"}]}
    assert "networks:         2: web, db (f1)" in shell.lines("status")


def test_explain_gives_the_facts(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = [
        {
            "what": "10.0.1.2",
            "kind": "endpoint",
            "network": "f1",
            "network_name": "web",
            "endpoint": "e1",
            "sandbox": "box1",
            "owner": "n1",
            "owner_name": "web1",
            "owner_state": "dead",
            "row": {"epoch": 2, "sequence": 17},
            "since": "2026-01-01T00:00:00Z",
            "ipv4": "10.0.1.2",
            "ipv6": None,
            "mac": None,
            "vtep": "192.0.2.1",
            "kernel": {"agrees": False, "detail": "no neighbour entry"},
        },
        {"what": "10.0.1.2", "owner": "n2"},
    ]
    assert shell.lines("explain", "10.0.1.2") == [
        "10.0.1.2 (endpoint)",
        "  network:  web (f1)",
        "  endpoint: e1",
        "  sandbox:  box1",
        "  owner:    web1 (n1), dead",
        "  row:      epoch 2, sequence 17",
        "  since:    2026-01-01T00:00:00Z",
        "  ipv4:     10.0.1.2",
        "  vtep:     192.0.2.1",
        "  kernel:   differs: no neighbour entry",
        "",
        "10.0.1.2",
        "  owner:  n2",
        "  kernel: unknown",
    ]


def test_explain_says_what_the_kernel_should_hold(
    shell: Shell, agent: FakeAgent
) -> None:
    kernel = {
        "agrees": False,
        "detail": "vxlan0 fdb m: absent, want 192.0.2.1",
        "wanted": {"vxlan0 neighbour 10.0.1.2": "m", "vxlan0 fdb m": "192.0.2.1"},
        "held": {"vxlan0 neighbour 10.0.1.2": "m", "vxlan0 fdb m": None},
        "cure": "nothing: it is put right within 30 s",
    }
    found = {
        "what": "10.0.1.2",
        "owner": "n2",
        "since": None,
        "since_before": "2026-01-01T00:00:00Z",
        "address": {"valid": True, "detail": "10.0.1.2: in n2's range"},
        "kernel": kernel,
    }
    agent.answer = [found]
    assert shell.lines("explain", "10.0.1.2") == [
        "10.0.1.2",
        "  owner:       n2",
        "  since:       before 2026-01-01T00:00:00Z, when this agent began",
        "  address:     valid: 10.0.1.2: in n2's range",
        "  holds:       vxlan0 neighbour 10.0.1.2 m, vxlan0 fdb m -",
        "  should hold: vxlan0 neighbour 10.0.1.2 m, vxlan0 fdb m 192.0.2.1",
        "  kernel:      differs: vxlan0 fdb m: absent, want 192.0.2.1",
        "  cure:        nothing: it is put right within 30 s",
    ]
    agent.answer = [{**found, "kernel": {**kernel, "agrees": True}}]
    assert not any("should hold" in line for line in shell.lines("explain", "x"))


def test_what_others_named_cannot_write_to_the_terminal(
    shell: Shell, agent: FakeAgent
) -> None:
    agent.answer = [NODE | {"name": "a\x1b[2J\nb\x9b"}]
    _, row = shell.lines("node", "ls")
    assert row.split()[1:4] == ["a\\x1b[2J", "b\\x9b", "*"]


def test_columns_are_as_wide_as_need_be() -> None:
    rows = [("1", "22", "3"), ("longer", "-", "")]
    assert list(table(("A", "BB", "C"), rows)) == [
        "A        BB   C",
        "1        22   3",
        "longer   -",
    ]


def test_a_block_of_nothing_is_nothing() -> None:
    assert list(block([])) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (1, "1 s"),
        (12.345, "12.3 s"),
        ("soon", "soon"),
    ],
)
def test_times_are_shown_with_their_unit(value: float | str | None, shown: str) -> None:
    assert milliseconds(value) == shown
