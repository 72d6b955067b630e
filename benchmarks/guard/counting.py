"""How much Python the code under `swarmnet/` executes: instructions, and calls of C.

Counts do not hang on the machine, its load or the seed of hashes; they do on the minor
version of Python, whose compiler decides what an instruction is. Libraries are left
out. What a call of C costs inside is not seen: that a function now sorts ten times as
much is two more instructions or none.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import swarmnet

OURS: Final = str(Path(swarmnet.__file__).parent) + os.sep
COUNTED: Final = (OURS, "<string>")
"""What is executed of files so called: ours, and what dataclasses write for us."""


Prepare = Callable[[], Callable[[], object]]
"""Makes a world, and returns what is then done in it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What was executed: instructions of bytecode, and calls of functions in C."""

    instructions: int
    calls: int


def work_of(prepare: Prepare) -> Work:
    """Return what an action costs, in a world that `prepare` makes for it.

    It is done once before, so that nothing is imported for the first time. Both times
    begin with empty caches, so that it does not matter what ran before in this process.
    """
    forget()
    prepare()()
    forget()
    return counted(prepare())


def forget() -> None:
    """Empty all caches of functions, ours and the simulator's."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("swarmnet", "sim"):
            _forget(vars(module))
            found = [one for one in vars(module).values() if isinstance(one, type)]
            for one in found:
                _forget(vars(one))


def _forget(space: Mapping[str, object]) -> None:
    functions = (getattr(one, "__func__", one) for one in [*space.values()])
    for function in functions:
        if isinstance(function, functools._lru_cache_wrapper):
            function.cache_clear()


def counted(action: Callable[[], object]) -> Work:
    """Return what an action executes; other tracers rest meanwhile."""
    instructions = [0]
    with _calls_counted() as calls, _instructions_counted(instructions):
        action()
    return Work(instructions[0], calls[0])


@contextmanager
def _calls_counted() -> Iterator[list[int]]:
    calls = [0]

    def follow(frame: FrameType, event: str, _: object) -> None:
        if event == "c_call" and frame.f_code.co_filename.startswith(COUNTED):
            calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(follow)
    try:
        yield calls
    finally:
        sys.setprofile(before)


if sys.version_info >= (3, 12):

    @contextmanager
    def _instructions_counted(count: list[int]) -> Iterator[None]:
        monitoring = sys.monitoring
        tool = monitoring.OPTIMIZER_ID
        event = monitoring.events.INSTRUCTION

        def follow(code: CodeType, _: int) -> object:
            if not code.co_filename.startswith(COUNTED):
                return monitoring.DISABLE
            count[0] += 1
            return None

        monitoring.use_tool_id(tool, "swarmnet guard")
        monitoring.register_callback(tool, event, follow)
        monitoring.set_events(tool, event)
        try:
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)
            monitoring.restart_events()

else:

    @contextmanager
    def _instructions_counted(count: list[int]) -> Iterator[None]:
        def follow(frame: FrameType, event: str, _: object) -> Any:
            if not frame.f_code.co_filename.startswith(COUNTED):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            return step

        def step(frame: FrameType, event: str, _: object) -> Any:
            if event == "opcode":
                count[0] += 1
            return step

        before = sys.gettrace()
        sys.settrace(follow)
        try:
            yield
        finally:
            sys.settrace(before)
