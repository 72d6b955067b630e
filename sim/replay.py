"""How to see a run again: its command, and the line that opens it."""

import platform
import shlex
import subprocess  # noqa: TID251 - asks git for the commit, no engine does
from pathlib import Path

from sim.options import Options


def replay_command(options: Options, seed: int | None = None) -> str:
    """Return the command that repeats a run, with another `seed` if given."""
    seed = options.seed if seed is None else seed
    words = ["python", "-m", "sim", "run", options.scenario]
    if options.nodes is not None:
        words += ["--nodes", str(options.nodes)]
    words += ["--seed", str(seed), "--profile", options.profile]
    if options.loss:
        words += ["--loss", repr(options.loss)]
    words += ["--latency", options.latency]
    if options.duration_s is not None:
        words += ["--duration", repr(options.duration_s)]
    for key, value in options.settings.items():
        words += ["--set", f"{key}={value}"]
    if options.without:
        words += ["--without", ",".join(options.without)]
    return shlex.join(words)


def first_line(options: Options) -> str:
    """Return what opens a run: scenario, seed, commit, Python, replay command."""
    return (
        f"scenario={options.scenario} seed={options.seed} commit={commit()}"
        f" python={platform.python_version()} replay: {replay_command(options)}"
    )


def commit() -> str:
    """Return the commit of the checkout that runs, `-dirty` added, or `unknown`."""
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() or "unknown"
