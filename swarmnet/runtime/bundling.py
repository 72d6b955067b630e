"""A support bundle: what is known of an agent and its host, in one archive, no secrets.

Each part is tried for itself; what cannot be had is told in `missing.txt`. So it is of
use where the agent does not run, or not well.
"""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from socket import gethostname, socket
from time import time
from typing import Final

from swarmnet.errors import Refused
from swarmnet.runtime.anonymizing import KEY_BYTES, Anonymizer
from swarmnet.runtime.cli.answers import Json, Object, as_object, objects
from swarmnet.runtime.cli.client import ask, connected, fetch
from swarmnet.runtime.cli.outcomes import NoAgent, Silent
from swarmnet.runtime.probing import Part, kernel_parts, own_command, versions
from swarmnet.runtime.redacting import Redactor, kept_secrets
from swarmnet.runtime.store import DATABASE

ANSWER_S: Final = 15.0
NETWORKS_MAX: Final = 50
"""Of so many networks all endpoints are told."""
FOLDER: Final = "swarmnet-bundle"
LOG: Final = "log.json"
NAMES: Final = {
    "nodes.json": ("node", ("name",)),
    "networks.json": ("network", ("name",)),
    "sandboxes.json": ("sandbox", ("name",)),
}
"""In which of the agent's answers there are names, of what, and under which keys."""
LOGGED_NAMES: Final = {"name": "name", "sandbox": "sandbox", "node_name": "node"}


@dataclass(slots=True)
class Contents:
    """The files of a bundle, and why others are missing."""

    parts: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, read: Callable[[], bytes]) -> None:
        """Take a part, or take note of why there is none."""
        try:
            self.parts[name] = read()
        except (NoAgent, Refused, OSError, ValueError) as error:
            self.missing.append(f"{name}: {error}")

    def add_all(self, what: str, parts: Iterator[Part]) -> None:
        """Take parts as far as they come."""
        try:
            self.parts.update(parts)
        except (Refused, OSError) as error:
            self.missing.append(f"{what}: {error}")

    def document(self, name: str) -> Json:
        """Return what a part says, or None if it is missing."""
        found: Json = json.loads(self.parts.get(name, b"null"))
        return found


def gather(run_dir: str, data_dir: str) -> Contents:
    """Collect all that can be had."""
    found, agent = Contents(), _Agent(run_dir)
    found.add("versions.txt", versions)
    for name, path in (
        ("status.json", "status"),
        ("nodes.json", "nodes"),
        ("networks.json", "networks"),
        ("sandboxes.json", "sandboxes"),
        (LOG, "log"),
    ):
        found.add(name, lambda: agent.answer(path))  # noqa: B023
    for path in ("metrics", "healthz", "readyz"):
        found.add(f"{path}.txt", lambda: agent.plain(path))  # noqa: B023
    networks = objects(found.document("networks.json"))
    for one in networks[:NETWORKS_MAX]:
        network = str(one.get("id"))
        path = f"networks/{network}"
        found.add(f"networks/{network}.json", lambda: agent.answer(path))  # noqa: B023
    found.add_all("kernel", kernel_parts(run_dir))
    found.add("directories.txt", lambda: _listing(run_dir, data_dir))
    found.add("doctor.txt", lambda: own_command(run_dir, "doctor"))
    return found


class _Agent:
    """What the agent says; once it was silent it is not waited for again."""

    __slots__ = ("_run_dir", "_silence")

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir
        self._silence: Silent | None = None

    def answer(self, path: str) -> bytes:
        with self._connected() as sock:
            answer = ask(sock, "GET", f"/v1/{path}", None, "the agent")
        return json.dumps(answer, indent=1).encode()

    def plain(self, path: str) -> bytes:
        with self._connected() as sock:
            return fetch(sock, f"/{path}")

    @contextmanager
    def _connected(self) -> Iterator[socket]:
        if self._silence is not None:
            raise self._silence
        try:
            with connected(self._run_dir, ANSWER_S) as sock:
                yield sock
        except Silent as silence:
            self._silence = silence
            raise


