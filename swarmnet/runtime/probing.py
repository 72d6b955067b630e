"""What a support bundle tells of this machine: versions, and the kernel, by its tools.

What the tools of every admin print, so that whoever reads a bundle needs none of ours.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from swarmnet import __version__
from swarmnet.kernel.firewall import OURS
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.namespaces import Namespaces

TIMEOUT_S: Final = 20.0
OWN_COMMAND_S: Final = 60.0
NAMESPACES_MAX: Final = 200
"""Of so many namespaces the kernel's state is told."""
LIBRARIES: Final = ("click", "cryptography", "h11", "msgpack", "prometheus_client")
LIBRARIES_TOO: Final = ("tqdm", "trio")
COMMANDS: Final = {
    "link.json": ("ip", "-j", "-d", "link"),
    "address.json": ("ip", "-j", "address"),
    "route.json": ("ip", "-j", "route"),
    "route6.json": ("ip", "-6", "-j", "route"),
    "neighbour.json": ("ip", "-j", "neighbour"),
    "fdb.json": ("bridge", "-j", "fdb"),
}
HOST_COMMANDS: Final = {
    **COMMANDS,
    "nft.json": ("nft", "-j", "list", "table", *OURS),
    "rule.json": ("ip", "-j", "rule"),
}
SYSCTLS: Final = (
    *("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"),
    *("net/ipv6/conf/all/disable_ipv6", "net/ipv4/conf/all/rp_filter"),
    *("net/ipv4/conf/all/route_localnet", "net/bridge/bridge-nf-call-iptables"),
    *("net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count"),
    *("net/ipv4/neigh/default/gc_thresh3", "net/core/rmem_max"),
)
Part = tuple[str, bytes]
"""The name of a file of the bundle, and what is in it."""


def versions() -> bytes:
    """Return what runs here: ourselves, libraries, kernel, tools."""
    system = platform.uname()
    lines = [
        f"swarmnet {__version__}",
        f"python {sys.version}",
        f"kernel {system.system} {system.release} {system.version} {system.machine}",
    ]
    for name in (*LIBRARIES, *LIBRARIES_TOO):
        with suppress(PackageNotFoundError):
            lines.append(f"{name} {version(name)}")
    with suppress(OSError):
        lines += Path("/etc/os-release").read_text().splitlines()[:2]
    for command in (("ip", "-V"), ("nft", "-v"), ("systemctl", "--version")):
        if shutil.which(command[0]) is not None:
            lines.append(_run(command).decode(errors="replace").partition("\n")[0])
    return "\n".join([*lines, ""]).encode()


def kernel_parts(run_dir: str) -> Iterator[Part]:
    """Yield what the kernel holds: in the host's namespace, and in those we pinned."""
    for file, command in HOST_COMMANDS.items():
        yield f"kernel/host/{file}", _run(command)
    yield "kernel/host/sysctls.txt", _sysctls()
    spaces = Namespaces(run_dir)
    try:
        for key in spaces.names(clear=False)[:NAMESPACES_MAX]:
            with suppress(OSError):
                yield from _inside(spaces, key)
    finally:
        spaces.close()


def _inside(spaces: Namespaces, key: str) -> Iterator[Part]:
    fd = spaces.open(key)
    try:
        for file, command in COMMANDS.items():
            yield f"kernel/{key}/{file}", run_in(fd, lambda: _run(command))  # noqa: B023
        yield f"kernel/{key}/sysctls.txt", run_in(fd, _sysctls)
    finally:
        os.close(fd)


def _run(command: tuple[str, ...]) -> bytes:
    """Return what a command prints, with its complaint if it has one."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}\n".encode()
    return done.stdout or done.stderr


def _sysctls() -> bytes:
    lines = []
    for path in SYSCTLS:
        with suppress(OSError):
            text = (Path("/proc/sys") / path).read_text().strip()
            lines.append(f"{path.replace('/', '.')} = {text}")
    return "\n".join([*lines, ""]).encode()


def own_command(run_dir: str, *words: str) -> bytes:
    """Return what another command of ours prints on this host.

    It is ended when it takes too long.
    """
    is_module = Path(sys.argv[0]).name in ("__main__.py", "-m")
    program = ("-m", "swarmnet") if is_module else (sys.argv[0],)
    command = (sys.executable, *program, "--run-dir", run_dir, *words)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=OWN_COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {OWN_COMMAND_S:.0f} s\n".encode()
    return done.stdout + done.stderr
