"""What nodes say to each other of one scope's rows, as values. `codec` has their bytes.

A                                   B
Compare, or a probe's rider ------> differs
decodes <------------------- Offer (cells)
Rows that B lacks, Want ----------> takes, gives

newcomer                            donor
WantPage (part of the space) -----> Page (rows, up to where), and so on
"""

from dataclasses import dataclass

from swarmnet.ids import U64_MAX, Scope


@dataclass(frozen=True, slots=True)
class Compare:
    """This is my digest of the scope's rows, and how many they are."""

    scope: Scope
    digest: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Offer:
    """The first cells of the sender's sketch of its rows, as `sketch` encodes them."""

    scope: Scope
    cells: bytes


@dataclass(frozen=True, slots=True)
class Want:
    """Send me the rows whose 64-bit elements are these."""

    scope: Scope
    elements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that the receiver has asked for, or is known to lack."""

    scope: Scope
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ranges:
    """A range-based reconciliation message, as `sketch` encodes it. Stream only."""

    scope: Scope
    ranges: bytes


@dataclass(frozen=True, slots=True)
class WantPage:
    """Send me rows with elements from `first` to `last`, in order. Stream only.

    `room` is how many bytes of them at most, if the donor would send more.
    """

    scope: Scope
    first: int
    last: int
    room: int = U64_MAX


@dataclass(frozen=True, slots=True)
class Page:
    """All rows with elements from `first` to `last`, both included. Stream only."""

    scope: Scope
    first: int
    last: int
    items: tuple[bytes, ...]


Message = Compare | Offer | Want | Rows | Ranges | WantPage | Page
