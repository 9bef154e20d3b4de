"""`reconcile`: whether every unit is explained, by a database or by an export alone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import click

from overspill.audit.amounts import text_of
from overspill.audit.auditing import BOUNDS, Bounds, Given, Verdict, audited
from overspill.audit.checkpoints import verified
from overspill.audit.findings import Finding, Findings
from overspill.audit.folder import given_of
from overspill.audit.shapes import Balance, Parked
from overspill.audit.snapshots import Snapshots
from overspill.audit.streams import Stored
from overspill.cli.in_shares import JOBS_MAX, blocks_of, in_shares, jobs_for, names_in
from overspill.cli.io import format_option, out, out_json, read_input, say, there
from overspill.ports.store import Store
from overspill.records.checkpoints import Checkpoint
from overspill.records.export import MANIFEST
from overspill.records.notes import public_key_from
from overspill.runtime.clock import SystemClock
from overspill.store.opened import looked_into, named
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import MINUTE, instant_text

T = TypeVar("T")
SEGMENTS_PAGE, POSTINGS_PAGE = 32, 4096
BOOK = "_ledger.sql"
"""How the migration is called, in each store, that made the book's tables."""
SHOWN_MAX = 50
"""Findings that are shown as text."""


@click.command()
@click.option("--db", type=click.Path(), help="The database: a file, or a postgresql:// URL.")
@click.option("--export", "folder", type=click.Path(), help="A folder that `overspill export` has written.")
@click.option(
    "--late-after", type=click.IntRange(1), default=5, show_default=True, help="Minutes until a record must be settled."
)
@click.option(
    "--sweep-within",
    type=click.IntRange(1),
    default=1440,
    show_default=True,
    help="Minutes until a hold that is too late for any capture must be over.",
)
@click.option(
    "--checkpoint", "checkpoints", multiple=True, help="A signed checkpoint of it; more than one may be named."
)
@click.option("--public-key", help="The file of the public key that they are signed by.")
@click.option(
    "--jobs",
    type=click.IntRange(1, JOBS_MAX),
    help=f"Processes that audit an export, up to {JOBS_MAX}: by itself one a core, and for a journal below 16 MiB one.",
)
@format_option("text", "json")
def reconcile(
    db: str | None,
    folder: str | None,
    late_after: int,
    sweep_within: int,
    checkpoints: tuple[str, ...],
    public_key: str | None,
    jobs: int | None,
    format_: str,
) -> int:
    """Explain every unit, by --db or by --export: the journal, the postings, the three datasets and the balances are counted
    against each other by a program of its own. Exit 1 on any finding.

    \b
    overspill reconcile --db x.db
    overspill reconcile --export march --format json
    overspill reconcile --db x.db --checkpoint monday.note --public-key usage.pub
    """
    if (db is None) == (folder is None):
        raise click.UsageError("name one of --db and --export")
    if folder is None and jobs is not None:
        raise click.UsageError("--jobs is for --export: a database is audited by one process")
    if bool(checkpoints) != (public_key is not None):
        raise click.UsageError("name --checkpoint and --public-key together")
    signed = _signed(checkpoints, public_key) if public_key is not None else ()
    bounds = Bounds(late_after=late_after * MINUTE, sweep_within=sweep_within * MINUTE)
    if folder is not None:
        verdict = of_folder(Path(folder), bounds, signed, jobs or jobs_for(Path(folder)))
    else:
        verdict = of_database(str(db), bounds, signed)
    if format_ == "json":
        out_json(_object(verdict))
    else:
        _tell(verdict)
    return 0 if verdict.is_clean else 1


def _signed(checkpoints: Iterable[str], public_key: str) -> tuple[Checkpoint, ...]:
    """Raises Failure for a file that is no checkpoint, or is not signed by the key."""
    key = public_key_from(read_input(public_key).decode("utf-8", "replace"))
    return tuple(verified(read_input(path), key) for path in checkpoints)


# ---- what is audited


def of_database(db: str, bounds: Bounds = BOUNDS, checkpoints: Sequence[Checkpoint] = ()) -> Verdict:
    """Raises StoreFailure for what is no database that can serve. One of an older schema is audited as it is."""
    store = looked_into(there(db))
    try:
        if any(one.name.endswith(BOOK) for one in store.lacks()):
            what = (
                f"{named(db)} is of a schema that has no book yet, so that there is nothing to hold its journal against"
            )
            raise StoreFailure("not_migrated", what, help="bring it up to date with `overspill db migrate`")
        return of_store(store, SystemClock().now(), bounds, checkpoints)
    finally:
        store.close()


