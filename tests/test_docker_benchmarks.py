"""Docker as a peer: what is read of it, what is said without it, and what is left."""

import io
import os
import tarfile
from collections.abc import Sequence
from math import isinf
from pathlib import Path
from struct import pack

import pytest

from benchmarks import (
    docker,
    docker_entries,
    docker_failures,
    docker_rest,
    docker_throughput,
)
from benchmarks.announcements import Change, Pair, Seen, What, read_untrusted
from benchmarks.charts import Chart
from benchmarks.docker_rest import ALL, DAEMONS, Process, Rested
from benchmarks.hosts import GROUPS, PREFIX
from benchmarks.lab import OURS, Lab
from benchmarks.pinging import replies_in
from benchmarks.values import Row
from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import (
    NDA_DST,
    NDA_LLADDR,
    NDMSG,
    NUD_PERMANENT,
    NUD_REACHABLE,
)
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    AF_INET,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    attribute,
    attribute_text,
    attribute_u32,
    message,
)
from tests.test_host_benchmarks import left, needs_root

LACK = docker.missing()
needs_docker = pytest.mark.skipif(
    os.geteuid() != 0 or LACK is not None, reason=LACK or "only root starts daemons"
)

PAIR = Pair("10.0.1.3", "02:42:0a:00:01:03")
MAC = bytes.fromhex("02420a000103")
IP = bytes([10, 0, 1, 3])
VTEP = bytes([10, 98, 0, 2])


def entry(kind: int, family: int, state: int, destination: bytes = b"") -> bytes:
    """Return what a kernel tells of an entry, in the form in which Docker puts it."""
    where = attribute(NDA_DST, destination) if destination else b""
    head = NDMSG.pack(family, 9, state, 2, 0)
    return message(kind, 0, 0, head + where + attribute(NDA_LLADDR, MAC))


def link(index: int, master: int | None) -> bytes:
    """Return what a kernel tells of a link."""
    port = b"" if master is None else attribute_u32(10, master)
    body = pack("=BxHiII", 0, 1, index, 0, 0) + attribute_text(3, "veth1") + port
    return message(RTM_NEWLINK, 0, 0, body)


NEIGHBOUR = entry(RTM_NEWNEIGH, AF_INET, NUD_PERMANENT, IP)
FDB = entry(RTM_NEWNEIGH, AF_BRIDGE, NUD_PERMANENT, VTEP)
NEIGHBOUR_GONE = entry(RTM_DELNEIGH, AF_INET, NUD_PERMANENT, IP)
FDB_GONE = entry(RTM_DELNEIGH, AF_BRIDGE, NUD_PERMANENT, VTEP)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (NEIGHBOUR + FDB, list(PAIR.changes(is_there=True))),
        (NEIGHBOUR_GONE + FDB_GONE, list(PAIR.changes(is_there=False))),
        (link(4, 2) + link(5, None), [Change(What.PORT, "4", is_there=True)]),
        # What is learned, or asked for, or a bridge's own, nobody has put.
        (entry(RTM_NEWNEIGH, AF_INET, NUD_REACHABLE, IP), []),
        (entry(RTM_NEWNEIGH, AF_BRIDGE, NUD_REACHABLE, VTEP), []),
        (entry(RTM_NEWNEIGH, AF_BRIDGE, NUD_PERMANENT), []),
        (entry(RTM_GETNEIGH, AF_INET, 0, IP), []),
    ],
)
def test_an_announcement_tells_of_what_was_put(
    told: bytes, expected: list[Change]
) -> None:
    assert list(read_untrusted(told)) == expected


def test_a_cut_announcement_is_none() -> None:
    with pytest.raises(BadPacket):
        list(read_untrusted(FDB[:-4]))
    seen = Seen()
    seen.take(1.0, FDB[:-4])
    assert seen.told == []


def test_both_entries_make_an_endpoint_reachable() -> None:
    seen = Seen()
    seen.take(1.0, NEIGHBOUR)
    assert seen.moved(PAIR, 0.0, is_there=True) is None
    assert not seen.holds(PAIR)
    seen.take(2.0, FDB)
    assert seen.moved(PAIR, 0.0, is_there=True) == 2.0
    assert seen.holds(PAIR)
    seen.take(3.0, FDB_GONE)
    assert not seen.holds(PAIR)
    assert seen.moved(PAIR, 0.0, is_there=False) is None
    seen.take(4.0, NEIGHBOUR_GONE)
    assert seen.moved(PAIR, 0.0, is_there=False) == 4.0
    assert seen.moved(PAIR, 3.5, is_there=True) is None


def test_a_port_is_noted_when_it_becomes_one() -> None:
    seen = Seen()
    for at, told in enumerate((link(4, None), link(4, 2), link(4, 2), link(5, 2))):
        seen.take(float(at), told)
    assert [seen.port(since) for since in (0.0, 1.5, 3.5)] == [1.0, 3.0, None]


