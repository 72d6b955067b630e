"""`python -m swarmnet.runtime.overlay` on two hosts: namespaces joined by a cable."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import pytest

from swarmnet.runtime.linux import run_in
from swarmnet.runtime.namespaces import Namespaces
from tests.runtime.conftest import ran
from tests.runtime.gateway_world import add_address, join

MTU = 1450
IPV4_HEADERS, IPV6_HEADERS = 28, 48
"""What ping adds to its payload: ICMP and IP."""
CARRIER = re.compile(r" linkdown| state [A-Z]+|<[A-Z_,-]*>")
Json = dict[str, object]

pytestmark = pytest.mark.slow


@dataclass
class Machine:
    """A host: its namespace, its run directory, and a file for its state."""

    namespace: int
    run_dir: Path
    node: str
    vtep: str

    def overlay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "swarmnet.runtime.overlay")
        options = ("--run-dir", str(self.run_dir), "--format", "json")
        return run_in(
            self.namespace,
            lambda: subprocess.run(
                [*command, *options, *arguments],
                capture_output=True,
                text=True,
                check=False,
            ),
        )

    def write(self, state: Json) -> str:
        path = self.run_dir.with_suffix(".json")
        path.write_text(json.dumps(state))
        return str(path)

    def apply(self, state: Json) -> None:
        done = self.overlay("apply", self.write(state))
        assert (done.returncode, done.stderr) == (0, "")

    def difference(self, state: Json) -> list[str]:
        """Return the kinds of operations that `apply` would do."""
        done = self.overlay("diff", self.write(state))
        found = [one["operation"] for one in json.loads(done.stdout)]
        assert done.returncode == bool(found), done.stderr
        return found

    def inside(self, key: str, *command: str) -> str:
        """Run a command in a namespace that was made here, by its pin."""
        pin = self.run_dir / "netns" / key
        return ran(self.namespace, "nsenter", f"--net={pin}", *command)

    def state(self, **more: object) -> Json:
        return {"node": self.node, "vtep": self.vtep, **more}


def network(prefix4: str = "10.0.1.0/24", **more: object) -> Json:
    """Return a network of two nodes with an endpoint each, and one more on `a`."""
    first = ip_network(prefix4).network_address
    vteps = [{"node": n, "address": f"10.99.0.{i}"} for i, n in ((1, "a"), (2, "b"))]
    return {
        "name": "red",
        "subnets": [
            {"subnet": prefix4, "gateway": str(first + 1), "vni": 1_048_577},
            {"subnet": "fd00:1::/64", "gateway": "fd00:1::1", "vni": 1_048_578},
        ],
        "vteps": vteps,
        "endpoints": [
            {
                "node": node,
                "sandbox": sandbox,
                "ipv4": str(first + number),
                "ipv6": f"fd00:1::{number}",
            }
            for node, sandbox, number in (
                ("a", "s1", 2),
                ("b", "t1", 3),
                ("a", "s2", 4),
            )
        ],
        **more,
    }


def boxes(*names: str) -> list[Json]:
    return [{"name": name} for name in names]


@contextmanager
def held_open(namespace: int) -> Iterator[str]:
    """Keep a process in a namespace, as a container does; give the path by it."""
    process = run_in(namespace, lambda: subprocess.Popen(["sleep", "600"]))
    try:
        yield f"/proc/{process.pid}/ns/net"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def machines(make_host: Callable[[], int]) -> Iterator[tuple[Machine, Machine]]:
    """Two hosts on one cable; what they leave behind is let go of."""
    folder = Path(tempfile.mkdtemp(prefix="swarmnet-test-"))
    folder.chmod(0o755)
    made = [
        Machine(make_host(), folder / node, node, f"10.99.0.{number}")
        for number, node in ((1, "a"), (2, "b"))
    ]
    join(made[0].namespace, made[1].namespace, "uplink", "uplink")
    for one in made:
        ran(one.namespace, "ip", "link", "set", "lo", "up")
        ran(one.namespace, "ip", "link", "set", "uplink", "up")
        add_address(one.namespace, "uplink", f"{one.vtep}/24")
    yield made[0], made[1]
    for one in made:
        rest = Namespaces(one.run_dir)
        for key in rest.names():
            rest.remove(key)
        rest.close()
    shutil.rmtree(folder)


def pings(where: Machine, target: str, size: int) -> bool:
    """Say whether one ping of so many bytes, headers and all, comes back."""
    headers = IPV6_HEADERS if ":" in target else IPV4_HEADERS
    payload = str(size - headers)
    command = ("ping", "-c1", "-W2", "-Mdo", "-q", "-s", payload, target)
    try:
        where.inside("box/s1", *command)
    except AssertionError:
        return False
    return True


def sights(machine: Machine) -> list[str]:
    """Return all links, addresses, routes and rules of a host.

    Not what comes by itself some time after a link is up.
    """
    commands = (
        ("ip", "-o", "link"),
        ("ip", "-o", "address"),
        ("ip", "route", "show", "table", "all"),
        ("bridge", "fdb"),
        ("nft", "-s", "list", "ruleset"),
    )
    lines = "".join(ran(machine.namespace, *one) for one in commands).splitlines()
    lines = [CARRIER.sub("", one) for one in lines]
    late = ("fe80:", "ff00::", "33:33:", "multicast")
    return [one for one in lines if not any(text in one for text in late)]


def test_sandboxes_on_two_hosts_reach_each_other_up_to_the_mtu(
    machines: tuple[Machine, Machine],
) -> None:
    a, b = machines
    a.apply(a.state(sandboxes=boxes("s1", "s2"), networks=[network()]))
    b.apply(b.state(sandboxes=boxes("t1"), networks=[network()]))
    for size in (100, MTU - 1, MTU):
        assert [pings(a, one, size) for one in ("10.0.1.3", "fd00:1::3")] == [True] * 2
        assert [pings(a, one, size) for one in ("10.0.1.4", "fd00:1::4")] == [True] * 2
    assert not pings(a, "10.0.1.3", MTU + 1)
    assert not pings(a, "fd00:1::3", MTU + 1)


def test_a_second_apply_changes_nothing(machines: tuple[Machine, Machine]) -> None:
    a, _ = machines
    state = a.state(sandboxes=boxes("s1", "s2"), networks=[network()])
    assert a.difference(state) != []
    a.apply(state)
    assert a.difference(state) == []
    seen = sights(a), a.inside("net/" + network_id(a), "ip", "-o", "link")
    a.apply(state)
    assert (
        sights(a),
        a.inside("net/" + network_id(a), "ip", "-o", "link"),
    ) == seen
    shown = json.loads(a.overlay("show").stdout)
    assert list(shown) == ["host", "box/s1", "box/s2", "net/" + network_id(a)]


def network_id(machine: Machine) -> str:
    (one,) = (machine.run_dir / "netns" / "net").iterdir()
    return one.name


def test_a_changed_file_is_followed(machines: tuple[Machine, Machine]) -> None:
    a, b = machines
    a.apply(a.state(sandboxes=boxes("s1", "s2"), networks=[network()]))
    changed = network("10.0.2.0/24", options={"mtu": "1400"})
    state = a.state(sandboxes=boxes("s1"), networks=[changed])
    del changed["endpoints"][2]  # type: ignore[attr-defined]
    a.apply(state)
    b.apply(b.state(sandboxes=boxes("t1"), networks=[changed]))
    assert a.difference(state) == []
    assert (pings(a, "10.0.2.3", 1400), pings(a, "10.0.2.3", 1401)) == (True, False)
    assert sorted(one.name for one in (a.run_dir / "netns" / "box").iterdir()) == ["s1"]
    assert "10.0.1." not in a.inside("box/s1", "ip", "address")


def test_remove_leaves_nothing_of_ours_and_all_that_is_not(
    machines: tuple[Machine, Machine],
) -> None:
    a, _ = machines
    with_foreign_things(a)
    before = sights(a)
    state = a.state(sandboxes=boxes("s1", "s2"), networks=[network()])
    a.apply(state)
    during = sights(a)
    assert [line for line in before if line not in during] == []
    done = a.overlay("remove")
    assert (done.returncode, done.stderr) == (0, "")
    assert sights(a) == before
    assert not a.run_dir.exists()
    again = a.overlay("remove")
    assert (again.returncode, again.stderr, sights(a)) == (0, "", before)


def with_foreign_things(machine: Machine) -> None:
    """Give a host a bridge with a port, a VXLAN device as Docker's, and a table."""
    for text in (
        "ip link add docker0 type bridge",
        "ip link add vethd0 master docker0 up type veth peer name vethd1",
        "ip address add 172.17.0.1/16 dev docker0",
        "ip link set docker0 up",
        "ip link add vx-000100-ab type vxlan id 4097 dstport 4789 proxy l2miss l3miss",
        "ip link set vx-000100-ab up",
        "bridge fdb add 02:42:0a:00:01:04 dev vx-000100-ab dst 10.99.0.2",
        "nft add table inet docker",
        "nft add chain inet docker forward { type filter hook forward priority 0 ; }",
        "nft add rule inet docker forward iifname docker0 accept",
    ):
        ran(machine.namespace, *text.split())


