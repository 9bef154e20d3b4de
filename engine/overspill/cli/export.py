"""`export`: a stretch of the journal, and what settlement made of it, as a folder of files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from overspill.cli.io import existing_db_option, out, say
from overspill.ports.store import Store
from overspill.records.export import Manifest
from overspill.runtime.build import build
from overspill.store.export_writer import At, Bound, Format, Progress
from overspill.store.export_writer import export as write_export
from overspill.store.opened import opened
from overspill.words.failures import Failure
from overspill.words.instants import InstantError, instant_from_text


@click.command()
@click.option("--out", "target", required=True, type=click.Path(), help="The folder to make; it must not be there.")
@click.option(
    "--from", "since", default="1", help="The first record: its number, or an instant at or behind which it is."
)
@click.option(
    "--to", "until", help="The last record's number, or an instant before which it is. Default: the journal's end."
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="Beside JSONL, which is always written, the datasets as CSV or Parquet too. May be given twice.",
)
@existing_db_option
def export(target: str, since: str, until: str | None, formats: tuple[str, ...], db: str) -> int:
    """Write the journal, the postings and the three datasets into the folder OUT, with a manifest of counts and hashes.

    Nothing is decided or settled for it, and engines may go on meanwhile. Whole segments are written, so there may be a few records
    more than asked for; an export from record 1 to the end is what `reconcile --export` and `replay --export` read.

    \b
    overspill export --db x.db --out march --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z --format csv
    """
    begin, end = _bound("from", since), None if until is None else _bound("to", until)
    chosen: list[Format] = [one for one in ("csv", "parquet") if one in formats]
    store = opened(db)
    try:
        with _shown_progress() as progress:
            manifest = write_export(store, target, build(), since=begin, until=end, formats=chosen, progress=progress)
        waits = _waits(store, manifest)
    finally:
        store.close()
    _tell(target, manifest)
    if waits:
        say(f"what is behind record {manifest.settled_through} is not settled yet: it has no rows in the datasets")
    return 0


def _bound(option: str, text: str) -> Bound:
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    try:
        return At(instant_from_text(text))
    except InstantError as error:
        help = f"a number of a record, or {error.help}"
        raise Failure("invalid_range", f"--{option}: {error}", help=help) from None


def _tell(target: str, manifest: Manifest) -> None:
    out(f"{target}  records {manifest.from_} to {manifest.to}, settled through {manifest.settled_through}")
    for name, facts in sorted(manifest.files.items()):
        out(f"  {name:<28} {facts.rows:>10} {'row' if facts.rows == 1 else 'rows'}")


def _waits(store: Store, manifest: Manifest) -> bool:
    """Whether something of the stretch is not settled; a denial alone needs no settling."""
    return any(first <= manifest.to for first, _ in store.outbox(manifest.settled_through))


@contextmanager
def _shown_progress() -> Iterator[Progress]:
    """A bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    # Left to itself rich would print what goes to stdout on its own console, which is stderr.
    with Bar(console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("")
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
