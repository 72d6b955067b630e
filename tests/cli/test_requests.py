"""What each command asks of the agent."""

from pathlib import Path

import pytest

from tests.cli.conftest import Shell, took
from tests.cli.fake_agent import Asked, FakeAgent

REQUESTS = [
    ("init", Asked("POST", "/v1/init", {})),
    (
        "init --name a --advertise-addr 192.0.2.1:7000 --data-path-addr"
        " 192.0.2.2 --data-path-port 4790 --default-addr-pool 10.1.0.0/16"
        " --default-addr-pool 10.2.0.0/16 --default-addr-pool-mask-length 26"
        " --forget-dead-after 24h",
        Asked(
            "POST",
            "/v1/init",
            {
                "name": "a",
                "advertise_addr": "192.0.2.1:7000",
                "data_path_addr": "192.0.2.2",
                "data_path_port": 4790,
                "default_addr_pools": ["10.1.0.0/16", "10.2.0.0/16"],
                "default_addr_pool_mask_length": 26,
                "forget_dead_after_s": 86400,
            },
        ),
    ),
    ("init --data-path-port 0", Asked("POST", "/v1/init", {"data_path_port": 0})),
    (
        "join --token T --name b 192.0.2.1 192.0.2.2:7946",
        Asked(
            "POST",
            "/v1/join",
            {"token": "T", "name": "b", "addresses": ["192.0.2.1", "192.0.2.2:7946"]},
        ),
    ),
    ("join-token worker", Asked("GET", "/v1/join-token/worker")),
    ("join-token manager --rotate", Asked("POST", "/v1/join-token/manager/rotate", {})),
    ("leave", Asked("POST", "/v1/leave", {})),
    ("leave --force", Asked("POST", "/v1/leave", {"force": True})),
    ("ca rotate", Asked("POST", "/v1/ca/rotate", {})),
    ("status", Asked("GET", "/v1/status")),
    ("explain fd00::1", Asked("GET", "/v1/explain/fd00%3A%3A1")),
    ("node ls", Asked("GET", "/v1/nodes")),
    ("node inspect a", Asked("GET", "/v1/nodes/a")),
    ("node rm a/../b", Asked("DELETE", "/v1/nodes/a%2F..%2Fb")),
    ("node promote ä", Asked("POST", "/v1/nodes/%C3%A4/promote", {})),
    ("node demote a", Asked("POST", "/v1/nodes/a/demote", {})),
    ("network create web", Asked("POST", "/v1/networks", {"name": "web"})),
    (
        "network create --driver overlay --subnet 10.1.0.0/24 --subnet"
        " fd00::/64 --gateway 10.1.0.9 --ip-range 10.1.0.128/25"
        " --aux-address x=10.1.0.5 --ipv6 --internal --opt mtu=1400 --opt"
        " a=b=c --label l= --vni 5000 web",
        Asked(
            "POST",
            "/v1/networks",
            {
                "name": "web",
                "driver": "overlay",
                "subnets": ["10.1.0.0/24", "fd00::/64"],
                "gateways": ["10.1.0.9"],
                "ip_ranges": ["10.1.0.128/25"],
                "aux_addresses": {"x": "10.1.0.5"},
                "ipv6": True,
                "internal": True,
                "vni": 5000,
                "options": {"mtu": "1400", "a": "b=c"},
                "labels": {"l": ""},
            },
        ),
    ),
    ("network ls", Asked("GET", "/v1/networks")),
    ("network inspect web", Asked("GET", "/v1/networks/web")),
    ("network rm web", Asked("DELETE", "/v1/networks/web")),
    (
        "network connect web b",
        Asked("POST", "/v1/networks/web/connect", {"sandbox": "b"}),
    ),
    (
        "network connect web b --ip 10.1.0.7 --ip6 fd00::7 --mac"
        " 02:00:00:00:00:01 --alias x --alias y --publish 8080:80 --publish"
        " 127.0.0.1:53:53/udp",
        Asked(
            "POST",
            "/v1/networks/web/connect",
            {
                "sandbox": "b",
                "ip": "10.1.0.7",
                "ip6": "fd00::7",
                "mac": "02:00:00:00:00:01",
                "aliases": ["x", "y"],
                "publish": ["8080:80", "127.0.0.1:53:53/udp"],
            },
        ),
    ),
    (
        "network disconnect web b",
        Asked("POST", "/v1/networks/web/disconnect", {"sandbox": "b"}),
    ),
    ("sandbox create b", Asked("POST", "/v1/sandboxes", {"name": "b"})),
    (
        "sandbox adopt b --pid 7",
        Asked("POST", "/v1/sandboxes", {"name": "b", "pid": 7}),
    ),
    (
        "sandbox adopt b --netns /run/netns/b",
        Asked("POST", "/v1/sandboxes", {"name": "b", "netns": "/run/netns/b"}),
    ),
    ("sandbox ls", Asked("GET", "/v1/sandboxes")),
    ("sandbox rm b", Asked("DELETE", "/v1/sandboxes/b")),
]


@pytest.mark.parametrize(("line", "expected"), REQUESTS)
def test_a_command_asks_for_what_it_says(
    shell: Shell, agent: FakeAgent, line: str, expected: Asked
) -> None:
    assert took(shell, agent, *line.split()) == expected


@pytest.mark.parametrize("line", [request[0] for request in REQUESTS])
def test_any_answer_is_passed_through_as_json(
    shell: Shell, agent: FakeAgent, line: str
) -> None:
    agent.answer = {"known": None, "later": [1.5, {"more": "ä"}]}
    assert shell.json(*line.split()) == agent.answer


@pytest.mark.parametrize("line", [request[0] for request in REQUESTS])
@pytest.mark.parametrize("answer", [{}, [], [{}], None, {"members": 1, "tokens": []}])
def test_no_answer_makes_a_table_fail(
    shell: Shell, agent: FakeAgent, line: str, answer: object
) -> None:
    agent.answer = answer
    assert shell.run(*line.split()).exit_code == 0


def test_a_relative_path_is_made_whole(shell: Shell, agent: FakeAgent) -> None:
    asked = took(shell, agent, "sandbox", "adopt", "b", "--netns", "some/where")
    assert asked.body == {"name": "b", "netns": str(Path.cwd() / "some/where")}


def test_an_empty_text_is_for_the_agent_to_refuse(
    shell: Shell, agent: FakeAgent
) -> None:
    asked = took(shell, agent, "network", "connect", "--ip", "", "web", "b")
    assert asked.body == {"sandbox": "b", "ip": ""}


def test_an_empty_name_is_refused_before_it_names_something_else(
    shell: Shell, agent: FakeAgent
) -> None:
    text = shell.complaint("node", "rm", "", status=1)
    assert text == "an empty name names nothing: give a name, an id or its beginning"
    assert agent.asked == []
