"""Which sandboxes are gone, and what is said of a namespace that cannot be taken."""

import errno
import os
from pathlib import Path

import pytest

from swarmnet.errors import Refused
from swarmnet.runtime.sandboxes import Sandboxes
from swarmnet.runtime.store import Store

OWN = "/proc/self/ns/net"


def adopted(folder: Path, netns: str) -> Sandboxes:
    sandboxes = Sandboxes(Store(str(folder / "data")), folder)
    sandboxes.adopt("box", netns)
    return sandboxes


def fail_to_open(patch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    patch.setattr("swarmnet.runtime.sandboxes.os.open", fail)


def test_who_only_looks_leaves_no_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    Sandboxes(store, tmp_path).adopt("box", OWN)
    (file,) = tmp_path.glob("*.json")
    file.unlink()
    found = Sandboxes(store, None)
    assert [one.name for one in found.all()] == ["box"]
    assert not file.exists()


def test_one_whose_namespace_is_there_is_not_gone(tmp_path: Path) -> None:
    assert list(adopted(tmp_path, OWN).gone()) == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EACCES])
def test_one_that_cannot_be_looked_at_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    sandboxes = adopted(tmp_path, OWN)
    fail_to_open(monkeypatch, number)
    assert list(sandboxes.gone()) == []


def test_one_whose_path_leads_nowhere_is_gone(tmp_path: Path) -> None:
    link = tmp_path / "netns"
    link.symlink_to(OWN)
    sandboxes = adopted(tmp_path, str(link))
    link.unlink()
    assert [one.name for one in sandboxes.gone()] == ["box"]


def test_one_whose_path_leads_to_something_else_is_gone(tmp_path: Path) -> None:
    link = tmp_path / "netns"
    link.symlink_to(OWN)
    sandboxes = adopted(tmp_path, str(link))
    link.unlink()
    link.touch()
    assert [one.name for one in sandboxes.gone()] == ["box"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "CAP_SYS_PTRACE"), (errno.ENOENT, "a process that runs")],
)
def test_who_cannot_adopt_is_told_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    sandboxes = Sandboxes(Store(str(tmp_path / "data")), tmp_path)
    fail_to_open(monkeypatch, number)
    with pytest.raises(Refused, match=words):
        sandboxes.adopt("box", OWN)
