"""Reads what a data plane wants to look at, from whichever kernel there is."""

from collections.abc import Iterable
from typing import Protocol

from swarmnet.errors import Refused
from swarmnet.kernel.state import HOST, Absent, Namespace, Unreadable
from swarmnet.node.kernel_news import Look


class Readable(Protocol):
    """A kernel that can be looked at: this machine's, or a simulated one."""

    def adopt(self, namespace: str, path: str) -> None: ...

    def has(self, namespace: str) -> bool: ...

    def read(self, namespace: str, desired: Namespace | None = None) -> Namespace: ...


def look_at(kernel: Readable, looks: Iterable[Look]) -> dict[str, Namespace | None]:
    """Read namespaces. What is left out could not be read now; None: there is none."""
    found: dict[str, Namespace | None] = {}
    for look in looks:
        try:
            if look.path is not None:
                # By the path: what was there may be gone, or another by now.
                kernel.adopt(look.namespace, look.path)
            found[look.namespace] = kernel.read(look.namespace, look.desired)
        except Refused:
            found[look.namespace] = None
        except OSError:
            # No descriptor is left: nobody can tell.
            continue
        except Absent:
            found[look.namespace] = None
        except Unreadable:
            if look.namespace != HOST and not kernel.has(look.namespace):
                found[look.namespace] = None
    return found
