"""What a database is, as it is: its schema, its journal, what is settled of it; nothing is migrated or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.ports.store import Head, Restored
from overspill.records.build import Build
from overspill.store.migrations import shipped
from overspill.store.settlement import Settlement, settlement
from overspill.store.sqlite import SqliteStore
from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.store.postgres import PostgresStore

LEDGER = {"sqlite": 7, "postgresql": 2}
"""The first schema that has a ledger."""
RESTORES = {"sqlite": 8, "postgresql": 3}
"""The first that knows whether it was put back."""


class Policy(Struct, frozen=True):
    name: str
    version: int
    digest: str


class Described(Struct, frozen=True, kw_only=True):
    """`schema` is the last migration that was applied, `lacks` are the files of those that were not; `build` made the last
    segment. What an older schema does not have is None."""

    name: str
    kind: str
    schema: int
    lacks: tuple[str, ...]
    records: int
    segments: int
    head: Head
    build: Build | None
    snapshots_through: int
    settling: Settlement | None
    policies: tuple[Policy, ...]
    bytes: int
    restored: Restored | None


_SCHEMA = {
    "sqlite": "SELECT user_version FROM pragma_user_version",
    "postgresql": "SELECT max(number) FROM overspill.migrations",
}
_BYTES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relnamespace = 'overspill'::regnamespace AND relkind = 'r'",
}


def described(store: SqliteStore | PostgresStore) -> Described:
    """Raises StoreFailure, also for a database that has nothing yet."""
    kind, tables = ("sqlite", "") if isinstance(store, SqliteStore) else ("postgresql", "overspill.")
    lacks = store.lacks()
    if lacks == shipped("sqlite" if kind == "sqlite" else "postgres"):
        help = "`decide`, `reserve`, `grant` and `account set` make a database"
        raise StoreFailure("no_such_database", f"{store.name} has nothing of Overspill yet", help=help)
    [(schema,)] = store.rows(_SCHEMA[kind])
    [(segments,)] = store.rows(f"SELECT count(*) FROM {tables}segments")
    [(size,)] = store.rows(_BYTES[kind])
    policies = store.rows(f"SELECT name, version, digest FROM {tables}policies ORDER BY name, version, digest")
    head = store.head()
    last = next(store.segments(head.seq - 1), None) if head.seq else None
    return Described(
        name=store.name,
        kind=kind,
        schema=schema,
        lacks=tuple(one.name for one in lacks),
        records=head.seq,
        segments=segments,
        head=head,
        build=None if last is None else last.build,
        snapshots_through=store.snapshots_through(),
        settling=settlement(store) if schema >= LEDGER[kind] else None,
        policies=tuple(Policy(*row) for row in policies),
        bytes=int(size),
        restored=store.restores.pending() if schema >= RESTORES[kind] else None,
    )
