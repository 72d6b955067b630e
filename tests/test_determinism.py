"""No set is iterated and nothing hashed: both differ between processes of one seed.

Dictionaries keep insertion order, and `sorted` makes one. Only what this file can see
is caught: sets written out, and names that the same file assigns or annotates as sets.
"""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.source import Source, sources, walked

SET_TYPES: Final = frozenset({"set", "frozenset", "AbstractSet", "MutableSet"})
SET_METHODS: Final = frozenset(
    {"union", "intersection", "difference", "symmetric_difference"}
)
# Calls that keep the order of what they are given.
ORDER_KEEPERS: Final = frozenset(
    {"enumerate", "iter", "list", "map", "next", "reversed", "tuple", "zip", "extend"}
)
# Calls whose result does not depend on it.
ORDER_BLIND: Final = frozenset(
    {"all", "any", "frozenset", "len", "max", "min", "set", "sorted"}
)


def key(node: ast.AST) -> str:
    """Return how a name or an attribute is written; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def call_name(node: ast.AST) -> str:
    """Return the last part of what a call calls; "" if it is no call."""
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def is_set_type(annotation: ast.AST | None) -> bool:
    """Say whether an annotation is a set's."""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return key(annotation).rpartition(".")[2] in SET_TYPES if annotation else False


def is_set(node: ast.AST | None, names: frozenset[str]) -> bool:
    """Say whether an expression is seen to be a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp):
        operator = isinstance(node.op, ast.BitOr | ast.BitAnd | ast.BitXor | ast.Sub)
        return operator and (is_set(node.left, names) or is_set(node.right, names))
    if isinstance(node, ast.Call):
        return call_name(node) in ("set", "frozenset") or (
            isinstance(node.func, ast.Attribute) and call_name(node) in SET_METHODS
        )
    return node is not None and key(node) in names


def set_names(tree: ast.AST) -> frozenset[str]:
    """Return the names and attributes that a scope assigns or annotates as sets."""
    found: set[str] = set()
    for node in walked(tree):
        if isinstance(node, ast.AnnAssign) and is_set_type(node.annotation):
            found.add(key(node.target))
        elif isinstance(node, ast.arg) and is_set_type(node.annotation):
            found.add(node.arg)
        elif isinstance(node, ast.Assign) and is_set(node.value, frozenset(found)):
            found.update(key(target) for target in node.targets)
    return frozenset(found - {""})


def iterated(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions whose order matters where they stand."""
    blind = {
        id(argument)
        for node in walked(tree)
        if isinstance(node, ast.Call) and call_name(node) in ORDER_BLIND
        for argument in node.args
    }
    for node in walked(tree):
        if isinstance(node, ast.For):
            yield node.iter
        elif isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
            if id(node) not in blind:
                yield from (generator.iter for generator in node.generators)
        elif isinstance(node, ast.Starred):
            yield node.value
        elif isinstance(node, ast.Call) and id(node) not in blind:
            yield from iterated_by_call(node)


def iterated_by_call(call: ast.Call) -> Iterator[ast.AST]:
    """Yield what a call takes in its order; a set's `pop` takes any element."""
    if call_name(call) in ORDER_KEEPERS:
        yield from call.args
    elif (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "pop"
        and not call.args
    ):
        yield call.func.value


def unordered(source: Source) -> list[str]:
    """Return where a file iterates a set, each place once."""
    tree = source.parse()
    attributes = frozenset(
        name if "." in name else f"self.{name}"
        for node in walked(tree)
        if isinstance(node, ast.ClassDef)
        for name in set_names(node)
        if "." in name or is_field(node, name)
    )
    module = frozenset(
        key(node.target)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and is_set(node.value, frozenset())
    )
    scopes = [(tree, module), *((f, set_names(f) | module) for f in source.functions())]
    found = {
        f"{source.path}:{node.lineno} iterates the set {ast.unparse(node)}"
        for scope, names in scopes
        for node in iterated(scope)
        if isinstance(node, ast.expr) and is_set(node, names | attributes)
    }
    return sorted(found)


def is_field(scope: ast.ClassDef, name: str) -> bool:
    """Say whether a class declares `name` in its body."""
    return any(
        isinstance(node, ast.AnnAssign) and key(node.target) == name
        for node in scope.body
    )


def hashing(source: Source) -> list[str]:
    """Return where a file calls the builtin `hash`, salted anew in every process.

    A `__hash__` may: it serves dictionaries, whose order does not depend on it.
    """
    if "hash" not in source.text:  # as in most files: a tree takes long to make
        return []
    tree = source.parse()
    lawful = {
        id(node)
        for function in walked(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "__hash__"
        for node in walked(function)
    }
    return [
        f"{source.path}:{node.lineno} calls hash: use hashlib"
        for node in walked(tree)
        if isinstance(node, ast.Call) and key(node.func) == "hash"
        if id(node) not in lawful
    ]


def test_nothing_depends_on_the_builtin_hash() -> None:
    assert [fault for s in sources("swarmnet", "sim") for fault in hashing(s)] == []


def test_a_call_of_the_builtin_hash_is_caught() -> None:
    source = Source("sim/a.py", "x = hash(b'a')\ny = codec.hash(b'a')")
    assert hashing(Source("sim/a.py", "def __hash__(self): return hash(1)")) == []
    assert hashing(source) == ["sim/a.py:1 calls hash: use hashlib"]


def test_no_set_is_iterated() -> None:
    found = [fault for s in sources("swarmnet", "sim") for fault in unordered(s)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "for a in {1, 2}: pass",
        "def f(a: set[int]):\n  return [b for b in a]",
        "def f(a: frozenset[int]):\n  for b in a | {1}: pass",
        "def f():\n  a = set()\n  return tuple(a)",
        "def f(a: list[int]):\n  return next(iter(set(a)))",
        "def f(a: set[int]):\n  g(*a)",
        "def f(a: set[int]):\n  return a.pop()",
        "def f(a: set[int]):\n  return sum(b for b in a)",
        "class C:\n  a: set[int]\n  def f(self):\n    for b in self.a: pass",
        "class C:\n def g(self):\n  self.a = set()\n def f(self):\n  list(self.a)",
    ],
)
def test_an_iterated_set_is_caught(text: str) -> None:
    assert unordered(Source("sim/a.py", text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "def f(a: set[int]):\n  for b in sorted(a): pass",
        "def f(a: set[int]):\n  return any(b > 1 for b in a)",
        "def f(a: set[int]):\n  return {b for b in a}",
        "def f(a: set[int]):\n  return 1 in a and len(a) > 2",
        "def f(a: dict[int, int]):\n  for b in a: pass",
        "def f(a: set[int]): pass\ndef g(a: list[int]):\n  for b in a: pass",
        "def f(a: int, b: int):\n  for c in range(a - b): pass",
    ],
)
def test_an_ordered_iteration_passes(text: str) -> None:
    assert unordered(Source("sim/a.py", text)) == []
