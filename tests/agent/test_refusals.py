"""Bad input: exit status 1, one line on stderr that names it, and nothing changed."""

import json
from typing import Any, Final

import pytest

from swarmnet.runtime.cli.client import connected
from swarmnet.runtime.cli.http11 import read_body, read_head, request
from tests.agent.hosts import CALL_S, Host, World, until

SOME_ID: Final = "0123456789abcdef"
LAN: Final = "10.99.0.0/25"
"""Inside of the route that every host has to the others."""

REFUSALS: Final = [
    ("init", "already"),
    ("join --token {token} {ip1}", "already"),
    ("leave", "--force"),
    ("network create web", "in use"),
    ("network create --subnet 10.50.0.0/25 x", "10.50.0.0/24"),
    ("network create --subnet 10.50.0.0/16 x", "10.50.0.0/24"),
    (f"network create --subnet {LAN} x", "10.99.0.0/24"),
    ("network create --subnet 10.51.0.0/99 x", "10.51.0.0/99"),
    ("network create --subnet 10.51.0.1/24 x", "10.51.0.1/24"),
    ("network create --subnet nonsense x", "nonsense"),
    ("network create --subnet 10.51.0.0/24 --gateway 10.52.0.1 x", "10.52.0.1"),
    ("network create --subnet 10.51.0.0/24 --ip-range 10.52.0.0/25 x", "10.52.0.0/25"),
    ("network create --driver bridge x", "bridge"),
    ("network create --opt colour=red x", "colour"),
    ("network create --opt mtu=67 x", "67"),
    ("network create --opt mtu=70000 x", "70000"),
    ("network create --opt mtu=many x", "many"),
    ("network create --vni 0 x", "VNI 0"),
    ("network create --vni 16777216 x", "16777216"),
    ("network create --vni {vni} x", "{vni}"),
    ("network create -- -x", "-x"),
    ("network create a/b", "a/b"),
    ("network inspect nowhere", "nowhere"),
    ("network rm nowhere", "nowhere"),
    ("network rm web", "first on n0"),
    ("network connect nowhere free", "nowhere"),
    ("network connect web nobody", "nobody"),
    ("network connect web first", "web"),
    ("network connect --ip 10.60.0.9 web free", "10.60.0.9"),
    ("network connect --ip 10.50.0.0 web free", "10.50.0.0"),
    ("network connect --ip 10.50.0.1 web free", "10.50.0.1"),
    ("network connect --ip 10.50.0.255 web free", "10.50.0.255"),
    ("network connect --ip {first} web free", "first on n0"),
    ("network connect --ip {other} web free", "other on n1"),
    ("network connect --ip ten web free", "ten"),
    ("network connect --ip6 fd00::9 web free", "fd00::9"),
    ("network connect --mac 01:00:5e:00:00:01 web free", "01:00:5e:00:00:01"),
    ("network connect --mac zz web free", "zz"),
    ("network connect --mac {first_mac} web free", "first on n0"),
    ("network connect --mac {other_mac} web free", "other on n1"),
    ("network connect --publish 8080:80 web free", "8080"),
    ("network connect --publish 0:80 web free", "0"),
    ("network connect --publish 80 web free", "80"),
    ("network connect --publish 9090:80 web free", "a process"),
    ("network connect --publish 7946:80 web free", "a process"),
    ("network connect --publish 4789:80/udp web free", "VXLAN"),
    ("network connect --alias a..b web free", "a..b"),
    ("network disconnect web free", "free"),
    ("network disconnect nowhere first", "nowhere"),
    ("network disconnect web nobody", "nobody"),
    ("node rm nobody", "nobody"),
    (f"node rm {SOME_ID}", SOME_ID),
    ("node rm n0", "leave"),
    ("node inspect nobody", "nobody"),
    ("sandbox create first", "first"),
    ("sandbox create a/b", "a/b"),
    ("sandbox rm nobody", "nobody"),
    ("sandbox rm first", "web"),
    ("sandbox adopt x --pid 4194000", "4194000"),
    ("sandbox adopt x --netns /nowhere", "/nowhere"),
    ("sandbox adopt x --netns /etc/passwd", "/etc/passwd"),
    ("sandbox adopt x --netns {host}", "host"),
    ("sandbox adopt x --netns {first_netns}", "first"),
    ("sandbox exec nobody -- true", "nobody"),
    ("explain 10.50.0.77", "10.50.0.77"),
    ("explain nobody", "nobody"),
]


