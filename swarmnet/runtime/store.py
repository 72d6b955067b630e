"""What an agent keeps in its data directory: one SQLite database, and a lock.

Own rows are written before anything that follows from them is sent, and a commit is on
the disk when it returns (WAL, synchronous=FULL); so whatever was acknowledged survives
`kill -9`, and a power cut if the disk keeps its word. Everything blocks: it is called
by worker threads, one at a time.

    meta        what there is once: keys, certificate, roots, serials, settings
    own         this node's rows, as they travel
    known       others' rows, as they were held some seconds ago
    members     others' claims about themselves, likewise
    sandboxes   by name; where an adopted one's namespace is, and which it was

A file of `BALLAST_BYTES` lies beside the database. When the disk is full it is given
up, so that what is under way can still be written; no new command is taken until there
is room for it again (`is_full`).
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from swarmnet.errors import Refused
from swarmnet.runtime.locking import lock_folder
from swarmnet.tables.outputs import Save, Unsave
from swarmnet.tables.row import Row

DATABASE: Final = "swarmnet.db"
BALLAST: Final = "ballast"
BALLAST_BYTES: Final = 8 << 20
FREE_BYTES_MIN: Final = 1 << 20
"""With less left nothing new is begun, though the ballast is there."""
VERSION: Final = 1
"""Of the layout below (`PRAGMA user_version`)."""
_LAYOUT: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE own (
    scope BLOB, name TEXT, key BLOB, item BLOB NOT NULL, PRIMARY KEY (scope, name, key)
) WITHOUT ROWID;
CREATE TABLE known (
    scope BLOB, owner BLOB, name TEXT, key BLOB, item BLOB NOT NULL,
    PRIMARY KEY (scope, owner, name, key)
) WITHOUT ROWID;
CREATE TABLE members (
    node BLOB PRIMARY KEY, body BLOB NOT NULL, proof BLOB NOT NULL, state INTEGER
) WITHOUT ROWID;
CREATE TABLE sandboxes (name TEXT PRIMARY KEY, netns TEXT, mark TEXT) WITHOUT ROWID;
"""
KnownPlace = tuple[bytes, bytes, str, bytes]
"""Scope, owner, table and key of a row."""
Change = Callable[[sqlite3.Connection], object]
MemberFacts = tuple[bytes, bytes, bytes, int]
"""A node, the body and the proof of its claim, and its state."""


