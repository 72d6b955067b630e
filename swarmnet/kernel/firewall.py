"""A firewall table of our own, as a value: nftables' text, sets apart.

What changes often (which VTEPs a network has, which ports are published) stands in
named sets and maps, so that one element is added or deleted at a time; everything else
is text that is replaced as a whole, in one transaction.

Elements are written `4097 . 10.0.0.1`, `tcp . 8080`, numbers in decimal; those of a map
hold their value too: `tcp . 8080 : 172.18.0.2 . 80`. Addresses are as `str` gives them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

OURS: Final = ("inet", "swarmnet")
"""The family and the name of the one table in a shared namespace that is ours."""
ELEMENTS_A_LINE: Final = 256
"""So many elements a command: nft's errors quote the whole line."""


@dataclass(frozen=True, slots=True)
class Set:
    """A named set or map. `declaration` is what stands in its braces but elements."""

    name: str
    declaration: str
    is_map: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its sets, its chains as text, and the elements of each set.

    `chains` of an actual table is what was asked for when it still says the same in
    the kernel, and "" when it does not: nobody but nft can compare two such texts.
    """

    family: str
    name: str
    sets: tuple[Set, ...] = ()
    chains: str = ""
    elements: Mapping[str, Mapping[str, None]] = field(default_factory=dict)


def render(table: Table) -> str:
    """Return what `nft -f` reads to make a table exactly this, in one transaction."""
    lines = [
        render_removal(table.family, table.name),
        f"table {table.family} {table.name} {{\n",
        *(_render_set(one) for one in table.sets),
        table.chains,
        "" if table.chains.endswith("\n") else "\n",
        "}\n",
    ]
    for one, elements in table.elements.items():
        lines += _commands("add", f"{table.family} {table.name} {one}", elements)
    return "".join(lines)


def render_removal(family: str, name: str) -> str:
    """Return what deletes a table; that none is there is no error."""
    return f"add table {family} {name}\ndelete table {family} {name}\n"


def render_change(
    family: str,
    name: str,
    removed: Iterable[tuple[str, str]],
    added: Iterable[tuple[str, str]],
) -> str:
    """Return what deletes and adds elements, each (set, element), in one transaction.

    It fails as a whole if one to be deleted is not there, or if a map holds another
    value under the key of one to be added.
    """
    lines: list[str] = []
    for verb, elements in (("delete", removed), ("add", added)):
        for one, group in groupby(elements, key=lambda pair: pair[0]):
            texts = (element for _, element in group)
            lines += _commands(verb, f"{family} {name} {one}", texts)
    return "".join(lines)


def _render_set(one: Set) -> str:
    kind = "map" if one.is_map else "set"
    return f"{kind} {one.name} {{\n{one.declaration}\n}}\n"


def _commands(verb: str, where: str, elements: Iterable[str]) -> Iterator[str]:
    texts = list(elements)
    for start in range(0, len(texts), ELEMENTS_A_LINE):
        some = ", ".join(texts[start : start + ELEMENTS_A_LINE])
        yield f"{verb} element {where} {{ {some} }}\n"