@pytest.fixture(scope="module")
def words(cluster: World) -> dict[str, str]:
    """What is there: `web` with a sandbox of n0 and one of n1; `free` is in nothing."""
    host = cluster[0]
    host.post("networks", name="web", subnets=["10.50.0.0/24"])
    host.post("sandboxes", name="free")
    host.post("sandboxes", name="first")
    first = host.connect("first", "web", publish=["8080:80"])
    cluster.until_known("web")
    other = cluster[1].sandbox("other", "web")
    until("n1's is seen", lambda: other in host.endpoints("web"))
    return {
        "token": host.get("join-token/worker")["token"],
        "vni": str(host.get("networks/web")["vni"]),
        "ip1": cluster[1].ip,
        "first": first,
        "other": other,
        "first_mac": str(host.endpoints("web")[first]["mac"]),
        "other_mac": str(host.endpoints("web")[other]["mac"]),
        "host": host.netns,
        "first_netns": str(host.run_dir / "netns/box/first"),
    }


def shown(host: Host) -> list[Any]:
    """Return all that a command could have changed."""
    nodes = [(one["id"], one["role"]) for one in host.get("nodes")]
    network = host.get("networks/web")
    sandboxes = host.get("sandboxes")
    token = host.get("join-token/worker")
    return [nodes, host.get("networks"), network, sandboxes, token, host.pinned()]


@pytest.mark.parametrize(("command", "wants"), REFUSALS)
def test_it_is_refused_and_nothing_has_changed(
    cluster: World, words: dict[str, str], command: str, wants: str
) -> None:
    host = cluster[0]
    before = shown(host)
    taken_port = None
    if "9090" in command:
        taken_port = host.listen(9090)
    try:
        done = host.says(*command.format(**words).split())
    finally:
        if taken_port is not None:
            taken_port.close()
    assert done.status == 1, done
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert wants.format(**words) in done.err
    assert shown(host) == before


@pytest.mark.parametrize(
    ("command", "wants"),
    [
        ("node rm n0", "manager"),
        ("join-token worker", "manager"),
        ("join-token worker --rotate", "manager"),
        ("network rm web", "first on n0"),
    ],
)
def test_a_worker_refuses_what_managers_do(
    cluster: World, words: dict[str, str], command: str, wants: str
) -> None:
    done = cluster[1].says(*command.split())
    assert (done.status, done.out) == (1, "")
    assert wants in done.err


def test_the_command_itself_ends_so(cluster: World, words: dict[str, str]) -> None:
    done = cluster[0].run("network", "connect", "web", "first")
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert cluster[0].run("network", "connect", "web").status == 2


@pytest.mark.parametrize(
    ("path", "body", "wants"),
    [
        ("init", {"name": 1}, "body: name: want a text, not 1"),
        ("init", {"more": 1}, "body: unknown field more"),
        ("init", {"data_path_port": 0}, "data_path_port 0: want a number from 1"),
        ("join", {"token": 7}, "body: token: want a text, not 7"),
        ("networks", {"name": "x", "vni": "a"}, 'vni "a": want a number from 0'),
        ("networks/web/connect", {"sandbox": []}, "body: sandbox: want a text"),
        ("networks/web/connect", [], "body: want an object"),
    ],
)
def test_a_malformed_body_is_told_from_what_cannot_be(
    cluster: World, words: dict[str, str], path: str, body: object, wants: str
) -> None:
    with connected(str(cluster[0].run_dir), CALL_S) as sock:
        sock.sendall(request("POST", f"/v1/{path}", json.dumps(body).encode()))
        with sock.makefile("rb") as source:
            head = read_head(source)
            told = json.loads(b"".join(read_body(source, head)))
    assert (head.status, list(told)) == (400, ["error"])
    assert wants in told["error"]
