"""Whole SQLite files: copied while engines write, looked at page by page, put in the place of another."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from overspill.store import sqlite_schema
from overspill.store.sqlite import failure_of
from overspill.words.failures import Failure, StoreFailure

LOCK_SECONDS = 10
BESIDE = ("-wal", "-shm", "-journal")


@contextmanager
def opened_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as SQLite has it. What it says is StoreFailure."""
    if not path.is_file():
        raise Failure("no_such_file", f"there is no file {path}", help="check the path")
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise failure_of(error, str(path)) from None


def copied(source: Path, target: Path) -> None:
    """`target`, which is not there yet, becomes what `source` is at one instant: one file, durable. Who writes goes on
    writing (https://www.sqlite.org/backup.html). Raises StoreFailure for a source that is not ours."""
    with opened_file(source) as connection:
        sqlite_schema.check(connection, str(source))
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                checked(copy, target)
        except sqlite3.Error as error:
            raise failure_of(error, str(target)) from None
    synced(target)


def checked(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreFailure for a file whose pages are not in order."""
    said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise StoreFailure("corrupt", f"{path} is damaged: {said.splitlines()[0]}", help="restore it from a backup")


def synced(path: Path) -> None:
    """What is in the file is durable, and so is its name."""
    for place in (path, path.parent):
        with _descriptor(place) as file:
            os.fsync(file)


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def removed(path: Path) -> None:
    """The file and what SQLite keeps beside it."""
    for name in (str(path), *(f"{path}{suffix}" for suffix in BESIDE)):
        with suppress(FileNotFoundError):
            os.unlink(name)


def taken_out(path: Path) -> None:
    """Makes the file one without a log beside it, which nobody else has open. Raises StoreFailure `in_use`."""
    with opened_file(path) as connection:
        connection.execute("PRAGMA busy_timeout=0")
        try:
            [mode] = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.OperationalError as error:
            mode = str(error)
    if mode != "delete":
        raise StoreFailure(
            "in_use", f"{path} is open in another process", help="stop its engines and workers, then do it again"
        )


def swapped(new: Path, path: Path, aside: Path) -> None:
    """`new` stands where `path` stood, which is kept as `aside`; at no instant is there neither."""
    os.link(path, aside)
    os.replace(new, path)
    synced(path)
