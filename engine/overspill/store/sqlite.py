"""One SQLite file: WAL, `synchronous=FULL`, one writer at a time, any number of processes.

A commit is durable before it returns. Whatever the file turns out to be (not a database, somebody else's, newer,
read-only, full, locked) is one StoreFailure that names the file and the remedy, and nothing of the transaction has
happened. After an error of the disk itself the store refuses further writes until it is opened again: what a failed
fsync left in the page cache cannot be known (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any, TypeVar
from urllib.parse import quote

from overspill.ports.store import Head, Snapshot, StoredPolicy
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Record, Segment, record_of
from overspill.records.written import Form
from overspill.store import sqlite_schema
from overspill.store.anchor import SUFFIX, Anchor, expect_folder
from overspill.store.migrations import Migration
from overspill.store.restores import Restores
from overspill.store.rows import form_in, policy_in, row_of
from overspill.store.sealed import sealed, unsealed
from overspill.store.sqlite_ledger import SqliteLedger
from overspill.words.codec import json_bytes
from overspill.words.failures import StoreFailure

T = TypeVar("T")

LOCK_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.0002, 0.01
"""Seconds between two looks whether the writer's place is free."""
PAGE_BYTES = 8192
"""A segment of many decisions is some 60 KB: pages larger than the usual 4 KiB are fewer to write."""
IDS_AT_ONCE = 64
"""Rows of one statement: half as much work as a statement of its own for each."""

_PUT_IDS = f"INSERT OR IGNORE INTO ids VALUES {', '.join(['(?, ?)'] * IDS_AT_ONCE)}"
_left_alone: list[sqlite3.Connection] = []
_SEGMENT = "first_seq, last_seq, previous_hash, hash, body, build"