def _listing(run_dir: str, data_dir: str) -> bytes:
    """Return which files there are and how large, not what is in them."""
    lines = []
    for folder in (run_dir, data_dir):
        lines.append(f"{folder}:")
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            status = entry.stat(follow_symlinks=False)
            lines.append(f"  {status.st_mode:o} {status.st_size} {entry.name}")
    free = os.statvfs(data_dir)
    lines.append(f"free: {free.f_bavail * free.f_frsize} bytes")
    return "\n".join([*lines, ""]).encode()


def secrets_of(run_dir: str, data_dir: str) -> Redactor:
    """Return what takes this host's secrets out.

    Raises:
        Refused: there are some that cannot be read, or that are elsewhere.
    """
    found = kept_secrets(Path(data_dir))
    if found is None and _is_there(run_dir):
        raise Refused(
            f"data directory {data_dir}: an agent runs, and its {DATABASE} is not"
            " there: without it nobody can tell what is secret: name the agent's by"
            " --data-dir"
        )
    return Redactor(found or ())


def _is_there(run_dir: str) -> bool:
    """Return whether an agent may answer, now or later."""
    try:
        with connected(run_dir, ANSWER_S):
            return True
    except Silent:
        return True
    except NoAgent:
        return False


# Names


def anonymous(found: Contents) -> Contents:
    """Return the same without the names that are known, and without addresses."""
    other = Anonymizer(token_bytes(KEY_BYTES), _names(found))
    parts = {}
    for name, data in found.parts.items():
        text = data.decode(errors="replace")
        if name.endswith(".json"):
            try:
                text = other.document(text)
            except ValueError:
                text = other.text(text)
        elif name == "metrics.txt":
            text = other.quoted(text)
        else:
            text = other.text(text)
        parts[other.text(name)] = text.encode()
    return Contents(parts, [other.text(line) for line in found.missing])


def _names(found: Contents) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {"host": [gethostname()]}
    for file, (kind, keys) in NAMES.items():
        for one in objects(found.document(file)):
            names.setdefault(kind, []).extend(_texts(one, keys))
            names.setdefault("label", []).extend(_labels(one))
    for file in found.parts:
        if file.startswith("networks/"):
            whole = as_object(found.document(file))
            for one in objects(whole.get("endpoints")):
                names.setdefault("endpoint", []).extend(_texts(one, ("name",)))
                names.setdefault("sandbox", []).extend(_texts(one, ("sandbox",)))
                names.setdefault("alias", []).extend(_list(one.get("aliases")))
        if file.startswith("kernel/box/"):
            names.setdefault("sandbox", []).append(file.split("/")[2])
    for one in objects(found.document(LOG)):
        for key, kind in LOGGED_NAMES.items():
            names.setdefault(kind, []).extend(_texts(one, (key,)))
    return names


def _texts(one: Object, keys: Sequence[str]) -> list[str]:
    return [str(one[key]) for key in keys if isinstance(one.get(key), str)]


def _list(value: Json) -> list[str]:
    return (
        [one for one in value if isinstance(one, str)]
        if isinstance(value, list)
        else []
    )


def _labels(one: Object) -> Iterator[str]:
    for key, value in as_object(one.get("labels")).items():
        yield key
        yield str(value)


# The archive


def write(found: Contents, redactor: Redactor, path: str) -> int:
    """Write a bundle to a file that is not there yet; return its size in bytes.

    Raises:
        OSError: it is there, or cannot be written.
    """
    parts = dict(found.parts)
    if found.missing:
        parts["missing.txt"] = "\n".join([*found.missing, ""]).encode()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, data in sorted(parts.items()):
                clean = redactor.clean(data)
                entry = tarfile.TarInfo(f"{FOLDER}/{name}")
                entry.size, entry.mtime, entry.mode = len(clean), int(time()), 0o600
                archive.addfile(entry, io.BytesIO(clean))
        return file.tell()
