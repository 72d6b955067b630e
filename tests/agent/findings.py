"""What doctor says on hosts of a `World`, and faults to be caused there."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.agent.hosts import PYTHON, Host, until
from tests.runtime.conftest import ran

Finding = dict[str, Any]
DOCTOR_S = 60.0


def findings(host: Host, *words: str) -> list[Finding]:
    """Return all that doctor finds; its exit status says whether anything fails."""
    done = host.says("--format", "json", "doctor", *words)
    assert done.out, done
    found: list[Finding] = json.loads(done.out)
    fails = any(one["verdict"] == "fail" for one in found)
    assert done.status == int(fails), done
    return found


def bad(found: list[Finding]) -> dict[tuple[str, str | None], Finding]:
    """Return what warns or fails, by check and node."""
    return {
        (one["check"], one["node"]): one
        for one in found
        if one["verdict"] in ("warn", "fail")
    }


def named(
    host: Host, check: str, *words: str, node: str | None = None, says: str = ""
) -> Finding:
    """Wait until doctor names something, and return that."""

    def look() -> Finding | None:
        for one in findings(host, *words):
            is_it = (one["check"], one["node"]) == (check, node)
            if is_it and one["verdict"] in ("warn", "fail") and says in one["evidence"]:
                return one
        return None

    found: Finding = until(f"{check} is named", look, within_s=DOCTOR_S)
    assert found["cure"], found
    assert "\n" not in found["evidence"] + found["cure"]
    return found


def is_well(host: Host, *words: str) -> bool:
    """Return whether doctor finds nothing but drift that is past."""
    found = bad(findings(host, *words))
    return all(check == "kernel drift" for check, _ in found)


def until_well(host: Host, *words: str) -> None:
    """Wait until doctor finds nothing any more."""
    try:
        until("all is well", is_well, host, *words, within_s=DOCTOR_S)
    except AssertionError as late:
        raise AssertionError(f"{late}: {bad(findings(host, *words))}") from None


def doctor_alone(host: Host, *before: str, words: tuple[str, ...] = ()) -> Any:
    """Run doctor on a host as a process, where no agent runs; return its findings.

    `before` is a command that runs it.
    """
    command = (*PYTHON, "--run-dir", str(host.run_dir), "--format", "json", "doctor")
    done = subprocess.run(
        (
            *("nsenter", f"--net={host.netns}", *before, *command),
            *("--data-dir", str(host.data_dir), *words),
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=DOCTOR_S,
    )
    assert done.stderr == "", done.stderr
    found = json.loads(done.stdout)
    fails = any(one["verdict"] == "fail" for one in found)
    assert done.returncode == (1 if fails else 3 if words else 0)
    return found


@contextmanager
def blocked(host: Host, rule: str, hook: str = "input") -> Iterator[None]:
    """Let a host's firewall have a rule, in a chain of what comes in."""
    chain = f"chain in {{ type filter hook {hook} priority 0;"
    ran(host.fd, "nft", f"table inet cut {{ {chain} {rule}; }}; }}")
    try:
        yield
    finally:
        ran(host.fd, "nft", "delete table inet cut")


def inside_network(host: Host, network: str, *command: str) -> str:
    """Run a command in a network's namespace on a host."""
    ident = host.get(f"networks/{network}")["id"]
    fd = os.open(host.run_dir / "netns" / "net" / ident, os.O_RDONLY)
    try:
        return ran(fd, *command)
    finally:
        os.close(fd)
