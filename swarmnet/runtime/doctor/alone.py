"""What is looked at where no agent runs: this host, and whether a peer is reached."""

import os
import socket
import struct
from collections.abc import Mapping
from ipaddress import ip_address
from time import monotonic
from typing import Final

from swarmnet.doctor.finding import Finding
from swarmnet.doctor.paths import Attempt, PathFacts, check_path
from swarmnet.errors import Refused
from swarmnet.runtime.doctor.host import Examined, examine
from swarmnet.runtime.locating import parse_address
from swarmnet.runtime.store import DATABASE

CONNECT_S: Final = 3.0
NO_AGENT: Final = "no agent runs here"
SOCKET: Final = "api.sock"
PEER: Final = struct.Struct("=iII")
"""struct ucred of unix(7): pid, uid, gid."""


def look_alone(
    run_dir: str, data_dir: str, address: str | None
) -> list[Mapping[str, str | None]]:
    """Return the findings about this host, and about the way to an address.

    Raises:
        Refused: the address is none.
    """
    found: list[Finding] = []
    agent = listener_pid(os.path.join(run_dir, SOCKET))
    is_silent = agent is not None or has_kept(data_dir)
    known = Examined(data_dir, agent=agent, is_silent=is_silent)
    if address is not None:
        found += reach_alone(address)
    return [one.as_json() for one in (*examine(known), *found)]


def has_kept(data_dir: str) -> bool:
    """Return whether an agent has kept something, or may have: it cannot be seen."""
    try:
        os.stat(os.path.join(data_dir, DATABASE))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def listener_pid(path: str) -> int | None:
    """Return which process listens on a unix socket, or None if none does."""
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    ) as one:
        try:
            one.connect(path)
            found = one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        except OSError:
            return None
    pid, _, _ = PEER.unpack(found)
    return int(pid)


def reach_alone(text: str, silence: str = NO_AGENT) -> list[Finding]:
    """Return whether an address is reached by TCP; nothing more can be told.

    Raises:
        Refused: it is no address.
    """
    try:
        address = parse_address("address", text)
    except Refused:
        raise Refused(
            f"{text[:60]}: is neither an address nor a member that is known here: see"
            " swarmnet node ls"
        ) from None
    host = str(ip_address(address.host))
    facts = PathFacts(
        node="",
        address=str(address),
        port=address.port,
        tcp_to=connect(host, address.port),
        silence=silence,
        is_member=False,
    )
    return list(check_path(facts))


def connect(host: str, port: int, within_s: float = CONNECT_S) -> Attempt:
    """Try to connect by TCP. Blocks for `within_s` at most."""
    start = monotonic()
    try:
        socket.create_connection((host, port), within_s).close()
    except TimeoutError:
        return Attempt(f"no answer within {within_s:g} s")
    except OSError as error:
        return Attempt(error.strerror or str(error))
    return Attempt(seconds=monotonic() - start)
