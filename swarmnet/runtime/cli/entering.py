"""Into a sandbox: its namespace, and there another program in place of this one.

The run directory says where the namespace is, so no agent is needed. The program is
exec'ed, not started: nothing stands between it and its terminal, signals and status.
"""

import json
import os
import signal
import sys
from typing import Final, NoReturn

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import Json
from swarmnet.runtime.cli.outcomes import NOT_EXECUTABLE, NOT_FOUND, complain
from swarmnet.runtime.linux import CLONE_NEWNET, setns
from swarmnet.runtime.namespaces import Namespaces
from swarmnet.runtime.rights import check_rights

SANDBOXES: Final = "sandboxes.json"
RIGHT: Final = "CAP_SYS_ADMIN"


def enter(run_dir: str, name: str) -> None:
    """Move this thread into a sandbox's namespace.

    Raises:
        Refused: there is no such sandbox, or rights are missing.
    """
    name, path = find(run_dir, name)
    check_rights((RIGHT,))
    try:
        fd = _open(run_dir, name, path)
    except OSError as error:
        raise Refused(
            f"sandbox {name}: its namespace is gone: {error.filename or error}:"
            " remove the sandbox and make it anew"
        ) from None
    try:
        setns(fd, CLONE_NEWNET)
    except OSError as error:
        raise Refused(
            f"sandbox {name}: its namespace may not be entered: {error.strerror}:"
            f" want {RIGHT} in the user namespace that it was made in"
        ) from None
    finally:
        os.close(fd)


def _open(run_dir: str, name: str, path: str | None) -> int:
    """Return a descriptor of a sandbox's namespace."""
    spaces = Namespaces(run_dir)
    key = f"box/{name}"
    try:
        if path is not None:
            spaces.adopt(key, path)
        return spaces.open(key)
    except Refused as refused:
        raise Refused(f"sandbox {name}: {refused}") from None
    finally:
        spaces.close()


def find(run_dir: str, name: str) -> tuple[str, str | None]:
    """Return the name of a sandbox, and the path of an adopted one.

    Raises:
        Refused: none is called so.
    """
    sandboxes = _read(os.path.join(run_dir, SANDBOXES))
    if name not in sandboxes:
        raise Refused(
            f"unknown sandbox {name!r} in {run_dir}: see `swarmnet sandbox ls`, or name"
            " its agent's directory by --run-dir"
        )
    return name, sandboxes[name]


def _read(path: str) -> dict[str, str | None]:
    """Return the sandboxes of a run directory; without a file there are none."""
    try:
        with open(path, encoding="utf-8") as file:
            found: Json = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: run this as root") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(f"{path}: want a JSON object: start the agent, which writes it")
    return {
        name: where
        for name, where in found.items()
        if where is None or isinstance(where, str)
    }


def replace(words: tuple[str, ...]) -> NoReturn:
    """Become another program, or end as shells do when there is none."""
    sys.stdout.flush()
    # Python ignores these two; the program is not to inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        if not words[0]:  # it would be each folder of PATH
            raise FileNotFoundError
        os.execvp(words[0], words)
    except (FileNotFoundError, NotADirectoryError):
        complain(f"{words[0]!r}: not found: give its path, or mend PATH")
        raise SystemExit(NOT_FOUND) from None
    except OSError as error:
        complain(f"{words[0]!r} cannot be executed: {error.strerror}")
        raise SystemExit(NOT_EXECUTABLE) from None
    except ValueError as error:
        complain(f"{words[0]!r} cannot be executed: {error}")
        raise SystemExit(NOT_EXECUTABLE) from None
