"""JSON objects that a user wrote, read field by field: nothing is ignored."""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from swarmnet.errors import Refused

T = TypeVar("T")


class Malformed(Refused):
    """What was written is not of the form that is asked for."""


class Fields:
    """One JSON object. `where` says which, in messages; `guide` where to read more.

    Every field is taken once; `done` refuses those that nobody knows.
    """

    __slots__ = ("_guide", "_left", "where")

    def __init__(
        self, value: object, where: str, guide: str = "docs/overlay.md"
    ) -> None:
        self._guide = guide
        if not isinstance(value, dict):
            raise Malformed(f"{where}: want an object in braces, not {_shown(value)}")
        self._left: dict[str, object] = dict(value)
        self.where = where

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there.

        Raises:
            Malformed: it is missing or no text.
        """
        value = self._left.pop(name, default)
        if isinstance(value, str):
            return value
        raise Malformed(f"{self.where}: {name}: want a text, not {_shown(value)}")

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """Return what a text says, or None if it is missing or null."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return self.read(name, read)

    def read(self, name: str, read: Callable[[str], T]) -> T:
        """Return what a text says, as `read` tells it.

        Raises:
            Malformed: it is missing, or `read` refuses it or raises ValueError.
        """
        text = self.text(name)
        try:
            return read(text)
        except ValueError as error:
            raise Malformed(f"{self.where}: {name} {text!r}: {error}") from None

    def number(
        self, name: str, first: int, last: int, default: int | None
    ) -> int | None:
        """Return a whole number within bounds, or the default.

        Raises:
            Malformed: it is something else.
        """
        value = self._left.pop(name, None)
        if value is None:
            return default
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, int) and is_number and first <= value <= last:
            return value
        raise Malformed(
            f"{self.where}: {name} {_shown(value)}: want a number from {first} to"
            f" {last}"
        )

    def switch(self, name: str) -> bool:
        """Return true or false; false if it is missing.

        Raises:
            Malformed: it is neither.
        """
        value = self._left.pop(name, False)
        if isinstance(value, bool):
            return value
        raise Malformed(f"{self.where}: {name} {_shown(value)}: want true or false")

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, empty if it is missing.

        Raises:
            Malformed: it is something else.
        """
        found = self._list(name)
        for one in found:
            if not isinstance(one, str):
                raise Malformed(f"{self.where}: {name}: {_shown(one)}: want texts")
        return [str(one) for one in found]

    def pairs(self, name: str) -> Mapping[str, str]:
        """Return an object of texts, empty if it is missing.

        Raises:
            Malformed: it is something else.
        """
        inside = Fields(self._left.pop(name, {}), f"{self.where}: {name}")
        return {key: inside.text(key) for key in list(inside._left)}

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of objects, empty if it is missing.

        Raises:
            Malformed: it is something else.
        """
        return [
            Fields(one, f"{self.where}: {name}[{index}]")
            for index, one in enumerate(self._list(name))
        ]

    def done(self) -> None:
        """Refuse fields that nobody has taken.

        Raises:
            Malformed: there are some.
        """
        if self._left:
            names = ", ".join(sorted(self._left))
            raise Malformed(f"{self.where}: unknown field {names}: see {self._guide}")

    def _list(self, name: str) -> list[object]:
        value = self._left.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Malformed(f"{self.where}: {name}: want a list, not {_shown(value)}")
        return value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
