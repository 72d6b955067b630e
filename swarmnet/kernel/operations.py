"""Changes to a kernel, one value each; `reconcile` puts them in order.

Each names its namespace by the key in `Host.namespaces`. Putting what is there already
is no error, nor is removing what is gone.
"""

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.intruders import Intruder
from swarmnet.kernel.links import Link
from swarmnet.kernel.state import Address, Route
from swarmnet.records import record


@record
class AddNamespace:
    """Make a namespace and pin it, `lo` up.

    `sysctls`, (path, value), are written before anybody can find it. Those of
    `default` are for the links that come; a path that is not there is left out.
    """

    namespace: str
    sysctls: tuple[tuple[str, str], ...] = ()


@record
class RemoveNamespace:
    """Let go of a namespace of ours; its links are gone already."""

    namespace: str


@record
class AddLink:
    """Make a link, with all that the value says; a veth with its `other` end.

    `other` stands in `link.peer.namespace` under `link.peer.name`, which is its own. A
    VXLAN device gets its socket in the host's namespace.
    """

    namespace: str
    link: Link
    other: Link | None = None


@record
class SetLink:
    """Make an existing link what the value says, but for what makes it (`vxlan`).

    It is never taken down to be changed: that would wipe a VXLAN device's neighbours.
    """

    namespace: str
    link: Link


@record
class ReleaseLink:
    """Take a link that is not ours out of a bridge that is."""

    namespace: str
    name: str


@record
class RemoveLink:
    """Delete a link of ours; with one end of a veth pair goes the other."""

    namespace: str
    name: str


@record
class PutAddress:
    """Give a link an address, without duplicate detection."""

    namespace: str
    address: Address


@record
class RemoveAddress:
    """Take an address from a link."""

    namespace: str
    address: Address


@record
class PutRoute:
    """Add a route; it replaces ours to the same destination."""

    namespace: str
    route: Route


@record
class RemoveRoute:
    """Delete a route of ours."""

    namespace: str
    route: Route


@record
class PutFdb:
    """Send frames to `mac` to `vtep`, whatever was said of it before."""

    namespace: str
    link: str
    mac: bytes
    vtep: bytes


@record
class RemoveFdb:
    """Forget where frames to `mac` go."""

    namespace: str
    link: str
    mac: bytes


@record
class PutNeighbour:
    """Answer for `ip` with `mac`, permanently."""

    namespace: str
    link: str
    ip: bytes
    mac: bytes


@record
class RemoveNeighbour:
    """Answer for `ip` no more."""

    namespace: str
    link: str
    ip: bytes


@record
class PutFlood:
    """Send what is for all to `vtep` too."""

    namespace: str
    link: str
    vtep: bytes


@record
class RemoveFlood:
    """Send what is for all to `vtep` no more."""

    namespace: str
    link: str
    vtep: bytes


@record
class PutStation:
    """Let a bridge send frames to `mac` out of `port` alone: a static entry."""

    namespace: str
    port: str
    mac: bytes


@record
class RemoveStation:
    """Delete a bridge's entry of `mac`, static or not."""

    namespace: str
    port: str
    mac: bytes


@record
class SetSysctl:
    """Write a value below /proc/sys, as it stands in that namespace."""

    namespace: str
    path: str
    value: str


@record
class PutTable:
    """Make a firewall table exactly this, in one transaction."""

    namespace: str
    table: Table


@record
class ChangeElements:
    """Delete and add elements of a table's sets, in one transaction.

    Each is (name of the set, element); the removed go first. `table` is what the table
    shall then be, `chains` and all.
    """

    namespace: str
    table: Table
    removed: tuple[tuple[str, str], ...] = ()
    added: tuple[tuple[str, str], ...] = ()


@record
class RemoveTable:
    """Delete a firewall table of ours."""

    namespace: str
    family: str
    name: str


@record
class MendIntruder:
    """Remove what others put into a namespace of ours, or restore what is missing."""

    namespace: str
    intruder: Intruder


Removal = (
    RemoveNamespace
    | RemoveLink
    | ReleaseLink
    | RemoveAddress
    | RemoveRoute
    | RemoveFdb
    | RemoveNeighbour
    | RemoveFlood
    | RemoveStation
    | RemoveTable
    | MendIntruder
)
"""Those after which something is not there; if it never was, that is well too."""
EntryOperation = (
    PutFdb | RemoveFdb | PutNeighbour | RemoveNeighbour | PutFlood | RemoveFlood
)
"""Those that come by the thousand."""
Operation = (
    AddNamespace
    | RemoveNamespace
    | AddLink
    | SetLink
    | ReleaseLink
    | RemoveLink
    | PutAddress
    | RemoveAddress
    | PutRoute
    | RemoveRoute
    | EntryOperation
    | PutStation
    | RemoveStation
    | SetSysctl
    | PutTable
    | ChangeElements
    | RemoveTable
    | MendIntruder
)


@record
class Failure:
    """An operation that a kernel refused: which, and why, by its name in errno.h.

    `message` is the kernel's own extended text, or "".
    """

    operation: Operation
    error: str
    message: str = ""
