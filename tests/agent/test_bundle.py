"""Support bundles: what is in them, and what must never be."""

import json
import os
import sqlite3
import tarfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from swarmnet.runtime.redacting import PUBLIC
from swarmnet.runtime.store import DATABASE
from tests.agent.hosts import Host, World, until

PASSPHRASE = "correct horse battery"


def bundled(host: Host, folder: Path, *words: str) -> dict[str, bytes]:
    """Return the files of a bundle of a host, without their common folder."""
    path = folder / f"{len(list(folder.iterdir()))}.tar.gz"
    data = ("--data-dir", str(host.data_dir))
    done = host.run("bundle", *data, *words, str(path), within_s=120)
    assert done.status == 0, done
    assert done.out.splitlines()[-1] == str(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        found = {}
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None, entry
            found[entry.name.removeprefix("swarmnet-bundle/")] = file.read()
    return found


def secrets(host: Host) -> dict[str, bytes]:
    """Return every secret of a host by its name."""
    with closing(sqlite3.connect(host.data_dir / DATABASE)) as database:
        rows = database.execute("SELECT key, value FROM meta").fetchall()
    found = {key: bytes(value) for key, value in rows if key not in PUBLIC}
    assert {"signing_key", "exchange_key", "secret_worker"} <= found.keys()
    return found


def forms(secret: bytes) -> list[bytes]:
    coded = [b64encode(secret), urlsafe_b64encode(secret)]
    texts = [secret.hex().encode(), *(one.rstrip(b"=") for one in coded)]
    return [secret, *texts, texts[0].upper()]


def use(host: Host, **wish: str) -> None:
    host.post("init", name="alpha-host", **wish)
    leaked = secrets(host)["signing_key"].hex()
    host.post("networks", name="blue-net", labels={"note": leaked})
    host.post("sandboxes", name="green-box")
    host.connect("green-box", "blue-net", aliases=["red-alias"])


def test_no_secret_is_in_it(make_world: Callable[[int], World], tmp_path: Path) -> None:
    (host,) = make_world(1)
    host.start()
    use(host, passphrase=PASSPHRASE)
    token = host.get("join-token/manager")["token"]
    host.post("unlock", passphrase=PASSPHRASE)
    parts = bundled(host, tmp_path)
    whole = b"\n".join(parts.values())
    for name, secret in secrets(host).items():
        for form in forms(secret):
            assert form not in whole, name
    assert token.encode() not in whole
    assert token.rpartition("-")[2].encode() not in whole
    assert PASSPHRASE.encode() not in whole
    assert b"[secret]" in parts["networks.json"]


def test_it_tells_what_whoever_helps_wants_to_see(
    make_world: Callable[[int], World], tmp_path: Path
) -> None:
    (host,) = make_world(1)
    host.start()
    use(host)
    parts = bundled(host, tmp_path)
    assert json.loads(parts["status.json"])["name"] == "alpha-host"
    assert b"swarmnet_ready" in parts["metrics.txt"]
    events = [one["event"] for one in json.loads(parts["log.json"])]
    assert "cluster" in events
    (network,) = json.loads(parts["networks.json"])
    whole = json.loads(parts[f"networks/{network['id']}.json"])
    assert [one["sandbox"] for one in whole["endpoints"]] == ["green-box"]
    (space,) = {name.split("/")[2] for name in parts if name.startswith("kernel/net/")}
    links = json.loads(parts[f"kernel/net/{space}/link.json"])
    assert {"br0", "vxlan0"} <= {one["ifname"] for one in links}
    assert b"net.ipv4.ip_forward" in parts["kernel/box/green-box/sysctls.txt"]
    assert b"swarmnet 0." in parts["versions.txt"]
    assert parts["doctor.txt"]
    assert b"Traceback" not in parts["doctor.txt"]


def test_without_an_agent_it_goes_as_far_as_it_goes(
    make_world: Callable[[int], World], tmp_path: Path
) -> None:
    (host,) = make_world(1)
    host.start()
    use(host)
    host.kill()
    parts = bundled(host, tmp_path)
    assert b"status.json: no agent" in parts["missing.txt"]
    assert "kernel/box/green-box/link.json" in parts
    assert b"swarmnet.db" in parts["directories.txt"]
    done = host.run(
        "bundle", "--data-dir", str(host.data_dir), str(tmp_path / "0.tar.gz")
    )
    assert done.status == 1
    assert "name another" in done.err
    # Who ends in order leaves no log of writes beside the database.
    host.start()
    assert host.stop() == 0
    assert "log.json" not in bundled(host, tmp_path, "--anonymize")


def test_names_and_addresses_are_replaced_alike_everywhere(
    make_world: Callable[[int], World], tmp_path: Path
) -> None:
    one, two = make_world(2)
    for host in (one, two):
        host.start()
    use(one)
    token = one.get("join-token/worker")["token"]
    two.post("join", token=token, name="beta-host", addresses=[one.ip])
    until("both", lambda: len(one.states()) == 2)
    ip = one.get("sandboxes")[0]["endpoints"][0]["ipv4"]
    parts = bundled(one, tmp_path, "--anonymize")
    whole = b"\n".join(parts.values())
    names = "\n".join(parts).encode()
    hidden = ("alpha-host", "beta-host", "blue-net", "green-box", "red-alias")
    for text in (*hidden, one.ip, two.ip, ip):
        assert text.encode() not in whole, text
        assert text.encode() not in names, text
    status = json.loads(parts["status.json"])
    shown = {n["name"]: n["data_path_address"] for n in json.loads(parts["nodes.json"])}
    assert shown[status["name"]] == status["data_path_address"]
    (box,) = json.loads(parts["sandboxes.json"])
    inside = json.loads(parts[f"kernel/box/{box['name']}/address.json"])
    held = {a["local"] for link in inside for a in link["addr_info"]}
    assert box["endpoints"][0]["ipv4"] in held
