"""Which code a process runs: what must be the same wherever parts of a sweep run."""

import platform
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sim.replay import commit

PACKAGES: Final = ("sim", "swarmnet", "benchmarks")
"""What a run's figures hang on; the last is in no wheel."""
DIGEST_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Code:
    """The commit, the Python, and a hash of every source file.

    The commit is for people: two checkouts may both be changed from it, and what was
    installed from a wheel has none. The hash decides.
    """

    commit: str
    python: str
    digest: str

    @property
    def text(self) -> str:
        """Return this as it is read."""
        return f"commit {self.commit}, source {self.digest}, Python {self.python}"


@lru_cache(maxsize=1)
def this_code() -> Code:
    """Return what this process runs; it is read once, as Python itself reads it."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for package in PACKAGES:
        for name, data in _sources(package):
            digest.update(f"{name} {len(data)}\n".encode() + data)
    major, minor, _ = platform.python_version_tuple()
    return Code(commit(), f"{major}.{minor}", digest.hexdigest())


def _sources(package: str) -> list[tuple[str, bytes]]:
    """Return a package's files, in order of their names; none if it is not there."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return []
    root = Path(spec.origin).parent
    paths = sorted(root.rglob("*.py"))
    return [
        (f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes())
        for path in paths
    ]
