"""The SQLite store's schema: `user_version` is the number of the last migration, `migrations` says which there were.

Each migration is a transaction of its own: a file that was left between two of them is brought on from there.
"""

from __future__ import annotations

import sqlite3

from overspill.store import migrations
from overspill.store.migrations import Migration
from overspill.words.failures import StoreFailure

APPLICATION_ID = 0x4F565350
"""`OVSP` in the header of every database of ours (https://www.sqlite.org/pragma.html#pragma_application_id)."""
_KEPT = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL)"


def check(connection: sqlite3.Connection, path: str) -> tuple[Migration, ...]:
    """The migrations that the file lacks. Raises StoreFailure for a file that is not ours to serve."""
    version = _version(connection)
    own = migrations.shipped("sqlite")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID and tables:
        raise StoreFailure("not_ours", f"{path} is a database of another program", help="name a new file for Overspill")
    if version > own[-1].number:
        raise StoreFailure(
            "newer_version",
            f"{path} was written by a newer version (schema {version}, this one reads {own[-1].number})",
            help="upgrade Overspill",
        )
    if 0 < version < own[0].number:
        raise StoreFailure(
            "older_version",
            f"{path} was written before the first release (schema {version}, this one reads {own[0].number} and later)",
            help="start a new file",
        )
    if "migrations" in tables:
        return migrations.missing(path, own, connection.execute("SELECT number, name, checksum FROM migrations"))
    return tuple(migration for migration in own if migration.number > version)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Brings the file's schema to this program's. Raises StoreFailure, sqlite3.Error."""
    for _ in check(connection, path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            missing = check(connection, path)  # two processes may arrive at once: whoever comes second finds it done
            if missing:
                _apply(connection, missing[0])
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    version = _version(connection)
    for statement in migration.sql.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(_KEPT)
    done = [one for one in migrations.shipped("sqlite") if one.number <= version]  # before there was the table
    rows = [(one.number, one.name, one.checksum) for one in (*done, migration)]
    connection.executemany("INSERT OR IGNORE INTO migrations VALUES (?, ?, ?)", rows)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={migration.number}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
