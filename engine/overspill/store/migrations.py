"""Schemas: numbered SQL files beside this one, each applied once, in order, and kept with its checksum.

A database of a newer program is refused, and so is one that was made by a file which says something else now. What
brings a database up to date is its store's own (`postgres_schema.py`, `sqlite_schema.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files

from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure


class Migration(Struct, frozen=True):
    """One file, `0001_journal.sql`."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        return sha256(self.sql.encode()).digest()


@cache
def shipped(kind: str) -> tuple[Migration, ...]:
    """The migrations of this program for `postgres` or `sqlite`, in order."""
    folder = files("overspill.store").joinpath("migrations").joinpath(kind)
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return tuple(Migration(int(path.name[:4]), path.name, path.read_text("utf-8")) for path in paths)


def missing(name: str, own: Iterable[Migration], applied: Iterable[tuple[int, str, bytes]]) -> tuple[Migration, ...]:
    """Of our `own` migrations those that the database `name` lacks; `applied` are (number, file, checksum). Raises
    StoreFailure for a database that this program cannot serve."""
    known = {migration.number: migration for migration in own}
    done = set()
    for number, file, checksum in applied:
        if number not in known:
            raise StoreFailure(
                "newer_version",
                f"{name} was migrated by a newer version (by {file}, this one ends with {list(known.values())[-1].name})",
                help="upgrade Overspill",
            )
        if checksum != known[number].checksum:
            raise StoreFailure(
                "changed_migration",
                f"{name} was migrated by another {file} than this program's",
                help="use the program that made it, or a new database",
            )
        done.add(number)
    return tuple(migration for number, migration in known.items() if number not in done)
