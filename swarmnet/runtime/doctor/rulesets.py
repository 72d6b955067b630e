"""This host's firewall rules: those of nftables, and of the legacy iptables."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from swarmnet.doctor.legacy_rules import parse_iptables
from swarmnet.doctor.ruleset import Ruleset, parse_nft
from swarmnet.runtime.nft import FOLDERS, find_nft

TIMEOUT_S: Final = 10.0
NET: Final = Path("/proc/thread-self/net")
LEGACY: Final = {
    "iptables-legacy": "ip_tables_names",
    "ip6tables-legacy": "ip6_tables_names",
}
"""The commands, and what says whether the kernel holds any of their tables."""


class Unlisted(Exception):
    """Rules cannot be read; the message says why."""


def read_ruleset() -> Ruleset:
    """Return the rules of the calling thread's network namespace.

    Raises:
        Unlisted: They cannot be read.
    """
    path = find_nft()
    found = Ruleset()
    if path is not None:
        try:
            found = parse_nft(_printed([path, "-j", "-s", "list", "ruleset"]))
        except ValueError as error:
            raise Unlisted(f"nft: {error}") from None
    for command, names in LEGACY.items():
        found = found.joined(_read_legacy(command, names))
    return found


def _read_legacy(command: str, names: str) -> Ruleset:
    """Return what the legacy iptables holds; nothing is loaded by asking."""
    try:
        is_used = bool((NET / names).read_text().strip())
    except OSError:
        is_used = False
    path = shutil.which(f"{command}-save", path=f"{os.defpath}:{FOLDERS}")
    if not is_used or path is None:
        return Ruleset()
    return parse_iptables(_printed([path]), command)


def _printed(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            env={"LC_ALL": "C", "PATH": FOLDERS},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unlisted(f"{command[0]}: no end after {TIMEOUT_S:g} s") from None
    except OSError as error:
        raise Unlisted(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()[:1] or [f"status {done.returncode}"]
        raise Unlisted(f"{command[0]}: {reason[0]}")
    return done.stdout
