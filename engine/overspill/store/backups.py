"""A database → one file that is a whole database of its own, with a manifest beside it; and such a file → a database.

A backup is made while engines and workers write, is as of one instant, and has been read back from its first page to the
journal's last hash before it gets its name. It is an SQLite file of Overspill wherever it comes from: one of PostgreSQL
can be put into a file, and a file into PostgreSQL. What was put back says so, and nobody decides on it until that was
accepted (`store/known.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from overspill.ports.store import Head, Restored
from overspill.records.build import Build
from overspill.store.chain import Chain, chain_of
from overspill.store.opened import is_url
from overspill.store.sqlite import SqliteStore
from overspill.store.sqlite_files import BESIDE, checked, copied, opened_file, removed, swapped, synced, taken_out
from overspill.words.codec import JsonFault, Struct, json_decoder, sorted_json_bytes
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_text

SUFFIX = ".manifest.json"
DAMAGED = (
    "corrupt",
    "not_a_database",
    "not_ours",
    "chain_broken",
    "changed_migration",
    "older_version",
    "newer_version",
)
"""Of a database that is replaced nothing is asked: it may be what the backup is needed for."""


VERSION = 1
"""Of a backup's manifest."""


class Manifest(Struct, frozen=True, kw_only=True):
    """`to` is the last record's number, `hash` that of the last segment, `bytes` and `sha256` are the file's."""

    backup: int = VERSION
    file: str
    of: str
    schema: int
    segments: int
    to: int
    hash: str
    settled_through: int
    made_at: str
    made_by: Build
    bytes: int
    sha256: str


class Versioned(Struct, frozen=True):
    """What every version of a manifest says."""

    backup: int = VERSION


_versioned = json_decoder(Versioned).decode
_manifest = json_decoder(Manifest).decode


def backup(db: str, target: Path, *, at: int, by: Build) -> Manifest:
    """Makes `target`, which is not there yet, and its manifest. Raises Failure, and then there is neither."""
    beside = Path(f"{target}{SUFFIX}")
    for path in (target, beside):
        if os.path.lexists(path):
            raise Failure(
                "file_exists", f"{path} is there already", help="name another file: a backup replaces nothing"
            )
    if not target.parent.is_dir():
        raise Failure("no_such_folder", f"there is no folder {target.parent}", help="create it first")
    with _part(target) as part:
        if is_url(db):
            _from_postgres(db, part)
        else:
            copied(Path(db), part)
        chain, settled = _looked_at(part)
        with part.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        manifest = Manifest(
            file=target.name,
            of="postgresql" if is_url(db) else "sqlite",
            schema=_schema(part),
            segments=chain.segments,
            to=chain.head.seq,
            hash=chain.head.hash.hex(),
            settled_through=settled,
            made_at=instant_text(at),
            made_by=by,
            bytes=part.stat().st_size,
            sha256=digest,
        )
        with _part(beside) as written:
            written.write_bytes(sorted_json_bytes(manifest) + b"\n")
            synced(written)
            os.replace(written, beside)
        try:
            os.replace(part, target)
        except OSError:
            beside.unlink()
            raise
        synced(target)
    return manifest


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    """The name of a file beside `path` until it is whole; gone afterwards."""
    part = path.with_name(f".{path.name}.part")
    removed(part)
    try:
        yield part
    finally:
        removed(part)


def _from_postgres(url: str, part: Path) -> None:
    from overspill.store import postgres_schema
    from overspill.store.postgres_copies import into_file
    from overspill.store.postgres_session import Session

    with closing(Session(url)) as session, closing(SqliteStore(part)) as file:
        if postgres_schema.lacks(session):
            what = f"{session.name} has an older schema than this program"
            raise StoreFailure(
                "older_version", what, help="run `overspill db migrate`, or use the program that made it"
            )
        into_file(session, file)
    taken_out(part)
    with opened_file(part) as connection:
        checked(connection, part)
    synced(part)


