"""`db`: what a database is, bringing it up to date, copies of it, what was put back, and what may go."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from overspill.cli.groups import Commands
from overspill.cli.io import anchor_option, existing_db_option, format_option, needed_db_option, out, out_json, say
from overspill.store.opened import looked_into, named, opened
from overspill.words.failures import StoreFailure
from overspill.words.instants import instant_text

if TYPE_CHECKING:
    from overspill.store.described import Described


@click.group(cls=Commands)
def db() -> None:
    """Look after a database: status, migrations, backups, restores, what may go."""


# ---- status


@db.command()
@existing_db_option
@format_option("text", "json")
def status(db: str, format_: str) -> int:
    """Show what a database is: schema, journal, how far it is settled, policies, size. Changes nothing."""
    from overspill.store.described import described

    with closing(looked_into(db)) as store:
        told = _told(described(store))
    if format_ == "json":
        out_json(told)
    else:
        for name, value in _lines(told):
            out(f"{name:<12} {value}")
    return 0


def _told(of: Described) -> dict[str, Any]:
    settling, restored = of.settling, of.restored
    return {
        "db": of.name,
        "kind": of.kind,
        "schema": of.schema,
        "missing_migrations": list(of.lacks),
        "records": of.records,
        "segments": of.segments,
        "head": of.head.hash.hex(),
        "build": of.build,
        "snapshots_through": of.snapshots_through,
        "settled_through": None if settling is None else settling.through,
        "unsettled": None if settling is None else settling.waiting,
        "unsettled_since": None if settling is None or settling.oldest_at is None else instant_text(settling.oldest_at),
        "parked": None if settling is None else settling.parked,
        "policies": of.policies,
        "bytes": of.bytes,
        "restored": None
        if restored is None
        else {
            "from": restored.source,
            "at": instant_text(restored.at),
            "to": restored.head.seq,
            "known": None if restored.known is None else restored.known.seq,
        },
    }


def _lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each line, as text."""
    lacks, build, restored = told["missing_migrations"], told["build"], told["restored"]
    lines = [
        ("kind", told["kind"]),
        ("schema", f"{told['schema']}" + (f", lacks {', '.join(lacks)}: overspill db migrate" if lacks else "")),
        ("records", f"{told['records']} in {told['segments']} segments"),
        ("head", told["head"]),
    ]
    if build is not None:
        lines.append(("build", f"overspill {build.overspill}, kernel {build.kernel[7:15]}, tzdata {build.tzdata}"))
    lines.append(("snapshots", f"through {told['snapshots_through']}"))
    if told["settled_through"] is not None:
        waiting = f", {told['unsettled']} wait since {told['unsettled_since']}" if told["unsettled"] else ""
        lines += [("settled", f"through {told['settled_through']}{waiting}"), ("parked", f"{told['parked']}")]
    lines += [("policy", f"{one.name} {one.version}  {one.digest}") for one in told["policies"]]
    lines.append(("bytes", f"{told['bytes']}"))
    if restored is not None:
        known = "" if restored["known"] is None else f", while record {restored['known']} was there before"
        lines.append(("put back", f"from {restored['from']} at {restored['at']}{known}: overspill db accept"))
    return lines


# ---- migrate


@db.command()
@existing_db_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@format_option("text", "json")
def migrate(db: str, dry_run: bool, format_: str) -> int:
    """Bring a database's schema up to this program's, and check its chain before and after.

    Opening a database does the same; this says what it does. Stop what is older than this program first.
    """
    from overspill.store.chain import chain_of

    with closing(looked_into(db)) as store:
        lacks = [one.name for one in store.lacks()]
        before = chain_of(store.name, store.segments(0), store.head())
    after = before
    if lacks and not dry_run:
        with closing(opened(db)) as store:
            after = chain_of(store.name, store.segments(0), store.head())
        if after.head.seq < before.head.seq:
            raise StoreFailure("chain_broken", f"{named(db)} has lost records", help="restore it from a backup")
    if format_ == "json":
        out_json(
            {"migrations": lacks, "applied": not dry_run, "records": after.head.seq, "head": after.head.hash.hex()}
        )
        return 0
    for name in lacks:
        out(f"{'would apply' if dry_run else 'applied'} {name}")
    say(f"{len(lacks) or 'no'} migration{'s' if len(lacks) != 1 else ''}, {after.head.seq} records in one chain")
    return 0


# ---- backups


