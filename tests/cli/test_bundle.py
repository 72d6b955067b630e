"""Bundles where the agent is silent, or keeps its secrets elsewhere."""

from pathlib import Path

import pytest

from swarmnet.runtime import bundling
from swarmnet.runtime.store import DATABASE
from tests.cli.conftest import Shell
from tests.cli.fake_agent import FakeAgent, Silence


def test_where_an_agent_s_secrets_are_not_known_there_is_none(
    shell: Shell, agent: FakeAgent, tmp_path: Path
) -> None:
    file, elsewhere = tmp_path / "b.tar.gz", tmp_path / "elsewhere"
    words = ("bundle", "--data-dir", str(elsewhere), str(file))
    answers: tuple[object, ...] = ({}, Silence())
    for answer in answers:
        agent.answer = answer
        assert shell.complaint(*words, status=1) == (
            f"data directory {elsewhere}: an agent runs, and its {DATABASE} is not"
            " there: without it nobody can tell what is secret: name the agent's by"
            " --data-dir"
        )
    assert not file.exists()


def test_without_an_agent_there_are_no_secrets_to_miss(
    run_dir: Path, tmp_path: Path
) -> None:
    redactor = bundling.secrets_of(str(run_dir), str(tmp_path / "nowhere"))
    assert redactor.clean(b"left as it is") == b"left as it is"


def test_a_silent_agent_is_waited_for_once(
    agent: FakeAgent, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "ANSWER_S", 0.05)
    monkeypatch.setattr(bundling, "kernel_parts", lambda _: iter(()))
    monkeypatch.setattr(bundling, "own_command", lambda *_: b"")
    agent.answer = Silence()
    found = bundling.gather(str(run_dir), str(tmp_path))
    assert [one.path for one in agent.asked] == ["/v1/status"]
    missing = [one for one in found.missing if "does not answer within 0.05 s" in one]
    assert len(missing) == 8
    assert "versions.txt" in found.parts
