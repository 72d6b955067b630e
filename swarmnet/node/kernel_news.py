"""What passes between the data plane and whoever has the kernel in hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from swarmnet.kernel.links import Link
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.state import Address, Namespace, Route
from swarmnet.overlay.entries import Sort

# What it wants done


@dataclass(frozen=True, slots=True)
class Look:
    """A namespace to be read.

    `desired` says which sysctls and tables matter. `path`: others made it, and it is
    adopted from there first.
    """

    namespace: str
    desired: Namespace
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Read these; the answer goes to `receive_read` with the number."""

    number: int
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """Do these, in order; what was refused goes to `receive_done` with the number."""

    number: int
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """Let go of a namespace that others made."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Drifted:
    """A namespace was not as we left it: so many operations put it right."""

    namespace: str
    count: int
    sample: tuple[Operation, ...]


KernelOutput = Read | Apply | Forget | Drifted
Found = Mapping[str, Namespace | None]
"""What was read, by key; None where there is no such namespace."""

# What the kernel announces

OWN: Final = b"own"
"""What a bridge's entry says whose MAC is the bridge's or the port's own."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """Announcements about a namespace were lost."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Missed:
    """A VXLAN device had nothing about a MAC (l2miss) or an IP (l3miss)."""

    namespace: str
    sort: Sort
    about: bytes


@dataclass(frozen=True, slots=True)
class EntryNews:
    """An entry of a VXLAN device now says `value`; None: it is gone."""

    namespace: str
    link: str
    sort: Sort
    about: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class LinkNews:
    """A link is now this; None: it is gone."""

    namespace: str
    name: str
    link: Link | None


@dataclass(frozen=True, slots=True)
class AddressNews:
    """An address came, or went."""

    namespace: str
    address: Address
    is_there: bool


@dataclass(frozen=True, slots=True)
class RouteNews:
    """A route came, or went."""

    namespace: str
    route: Route
    is_there: bool


@dataclass(frozen=True, slots=True)
class OtherNews:
    """Something in a namespace changed that nothing more is known of."""

    namespace: str


KernelNews = (
    Overrun | Missed | EntryNews | LinkNews | AddressNews | RouteNews | OtherNews
)
