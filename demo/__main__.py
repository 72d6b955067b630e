"""`python -m demo`: raise the stage, let the story run on it, and see that all ends.

The stage is a process in network, mount and PID namespaces of its own, as root or as
the root of a user namespace. Whatever becomes of it, the kernel then ends all processes
in it, and with them go its links, mounts, namespaces and files. The stage ends when the
pipe that is its standard input does, so it outlives this process by no means.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from demo.screen import failure

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = "/usr/sbin:/sbin:/usr/bin:/bin"
TOOLS: Final = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "bridge": "iproute2",
    "ping": "iputils-ping",
}
"""What is called, and the package that Debian has it in."""
SPACES: Final = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ROOTLESS: Final = ("--user", "--map-root-user")
GRACE_S: Final = 10.0
INTERRUPTED: Final = 130


def main() -> int:
    """Run the demonstration; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Three hosts, one network."
    )
    parser.add_argument(
        "--rootless", action="store_true", help="as without root, in a user namespace"
    )
    rootless = parser.parse_args().rootless or os.geteuid() != 0
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{FOLDERS}"
    spaces = (*ROOTLESS, *SPACES) if rootless else SPACES
    why_not = missing_tools() or refused_spaces(spaces)
    if why_not:
        failure(why_not)
        return 1
    return run_stage(("unshare", *spaces, sys.executable, "-m", "demo.stage"))


def missing_tools() -> str:
    """Return what must be installed, as one line, or ""."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not missing:
        return ""
    packages = " ".join(dict.fromkeys(TOOLS[tool] for tool in missing))
    return f"missing: {', '.join(missing)}: install them: apt-get install {packages}"


def refused_spaces(spaces: Sequence[str]) -> str:
    """Return why the namespaces cannot be made, as one line, or ""."""
    tried = subprocess.run(
        ("unshare", *spaces, "true"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode == 0:
        return ""
    why = " ".join(tried.stderr.split()) or f"exit status {tried.returncode}"
    if "--user" in spaces:
        return f"this kernel lets no user make user namespaces ({why}): run it as root"
    return f"missing rights: CAP_SYS_ADMIN ({why}): run it outside of a container"


def run_stage(command: Sequence[str]) -> int:
    """Run the stage; return its exit status."""
    stage = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        # Ctrl-C is for this process alone, which passes it on by the pipe.
        start_new_session=True,
    )
    told: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if not told and stage.stdin is not None:
            stage.stdin.close()
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    deadline = 0.0
    while (status := wait_a_little(stage)) is None:
        if told and not deadline:
            deadline = time.monotonic() + GRACE_S
        if told and time.monotonic() > deadline:
            stage.kill()
    if told:
        return INTERRUPTED
    return status if status >= 0 else 1


def wait_a_little(stage: "subprocess.Popen[bytes]") -> int | None:
    """Return the stage's exit status, or None if it goes on."""
    try:
        return stage.wait(0.2)
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    sys.exit(main())
