"""A PostgreSQL database's tables → a new SQLite file, as of one instant; and a file's tables → an empty database.

Both stores have the same tables with the same columns; what differs is told here. A table that is missing in the list
would be lost: a test compares it with the schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from overspill.ports.hooks import Delivery, Hook
from overspill.ports.store import Head, Restored
from overspill.store import postgres_schema
from overspill.store.postgres_schema import SCHEMA
from overspill.store.postgres_session import Session
from overspill.store.restores import Restores
from overspill.store.sqlite import SqliteStore
from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure

ROWS = 1000


class Table(Struct, frozen=True):
    """`text` are columns that PostgreSQL gives as text, `own` what it has beside those of the file: column → value."""

    name: str
    columns: str
    order: str
    text: tuple[str, ...] = ()
    own: tuple[tuple[str, str], ...] = ()


TABLES = (
    Table("builds", "number, overspill, kernel, tzdata", "number"),
    Table("segments", "first_seq, last_seq, previous_hash, hash, body, build", "first_seq", own=(("epoch", "epoch"),)),
    Table("forms", "id, body", "id"),
    Table("ids", "number, seq", "number, seq"),
    Table("outbox", "first_seq, last_seq", "first_seq", own=(("written_by", "xact"),)),
    Table("accounts", "key, seq, state, due_at", "key"),
    Table("topped_up", "key", "key"),
    Table("facts", "name, value", "name"),
    Table("policies", "digest, name, version, sources", "digest"),
    Table("postings", "seq, body", "seq", text=("body",)),
    Table("entries", "owner, seq", "owner, seq"),
    Table("balances", "owner, account, asset, amount", "owner, account, asset", text=("amount",)),
    Table("kept", "owner, kind, key, body", "owner, kind, key"),
    Table("parked", "record, seq, reason, of_what, at, body", "record, seq"),
    Table("relays", "stream, through, position", "stream"),
    Table(
        "restores",
        "number, seq, hash, at, source, known_seq, known_hash, accepted_at, missing, actor",
        "number",
    ),
    Table(
        "api_keys",
        "id, tenant, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at",
        "created_at, id",
    ),
    Table("admin_log", "number, at, tenant, actor, operation, target, status, request", "number"),
    Table("hooks", ", ".join(Hook.__struct_fields__), "created_at, id"),
    Table("hook_deliveries", ", ".join(Delivery.__struct_fields__), "hook, event"),
)
"""In an order in which each row finds what it refers to."""
OWN = {"migrations", "meta", "head", "settlement", "writers"}
"""The tables that are each store's own: what they say is told by `_ends`."""


def into_file(session: Session, file: SqliteStore) -> None:
    """All rows of the database as of one instant, while engines write. The file is new and empty."""
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        file.begin()
        for table in TABLES:
            put = f"INSERT INTO {table.name} ({table.columns}) VALUES ({', '.join('?' * len(_names(table)))})"
            for rows in _chunks(session.stream(_selected(table), ROWS)):
                file.put_rows(put, rows)
        [(snapshots,)] = session.execute(f"SELECT snapshots_through FROM {SCHEMA}.head")
        [(settled,)] = session.execute(f"SELECT through FROM {SCHEMA}.settlement")
        ends = [(snapshots, "snapshots_through"), (settled, "settled_through")]
        file.put_rows("UPDATE meta SET value = ? WHERE name = ?", ends)
        file.commit()
    except BaseException:
        file.rollback()
        raise
    finally:
        session.roll_back()


def _selected(table: Table) -> str:
    columns = [f"{name}::text" if name in table.text else name for name in _names(table)]
    return f"SELECT {', '.join(columns)} FROM {SCHEMA}.{table.name} ORDER BY {table.order}"


def load(file: SqliteStore, url: str, *, replace: bool, at: int, source: str) -> Restored:
    """All rows of the file into a database, marked as put back; all of it in one transaction. A schema `overspill` that is
    there is renamed, where it may be replaced. Raises StoreFailure, and then nothing has changed."""
    with closing(Session(url)) as session:
        session.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            session.execute("SELECT pg_advisory_xact_lock(%s)", (postgres_schema.LOCK,))
            [(there,)] = session.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,))
            if there and not replace:
                what = f"{session.name} has the tables of Overspill already"
                raise StoreFailure("database_exists", what, help="with --replace they are kept aside")
            known, epoch = _put_aside(session) if there else (None, 1)
            postgres_schema.create(session)
            writer = f"INSERT INTO {SCHEMA}.writers (epoch) OVERRIDING SYSTEM VALUE VALUES (%s)"
            session.execute(writer, (epoch,))
            session.execute(f"ALTER TABLE {SCHEMA}.writers ALTER COLUMN epoch RESTART WITH {epoch + 1}")
            _copy(file, session, epoch)
            restored = Restored(file.head(), at, source, known)
            Restores(session.execute, f"{SCHEMA}.", "%s").note(restored)
            session.commit()
        except BaseException:
            session.roll_back()
            raise
    return restored


def _put_aside(session: Session) -> tuple[Head | None, int]:
    """Where the old journal ends, if it can say so, and the first epoch that none of its writers has. Who has it open finds
    itself fenced."""
    known, epoch = None, 1
    [(ours,)] = session.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.head",))
    if ours:
        # Who waits for these tables looks for them again by name afterwards, and finds the new ones.
        session.execute(f"LOCK TABLE {SCHEMA}.head IN ACCESS EXCLUSIVE MODE")
        [(settles,)] = session.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.settlement",))
        if settles:
            session.execute(f"LOCK TABLE {SCHEMA}.settlement IN ACCESS EXCLUSIVE MODE")
        known = Head(*session.execute(f"SELECT seq, hash FROM {SCHEMA}.head")[0])
        [(epoch,)] = session.execute(f"SELECT coalesce(max(epoch), 0) + 1 FROM {SCHEMA}.writers")
    [(number,)] = session.execute(
        "SELECT count(*) + 1 FROM pg_namespace WHERE starts_with(nspname, %s)", (f"{SCHEMA}_replaced_",)
    )
    session.execute(f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_replaced_{number}")
    return known, epoch


def _copy(file: SqliteStore, session: Session, epoch: int) -> None:
    """Into the empty tables; `epoch` is whose segments they are."""
    [(xact,)] = session.execute("SELECT pg_current_xact_id()::text")
    values = {"epoch": str(epoch), "xact": xact}
    for table in TABLES:
        own = tuple(values[value] for _, value in table.own)
        columns = ", ".join([table.columns, *(name for name, _ in table.own)])
        rows = file.each_row(f"SELECT {table.columns} FROM {table.name} ORDER BY {table.order}")
        session.copy_in(f"{SCHEMA}.{table.name} ({columns})", ((*row, *own) for row in rows))
    end, meta = file.head(), dict(file.rows("SELECT name, value FROM meta"))
    moved = f"UPDATE {SCHEMA}.head SET seq = %s, hash = %s, snapshots_through = %s"
    session.execute(moved, (end.seq, end.hash, meta["snapshots_through"]))
    session.execute(f"UPDATE {SCHEMA}.settlement SET through = %s", (meta["settled_through"],))
    for table_name in ("builds", "restores", "admin_log"):
        most = f"SELECT coalesce(max(number), 0) + 1 FROM {SCHEMA}.{table_name}"
        session.execute(f"SELECT setval(pg_get_serial_sequence('{SCHEMA}.{table_name}', 'number'), ({most}), false)")


def _names(table: Table) -> list[str]:
    return table.columns.split(", ")


def _chunks(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    left = iter(rows)
    while some := list(islice(left, ROWS)):
        yield some