def of_store(store: Store, now: int, bounds: Bounds = BOUNDS, checkpoints: Sequence[Checkpoint] = ()) -> Verdict:
    """A store as it is now, its snapshots of accounts included; engines and workers may go on."""
    with store.reading():
        through, snapshots_through = store.ledger.settled().through, store.snapshots_through()
        balances = [Balance(one.owner, one.account, one.asset, text_of(one.amount)) for one in store.ledger.balances()]
        parked = [
            Parked(one.parked.record, one.seq, one.at, one.parked.reason, one.parked.of, None)
            for one in store.ledger.parked()
        ]
        head = store.head().seq
        ahead = list(islice(store.ledger.postings(through), 1))  # there is none, while nobody settles
    found = Findings()
    postings = chain(_paged(store.ledger.postings, lambda one: one[0], POSTINGS_PAGE, through), ahead)
    given = Given(
        segments=lambda: _paged(store.segments, lambda one: one.last_seq, SEGMENTS_PAGE, head),
        form_of=store.form,
        source=Stored(postings, found),
        settled_through=through,
        balances=balances,
        parked=parked,
        now=now,
        bounds=bounds,
        snapshots=Snapshots(lambda key: _snapshot_of(store, key), snapshots_through),
        policies={one.digest for one in store.policies()},
        checkpoints=checkpoints,
    )
    return _quickly(lambda: audited(given, found))


def _paged(read: Callable[[int], Iterator[T]], number: Callable[[T], int], page: int, last: int) -> Iterator[T]:
    """What `read` gives, a page at a time, up to what was there in the beginning."""
    after = 0
    while found := list(islice(read(after), page)):
        for one in found:
            if number(one) > last:
                return
            yield one
        after = number(found[-1])


def _snapshot_of(store: Store, key: str) -> tuple[int, bytes] | None:
    try:
        found = store.snapshot(key)
    except StoreFailure as failure:
        if failure.code != "corrupt":
            raise
        return 0, b""  # no state that can be read
    return None if found is None else (found.seq, found.state)


def of_folder(folder: Path, bounds: Bounds = BOUNDS, checkpoints: Sequence[Checkpoint] = (), jobs: int = 1) -> Verdict:
    """By so many processes. Raises Failure for what is no export, or a part of one."""
    try:
        data = (folder / MANIFEST).read_bytes()
        names = names_in(folder)
    except OSError as error:
        what = f"{folder} is no export: {MANIFEST} cannot be read ({error.strerror})"
        raise Failure("no_export", what, help="name a folder that `overspill export` has written") from None
    if jobs > 1:
        verdict = _quickly(lambda: in_shares(folder, data, names, bounds, checkpoints, jobs))
        if verdict is not None:
            return verdict
    found = Findings()
    given = given_of(data, blocks_of(folder), names, found, bounds=bounds, checkpoints=checkpoints)
    return _quickly(lambda: audited(given, found))


def _quickly(work: Callable[[], T]) -> T:
    """Without the collector: nothing here stands in a cycle, and it would look through all accounts again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if was_on:
            gc.enable()


# ---- what is told


def _object(verdict: Verdict) -> dict[str, object]:
    return {
        "clean": verdict.is_clean,
        "entries": verdict.entries,
        "records": verdict.records,
        "legs": verdict.legs,
        "rows": verdict.rows,
        "balances": verdict.balances,
        "settled_through": verdict.settled_through,
        "pending": verdict.pending,
        "checkpoints": [{"origin": one.origin, "size": one.size, "at": instant_text(one.at)} for one in verdict.signed],
        "explained": verdict.explained,
        "unexplained": verdict.unexplained,
        "counts": verdict.counts,
        "findings": verdict.findings,
    }


def _tell(verdict: Verdict) -> None:
    for finding in verdict.findings[:SHOWN_MAX]:
        out(_line(finding))
    count = sum(verdict.counts.values())
    if count > SHOWN_MAX:
        say(f"and {count - SHOWN_MAX} more: `--format json` has them")
    out(
        f"{verdict.entries} entries: {verdict.records} records, {verdict.legs} legs, {verdict.rows} rows, "
        f"{verdict.balances} balances"
    )
    waiting = f", {verdict.pending} pending" if verdict.pending else ""
    for one in verdict.signed:
        out(f"as signed by {one.origin} at record {one.size}, {instant_text(one.at)}")
    out(f"settled through record {verdict.settled_through}{waiting}")
    out(
        f"explained {verdict.explained}, unexplained: {_amounts(verdict.unexplained.items()) or 'nothing'}{_found(verdict)}"
    )


def _found(verdict: Verdict) -> str:
    if verdict.is_clean:
        return ""
    return "; findings: " + ", ".join(f"{count} {klass}" for klass, count in verdict.counts.items())


def _line(finding: Finding) -> str:
    where = f"record {finding.seq} ({finding.key})" if finding.key else f"record {finding.seq}" if finding.seq else "-"
    amounts = _amounts(finding.unexplained.items())
    return (
        f"{finding.klass:<9} {finding.code:<5} {where}: {finding.id} {finding.what}{f' [{amounts}]' if amounts else ''}"
    )


def _amounts(amounts: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{amount} {asset}" for asset, amount in amounts)