class Store:
    """The data directory, held by this process alone until `close`."""

    def __init__(self, folder: str | Path) -> None:
        """Open a data directory; make it if there is none.

        Raises:
            Refused: another agent has it, it cannot be written, or it is of a later
                version.
        """
        self.folder = Path(folder)
        self._lock = Lock()
        self._known: dict[KnownPlace, bytes] | None = None
        self._members: dict[bytes, MemberFacts] = {}
        self.is_full = False
        """Whether there is no room for anything new."""
        self.has_failed = False
        """Whether what was last to be written could not be."""
        self.written = 0
        """How many changes of own rows were ever written here."""
        self._fd = lock_folder(self.folder)
        try:
            self._database = self._open()
            self.written = int.from_bytes(self.get("written") or b"", "big")
            self.refill()
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """Close the database, and let the directory go."""
        self._database.close()
        os.close(self._fd)

    def _open(self) -> sqlite3.Connection:
        with self._refusals("open"):
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not (_is_about_room(error) and self._throw_ballast()):
                    raise
                return self._connect()

    def _connect(self) -> sqlite3.Connection:
        path = self.folder / DATABASE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise Refused(
                f"data directory {self.folder}: of version {version}, want up to"
                f" {VERSION}: run the version of swarmnet that wrote it"
            )
        if version == 0:
            database.executescript(
                f"BEGIN; {_LAYOUT} PRAGMA user_version = {VERSION}; COMMIT;"
            )

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Refused(
                f"data directory {self.folder}: cannot {what}: {error}: give it room"
                " and this process the right to write there"
            ) from None

    def _write(self, change: Change) -> None:
        """Make a change, wholly or not; once more if the ballast makes room for it.

        SQLite may undo all of it where the disk is full, so it is begun anew.
        """
        with self._lock, self._refusals("write"):
            try:
                self._transact(change)
            except sqlite3.Error as error:
                self.has_failed = True
                if not (_is_about_room(error) and self._throw_ballast()):
                    raise
                self._transact(change)
            self.has_failed = False

    def _transact(self, change: Change) -> None:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            change(database)
            database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise

    # Room

    def _throw_ballast(self) -> bool:
        """Give up the ballast; return whether there was any."""
        self.is_full = True
        try:
            (self.folder / BALLAST).unlink()
        except OSError:
            return False
        return True

    def refill(self) -> None:
        """Put the ballast back, if there is room for it again."""
        path = self.folder / BALLAST
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, BALLAST_BYTES)
            finally:
                os.close(fd)
        except OSError:
            self.is_full = True
            with suppress(OSError):
                path.unlink()
        else:
            self.is_full = False

    def check_room(self) -> None:
        """Refuse what would have to be stored while it cannot be.

        Raises:
            Refused: the disk is full, read-only, or broken.
        """
        found = os.statvfs(self.folder)
        if found.f_flag & os.ST_RDONLY:
            raise Refused(
                f"data directory {self.folder}: is read-only: let this process write"
                " there, and try again"
            )
        if self.has_failed:
            self.check_writable()
        if self.is_full:
            self.refill()
        free_bytes = found.f_bavail * found.f_frsize
        if self.is_full or free_bytes < FREE_BYTES_MIN:
            raise Refused(
                f"data directory {self.folder}: the disk is full, want"
                f" {BALLAST_BYTES >> 20} MiB: make room, and try again"
            )

    def check_writable(self) -> None:
        """Refuse what must be written down, if need be in the ballast's place.

        Raises:
            Refused: nothing can be written.
        """
        self.put(tried=b"")

    # What there is once

    def get(self, key: str) -> bytes | None:
        """Return what is kept under a key, or None."""
        with self._lock:
            found = self._database.execute(
                "SELECT value FROM meta WHERE key = ?", (key,)
            ).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, **values: bytes | None) -> None:
        """Keep values by their keys, all or none; None: keep nothing any more.

        Raises:
            Refused: they cannot be written.
        """

        def put(database: sqlite3.Connection) -> None:
            for key, value in values.items():
                if value is None:
                    database.execute("DELETE FROM meta WHERE key = ?", (key,))
                else:
                    database.execute(
                        "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value)
                    )

        self._write(put)

    def wipe(self, **kept: bytes) -> None:
        """Forget all of a cluster: keys, rows, members; sandboxes stay.

        What is `kept` is all that stands under any key after it.

        Raises:
            Refused: it cannot be written.
        """

        def wipe(database: sqlite3.Connection) -> None:
            for table in ("meta", "own", "known", "members"):
                database.execute(f"DELETE FROM {table}")
            database.executemany("INSERT INTO meta VALUES (?, ?)", kept.items())

        self._write(wipe)
        self._known, self._members = None, {}

    # Rows

    def save(self, changes: Iterable[Save | Unsave]) -> None:
        """Write rows of our own, all or none; they are on the disk afterwards.

        Raises:
            Refused: they cannot be written.
        """
        batch = list(changes)
        written = self.written + len(batch)

        def save(database: sqlite3.Connection) -> None:
            for change in batch:
                row = change.row
                place = (bytes(row.scope), row.table, row.key)
                if isinstance(change, Save):
                    database.execute(
                        "INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?)",
                        (*place, row.item),
                    )
                else:
                    database.execute(
                        "DELETE FROM own WHERE (scope, name, key, item) = (?, ?, ?, ?)",
                        (*place, row.item),
                    )
            database.execute(
                "INSERT OR REPLACE INTO meta VALUES ('written', ?)",
                (written.to_bytes(8, "big"),),
            )

        self._write(save)
        self.written = written

    def own(self) -> list[bytes]:
        """Return this node's rows."""
        with self._lock:
            found = self._database.execute("SELECT item FROM own").fetchall()
        return [bytes(item) for (item,) in found]

    def known(self) -> list[bytes]:
        """Return others' rows."""
        return list(self._held_known().values())

    def _held_known(self) -> dict[KnownPlace, bytes]:
        if self._known is None:
            with self._lock:
                found = self._database.execute("SELECT * FROM known").fetchall()
            self._known = {
                (bytes(scope), bytes(owner), name, bytes(key)): bytes(item)
                for scope, owner, name, key, item in found
            }
        return self._known

    def keep(self, rows: Iterable[Row], members: Iterable[MemberFacts]) -> None:
        """Keep others' rows and claims in place of what was kept of them.

        Raises:
            Refused: they cannot be written.
        """
        held = self._held_known()
        wanted = {
            (bytes(row.scope), bytes(row.owner), str(row.table), row.key): row.item
            for row in rows
        }
        claims = {one[0]: one for one in members}
        put = [(*p, i) for p, i in wanted.items() if held.get(p) != i]
        gone = [place for place in held if place not in wanted]
        if not put and not gone and claims == self._members:
            return

        def keep(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO known VALUES (?,?,?,?,?)", put)
            database.executemany(
                "DELETE FROM known WHERE (scope, owner, name, key) = (?, ?, ?, ?)", gone
            )
            if claims != self._members:
                database.execute("DELETE FROM members")
                database.executemany(
                    "INSERT INTO members VALUES (?, ?, ?, ?)", claims.values()
                )

        self._write(keep)
        self._known, self._members = wanted, claims

    def members(self) -> list[MemberFacts]:
        """Return others' claims about themselves."""
        with self._lock:
            found = self._database.execute("SELECT * FROM members").fetchall()
        return [(bytes(n), bytes(b), bytes(p), state) for n, b, p, state in found]

    # Sandboxes

    def sandboxes(self) -> Mapping[str, tuple[str | None, str]]:
        """Return where each sandbox's namespace is, and which it was, by name."""
        with self._lock:
            found = self._database.execute("SELECT * FROM sandboxes").fetchall()
        return {name: (netns, mark) for name, netns, mark in found}

    def put_sandbox(self, name: str, netns: str | None, mark: str) -> None:
        """Keep a sandbox.

        Raises:
            Refused: it cannot be written.
        """
        values, command = (name, netns, mark), "INSERT OR REPLACE INTO sandboxes"
        self._write(lambda one: one.execute(f"{command} VALUES (?, ?, ?)", values))

    def drop_sandbox(self, name: str) -> None:
        """Keep a sandbox no more.

        Raises:
            Refused: it cannot be written.
        """
        command = "DELETE FROM sandboxes WHERE name = ?"
        self._write(lambda database: database.execute(command, (name,)))


def _is_about_room(error: sqlite3.Error) -> bool:
    """Return whether a full disk may be the reason of an error.

    The second is that of the index of the WAL, which cannot grow.
    """
    codes = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    return getattr(error, "sqlite_errorcode", None) in codes
