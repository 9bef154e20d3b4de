"""What names a database → the store that keeps it: nothing, a file, or the URL of a PostgreSQL database."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from overspill.store.sqlite import SqliteStore
from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.ports.store import Store

SCHEMES = ("postgresql://", "postgres://")


def opened(db: str | os.PathLike[str] | None) -> Store:
    """The store; None keeps everything in memory. Raises StoreFailure."""
    if db is None:
        return SqliteStore(":memory:")
    if not _is_url(db):
        return SqliteStore(db)
    try:
        import_module("psycopg")
    except ImportError:
        what = "a PostgreSQL database needs psycopg, which is not installed"
        raise StoreFailure("missing_extra", what, help='pip install "overspill[postgres]"') from None
    from overspill.store.postgres import PostgresStore

    return PostgresStore(str(db))


def named(db: str | os.PathLike[str]) -> str:
    """The database for people: a URL's password is nobody's business."""
    if not _is_url(db):
        return os.fspath(db)
    scheme, _, rest = str(db).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _is_url(db: str | os.PathLike[str]) -> bool:
    return os.fspath(db).startswith(SCHEMES)