def test_answers_to_pings_are_read_with_their_times() -> None:
    text = (
        "PING 10.0.1.4 (10.0.1.4) 56(84) bytes of data.\n"
        "[1700000001.250000] 64 bytes from 10.0.1.4: icmp_seq=1 ttl=64 time=0.05 ms\n"
        "[1700000001.300000] From 10.0.1.2 icmp_seq=2 Destination Host Unreachable\n"
        "[1700000001.500000] 64 bytes from 10.0.1.4: icmp_seq=3 ttl=64 time=0.05 ms\n"
        "[1700000001.600000] 64 bytes from 10.0.1.4: icmp_seq=3 ttl=64 (DUP!)\n"
    )
    assert replies_in(text) == {1: 1700000001.25, 3: 1700000001.5}


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("Docker version 20.10.24+dfsg1, build 5d6db84\n", "20.10.24+dfsg1"),
        ("Docker version 26.1.5, build a72d7cd", "26.1.5"),
        ("dockerd 1\n", "dockerd 1"),
    ],
)
def test_the_version_is_what_dockerd_says(told: str, version: str) -> None:
    assert docker.version_of(told) == version


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", "it said nothing"),
        ("one\ntwo\n", "two"),
        (
            "level=error msg=b\nfailed to start daemon: no cgroup\nmore\n",
            "failed to start daemon: no cgroup",
        ),
        ("level=error msg=a\nlevel=error msg=b\nlevel=info\n", "level=error msg=b"),
    ],
)
def test_the_reason_is_what_a_daemon_complained_of(log: str, reason: str) -> None:
    assert docker.reason_of(log) == reason


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x7fELF and no more", True),
        (b"\x7fELF/lib64/ld-linux-x86-64.so.2", False),
        (b"#!/bin/sh", False),
    ],
)
def test_a_static_program_names_no_loader(head: bytes, *, expected: bool) -> None:
    assert docker.is_static(head) == expected


def test_what_is_missing_of_docker_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / docker.BUSYBOX
    program.write_bytes(b"\x7fELF/lib64/ld-linux-x86-64.so.2")
    monkeypatch.setattr(docker, "which", lambda _: str(program))
    assert docker.missing() == f"{program} is not static: install busybox-static"
    monkeypatch.setattr(docker, "which", lambda _: None)
    with Lab(1, quick=True) as lab:
        for one in (
            docker_entries,
            docker_failures,
            docker_rest,
            docker_throughput,
        ):
            assert list(one.QUESTION.answer(lab)) == []
            said = f"{one.NAME}: skipped: no dockerd: install docker.io\n"
            assert capsys.readouterr().err == said


def test_the_image_holds_one_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / docker.BUSYBOX
    program.write_bytes(b"\x7fELF")
    monkeypatch.setattr(docker, "which", lambda _: str(program))
    with tarfile.open(fileobj=io.BytesIO(docker.image())) as tar:
        members = tar.getmembers()
        assert [(one.name, one.mode) for one in members] == [(docker.BUSYBOX, 0o755)]
        source = tar.extractfile(members[0])
        assert source is not None
        assert source.read() == b"\x7fELF"


def test_what_runs_on_a_host_is_added_up() -> None:
    processes = [
        Process(0, "dockerd", 0.5, 90.0),
        Process(0, "containerd", 0.25, 40.0),
        Process(0, "containerd-shim", 0.0, 10.0),
        Process(0, "sleep", 0.0, 1.0),
        Process(2, "dockerd", 1.0, 80.0),
    ]
    found = Rested("Docker", processes, [])
    assert found.memory(DAEMONS) == [130.0, 0, 80.0]
    assert found.memory(ALL) == [140.0, 0, 80.0]
    assert found.cpu(DAEMONS) == [0.75, 0, 1.0]


# Daemons


@pytest.mark.slow
@needs_root
def test_daemons_that_do_not_run_are_skipped_with_their_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / "dockerd"
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "Docker version 1.2, build 3" && exit\n'
        "echo failed to start daemon: no kernel; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    docker.name.cache_clear()
    try:
        assert docker_entries.measured(1) == []
        assert docker.name() == "Docker 1.2"
    finally:
        docker.name.cache_clear()
    assert capsys.readouterr().err == (
        "docker_entries: skipped: Docker does not run here: failed to start daemon: no"
        " kernel\n"
    )
    check_left()


def check_left() -> None:
    """See that nothing of this process is left."""
    assert list(left()) == []
    mine = f"{PREFIX}{os.getpid()}-*"
    assert [*GROUPS.glob(mine), *GROUPS.glob(f"*/{mine}")] == []


def check_rows(found: Sequence[Row | Chart], *peers: str) -> list[Row]:
    """See that all are rows, beside these peers, and that nothing is left."""
    rows = [one for one in found if isinstance(one, Row)]
    assert len(rows) == len(found)
    assert [None if row.peer is None else row.peer.name for row in rows] == [*peers]
    assert all(row.ours.name == OURS for row in rows)
    check_left()
    return rows


@needs_docker
@pytest.mark.slow
def test_entries_come_and_go_in_both_worlds() -> None:
    *found, chart = docker_entries.measured(1)
    assert isinstance(chart, Chart)
    assert [line.name for line in chart.lines] == [OURS, docker.name()]
    rows = check_rows(found, *len(docker_entries.MEASURES) * (docker.name(),))
    assert all(row.peer is not None and row.peer.median > 0 for row in rows)


@needs_docker
@pytest.mark.slow
def test_bytes_pass_in_both_worlds_and_on_the_wire() -> None:
    rows = docker_throughput.measured((1, 1, 5))
    check_rows(rows, *2 * (docker.name(), docker_throughput.WIRE))
    assert all(row.ours.median > 0 for row in rows)


@needs_docker
@pytest.mark.slow
def test_both_worlds_rest() -> None:
    rows = docker_rest.measured(0.5)
    check_rows(rows, *5 * (docker.name(),))
    assert all(row.ours.median > 0 for row in rows[:3])


@needs_docker
@pytest.mark.slow
def test_hosts_are_cut_off_and_daemons_killed_in_both_worlds() -> None:
    rows = docker_failures.measured(docker_failures.Size(1, 1, 8.0, 1000))
    check_rows(rows, *5 * (docker.name(),))
    assert isinf(rows[0].ours.median)
    assert rows[3].ours.worst == 0
