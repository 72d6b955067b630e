"""What monitors read of an agent: metrics, and whether it is well and ready."""

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from swarmnet.runtime.cli.http11 import read_body, read_head, request
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.metrics import ALL, LAST_CONVERGENCE
from tests.agent.hosts import Host, World, until
from tests.runtime.conftest import ran

PORT: Final = 9946
TIMEOUT_S: Final = 20.0
LOOP_S_MAX: Final = 0.05
"""A scrape of a small cluster holds up the loop no longer, on a busy machine too."""

Answer = tuple[int, str, bytes]
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def by_socket(host: Host, path: str) -> Answer:
    """Return what an agent answers on its socket: status, type, body."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(str(host.run_dir / "api.sock"))
        sock.sendall(request("GET", path, None))
        with sock.makefile("rb") as source:
            head = read_head(source)
            body = b"".join(read_body(source, head))
    return head.status, head.headers["content-type"], body


def by_tcp(host: Host, path: str, method: str = "GET", body: str = "") -> Answer:
    """Return what an agent answers by TCP."""

    def ask() -> Answer:
        line = http.client.HTTPConnection(host.ip, PORT, timeout=TIMEOUT_S)
        try:
            line.request(method, path, body or None)
            found = line.getresponse()
            return found.status, found.headers["Content-Type"], found.read()
        finally:
            line.close()

    return run_in(host.fd, ask)


def values(text: bytes) -> Values:
    """Return all samples of an exposition; no sample may be there twice."""
    found: Values = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.documentation, family.name
        for one in family.samples:
            key = (one.name, frozenset(one.labels.items()))
            assert key not in found, key
            found[key] = one.value
    return found


def scraped(host: Host) -> Values:
    return values(by_socket(host, "/metrics")[2])


def value(found: Values, name: str, **labels: str) -> float:
    return found["swarmnet_" + name, frozenset(labels.items())]


def test_a_host_in_no_cluster_is_healthy_and_not_ready(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(1)
    world.start()
    (host,) = world
    assert by_socket(host, "/healthz")[0] == 200
    status, kind, body = by_socket(host, "/readyz")
    assert (status, kind) == (503, "application/json")
    assert "in no cluster" in json.loads(body)["error"]
    found = scraped(host)
    assert value(found, "ready") == 0
    assert found["process_start_time_seconds", frozenset()] > 0


def test_metrics_say_what_is_so(cluster: World) -> None:
    host = cluster[0]
    host.post("networks", name="web", subnets=["10.5.0.0/24"])
    host.sandbox("a", "web")
    cluster.until_known("web")
    cluster[1].sandbox("b", "web")
    until("both", lambda: len(host.endpoints("web")) == 2)
    until("ready", lambda: by_socket(host, "/readyz")[0] == 200)
    until("probed", lambda: value(scraped(host), "probe_round_trip_seconds_count"))
    found = scraped(host)
    assert value(found, "ready") == value(found, "in_sync") == 1
    assert value(found, "members", state="alive") == 3
    assert value(found, "networks_attached") == 1
    assert value(found, "endpoints", owner="self") == 1
    assert value(found, "endpoints", owner="others") == 1
    web = {"network": "web", "subnet": "10.5.0.0/24"}
    assert value(found, "network_addresses", use="used", **web) == 1
    assert value(found, "vnis", use="used") == 1
    assert value(found, "pool_subnets", pool="10.0.0.0/8", use="used") == 1
    assert value(found, "control_bytes_total", part="sync", direction="sent") > 0
    assert value(found, "scrape_loop_seconds") < LOOP_S_MAX
    shown = {name.partition("_bucket")[0] for name, _ in found}
    for metric in ALL:
        bare = metric.name + "_count" * (metric.kind == "histogram")
        assert bare in shown or metric is LAST_CONVERGENCE, metric.name
    for one in (cluster[0], cluster[1]):
        name = "ab"[one.index]
        one.post("networks/web/disconnect", sandbox=name)
        one.delete(f"sandboxes/{name}")
    host.delete("networks/web")


def test_drift_is_counted_and_ends(cluster: World) -> None:
    host = cluster[0]
    host.post("networks", name="drifting")
    host.sandbox("c", "drifting")
    before = value(scraped(host), "kernel_drift_total")
    pins = host.run_dir / "netns" / "net"
    (space,) = list(pins.iterdir())
    fd = os.open(space, os.O_RDONLY)
    try:
        ran(fd, "ip", "link", "delete", "vxlan0")
    finally:
        os.close(fd)
    until("seen", lambda: value(scraped(host), "kernel_drift_total") > before)
    until("mended", lambda: value(scraped(host), "kernel_settled"))
    assert by_socket(host, "/readyz")[0] == 200
    host.post("networks/drifting/disconnect", sandbox="c")
    host.delete("sandboxes/c")
    host.delete("networks/drifting")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_finds_nothing_wrong(cluster: World) -> None:
    done = subprocess.run(
        ("promtool", "check", "metrics"),
        input=by_socket(cluster[0], "/metrics")[2],
        capture_output=True,
        check=False,
    )
    own = [line for line in done.stderr.decode().splitlines() if "swarmnet" in line]
    assert own == []


def test_by_tcp_there_are_three_paths_and_no_commands(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(1)
    (host,) = world
    host.start(options=("--metrics-addr", f"{host.ip}:{PORT}"))
    status, kind, body = by_tcp(host, "/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    assert values(body)
    assert by_tcp(host, "/healthz")[0] == 200
    assert by_tcp(host, "/readyz")[0] == 503
    assert by_tcp(host, "/v1/status")[0] == 404
    assert by_tcp(host, "/metrics", "POST")[0] == 405
    assert by_tcp(host, "/v1/init", "POST", '{"name": "n0"}')[0] == 400
    assert host.get("status")["cluster"] is None


def test_who_says_nothing_holds_up_nobody(make_world: Callable[[int], World]) -> None:
    world = make_world(1)
    (host,) = world
    host.start(options=("--metrics-addr", f"{host.ip}:{PORT}"))
    silent = [
        run_in(host.fd, lambda: socket.create_connection((host.ip, PORT)))
        for _ in range(64)
    ]
    try:
        # There is room again as soon as one of them goes.
        silent.pop().close()
        until("served", lambda: _is_served(host))
        assert host.get("status")["cluster"] is None
    finally:
        for one in silent:
            one.close()


def _is_served(host: Host) -> bool:
    try:
        return by_tcp(host, "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_wrong_address_is_told_in_one_line(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(1)
    (host,) = world
    for text, words in {
        "127.0.0.1": "want IP:PORT",
        "127.0.0.1:70000": "want 1 to 65535",
        "192.0.2.1:9946": "name an address of this host",
    }.items():
        host.start(options=("--metrics-addr", text), wait=False)
        assert host.ended() == 1
        line = host.logged().splitlines()[-1]
        assert words in line, line
