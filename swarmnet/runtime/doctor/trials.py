"""What the kernel can do, by doing it in a namespace that ends with its thread."""

import errno
import os
from collections.abc import Callable
from typing import Final

from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.kernel.link_codec import add_bridge, add_veth, add_vxlan
from swarmnet.kernel.links import Kind, Link, Vxlan
from swarmnet.kernel.netlink import Request
from swarmnet.runtime.linux import in_thread
from swarmnet.runtime.namespaces import make_namespace
from swarmnet.runtime.nft import Nft, find_nft
from swarmnet.runtime.spaces import Denied, Space, open_space

MTU: Final = 1400
LOOPBACK: Final = b"\x7f\0\0\1"
FORWARD: Final = "/proc/sys/net/ipv4/ip_forward"


def try_features() -> dict[str, str | None]:
    """Return why each feature does not work; "": it does; None: it was not tried."""
    found: dict[str, str | None] = {}
    try:
        found |= in_thread(_try_links)
        found["namespaces"] = ""
    except OSError as error:
        may_not = error.errno == errno.EPERM
        found["namespaces"] = None if may_not else f"unshare: {error.strerror}"
    found["nf_tables"] = _try_firewall() if found["namespaces"] == "" else None
    found["proc/sys"] = _try_sysctl()
    return found


def _try_links() -> dict[str, str | None]:
    """Make a link of each kind. The thread ends after it, and the links with it."""
    fd = make_namespace()
    space = open_space(fd)
    trials: dict[str, Callable[[], Request]] = {
        "bridge": lambda: add_bridge(Link("trial0", Kind.BRIDGE, MTU)),
        "vxlan": lambda: add_vxlan(
            Link("trial1", Kind.VXLAN, MTU, vxlan=Vxlan(1, LOOPBACK, VXLAN_PORT)),
            namespace_fd=fd,
            master_index=None,
        ),
        "veth": lambda: add_veth(
            Link("trial2", Kind.VETH, MTU),
            master_index=None,
            other=Link("trial3", Kind.VETH, MTU),
            other_fd=fd,
        ),
    }
    try:
        return {name: _refusal(space, make()) for name, make in trials.items()}
    finally:
        space.close()


def _refusal(space: Space, request: Request) -> str:
    try:
        space.demand(request)
    except Denied as denied:
        return f"{denied.name} {denied.message}".strip()
    return ""


def _try_firewall() -> str:
    path = find_nft()
    if path is None:
        return "nft is not installed"
    return Nft(path).why_not() or ""


def _try_sysctl() -> str | None:
    """Open a value for writing, and write nothing."""
    try:
        os.close(os.open(FORWARD, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        if os.geteuid():
            return None
        return f"{FORWARD}: {error.strerror}"
    return ""