def test_an_adopted_sandbox_keeps_what_it_had(
    machines: tuple[Machine, Machine], make_host: Callable[[], int]
) -> None:
    a, _ = machines
    inside = make_host()
    join(inside, a.namespace, "eth0", "outer")
    add_address(inside, "eth0", "192.0.2.2/24")
    ran(inside, "ip", "link", "set", "eth0", "up")
    ran(inside, "ip", "route", "add", "default", "via", "192.0.2.1")
    before = ran(inside, "ip", "-o", "address", "show", "eth0")
    with held_open(inside) as path:
        state = a.state(
            sandboxes=[*boxes("s2"), {"name": "s1", "netns": path}],
            networks=[network()],
        )
        a.apply(state)
        assert a.difference(state) == []
        assert ran(inside, "ip", "-o", "address", "show", "eth0") == before
        assert "via 192.0.2.1 dev eth0" in ran(inside, "ip", "route")
        assert "10.0.1.2/24" in ran(inside, "ip", "address", "show", "eth1")
        assert a.overlay("remove").returncode == 0
    names = ran(inside, "ip", "-o", "link").splitlines()
    assert [one.split()[1].partition("@")[0].rstrip(":") for one in names] == [
        "lo",
        "eth0",
    ]
    assert not a.run_dir.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ('{"node": "a"}', "state: vtep: want a text, not null"),
        ('{"node": "a", "vtep": "10.99.0.1", "more": 1}', "unknown field more"),
        ('{"node": "a", "vtep": "10.99.0.1", "networks": [{"name": "n"}]}', "subnet"),
    ],
)
def test_wrong_input_gives_one_line_and_changes_nothing(
    machines: tuple[Machine, Machine], text: str, said: str
) -> None:
    a, _ = machines
    before = sights(a)
    path = a.run_dir.with_suffix(".json")
    path.write_text(text)
    for verb in ("apply", "diff"):
        done = a.overlay(verb, str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"overlay: {path}: ")
        assert (said in done.stderr, done.stderr.count("\n")) == (True, 1)
    missing = a.overlay("apply", "/nowhere.json")
    said_of_it = "overlay: /nowhere.json: No such file or directory\n"
    assert (missing.returncode, missing.stderr) == (1, said_of_it)
    assert (sights(a), a.run_dir.exists()) == (before, False)


def test_what_others_did_by_hand_is_put_right(
    machines: tuple[Machine, Machine],
) -> None:
    a, _ = machines
    state = a.state(sandboxes=boxes("s1", "s2"), networks=[network()])
    a.apply(state)
    key = "net/" + network_id(a)
    a.inside(key, "bridge", "fdb", "del", "02:42:0a:00:01:03", "dev", "vxlan0")
    a.inside(key, "ip", "neigh", "flush", "dev", "vxlan1", "nud", "permanent")
    a.inside("box/s1", "ip", "link", "del", "eth0")
    ran(a.namespace, "nft", "flush", "table", "inet", "swarmnet")
    ran(a.namespace, "ip", "link", "del", "swarmnet_gw")
    assert a.difference(state) != []
    a.apply(state)
    assert a.difference(state) == []
