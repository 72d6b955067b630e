"""What the tree must hold, and what must never get into it."""

import re
import subprocess
import tomllib
from typing import Final

import pytest

from tests.source import ROOT

# Bracketed letters keep this file from matching itself.
FORBIDDEN: Final = re.compile(
    r"/(wor[k]|far[m]|roo[t])/"
    r"|/tm[p]/[a-z]+-?[0-9]{3,}"
    r"|pypi\.or[g]|pythonhoste[d]|npmjs\.or[g]|deb\.debia[n]"
)


def forbidden_lines(text: str) -> list[int]:
    """Return the numbers of the lines that name a machine's path or a registry."""
    return [
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]


def tracked_files() -> list[str]:
    """Return the files under git and those that `git add` would take, sorted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return sorted(name for name in listed.stdout.split("\0") if name)


def test_a_benchmark_names_what_a_reader_can_find_or_repeat() -> None:
    # Figures of notes that are not here, or of "a machine", nobody can check.
    vague = re.compile(
        r"`facts`|facts measured|measured\s+(in\s+\d{4}|on\s+a\s+machine)|18 to\s+28 us"
    )
    texts = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "docs").glob("*.md")]
    told = {one.name: vague.findall(one.read_text()) for one in texts}
    del told["design.md"]  # It names a module so.
    assert {name: found for name, found in told.items() if found} == {}


def test_no_file_names_a_machines_path_or_a_registry() -> None:
    found = []
    for name in tracked_files():
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        text = "" if b"\0" in data else data.decode("utf-8", "replace")
        found += [f"{name}:{line}" for line in forbidden_lines(text)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_forbidden"),
    [
        ("see /" + "work/main", True),
        ("/" + "root/.cache", True),
        ("/" + "tmp/job-1234", True),
        ("https://pypi" + ".org/simple", True),
        ("a network/path of work", False),
    ],
)
def test_a_machines_path_is_caught(line: str, *, is_forbidden: bool) -> None:
    assert forbidden_lines(f"first\n{line}\n") == ([2] if is_forbidden else [])


@pytest.mark.parametrize("script", ["browser", "run", "tools", "venv"])
def test_a_script_of_ci_has_its_run_bit(script: str) -> None:
    assert (ROOT / ".ci" / script).stat().st_mode & 0o111 == 0o111


def test_every_picture_that_a_document_shows_is_there_and_all_are_small() -> None:
    shown = {
        name
        for path in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"\]\((pictures/[^)]+)\)", path.read_text())
    }
    files = list((ROOT / "docs" / "pictures").iterdir())
    assert shown <= {f"pictures/{path.name}" for path in files}
    assert sum(path.stat().st_size for path in files) < 1_500_000


def test_everything_the_bench_extra_draws_with_is_optional() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = sorted(re.split(r"[<>=]", name)[0] for name in project["dependencies"])
    engines, people = ["cryptography", "msgpack"], ["click", "tqdm"]
    agent = ["dnspython", "h11", "prometheus_client", "trio"]
    assert needed == sorted([*engines, *people, *agent])