class SqliteStore:
    """The store in one file; `:memory:` keeps it in this process. Used by one thread at a time.

    `anchor` names the file that knows the journal's end beside it; otherwise it is called like the database, with
    `-anchor` behind it. `migrate=False` is for looking only, whatever the file's schema is.
    """

    is_at_hand = True

    def __init__(
        self, path: str | os.PathLike[str], *, anchor: str | os.PathLike[str] | None = None, migrate: bool = True
    ) -> None:
        self.path = os.fspath(path)
        self._migrates = migrate
        beside = None if self.path == ":memory:" else f"{self.path}{SUFFIX}"
        named = beside if anchor is None else os.fspath(anchor)
        self._anchor = None if named is None else Anchor(named)
        self._is_beside = anchor is None
        """Whether the anchor lies on the same disk. A file system that finds an error in itself may say of a sync under way that
        it has succeeded, as ext4 does; of the write behind it no more."""
        self._appended: Head | None = None
        """What the transaction appends."""
        self._poisoned: str | None = None
        self._forms: dict[str, Form] = {}
        self._build: Build | None = None
        self._build_number: int | None = None
        """The number of `_build`, once it is known; as long as its row is not committed, `_build_is_new`."""
        self._build_is_new = False
        self._builds: dict[int | None, Build | None] = {None: None}
        self._connection = self._opened()
        self._execute = self._connection.execute
        self.ledger = SqliteLedger(self._connection, self.begin, self._do)
        self.restores = Restores(lambda query, values: self.rows(query, *values))

    @property
    def name(self) -> str:
        return self.path

    # ---- opening

    def _opened(self) -> sqlite3.Connection:
        if self.path != ":memory:":
            self._look_at_file(self.path)
        try:
            connection = sqlite3.connect(
                self.path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except sqlite3.Error as error:
            raise self._failure(error) from None
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._failure(error) from None
        except StoreFailure:
            connection.close()
            raise
        return connection

    def _look_at_file(self, path: str) -> None:
        if not path:
            raise StoreFailure(
                "not_a_database", "no file is named", help="name one, or none at all to keep all in memory"
            )
        folder = os.path.dirname(path) or "."
        if os.path.isdir(path):
            raise StoreFailure("not_a_database", f"{path} is a folder", help="name a file in it")
        expect_folder(path)
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise StoreFailure("read_only", f"{path} is read-only", help="make it writable, or name another file")
        if not os.access(folder, os.W_OK):
            help = "make it writable, since the log is kept beside the file, or name a file in another"
            raise StoreFailure("read_only", f"the folder {folder} is read-only", help=help)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        sqlite_schema.check(connection, self.path)
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        [mode] = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal" and self.path != ":memory:":  # SQLite says so, and goes on in the other mode
            what = f"{self.path} cannot have a write-ahead log beside it"
            raise StoreFailure("disk_error", what, help="check the disk, then open it again")
        connection.execute("PRAGMA synchronous=FULL")
        # A checkpoint stalls one commit, and longer the more it has to copy: of these pages for some milliseconds.
        connection.execute("PRAGMA wal_autocheckpoint=1000")
        # Each commit goes through the pages that are cached (SQLite 3.40, pcache1TruncateUnsafe): of more than these that costs
        # as much as a decision in ten, and what is read again comes from the system's own cache.
        connection.execute("PRAGMA cache_size=-8192")
        if self._migrates:
            sqlite_schema.migrate(connection, self.path)
        # A process that was killed between a write and its sync leaves a commit that is there and not durable yet: what is
        # read from here on must be.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # ---- transactions

    def begin(self, at: Head | None = None) -> None:
        self._begin(LOCK_SECONDS)

    def begin_at_once(self) -> bool:
        try:
            self._begin(0)
        except StoreFailure:  # whoever waits learns what it is
            return False
        return True

    def _begin(self, seconds: float) -> None:
        """Waits so long for another process. SQLite's own handler looks again after 1, 2, 5, 10, 15 … ms, where a settler beside has
        the place for two or three."""
        if self._poisoned is not None:
            raise StoreFailure("store_stopped", f"{self.path} had a disk error: {self._poisoned}", help="open it again")
        self._do(self._execute, "PRAGMA busy_timeout=0")
        try:
            pause, waited = FIRST_PAUSE, 0.0
            while not self._has_begun(waits=waited < seconds):
                sleep(pause)
                waited += pause
                pause = min(pause * 5 / 4, LONGEST_PAUSE)
        finally:
            self._do(self._execute, f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")

    def _has_begun(self, *, waits: bool) -> bool:
        try:
            self._execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if waits and "locked" in str(error):
                return False
            raise self._failure(error) from None
        return True

    def commit(self) -> None:
        appended, self._appended = self._appended, None
        self._do(self._execute, "COMMIT")
        self._build_is_new = False
        if appended is not None and self._anchor is not None and not self._anchor.note(appended) and self._is_beside:
            raise self._failure(sqlite3.OperationalError("disk I/O error"))

    def rollback(self) -> None:
        self._appended = None
        if self._build_is_new:
            self._build_number, self._build_is_new = None, False
        if self._connection.in_transaction:
            try:
                self._execute("ROLLBACK")
            except sqlite3.Error as error:  # the transaction is gone either way; what the disk said decides the rest
                self._failure(error)

    @contextmanager
    def reading(self) -> Iterator[None]:
        self._do(self._execute, "BEGIN")
        try:
            yield
        finally:
            self.rollback()

    # ---- the journal

    def head(self) -> Head:
        row = self._do(self._execute, "SELECT last_seq, hash FROM segments ORDER BY first_seq DESC LIMIT 1").fetchone()
        return Head(0, GENESIS) if row is None else Head(*row)

    def hash_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return GENESIS
        query = "SELECT last_seq, hash FROM segments WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1"
        row = self._do(self._execute, query, (seq,)).fetchone()
        return None if row is None or row[0] != seq else bytes(row[1])

    def segments(self, after: int) -> Iterator[Segment]:
        query = f"SELECT {_SEGMENT} FROM segments WHERE last_seq > ? ORDER BY first_seq"
        rows = self._do(self._execute, query, (after,))
        return map(self._segment, rows)

    def append(self, segment: Segment, *, has_events: bool) -> None:
        head = self.head()
        if (segment.first_seq - 1, segment.previous_hash) != (head.seq, head.hash):
            what = f"the journal of {self.path} ends at record {head.seq}, and not where the batch was decided on"
            raise StoreFailure("head_moved", what, help="open it again")
        whole = (segment.first_seq, segment.last_seq, segment.previous_hash, segment.hash, segment.body)
        self._do(self._execute, "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)", (*whole, self._number()))
        if has_events:
            row = (segment.first_seq, segment.last_seq)
            self._do(self._execute, "INSERT INTO outbox VALUES (?, ?)", row)
        self._appended = Head(segment.last_seq, segment.hash)

    def find(self, numbers: Sequence[int]) -> Sequence[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for start in range(0, len(numbers), 500):
            part = numbers[start : start + 500]
            query = f"SELECT number, seq FROM ids WHERE number IN ({','.join('?' * len(part))})"
            found += self._do(self._execute, query, part).fetchall()
        return found

    def numbers(self, after: int, most: int) -> Sequence[int]:
        query = "SELECT DISTINCT number FROM ids WHERE number > ? ORDER BY number LIMIT ?"
        return [number for (number,) in self._do(self._execute, query, (after, most))]

    def record(self, seq: int) -> Record:
        query = f"SELECT {_SEGMENT} FROM segments WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1"
        return record_of(self._segment(self._do(self._execute, query, (seq,)).fetchone()), seq, self.form)

    def _segment(self, row: tuple[int, int, bytes, bytes, bytes, int | None]) -> Segment:
        return Segment(*row[:5], build=self._build_of(row[5]))

    def put_form(self, form: Form) -> None:
        self._do(self._execute, "INSERT OR IGNORE INTO forms VALUES (?, ?)", (form.id, json_bytes(form)))

    def form(self, id: str) -> Form:
        form = self._forms.get(id)
        if form is None:
            row = self._do(self._execute, "SELECT body FROM forms WHERE id = ?", (id,)).fetchone()
            form = None if row is None else form_in(row[0], id)
            if form is None:
                what = f"{self.path} has lost the form {id} of its answers, or it was changed"
                raise StoreFailure("missing_form", what, help="restore the file from a backup")
            self._forms[id] = form
        return form

    def outbox(self, after: int) -> Iterator[tuple[int, int]]:
        query = "SELECT first_seq, last_seq FROM outbox WHERE last_seq > ? ORDER BY first_seq"
        return iter(self._do(self._execute, query, (after,)))

    def drop_outbox(self, through: int, most: int) -> int:
        those = "SELECT first_seq FROM outbox WHERE first_seq <= ? ORDER BY first_seq LIMIT ?"
        return self._do(self._execute, f"DELETE FROM outbox WHERE first_seq IN ({those})", (through, most)).rowcount

    # ---- builds

    def use_build(self, build: Build) -> None:
        self._build, self._build_number = build, None

    def _number(self) -> int | None:
        """The number of the build that appends, whose row is put with its first segment."""
        if self._build_number is None and self._build is not None:
            values = (self._build.overspill, self._build.kernel, self._build.tzdata)
            put = "INSERT OR IGNORE INTO builds (overspill, kernel, tzdata) VALUES (?, ?, ?)"
            self._build_is_new = self._do(self._execute, put, values).rowcount > 0
            query = "SELECT number FROM builds WHERE overspill = ? AND kernel = ? AND tzdata = ?"
            self._build_number = self._do(self._execute, query, values).fetchone()[0]
        return self._build_number

    def _build_of(self, number: int | None) -> Build | None:
        if number not in self._builds:
            query = "SELECT overspill, kernel, tzdata FROM builds WHERE number = ?"
            overspill, kernel, tzdata = self._do(self._execute, query, (number,)).fetchone()
            self._builds[number] = Build(overspill=overspill, kernel=kernel, tzdata=tzdata)
        return self._builds[number]

    # ---- snapshots

    def snapshot(self, key: str) -> Snapshot | None:
        row = self._do(self._execute, "SELECT key, seq, state, due_at FROM accounts WHERE key = ?", (key,)).fetchone()
        return None if row is None else unsealed(self.path, row)

    def snapshots(self, keys: Sequence[str]) -> Iterable[Snapshot]:
        query = "SELECT key, seq, state, due_at FROM accounts WHERE key IN (SELECT value FROM json_each(?))"
        rows = self._do(self._execute, query, (json_bytes(keys).decode(),)).fetchall()
        return [unsealed(self.path, row) for row in rows]

    def due(self, now: int, most: int) -> Sequence[str]:
        query = "SELECT key FROM accounts WHERE due_at <= ? AND due_at < 9223372036854775807 ORDER BY due_at LIMIT ?"
        return [key for (key,) in self._do(self._execute, query, (now, most))]

    def topped_up(self) -> Sequence[str]:
        return [key for (key,) in self._do(self._execute, "SELECT key FROM topped_up ORDER BY key")]

    def write_snapshots(
        self,
        snapshots: Iterable[Snapshot],
        ids: Sequence[tuple[int, int]],
        topped_up: Iterable[str],
        through: int | None,
    ) -> None:
        rows = map(sealed, snapshots)
        self._do(self._connection.executemany, "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", rows)
        self._put_ids(ids)
        if keys := [(key,) for key in sorted(topped_up)]:
            self._do(self._connection.executemany, "INSERT OR IGNORE INTO topped_up VALUES (?)", keys)
        if through is not None:
            reached = "UPDATE meta SET value = max(value, ?) WHERE name = 'snapshots_through'"
            self._do(self._execute, reached, (through,))

    def _put_ids(self, ids: Sequence[tuple[int, int]]) -> None:
        rest = len(ids) % IDS_AT_ONCE
        for start in range(0, len(ids) - rest, IDS_AT_ONCE):
            values = [value for row in ids[start : start + IDS_AT_ONCE] for value in row]
            self._do(self._execute, _PUT_IDS, values)
        if rest:
            self._do(self._connection.executemany, "INSERT OR IGNORE INTO ids VALUES (?, ?)", ids[-rest:])

    def snapshots_through(self) -> int:
        row = self._do(self._execute, "SELECT value FROM meta WHERE name = 'snapshots_through'").fetchone()
        return int(row[0])

    # ---- policies

    def put_policy(self, policy: StoredPolicy) -> None:
        self._do(self._execute, "INSERT OR IGNORE INTO policies VALUES (?, ?, ?, ?)", row_of(policy))

    def policy(self, digest: str) -> StoredPolicy | None:
        row = self._do(self._execute, "SELECT * FROM policies WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else policy_in(row)

    def policies(self) -> Iterable[StoredPolicy]:
        return map(policy_in, self._do(self._execute, "SELECT * FROM policies ORDER BY digest"))

    def fix(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        self._do(self._connection.executemany, "INSERT OR IGNORE INTO facts VALUES (?, ?)", facts.items())
        query = "SELECT name, value FROM facts WHERE name IN (SELECT value FROM json_each(?))"
        kept = self._do(self._execute, query, (json_bytes(list(facts)).decode(),))
        return {name: value for name, value in kept if facts[name] != value}

    def clock(self) -> None:
        return None

    # ---- what is known of the journal elsewhere

    def anchored(self) -> Head | None:
        return None if self._anchor is None else self._anchor.known()

    def anchor(self) -> None:
        if self._anchor is not None:
            self._anchor.note(self.head())

    # ---- for who looks after it

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._do(self._execute, query, values).fetchall()

    def each_row(self, query: str) -> Iterator[tuple[Any, ...]]:
        return iter(self._do(self._execute, query))

    def put_rows(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._do(self._connection.executemany, statement, rows)

    def lacks(self) -> tuple[Migration, ...]:
        """The migrations that it lacks."""
        return sqlite_schema.check(self._connection, self.path)

    def close(self) -> None:
        self._connection.close()
        if self._anchor is not None:
            self._anchor.close()

    # ---- failures

    def _do(self, operation: Callable[..., sqlite3.Cursor], *arguments: object) -> sqlite3.Cursor:
        try:
            return operation(*arguments)
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def _failure(self, error: sqlite3.Error) -> StoreFailure:
        failure = failure_of(error, self.path)
        if failure.code in ("disk_error", "store_error") and self._poisoned is None:
            self._poisoned = str(error)
            self._leave_alone()
            if _is_read_only(self.path):
                self._poisoned = "its file system has become read-only"
                what = f"{self.path} cannot be written: {self._poisoned}"
                help = "look in the system's log for what became of the disk, make it writable, then open it again"
                return StoreFailure(failure.code, what, help=help)
        return failure

    def _leave_alone(self) -> None:
        """The last connection of a file writes its log into it when it ends, on top of a sync that has failed. One that may
        only read, and is there to the end of the process, is the last one instead."""
        if self.path != ":memory:":
            with suppress(sqlite3.Error):
                reader = sqlite3.connect(f"file:{quote(self.path)}?mode=ro", uri=True, check_same_thread=False)
                _left_alone.append(reader)
                reader.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _is_read_only(path: str) -> bool:
    """Whether the file system takes no more files. Asked of the folder: who closes the database's own file lets go of all
    locks that this process has on it."""
    from tempfile import TemporaryFile  # which imports much that nobody else needs

    try:
        TemporaryFile(dir=os.path.dirname(path) or ".").close()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def failure_of(error: sqlite3.Error, path: str) -> StoreFailure:
    """What SQLite says of the file, and what it means here."""
    name = getattr(error, "sqlite_errorname", "")
    for part, (code, what, help) in _FAILURES.items():
        if part == name or part in str(error):
            return StoreFailure(code, f"{path} {what}", help=help)
    return StoreFailure("store_error", f"{path}: {error}", help="open it again")


_FAILURES = {
    "file is not a database": ("not_a_database", "is not an SQLite database", "name a new file, or the right one"),
    "readonly": ("read_only", "is read-only", "make it writable, or name another file"),
    "is full": ("disk_full", "cannot grow: the disk is full", "free some space and ask again with the same id"),
    # The memory that processes share, before anything is written.
    "SQLITE_IOERR_SHMSIZE": (
        "disk_full",
        "has no room beside it: the disk is full, or fails",
        "free some space, or check the disk",
    ),
    "locked": ("busy", f"was locked by another process for {LOCK_SECONDS} s", "try again, or find who holds it"),
    "disk I/O error": ("disk_error", "had a disk error", "check the disk, then open it again"),
    "unable to open": ("cannot_open", "cannot be opened", "check the path and its permissions"),
    "UNIQUE constraint failed: postings": ("posted_before", "has a record posted already", "settle again"),
    "CHECK constraint failed": ("refused", "refuses a balance on the wrong side", "reconcile it, and report it"),
    "malformed": ("corrupt", "is damaged", "restore it from a backup"),
}
"""What SQLite says, as its code or in its message, and what it means here."""
