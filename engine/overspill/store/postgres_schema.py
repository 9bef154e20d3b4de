"""The PostgreSQL store's schema, migrated in one transaction under an advisory lock: of two processes that open an empty
database at once the second finds the tables there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.store import migrations
from overspill.store.migrations import Migration
from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.store.postgres_session import Session

LOCK = 0x4F565350
"""`OVSP`, the advisory lock of whoever changes the schema."""
SCHEMA = "overspill"
_KEPT = f"""CREATE TABLE {SCHEMA}.migrations (
  number bigint PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
  applied_at timestamptz NOT NULL DEFAULT now())"""


def migrate(session: Session) -> None:
    """Brings the database's schema to this program's. Raises StoreFailure, and then has changed nothing."""
    if _missing(session) == ():
        return
    session.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        session.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        missing = _missing(session)
        if missing is None:
            create(session)
        for migration in missing or ():
            _apply(session, migration)
        session.execute("COMMIT")
    except BaseException:
        session.roll_back()
        raise


def create(session: Session) -> None:
    """All tables, where there are none; inside a transaction."""
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    session.execute(_KEPT)
    for migration in migrations.shipped("postgres"):
        _apply(session, migration)


def lacks(session: Session) -> tuple[Migration, ...]:
    """The migrations that the database lacks. Raises StoreFailure for one that is not ours to serve."""
    missing = _missing(session)
    return migrations.shipped("postgres") if missing is None else missing


def _apply(session: Session, migration: Migration) -> None:
    session.execute(f"SET LOCAL search_path = {SCHEMA}, pg_catalog")
    session.execute(migration.sql)
    put = f"INSERT INTO {SCHEMA}.migrations (number, name, checksum) VALUES (%s, %s, %s)"
    session.execute(put, (migration.number, migration.name, migration.checksum))


def _missing(session: Session) -> tuple[Migration, ...] | None:
    """The migrations that the database lacks; None: it has nothing of ours at all."""
    [(ours, tables)] = session.execute(
        "SELECT to_regclass(%s) IS NOT NULL,"
        " (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'v', 'm', 'p'))",
        (f"{SCHEMA}.migrations", SCHEMA),
    )
    if not ours:
        if tables:
            what = f"the schema {SCHEMA} of {session.name} belongs to another program"
            raise StoreFailure("not_ours", what, help="name another database for Overspill")
        return None
    applied = session.execute(f"SELECT number, name, checksum FROM {SCHEMA}.migrations ORDER BY number")
    return migrations.missing(session.name, migrations.shipped("postgres"), applied)
