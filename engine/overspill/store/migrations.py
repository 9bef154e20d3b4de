"""The PostgreSQL store's schema: numbered SQL files beside this one → tables, each file applied once, for all processes.

All of it happens in one transaction under an advisory lock, so that of two processes which open an empty database at
once the second finds the tables there. What was applied is kept with its checksum: a database of a newer program is
refused, and so is one that was made by a file which says something else now.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure

if TYPE_CHECKING:
    from overspill.store.postgres_session import Session

LOCK = 0x4F565350
"""`OVSP`, the advisory lock of whoever changes the schema."""
SCHEMA = "overspill"
_KEPT = f"""CREATE TABLE {SCHEMA}.migrations (
  number bigint PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
  applied_at timestamptz NOT NULL DEFAULT now())"""


class Migration(Struct, frozen=True):
    """One file, `0001_journal.sql`."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        return sha256(self.sql.encode()).digest()


@cache
def shipped() -> tuple[Migration, ...]:
    """The migrations of this program, in order."""
    folder = files("overspill.store").joinpath("migrations")
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return tuple(Migration(int(path.name[:4]), path.name, path.read_text("utf-8")) for path in paths)


def migrate(session: Session) -> None:
    """Brings the database's schema to this program's. Raises StoreFailure, and then has changed nothing."""
    if _missing(session) == ():
        return
    session.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        session.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        missing = _missing(session)
        if missing is None:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            session.execute(_KEPT)
        for migration in shipped() if missing is None else missing:
            _apply(session, migration)
        session.execute("COMMIT")
    except BaseException:
        session.roll_back()
        raise


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
    return _compared(session.name, applied)


def _compared(name: str, applied: list[tuple[int, str, bytes]]) -> tuple[Migration, ...]:
    """The migrations that are not among the applied ones."""
    own = {migration.number: migration for migration in shipped()}
    for number, file, checksum in applied:
        if number not in own:
            raise StoreFailure(
                "newer_version",
                f"{name} was migrated by a newer version (by {file}, this one knows {len(own)} migrations)",
                help="upgrade Overspill",
            )
        if checksum != own[number].checksum:
            raise StoreFailure(
                "changed_migration",
                f"{name} was migrated by another {file} than this program's",
                help="use the program that made it, or a new database",
            )
    return tuple(migration for number, migration in own.items() if number not in {row[0] for row in applied})