def _schema(path: Path) -> int:
    with opened_file(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _looked_at(path: Path) -> tuple[Chain, int]:
    """The chain of a file, whole, and how far it is settled; the file stays as it is but for its log."""
    with closing(SqliteStore(path, migrate=False)) as store:
        chain = chain_of(store.name, store.segments(0), store.head())
        rows = store.rows("SELECT value FROM meta WHERE name = 'settled_through'")
    taken_out(path)
    return chain, rows[0][0] if rows else 0


# ---- back


def restore(source: Path, db: str, *, replace: bool, at: int) -> Restored:
    """Puts the backup in the place of `db`, which says from then on that it was put back; a database that is there is kept
    aside where it may be replaced. Raises Failure, and then nothing has changed."""
    _check_manifest(source)
    return _into_postgres(source, db, replace, at) if is_url(db) else _into_file(source, Path(db), replace, at)


def _check_manifest(source: Path) -> None:
    """What stands beside a backup must be of this file; one without a manifest is a file like any other."""
    try:
        text = Path(f"{source}{SUFFIX}").read_bytes()
        if _versioned(text).backup > VERSION:
            what = f"{source} was made by a newer version"
            raise StoreFailure("newer_version", what, help="upgrade Overspill")
        manifest = _manifest(text)
        with source.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return
    except (OSError, JsonFault) as error:
        what = f"the manifest of {source} cannot be read: {error}"
        raise StoreFailure("corrupt", what, help="use another backup") from None
    if digest != manifest.sha256:
        raise StoreFailure("corrupt", f"{source} is not the file of its manifest any more", help="use another backup")


def _prepared(source: Path, part: Path) -> Head:
    """`part` becomes the backup, migrated and whole; where its journal ends."""
    copied(source, part)
    with closing(SqliteStore(part)) as store:
        return chain_of(store.name, store.segments(0), store.head()).head


def _exists(db: str) -> StoreFailure:
    return StoreFailure("database_exists", f"{db} is there already", help="with --replace it is kept aside")


def _into_file(source: Path, path: Path, replace: bool, at: int) -> Restored:
    there = os.path.lexists(path)
    if there and not replace:
        raise _exists(str(path))
    with _part(path) as part:
        head = _prepared(source, part)
        known = _put_aside(path, at) if there else None
        restored = Restored(head, at, str(source), known)
        _mark(part, restored)
        taken_out(part)
        synced(part)
        if there:
            swapped(part, path, _aside(path, known))
        else:
            removed(path)  # a log without its file would be read as this one's
            os.replace(part, path)
            synced(path)
    return restored


def _mark(path: Path, restored: Restored) -> None:
    with closing(SqliteStore(path)) as store:
        store.begin()
        store.restores.note(restored)
        store.commit()


def _put_aside(path: Path, at: int) -> Head | None:
    """Makes sure that nobody has the old file open or decides on it any more; where it ends, if it can say so."""
    try:
        taken_out(path)
        with closing(SqliteStore(path)) as store:
            head = chain_of(store.name, store.segments(0), store.head()).head
        _mark(path, Restored(head, at, "its own place, for another one"))
        taken_out(path)
    except StoreFailure as failure:
        if failure.code not in DAMAGED:
            raise
        return None
    return head


def _aside(path: Path, known: Head | None) -> Path:
    """`x.db.replaced-150`, by the last record of the one that is kept; what lies beside a damaged one goes with it."""
    name = path.with_name(f"{path.name}.replaced-{'damaged' if known is None else known.seq}")
    aside, number = name, 1
    while os.path.lexists(aside):
        number += 1
        aside = name.with_name(f"{name.name}-{number}")
    for suffix in BESIDE:
        if os.path.exists(f"{path}{suffix}"):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def _into_postgres(source: Path, url: str, replace: bool, at: int) -> Restored:
    from overspill.store.postgres_copies import load

    with TemporaryDirectory(prefix="overspill-restore-") as folder:
        part = Path(folder) / "backup.db"
        _prepared(source, part)
        with closing(SqliteStore(part)) as file:
            return load(file, url, replace=replace, at=at, source=str(source))
