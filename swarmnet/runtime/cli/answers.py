"""The agent's answers, read leniently: a newer or older agent has other fields.

What is missing is None, and None is shown as `-`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from swarmnet.runtime.cli.outcomes import one_line

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Object = Mapping[str, Json]

NOTHING: Final = "-"
SHORT_ID_CHARACTERS: Final = 12
"""So much of an id is shown in a table, as Docker does; any prefix will do as well."""
MILLISECONDS: Final = 1000


def as_object(value: Json) -> Object:
    """Return an object, empty if it is something else."""
    return value if isinstance(value, dict) else {}


def objects(value: Json) -> list[Object]:
    """Return the objects of a list."""
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]


def text(value: Json) -> str:
    """Return a value as people read it, in one line."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(one) for one in value) or NOTHING
    if isinstance(value, dict):
        return " ".join(pairs(value)) or NOTHING
    return one_line(str(value))


def pairs(value: Object) -> Iterator[str]:
    """Yield the fields that are not null, as `key=value`."""
    for key, one in value.items():
        if one is not None:
            yield f"{one_line(key)}={text(one)}"


def short(value: Json) -> str:
    """Return the beginning of an id."""
    return text(value)[:SHORT_ID_CHARACTERS]


def named(value: Object, name: str = "name", key: str = "id") -> str:
    """Return a name with the beginning of its id, or whichever there is."""
    if value.get(name) is None:
        return short(value.get(key))
    if value.get(key) is None:
        return text(value.get(name))
    return f"{text(value.get(name))} ({short(value.get(key))})"


def milliseconds(value: Json) -> str:
    """Return seconds as people read short times."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    return f"{value * MILLISECONDS:.3g} ms" if value < 1 else f"{value:.3g} s"
