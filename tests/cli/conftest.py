"""A run directory with an agent in it, and the command beside it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from swarmnet.runtime.cli.main import main
from tests.cli.fake_agent import Asked, FakeAgent


@pytest.fixture
def run_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="swarmnet-cli-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def agent(run_dir: Path) -> Iterator[FakeAgent]:
    fake = FakeAgent(run_dir / "api.sock")
    yield fake
    fake.stop()


@dataclass
class Shell:
    """Runs `swarmnet` in this process, against the agent of one run directory."""

    run_dir: Path

    def run(self, *words: str, stdin: str | bytes | None = None) -> Result:
        environment = {"SWARMNET_RUN_DIR": str(self.run_dir)}
        return CliRunner().invoke(main, words, input=stdin, env=environment)

    def lines(self, *words: str) -> list[str]:
        """Return what a command prints; it succeeds, and complains of nothing."""
        done = self.run(*words)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def json(self, *words: str) -> object:
        """Return the one document that a command prints."""
        done = self.run("--format", "json", *words)
        assert (done.exit_code, done.stderr) == (0, "")
        found: object = json.loads(done.stdout)
        return found

    def complaint(self, *words: str, status: int) -> str:
        """Return the one line that a command ends with."""
        done = self.run(*words)
        assert (done.exit_code, done.stdout) == (status, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("swarmnet: ")
        return line.removeprefix("swarmnet: ")


@pytest.fixture
def shell(run_dir: Path) -> Shell:
    return Shell(run_dir)


def took(shell: Shell, agent: FakeAgent, *words: str) -> Asked:
    """Return the one request that a command makes."""
    assert shell.run(*words).exit_code == 0
    (asked,) = agent.asked
    return asked
