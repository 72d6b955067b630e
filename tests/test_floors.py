"""The house has floors: who may import whom, and who may touch the world.

`docs/design.md` gives the reasons. A folder that this table does not know is a failure.
"""

import ast
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from tests.source import ROOT, Source, sources, statements, walked

GROUND: Final = frozenset({"errors", "ids", "records", "timers", "wire", "sketch"})
ROOMS: Final = frozenset({"swim", "crypto", "tables", "ipam", "cnm", "kernel", "dns"})
DRIVERS: Final = frozenset({"overlay", "drivers"})
BELOW_NODE: Final = GROUND | ROOMS | DRIVERS

# Which other rooms of swarmnet a room may import.
FLOORS: Final = {
    **dict.fromkeys(sorted(GROUND), GROUND),
    **dict.fromkeys(sorted(ROOMS), GROUND),
    **dict.fromkeys(sorted(DRIVERS), GROUND | {"cnm", "kernel"}),
    "doctor": GROUND,
    "node": BELOW_NODE,
    "runtime": BELOW_NODE | {"doctor", "node"},
    "__main__": frozenset({"runtime"}),
}
SIM_MAY_IMPORT: Final = BELOW_NODE | {"node"}

# Clocks, sockets, files, processes, threads, the system's randomness, and dynamic
# imports, which would lead round this test. Only runtime may import these.
WORLD_TEXT: Final = """
    asyncio concurrent ctypes fcntl http importlib logging mmap multiprocessing os
    pathlib pty queue resource sched secrets select selectors shutil signal socket
    socketserver sqlite3 ssl subprocess sys tempfile threading time urllib uuid
"""
WORLD: Final = frozenset(WORLD_TEXT.split())
WORLD_CALLS: Final = frozenset({"__import__", "eval", "exec", "input", "open"})

