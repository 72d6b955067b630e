"""Where a peer may be: its home, and up to two places where it was seen elsewhere.

Home is where a peer says that it is, as whoever sends to it knows; nothing that comes
over the network moves it. *Path* is where its newest authentic datagram came from. But
whoever gets a copy of a packet in before the packet itself, from an address of his own,
looks like one who has moved (RFC 9000, section 9.3.3). So a peer is written to wherever
it may be: on its path, where another datagram or a copy of one came from lately
(*other*), and at home, until home has been silent for a while.

A path is no proof of who is there. So no place but home is sent more than three times
what came from it (RFC 9000, section 8): what goes beyond goes home alone.
"""

from typing import Final

from swarmnet.ids import Address

PATH_FRESH_S: Final = 10.0
"""For so long a peer is believed to be where it was heard from."""
AMPLIFICATION: Final = 3
"""Bytes that a place which is not home is sent at most, for each that came from it."""


class Place:
    """An address that a peer was heard from, at the latest at `heard`.

    `credit` is how many bytes may still be sent there if it is not the peer's home.
    """

    __slots__ = ("address", "credit", "heard")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard = float("-inf")
        self.credit = 0

    def note(self, now: float, size: int) -> None:
        """Take note that so many bytes came from here."""
        self.heard = now
        self.credit += AMPLIFICATION * size


class Places:
    """Where one peer may be. Home is believed until `home_until`."""

    __slots__ = ("_is_at_home", "home", "home_until", "other", "path")

    def __init__(self) -> None:
        self.home: Address | None = None
        self.home_until = float("-inf")
        self.path: Place | None = None
        self.other: Place | None = None
        self._is_at_home = False
        """Whether it was heard at home and nowhere else, as nearly all are."""

    def name_home(self, now: float, home: Address) -> None:
        """Take note of where the peer is said to be."""
        if home is not self.home and home != self.home:
            self.home, self.home_until = home, now + PATH_FRESH_S
            self._look()

    def note_path(self, now: float, source: Address, size: int) -> None:
        """Take note of where the newest authentic datagram came from."""
        path = self.path
        if path is None or (path.address is not source and path.address != source):
            path = self._move(source)
        if self._is_at_home:
            self.home_until = now + PATH_FRESH_S
        else:
            self._doubt_home(now, source)
        path.heard = now
        path.credit += AMPLIFICATION * size

    def note_copy(self, now: float, source: Address, size: int) -> None:
        """Take note of where a copy came from of one of the newest datagrams.

        It says where the peer may be as well, as long as the datagram is new.
        """
        path = self.path
        if path is None or path.address == source or not _is_fresh(path, now):
            return
        self._doubt_home(now, source)
        if source == self.home:
            return
        if self.other is None or self.other.address != source:
            self.other = Place(source)
            self._look()
        self.other.note(now, size)

    def where(self, now: float, size: int) -> list[Address]:
        """Return where to send a datagram of `size` bytes, and charge each for it."""
        if self._is_at_home and self.home is not None:
            return [self.home]
        found: list[Address] = []
        is_sure = True
        for place in self._away(now):
            if place.credit < size:
                is_sure = False
                continue
            place.credit -= size
            found.append(place.address)
        if self.home is not None and not (found and is_sure and now >= self.home_until):
            found.append(self.home)
        return found

    def is_known(self, now: float) -> bool:
        """Return whether there is anywhere to send to."""
        return self.home is not None or bool(self._away(now))

    def _move(self, source: Address) -> Place:
        """Return the place that is the path from now on.

        Of the two before it that are not home, the one heard from last is kept.
        """
        path, other = self.path, self.other
        if other is not None and other.address == source:
            self.path, other = other, None
        else:
            self.path = Place(source)
        was_home = path is None or path.address == self.home
        if (
            path is not None
            and not was_home
            and not (other is not None and other.heard >= path.heard)
        ):
            other = path
        self.other = other
        self._look()
        return self.path

    def _look(self) -> None:
        """See whether there is any place but home."""
        path = self.path
        is_away = path is None or path.address != self.home
        self._is_at_home = not is_away and self.other is None

    def _doubt_home(self, now: float, source: Address) -> None:
        """Believe in home anew if it was heard, or nothing elsewhere before this."""
        if source == self.home or not self._away(now):
            self.home_until = now + PATH_FRESH_S

    def _away(self, now: float) -> list[Place]:
        """Return the places other than home that the peer was lately heard from."""
        return [
            place
            for place in (self.path, self.other)
            if place is not None
            and place.address != self.home
            and _is_fresh(place, now)
        ]


def _is_fresh(place: Place, now: float) -> bool:
    return now - place.heard < PATH_FRESH_S
