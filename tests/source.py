"""The project's own Python files, as the tests on its style read them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TREES: Final = ("swarmnet", "sim", "benchmarks", "demo", "tests")

# Where a statement holds others; no expression holds any.
HOLDING: Final = ("body", "orelse", "finalbody", "handlers", "cases")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file: its path from the root, with slashes, and its text."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """Return the dotted name; a package is named by its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        """Say whether the file is a package's `__init__`."""
        return self.path.endswith("/__init__.py")

    def parse(self) -> ast.Module:
        """Return the syntax tree."""
        return parsed(self)

    def functions(self) -> Iterator[Function]:
        """Yield every function, methods and inner functions too."""
        for node in statements(self.parse()):
            if isinstance(node, Function):
                yield node


@lru_cache(maxsize=1)
def parsed(source: Source) -> ast.Module:
    """Return a file's tree; more of them in memory slow every collection of garbage."""
    return ast.parse(source.text, source.path)


def held(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements right below one, and the `except` and `case` clauses."""
    for name in HOLDING:
        yield from getattr(node, name, ())


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements and clauses below a node, each before those it holds."""
    for one in held(node):
        yield one
        yield from statements(one)


@lru_cache(maxsize=64)
def walked(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return a node and all below, as `ast.walk` does, without loads and stores."""
    found = [node]
    for one in found:
        for name in one._fields:
            value = getattr(one, name, None)
            if isinstance(value, list):
                found += [below for below in value if isinstance(below, ast.AST)]
            elif isinstance(value, ast.AST) and name != "ctx":
                found.append(value)
    return tuple(found)


@cache
def sources(*trees: str) -> tuple[Source, ...]:
    """Return the files of these top folders (all of them by default), sorted."""
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for tree in trees or TREES
        for path in sorted((ROOT / tree).rglob("*.py"))
    )
