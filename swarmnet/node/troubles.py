"""What a kernel refuses, by namespace, and when to try it again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarmnet.kernel.operations import Failure

RETRY_FIRST_S: Final = 0.1
RETRY_LAST_S: Final = 30.0
_DOUBLINGS_MAX: Final = 16


@dataclass(slots=True)
class _Trouble:
    failures: list[Failure]
    count: int


class Troubles:
    """Namespaces that refused something the last time."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, _Trouble] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def __bool__(self) -> bool:
        return bool(self._held)

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def note(self, name: str, failures: list[Failure]) -> float:
        """Take note of what was refused; return after how many seconds to try again."""
        known = self._held.get(name)
        count = 1 if known is None else known.count + 1
        self._held[name] = _Trouble(failures, count)
        delay_s = RETRY_FIRST_S * 2.0 ** min(count - 1, _DOUBLINGS_MAX)
        return min(delay_s, RETRY_LAST_S)

    def end(self, name: str) -> None:
        """Take note that a namespace refuses nothing any more."""
        self._held.pop(name, None)

    def failures(self) -> Iterator[Failure]:
        """Yield what is refused, each once."""
        seen: dict[int, None] = {}
        for trouble in self._held.values():
            for failure in trouble.failures:
                if id(failure) not in seen:
                    seen[id(failure)] = None
                    yield failure