@db.command()
@existing_db_option
@click.option("--out", "target", required=True, type=click.Path(path_type=Path), help="The file to be made.")
@format_option("text", "json")
def backup(db: str, target: Path, format_: str) -> int:
    """Copy a database into one file, as of one instant, while engines and workers go on.

    The copy is read back whole before it gets its name; FILE.manifest.json beside it says what it is.

    \b
    overspill db backup --db x.db --out backups/monday.db
    """
    from overspill.runtime.build import build
    from overspill.runtime.clock import SystemClock
    from overspill.store.backups import backup as made

    manifest = made(db, target, at=SystemClock().now(), by=build())
    if format_ == "json":
        out_json(manifest)
    else:
        out(f"{target}  {manifest.to} records, {manifest.bytes} bytes, settled through {manifest.settled_through}")
    return 0


@db.command()
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path))
@needed_db_option
@click.option("--replace", is_flag=True, help="Keep the database that is there aside, under another name.")
@format_option("text", "json")
def restore(source: Path, db: str, replace: bool, format_: str) -> int:
    """Put BACKUP in the place of a database. Nobody decides on it until `overspill db accept` has said what is missing.

    \b
    overspill db restore backups/monday.db --db x.db --replace
    overspill db accept --db x.db --known exports/november
    """
    from overspill.runtime.clock import SystemClock
    from overspill.store.backups import restore as put_back

    restored = put_back(source, db, replace=replace, at=SystemClock().now())
    known = None if restored.known is None else restored.known.seq
    if format_ == "json":
        out_json({"to": restored.head.seq, "head": restored.head.hash.hex(), "known": known})
        return 0
    out(f"{named(db)}  {restored.head.seq} records, as {source} has them")
    say(
        f"next: overspill db accept --db {named(db)}"
        + ("" if known is None else f"  (record {known} was there before)")
    )
    return 0


# ---- what was put back


@db.command()
@existing_db_option
@anchor_option
@click.option(
    "--known",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="What knows how far the journal was: the manifest of an export or of a backup, an anchor.",
)
@click.option(
    "--missing", metavar="FIRST..LAST", help="The records that are lost, as this command names them; or `unknown`."
)
@click.option("--actor", default="operator", show_default=True, help="Who accepts.")
@format_option("text", "json")
def accept(db: str, anchor: str | None, files: tuple[Path, ...], missing: str | None, actor: str, format_: str) -> int:
    """Let a database that was put back be decided on again, once it is said which records it lacks.

    The newest export, the manifests of backups and the database's anchor know how far its journal was. What none of them
    knows is lost unseen. The anchor, which is named as engines name it, knows no more than the database from then on.
    """
    from overspill.runtime.clock import SystemClock
    from overspill.store.accepting import accepted

    with closing(opened(db, anchor=anchor)) as store:
        lost = accepted(store, files, missing, at=SystemClock().now(), actor=actor)
        head = store.head()
    if format_ == "json":
        out_json({"to": head.seq, "head": head.hash.hex(), "missing": lost})
    else:
        out(f"{named(db)}  accepted at record {head.seq}, " + (f"without {lost}" if lost else "nothing is missing"))
    return 0


@db.command()
@existing_db_option
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of an export that knows later records.",
)
@format_option("text", "json")
def recover(db: str, folder: Path, format_: str) -> int:
    """Add to a database that was put back the records that an export has and it lacks.

    \b
    overspill db recover --db x.db --from exports/november
    overspill db accept --db x.db --known exports/november
    """
    from overspill.store.recovering import recovered

    with closing(opened(db)) as store:
        count = recovered(store, folder)
        head = store.head()
    if format_ == "json":
        out_json({"added": count, "to": head.seq, "head": head.hash.hex()})
    else:
        out(f"{named(db)}  {count} record{'s' if count != 1 else ''} added, {head.seq} in one chain")
    return 0


# ---- what may go


@db.command()
@existing_db_option
@format_option("text", "json")
def compact(db: str, format_: str) -> int:
    """Forget what nobody asks for any more: the settled part of the outbox. Engines, workers and relays go on meanwhile.

    Nothing is answered otherwise behind it. The room is used again by what comes next; the file does not shrink.
    """
    from overspill.runtime.retention import compact as compacted

    with closing(opened(db)) as store:
        count = compacted(store)
    if format_ == "json":
        out_json({"outbox": count})
    else:
        out(f"{named(db)}  {count} {'row' if count == 1 else 'rows'} of the outbox forgotten")
    return 0
