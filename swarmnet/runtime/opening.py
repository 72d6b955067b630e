"""Opening this host's kernel, with its firewall if there is one of use."""

from pathlib import Path
from typing import Final

from swarmnet.errors import Refused
from swarmnet.kernel.state import HOST, Namespace, Unreadable
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.nft import Nft, find_nft
from swarmnet.runtime.rights import check_rights

TRIALS: Final = 3


def open_kernel(run_dir: str | Path) -> tuple[Kernel, str | None]:
    """Return this host's kernel, and why it has no firewall, or None.

    Raises:
        Refused: a capability is missing.
    """
    check_rights()
    path = find_nft()
    nft = None if path is None else Nft(path)
    why_not = "nft is not installed" if nft is None else _why_not(nft)
    if why_not is None:
        return Kernel(run_dir, nft), None
    return Kernel(run_dir, None), (
        f"no firewall: {why_not}; VXLAN is not filtered, nothing is masqueraded or"
        " published"
    )


def read_host(kernel: Kernel) -> Namespace:
    """Return what the host's own namespace holds.

    Raises:
        Refused: it changes all the time.
    """
    for _ in range(TRIALS):
        try:
            return kernel.read(HOST)
        except Unreadable as error:
            told = str(error)
    raise Refused(f"this host's links cannot be read: {told}: try again")


def _why_not(nft: Nft) -> str | None:
    """Return why nft is of no use here, or None; once it may fail by chance."""
    found: str | None = None
    for _ in range(TRIALS):
        found = nft.why_not()
        if found is None:
            return None
    return found
