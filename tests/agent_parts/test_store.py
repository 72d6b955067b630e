"""The data directory: what is written is there again, whatever happens in between."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.runtime.store import BALLAST, DATABASE, FREE_BYTES_MIN, VERSION, Store
from swarmnet.tables.outputs import Save, Unsave
from swarmnet.tables.row import NETWORK, Flag, Row

ME = NodeId(bytes(16))
OTHER = NodeId(b"\1" * 16)


def row(key: bytes, item: bytes, *, owner: NodeId = ME, scope: Scope = CLUSTER) -> Row:
    return Row(
        table=NETWORK,
        scope=scope,
        key=key,
        owner=owner,
        epoch=1,
        sequence=1,
        lamport=1,
        flags=Flag(0),
        value=b"",
        item=item,
        hash128=0,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "data")
    yield found
    found.close()


def reopened(store: Store) -> Store:
    store.close()
    return Store(store.folder)


def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.put(a=b"1", b=b"2")
    store.put(b=None, c=b"3")
    store.save([Save(row(b"x", b"one")), Save(row(b"y", b"two"))])
    store.save([Save(row(b"x", b"three")), Unsave(row(b"y", b"two"))])
    store.put_sandbox("box", "/proc/1/ns/net", "mark")
    found = reopened(store)
    assert [found.get(key) for key in "abc"] == [b"1", None, b"3"]
    assert found.own() == [b"three"]
    assert found.written == 4
    assert found.sandboxes() == {"box": ("/proc/1/ns/net", "mark")}
    found.close()


def test_a_row_that_was_written_anew_outlives_an_old_word(
    store: Store,
) -> None:
    store.save([Save(row(b"x", b"new"))])
    store.save([Unsave(row(b"x", b"old"))])
    assert store.own() == [b"new"]


def test_what_others_hold_is_kept_as_it_was_last(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    first = [row(b"a", b"1", owner=OTHER), row(b"b", b"2", owner=OTHER)]
    store.keep(first, [(bytes(OTHER), b"body", b"proof", 0)])
    second = [row(b"b", b"3", owner=OTHER), row(b"c", b"4", owner=OTHER)]
    store.keep(second, [])
    found = reopened(store)
    assert sorted(found.known()) == [b"3", b"4"]
    assert found.members() == []
    found.keep(second, [(bytes(OTHER), b"body", b"proof", 2)])
    found = reopened(found)
    assert found.members() == [(bytes(OTHER), b"body", b"proof", 2)]
    found.close()


def test_a_cluster_is_forgotten_and_sandboxes_stay(store: Store) -> None:
    store.put(signing_key=b"k")
    store.save([Save(row(b"x", b"one"))])
    store.put_sandbox("box", None, "")
    store.wipe(notice=b"n")
    assert (store.get("signing_key"), store.own()) == (None, [])
    assert store.get("notice") == b"n"
    assert store.sandboxes() == {"box": (None, "")}


def test_two_agents_do_not_share_a_data_directory(store: Store) -> None:
    with pytest.raises(Refused, match="another agent has it"):
        Store(store.folder)


def test_a_later_version_is_refused(store: Store) -> None:
    store.close()
    database = sqlite3.connect(store.folder / DATABASE)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(Refused, match=f"of version {VERSION + 1}"):
        Store(store.folder)
    os.unlink(store.folder / DATABASE)
    store.__init__(store.folder)  # type: ignore[misc] # for the fixture's close


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    with pytest.raises(Refused, match="give it room and this process the right"):
        Store(folder)


def test_nothing_is_half_written(store: Store) -> None:
    bad = row(b"y", None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="cannot write"):
        store.save([Save(row(b"x", b"one")), Save(bad)])
    assert (store.own(), store.written) == ([], 0)


def test_the_ballast_makes_room_and_comes_back(store: Store) -> None:
    assert (store.folder / BALLAST).stat().st_blocks > 0
    assert store._throw_ballast()
    assert store.is_full
    store.check_room()
    assert (store.folder / BALLAST).exists()


def test_nothing_new_is_begun_on_a_full_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.check_room()
    seen = SimpleNamespace(f_flag=0, f_bavail=FREE_BYTES_MIN - 1, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda _: seen)
    with pytest.raises(Refused, match="the disk is full, want"):
        store.check_room()
    # What is under way goes on.
    store.save([Save(row(b"x", b"one"))])


def test_nothing_new_is_begun_on_a_read_only_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=1 << 30, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda _: seen)
    with pytest.raises(Refused, match="is read-only: let this process write there"):
        store.check_room()


def test_nothing_new_is_begun_until_what_failed_can_be_done_again(store: Store) -> None:
    store._database.execute("PRAGMA query_only = 1")
    for _ in range(2):
        with pytest.raises(Refused, match="cannot write"):
            store.put(value=b"x")
        with pytest.raises(Refused, match="cannot write"):
            store.check_room()
    # No ballast would help here.
    assert (store.folder / BALLAST).exists()
    store._database.execute("PRAGMA query_only = 0")
    store.check_room()
    assert not store.has_failed


def test_what_finds_no_room_is_done_again_by_that_of_the_ballast(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages}")

    def throw() -> bool:
        store._database.execute("PRAGMA max_page_count = 1000000")
        return True

    monkeypatch.setattr(store, "_throw_ballast", throw)
    store.put(short=b"x", long=bytes(1 << 20))
    assert (store.get("short"), store.get("long")) == (b"x", bytes(1 << 20))
    assert not store.has_failed


def test_a_write_that_finds_no_room_gives_up_the_ballast(store: Store) -> None:
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Refused, match="full"):
        store.put(long=bytes(1 << 20))
    assert store.is_full
    assert not (store.folder / BALLAST).exists()
    store._database.execute("PRAGMA max_page_count = 1000000")
    store.put(long=bytes(1 << 20))
