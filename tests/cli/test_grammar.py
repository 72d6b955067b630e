"""Options on every level, wrong usage, and what help and completion say."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from swarmnet.errors import Refused
from swarmnet.runtime.cli.main import main
from tests.cli.conftest import Shell
from tests.cli.fake_agent import Asked, FakeAgent


def commands(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group with the words that lead to it."""
    yield words, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from commands(below, (*words, name))


ALL = dict(commands(main))


def test_all_commands_are_there() -> None:
    found = " ".join("-".join(words) for words in ALL if words)
    assert found == (
        "agent bundle ca ca-rotate check completion doctor explain init join join-token"
        " leave monitor network network-connect network-create network-disconnect"
        " network-inspect network-ls network-rm node node-demote node-inspect node-ls"
        " node-promote node-rm reset sandbox sandbox-adopt sandbox-create sandbox-exec"
        " sandbox-ls sandbox-rm status unlock"
    )


@pytest.mark.parametrize(
    "line",
    [
        "--format json node ls",
        "node --format json ls",
        "node ls --format json",
        "--format table node --format json ls",
        "--format table node --format table ls --format=json",
    ],
)
def test_the_last_format_counts_wherever_it_stands(
    shell: Shell, agent: FakeAgent, line: str
) -> None:
    agent.answer = [{"id": "n1"}]
    assert json.loads("\n".join(shell.lines(*line.split()))) == agent.answer


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_run_directory_may_stand_anywhere(
    run_dir: Path, agent: FakeAgent, place: int
) -> None:
    words = ["node", "ls"]
    words[place:place] = ["--run-dir", str(run_dir)]
    environment = {"SWARMNET_RUN_DIR": "/nowhere"}
    assert CliRunner().invoke(main, words, env=environment).exit_code == 0
    assert agent.asked == [Asked("GET", "/v1/nodes")]


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*words, "--help"], prog_name="swarmnet")
    assert done.exit_code == 0
    assert "--run-dir" in done.stdout
    assert "--format" in done.stdout
    is_group = isinstance(ALL[words], click.Group)
    example = f"Example: {'source <(' if words == ('completion',) else ''}swarmnet "
    assert is_group or f"{example}{' '.join(words)}" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "node",
        "nodes",
        "node ls more",
        "node inspect",
        "node ls --format xml",
        "status --verbose",
        "join 192.0.2.1",
        "join --token T",
        "join-token admin",
        "init --data-path-port x",
        "sandbox adopt b",
        "sandbox adopt b --pid 1 --netns /x",
        "sandbox exec b",
        "sandbox exec b --",
        "completion tcsh",
        "unlock passphrase",
    ],
)
def test_wrong_usage_is_told_before_the_agent_is_asked(
    shell: Shell, agent: FakeAgent, line: str
) -> None:
    done = shell.run(*line.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage: " in done.stderr
    assert agent.asked == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("0s", 0)],
)
def test_a_duration_is_in_seconds(
    shell: Shell, agent: FakeAgent, text: str, seconds: int
) -> None:
    assert shell.run("init", "--forget-dead-after", text).exit_code == 0
    assert agent.asked[0].body == {"forget_dead_after_s": seconds}


@pytest.mark.parametrize("text", ["", "5", "h", "-1s", "1.5h", "24H", "1h30m", "٣s"])
def test_a_bad_duration_is_wrong_usage(shell: Shell, text: str) -> None:
    done = shell.run("init", "--forget-dead-after", text)
    assert done.exit_code == 2
    assert "want a duration such as 90s, 15m, 24h or 7d" in done.stderr
    assert "--forget-dead-after" in done.stderr


@pytest.mark.parametrize("option", ["--opt", "--label", "--aux-address"])
@pytest.mark.parametrize("text", ["", "mtu", "=1400"])
def test_a_pair_without_a_key_or_an_equals_sign_is_wrong_usage(
    shell: Shell, option: str, text: str
) -> None:
    done = shell.run("network", "create", "web", option, text)
    assert done.exit_code == 2
    assert "want KEY=VALUE" in done.stderr


def test_the_version_is_told() -> None:
    done = CliRunner().invoke(main, ["--version"])
    assert done.stdout.startswith("swarmnet, version ")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """With what options the agent is started; nothing is."""
    found: list[dict[str, str]] = []

    def run_agent(**options: str) -> None:
        found.append(options)
        if options["data_dir"] == "/taken":
            raise Refused("/taken is taken: name another by --data-dir")

    module = ModuleType("swarmnet.runtime.agent")
    monkeypatch.setattr(module, "run_agent", run_agent, raising=False)
    monkeypatch.setitem(sys.modules, "swarmnet.runtime.agent", module)
    return found


def test_the_agent_is_started_as_told(
    shell: Shell, started: list[dict[str, str]]
) -> None:
    options = "--data-dir /d --run-dir /r --log-format json --log-level debug"
    monitors = "--metrics-addr 127.0.0.1:9946"
    assert shell.lines("agent", *options.split(), *monitors.split()) == []
    assert shell.lines("agent") == []
    assert started == [
        {
            "data_dir": "/d",
            "run_dir": "/r",
            "log_format": "json",
            "log_level": "debug",
            "metrics_addr": "127.0.0.1:9946",
        },
        {
            "data_dir": "/var/lib/swarmnet",
            "run_dir": str(shell.run_dir),
            "log_format": "text",
            "log_level": "info",
            "metrics_addr": None,
        },
    ]


def test_an_agent_that_refuses_to_start_says_why(
    shell: Shell, started: list[dict[str, str]]
) -> None:
    text = shell.complaint("agent", "--data-dir", "/taken", status=1)
    assert text == "/taken is taken: name another by --data-dir"
    assert len(started) == 1


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: Shell, name: str) -> None:
    done = shell.run("completion", name)
    assert done.exit_code == 0
    assert f"_SWARMNET_COMPLETE={name}_complete" in done.stdout


def completed(run_dir: Path, line: str, incomplete: str) -> list[str]:
    shell = ShellComplete(main, {}, "swarmnet", "_SWARMNET_COMPLETE")
    words = ["--run-dir", str(run_dir), *line.split()]
    return [item.value for item in shell.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("node rm", "/v1/nodes"),
        ("network inspect", "/v1/networks"),
        ("network connect", "/v1/networks"),
        ("network connect web", "/v1/sandboxes"),
        ("sandbox rm", "/v1/sandboxes"),
        ("sandbox exec", "/v1/sandboxes"),
    ],
)
def test_names_are_completed_by_asking_the_agent(
    run_dir: Path, agent: FakeAgent, line: str, path: str
) -> None:
    agent.answer = [{"name": "web1"}, {"name": "web2"}, {"name": "db"}, {"id": "w"}]
    assert completed(run_dir, line, "we") == ["web1", "web2"]
    assert agent.asked == [Asked("GET", path)]


def test_without_an_agent_nothing_is_completed_and_nothing_said(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(run_dir, "node rm", "") == []
    assert capsys.readouterr() == ("", "")


def test_what_an_agent_refuses_is_not_completed(
    run_dir: Path, agent: FakeAgent
) -> None:
    agent.refuse(409, "this node is in no cluster")
    assert completed(run_dir, "network rm", "") == []
