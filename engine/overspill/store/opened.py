"""What names a database → the store that keeps it: nothing, a file, or the URL of a PostgreSQL database."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.ports.store import Store
    from overspill.store.postgres import PostgresStore
    from overspill.store.sqlite import SqliteStore

SCHEMES = ("postgresql://", "postgres://")


def opened(db: str | os.PathLike[str] | None, *, anchor: str | os.PathLike[str] | None = None) -> Store:
    """The store, migrated; None keeps everything in memory. `anchor` is the file outside of the database that knows how far
    its journal was. Raises StoreFailure."""
    return _opened(db, anchor, migrate=True)


def looked_into(db: str | os.PathLike[str]) -> SqliteStore | PostgresStore:
    """The store as it is, for looking only: its schema may be older."""
    return _opened(db, None, migrate=False)


def _opened(
    db: str | os.PathLike[str] | None, anchor: str | os.PathLike[str] | None, *, migrate: bool
) -> SqliteStore | PostgresStore:
    if db is None or not is_url(db):
        from overspill.store.sqlite import SqliteStore

        return SqliteStore(":memory:" if db is None else db, anchor=anchor, migrate=migrate)
    try:
        import_module("psycopg")
    except ImportError:
        what = "a PostgreSQL database needs psycopg, which is not installed"
        raise StoreFailure("missing_extra", what, help='pip install "overspill[postgres]"') from None
    from overspill.store.postgres import PostgresStore

    return PostgresStore(str(db), anchor=anchor, migrate=migrate)


def named(db: str | os.PathLike[str]) -> str:
    """The database for people: a URL's password is nobody's business."""
    if not is_url(db):
        return os.fspath(db)
    scheme, _, rest = str(db).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def is_url(db: str | os.PathLike[str]) -> bool:
    return os.fspath(db).startswith(SCHEMES)
