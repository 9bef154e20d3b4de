"""The registry in the database of the journal: the same few statements for SQLite and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from overspill.ports.registry import AdminEntry, ApiKey
from overspill.store import sqlite_schema
from overspill.store.hooks import SqlHooks
from overspill.store.opened import is_url
from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.store.postgres_session import Session

LOCK_SECONDS = 10
Run = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
_KEY = "id, tenant, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at"
_ENTRY = "at, tenant, actor, operation, target, status, request"


class SqlRegistry:
    """`run` gives the rows of one statement, which is a transaction of its own; a value's place in it is a `?`."""

    def __init__(self, run: Run, close: Callable[[], None]) -> None:
        self._run, self._close = run, close
        self.hooks = SqlHooks(run)

    def put_key(self, key: ApiKey) -> None:
        values = (
            key.id, key.tenant, key.name, " ".join(key.scopes), key.digest,
            key.created_at, key.expires_at, key.revoked_at, key.last_used_at,
        )  # fmt: skip
        self._run(f"INSERT INTO api_keys ({_KEY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def key_of(self, digest: bytes) -> ApiKey | None:
        found = self._run(f"SELECT {_KEY} FROM api_keys WHERE digest = ?", (digest,))
        return _key(found[0]) if found else None

    def key(self, id: str) -> ApiKey | None:
        found = self._run(f"SELECT {_KEY} FROM api_keys WHERE id = ?", (id,))
        return _key(found[0]) if found else None

    def list_keys(self, tenant: str | None = None) -> Sequence[ApiKey]:
        of, values = ("", ()) if tenant is None else ("WHERE tenant = ?", (tenant,))
        return [_key(row) for row in self._run(f"SELECT {_KEY} FROM api_keys {of} ORDER BY created_at, id", values)]

    def revoke_key(self, id: str, at: int) -> bool:
        revoke = "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self._run(revoke, (at, id)))

    def used_keys(self, last: Sequence[tuple[str, int]]) -> None:
        for id, at in last:
            self._run("UPDATE api_keys SET last_used_at = ? WHERE id = ? RETURNING id", (at, id))

    def log(self, entry: AdminEntry) -> None:
        values = (entry.at, entry.tenant, entry.actor, entry.operation, entry.target, entry.status, entry.request)
        self._run(f"INSERT INTO admin_log ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def logged(self, tenant: str, after: int, most: int) -> Sequence[tuple[int, AdminEntry]]:
        rows = self._run(
            f"SELECT number, {_ENTRY} FROM admin_log WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?",
            (tenant, after, most),
        )
        return [(row[0], AdminEntry(**dict(zip(_ENTRY.split(", "), row[1:], strict=True)))) for row in rows]

    def is_there(self) -> bool:
        try:
            return bool(self._run("SELECT 1", ()))
        except StoreFailure:
            return False

    def close(self) -> None:
        self._close()


def opened_registry(db: str | os.PathLike[str] | None) -> SqlRegistry:
    """That of a database whose schema is this program's; None keeps it in memory. Raises StoreFailure."""
    if db is not None and is_url(db):
        return _of_server(str(db))
    return _of_file(":memory:" if db is None else os.fspath(db))


def _of_file(path: str) -> SqlRegistry:
    lock = Lock()
    try:
        connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        if path == ":memory:":
            sqlite_schema.migrate(connection, path)
    except sqlite3.Error as error:
        raise _failed(path, error) from None

    def run(statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            with lock:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _failed(path, error) from None

    return SqlRegistry(run, connection.close)


def _failed(path: str, error: sqlite3.Error) -> StoreFailure:
    return StoreFailure("store_error", f"{path} could not be asked about keys and hooks: {error}", help="ask again")


def _of_server(url: str) -> SqlRegistry:
    from overspill.store.postgres_session import Session

    lock = Lock()
    kept: list[Session] = [Session(url)]

    def session() -> Session:
        """One that is there: a server may have put the last one out."""
        if not kept[0].is_there():
            kept[0].close()
            kept[0] = Session(url)
        return kept[0]

    def run(statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with lock:
            one = session()
            one.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                one.execute("SET LOCAL search_path = overspill, pg_catalog")
                rows = one.execute(statement.replace("?", "%s"), values)
                one.commit()
            except BaseException:
                one.roll_back()
                raise
            return rows

    def close() -> None:
        with lock:
            kept[0].close()

    return SqlRegistry(run, close)


def _key(row: tuple[Any, ...]) -> ApiKey:
    found = dict(zip(_KEY.split(", "), row, strict=True))
    return ApiKey(**{**found, "scopes": tuple(found["scopes"].split()), "digest": bytes(found["digest"])})
