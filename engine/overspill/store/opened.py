"""What names a database → the store that keeps it: nothing, a file, or the URL of a PostgreSQL database."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING

from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.ports.store import Store
    from overspill.store.postgres import PostgresStore
    from overspill.store.sqlite import SqliteStore

SCHEMES = ("postgresql://", "postgres://")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


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
    """Of a PostgreSQL database; else it is a file. The URL of anything else is neither (`bad_url`), and may hold a password."""
    text = os.fspath(db)
    if text.startswith(SCHEMES):
        return True
    if scheme := _SCHEME.match(text):
        what = f"{scheme[0]}… names no database that there is here"
        raise StoreFailure("bad_url", what, help="write the path of a file, or postgresql://user@host:5432/database")
    return False
