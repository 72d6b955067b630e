"""What doctor and check print, and how they end."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.cli.fake_agent import Asked, FakeAgent, Silence

PORT = {
    "check": "7946/udp to peer",
    "node": "n1",
    "verdict": "fail",
    "evidence": "0 of 8 datagrams came",
    "cure": "open 7946/udp there",
}
WELL = {**PORT, "check": "rights", "node": None, "verdict": "ok", "cure": None}
A, B = ({"id": one * 12, "name": f"n{one}", "state": "alive"} for one in "01")
PAIR = {
    "from": A["id"],
    "from_name": "n0",
    "to": B["id"],
    "to_name": "n1",
    "ok": True,
    "rtt_s": 0.0005,
    "loss": 0.0,
    "path_mtu": 1450,
    "tcp": True,
    "reason": None,
}
BACK = {**PAIR, "from": B["id"], "from_name": "n1", "to": A["id"], "to_name": "n0"}
WEB = {
    "network": "ab" * 16,
    "name": "web",
    "mtu": 1450,
    "hosts": [A, B],
    "pairs": [PAIR, BACK],
}


def test_findings_stand_in_columns_with_their_cures(
    shell: Shell, agent: FakeAgent
) -> None:
    agent.answer = [WELL, PORT]
    done = shell.run("doctor", "n1")
    assert (done.exit_code, done.stderr) == (1, "")
    assert agent.asked == [
        Asked("GET", "/v1/status"),
        Asked("POST", "/v1/doctor", {"address": "n1"}),
    ]
    assert done.stdout.splitlines() == [
        "VERDICT   CHECK              NODE   EVIDENCE",
        "ok        rights             -      0 of 8 datagrams came",
        "fail      7946/udp to peer   n1     0 of 8 datagrams came",
        "          cure: open 7946/udp there",
        "1 fail, 1 ok",
    ]
    agent.answer = [WELL, {**PORT, "verdict": "warn"}]
    assert shell.run("doctor").exit_code == 0
    assert shell.json("doctor") == agent.answer


def test_doctor_needs_no_agent(shell: Shell, run_dir: Path) -> None:
    data_dir = run_dir / "data"
    done = shell.run("doctor", "--data-dir", str(data_dir), "--format", "json")
    assert '"check": "agent"' in done.stdout
    assert '"check": "rights"' in done.stdout
    assert f"{data_dir}: not there" in done.stdout


@pytest.mark.parametrize(
    ("has_run", "status", "verdict"), [(False, 3, "skip"), (True, 1, "fail")]
)
def test_the_exit_status_without_an_agent(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_run: bool,
    status: int,
    verdict: str,
) -> None:
    run_dir = shell.run_dir

    def alone(*given: str | None) -> list[Any]:
        assert given == (str(run_dir), str(run_dir), "192.0.2.1")
        return [WELL]

    monkeypatch.setattr("swarmnet.runtime.doctor.alone.look_alone", alone)
    if has_run:
        (run_dir / "swarmnet.db").touch()
    done = shell.run("doctor", "192.0.2.1", "--data-dir", str(run_dir))
    assert done.exit_code == status
    assert done.stdout.splitlines()[1].split()[:2] == [verdict, "agent"]


def test_a_matrix_of_hosts(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = [WEB]
    assert shell.lines("check", "web") == [
        "network web (abababababab), MTU 1450",
        "FROM \\ TO   n0               n1",
        "n0          -                0.5 ms, 1450 B",
        "n1          0.5 ms, 1450 B   -",
    ]
    assert agent.asked == [Asked("POST", "/v1/check", {"network": "web"})]
    assert shell.json("check") == [WEB]


def test_a_pair_that_fails_is_named(shell: Shell, agent: FakeAgent) -> None:
    why = {"ok": False, "rtt_s": None, "path_mtu": None, "reason": "nothing came there"}
    agent.answer = [{**WEB, "pairs": [{**PAIR, **why}, {**BACK, "loss": 0.25}]}]
    done = shell.run("check")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.splitlines()[2:] == [
        "n0          -                           FAILS",
        "n1          0.5 ms, 1450 B, loses 25%   -",
        "failed: n0 to n1: nothing came there",
    ]


def test_nothing_to_be_checked(shell: Shell, agent: FakeAgent) -> None:
    agent.answer = []
    assert shell.lines("check") == ["There is no network."]
    agent.answer = [{**WEB, "hosts": [A], "pairs": []}]
    assert shell.lines("check")[1] == "1 host has sandboxes in it: nothing to be tried"


def test_an_agent_that_hangs_is_looked_at_from_outside(
    shell: Shell, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarmnet.runtime.cli.doctor.QUICK_S", 0.05)
    agent.answer = Silence()
    done = shell.run("doctor", "--data-dir", str(shell.run_dir / "data"))
    assert done.exit_code == 1
    _, first, cure, *_ = done.stdout.splitlines()
    assert first.startswith("fail      agent")
    assert first.endswith("the agent does not answer within 0.05 s")
    assert "systemctl restart swarmnet" in cure
    # It listens, so it is known which process it is.
    assert f"the agent (pid {os.getpid()})" in done.stdout