# What may be imported from outside the standard library.
LIBRARIES: Final = {
    "swarmnet": frozenset({"cryptography", "dns", "msgpack"}),
    "sim": frozenset({"click", "distributed", "matplotlib", "msgpack", "tqdm"}),
}


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of all imports, those inside functions too.

    `from a import b` gives `a.b`: b may be a module. Relative names are made absolute.
    """
    package = source.module.split(".")
    if not source.is_package:
        package.pop()
    for node in statements(source.parse()):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                yield node.lineno, f"{start}.{alias.name}"


def room_of(dotted: str) -> str:
    """Return the second part of a dotted name: for swarmnet its room, or ""."""
    return dotted.partition(".")[2].partition(".")[0]


def top_of(dotted: str) -> str:
    """Return the first part of a dotted name."""
    return dotted.partition(".")[0]


def own_import_fault(source: Source, name: str) -> str | None:
    """Say why `source` may not import `name`, a name of this project; else None."""
    if name == "swarmnet.__version__":
        return None
    tree, room = top_of(source.module), room_of(source.module)
    if tree == "sim":
        allowed = SIM_MAY_IMPORT
    else:
        # The root package imports nothing, so that importing a room loads no other.
        allowed = FLOORS.get(room, frozenset()) | ({room} if room else set())
    if top_of(name) == "swarmnet" and room_of(name) in allowed:
        return None
    if tree == "sim" and top_of(name) == "sim":
        return None
    return f"{room if tree == 'swarmnet' and room else tree} imports {name}"


def outside_import_fault(source: Source, name: str) -> str | None:
    """Say why `source` may not import `name`, a name of others; else None."""
    tree, top = top_of(source.module), top_of(name)
    if tree == "swarmnet" and room_of(source.module) == "runtime":
        return None
    if top == "random" and name != "random.Random":
        return f"draws from the module {name}: take a random.Random"
    if tree == "swarmnet" and top in WORLD:
        return f"touches the world: {name}"
    if top not in sys.stdlib_module_names | LIBRARIES[tree]:
        return f"imports the library {top}"
    return None


def world_calls(source: Source) -> Iterator[str]:
    """Yield the calls in an engine that reach past its arguments."""
    if not source.module.startswith("swarmnet") or room_of(source.module) == "runtime":
        return
    for node in walked(source.parse()):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in WORLD_CALLS
        ):
            yield f"{source.path}:{node.lineno} calls {node.func.id}"


def faults(source: Source) -> list[str]:
    """Return every breach of the floors in one file of swarmnet or sim."""
    found = []
    for line, name in imports(source):
        own = top_of(name) in ("swarmnet", "sim", "benchmarks", "tests")
        fault = (own_import_fault if own else outside_import_fault)(source, name)
        if fault:
            found.append(f"{source.path}:{line} {fault}")
    return found + list(world_calls(source))


def test_every_import_goes_to_the_same_floor_or_down() -> None:
    assert [fault for s in sources("swarmnet", "sim") for fault in faults(s)] == []


def test_every_room_of_swarmnet_is_in_the_table() -> None:
    rooms = {room_of(source.module) for source in sources("swarmnet")} - {""}
    folders = {p.name for p in (ROOT / "swarmnet").iterdir() if p.is_dir()}
    assert sorted((rooms | folders) - {"__pycache__"} - FLOORS.keys()) == []


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("swarmnet/swim/a.py", "import swarmnet.crypto.keys", "swim imports"),
        ("swarmnet/swim/a.py", "from swarmnet import tables", "swim imports"),
        ("swarmnet/swim/a.py", "from ..crypto import keys", "swim imports"),
        ("swarmnet/swim/__init__.py", "from .. import node", "swim imports"),
        ("swarmnet/swim/deep/a.py", "from ...ipam import x", "swim imports"),
        ("swarmnet/swim/a.py", "def f():\n  import swarmnet.ipam", "swim imports"),
        ("swarmnet/swim/a.py", "if TYPE_CHECKING:\n  from .. import cnm", "swim imp"),
        ("swarmnet/ids.py", "from swarmnet.swim.outputs import State", "ids imports"),
        ("swarmnet/sketch/a.py", "from swarmnet.kernel import x", "sketch imports"),
        ("swarmnet/overlay/a.py", "from swarmnet.tables import x", "overlay imports"),
        ("swarmnet/drivers/a.py", "from swarmnet.node import x", "drivers imports"),
        ("swarmnet/cnm/a.py", "from swarmnet.overlay import x", "cnm imports"),
        ("swarmnet/node/a.py", "from swarmnet.runtime import x", "node imports"),
        ("swarmnet/runtime/a.py", "from sim import world", "runtime imports sim.world"),
        ("swarmnet/node/a.py", "import tests.source", "node imports tests"),
        ("swarmnet/__init__.py", "from swarmnet import ids", "swarmnet imports"),
        ("swarmnet/swim/a.py", "import time", "touches the world: time"),
        ("swarmnet/node/a.py", "from os import urandom", "touches the world: os"),
        ("swarmnet/node/a.py", "import importlib", "touches the world: importlib"),
        ("swarmnet/swim/a.py", "import swarmnet", "swim imports swarmnet"),
        ("swarmnet/swim/a.py", "from swarmnet import *", "swim imports swarmnet.*"),
        ("swarmnet/swim/a.py", "import trio", "imports the library trio"),
        ("swarmnet/swim/a.py", "from random import shuffle", "random.shuffle"),
        ("swarmnet/swim/a.py", "import random", "draws from the module random"),
        ("swarmnet/swim/a.py", "def f():\n  return open('x')", ":2 calls open"),
        ("sim/a.py", "import random", "draws from the module random"),
        ("sim/a.py", "import trio", "imports the library trio"),
        ("sim/a.py", "from swarmnet import runtime", "sim imports swarmnet.runtime"),
        ("sim/a.py", "from tests import source", "sim imports tests.source"),
    ],
)
def test_a_breach_is_caught(path: str, text: str, expected: str) -> None:
    found = faults(Source(path, text))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("swarmnet/swim/a.py", "from swarmnet.ids import NodeId"),
        ("swarmnet/swim/a.py", "from . import outputs"),
        ("swarmnet/swim/a.py", "from ..sketch import Sketch"),
        ("swarmnet/swim/codec.py", "import msgpack"),
        ("swarmnet/swim/a.py", "from random import Random"),
        ("swarmnet/swim/a.py", "import math, heapq, hashlib"),
        ("swarmnet/overlay/a.py", "from swarmnet import cnm, kernel"),
        ("swarmnet/node/a.py", "from swarmnet import overlay, swim, tables"),
        ("swarmnet/runtime/a.py", "import trio, socket, os, time, swarmnet.node"),
        ("sim/a.py", "import click, os\nfrom time import perf_counter"),
        ("sim/a.py", "from swarmnet import __version__\nfrom swarmnet import swim"),
    ],
)
def test_a_lawful_import_passes(path: str, text: str) -> None:
    assert faults(Source(path, text)) == []
