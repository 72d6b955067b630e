"""Sizes that keep every file readable in one sitting, and tests that test something.

A docstring is not counted in a function's length: a rule may be explained at length.
"""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import pytest

from tests.source import Function, Source, held, sources, walked

FILE_LINES: Final = 400
FILE_LINES_EXPLAINED: Final = 600
# Files over FILE_LINES: path -> why it is better whole.
EXPLAINED: Final[dict[str, str]] = {}

ENGINE_FUNCTION_LINES: Final = 40
FUNCTION_LINES: Final = 70
NESTING: Final = 3
POSITIONAL: Final = 5
NO_NAMES: Final = frozenset({"util", "utils", "common", "misc", "base", "manager"})

BLOCKS: Final = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While),
    *(ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match),
)


def function_lines(function: Function) -> int:
    """Count the lines from `def` to the end, the docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def nesting(node: ast.AST) -> int:
    """Return how deep the blocks below `node` nest; inner functions start anew.

    An `elif` is no deeper than its `if`, nor a `case` deeper than its `match`.
    """
    deepest = 0
    for child in held(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        is_elif = (
            isinstance(node, ast.If)
            and isinstance(child, ast.If)
            and node.orelse == [child]
        )
        own = 1 if isinstance(child, BLOCKS) and not is_elif else 0
        deepest = max(deepest, own + nesting(child))
    return deepest


def positional(function: Function) -> int:
    """Count the parameters that may be given by position, `self` left out."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def size_faults(source: Source) -> Iterator[str]:
    """Yield every breach of a size or a name in one file."""
    lines = source.text.count("\n")
    most = FILE_LINES_EXPLAINED if source.path in EXPLAINED else FILE_LINES
    if lines > most:
        yield f"{source.path}: {lines} lines, at most {most}"
    if PurePosixPath(source.path).stem in NO_NAMES:
        yield f"{source.path}: a name that says nothing"
    is_engine = source.path.startswith("swarmnet/")
    most = ENGINE_FUNCTION_LINES if is_engine else FUNCTION_LINES
    for function in source.functions():
        where = f"{source.path}:{function.lineno} {function.name}"
        if (lines := function_lines(function)) > most:
            yield f"{where}: {lines} lines, at most {most}"
        if (depth := nesting(function)) > NESTING:
            yield f"{where}: nested {depth} deep, at most {NESTING}"
        if (count := positional(function)) > POSITIONAL:
            yield f"{where}: {count} positional parameters, at most {POSITIONAL}"


def called_name(call: ast.Call) -> str:
    """Return the last part of the name that is called, or ""."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def asserts(function: Function) -> bool:
    """Say whether a test can fail: it asserts, expects an error, or calls a check."""
    for node in walked(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = called_name(node)
            if name in ("raises", "fail") or name.startswith(("assert_", "check_")):
                return True
    return False


def sleeps(function: Function) -> bool:
    """Say whether a test waits for the wall clock."""
    calls = (node for node in walked(function) if isinstance(node, ast.Call))
    return any(called_name(call) == "sleep" for call in calls)


def empty_tests(source: Source) -> Iterator[str]:
    """Yield the tests that assert nothing, and those that sleep."""
    for function in source.functions():
        if not function.name.startswith("test"):
            continue
        where = f"{source.path}:{function.lineno} {function.name}"
        if not asserts(function):
            yield f"{where}: asserts nothing"
        if sleeps(function):
            yield f"{where}: sleeps"


def test_files_and_functions_keep_their_size() -> None:
    assert [fault for s in sources() for fault in size_faults(s)] == []


def test_only_long_files_are_explained() -> None:
    lines = {source.path: source.text.count("\n") for source in sources()}
    assert [path for path in EXPLAINED if lines.get(path, 0) <= FILE_LINES] == []


def test_every_test_asserts_and_none_sleeps() -> None:
    found = [fault for source in sources("tests") for fault in empty_tests(source)]
    assert found == []


DEEP = "def f(x):\n for a in x:\n  with a:\n   try:\n    if a: pass\n   finally: pass\n"


def of_lines(count: int, docstring: str = "") -> str:
    """Return a function of `count` lines and a docstring besides."""
    return "def f():\n" + docstring + "    x = 1\n" * (count - 1)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("swarmnet/a.py", "#\n" * 401, ["swarmnet/a.py: 401 lines, at most 400"]),
        ("swarmnet/a.py", "#\n" * 400, []),
        ("sim/utils.py", "", ["sim/utils.py: a name that says nothing"]),
        ("sim/base.py", "", ["sim/base.py: a name that says nothing"]),
        ("swarmnet/a.py", of_lines(41), ["swarmnet/a.py:1 f: 41 lines, at most 40"]),
        ("swarmnet/a.py", of_lines(40), []),
        ("swarmnet/a.py", of_lines(40, '    """A.\n\n    B.\n    """\n'), []),
        ("sim/a.py", of_lines(71), ["sim/a.py:1 f: 71 lines, at most 70"]),
        ("sim/a.py", of_lines(70), []),
        ("sim/a.py", DEEP, ["sim/a.py:1 f: nested 4 deep, at most 3"]),
        ("sim/a.py", DEEP.replace("if a: ", ""), []),
        (
            "sim/a.py",
            "class C:\n async def f(self, a, b, c, /, d, e, g): pass",
            ["sim/a.py:2 f: 6 positional parameters, at most 5"],
        ),
        ("sim/a.py", "class C:\n def f(self, a, b, c, d, e, *, g, h): pass", []),
    ],
)
def test_a_breach_of_size_is_caught(path: str, text: str, expected: list[str]) -> None:
    assert list(size_faults(Source(path, text))) == expected


@pytest.mark.parametrize(
    ("code", "depth"),
    [
        ("x = 1", 0),
        ("if a:\n  pass\nelif b:\n  pass\nelif c:\n  pass", 1),
        ("if a:\n  pass\nelse:\n  if b:\n    pass\n  x = 1", 2),
        ("match a:\n  case 1:\n    if b: pass\n  case _: pass", 2),
        ("for a in b:\n  try:\n    pass\n  except E:\n    if c: pass", 3),
        ("if a:\n  def g():\n    if b: pass", 1),
    ],
)
def test_nesting_counts_blocks(code: str, depth: int) -> None:
    assert nesting(ast.parse(code)) == depth


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert x", []),
        ("with pytest.raises(E): g()", []),
        ("check_view(a)", []),
        ("pair.assert_quiet()", []),
        ("g()", ["tests/test_a.py:1 test_f: asserts nothing"]),
        ("time.sleep(1); assert x", ["tests/test_a.py:1 test_f: sleeps"]),
    ],
)
def test_a_test_that_cannot_fail_is_caught(body: str, expected: list[str]) -> None:
    source = Source("tests/test_a.py", f"def test_f():\n    {body}")
    assert list(empty_tests(source)) == expected
