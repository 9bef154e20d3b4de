"""`replay`: every command of a database's journal again, and what comes out otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import click

from overspill.cli.io import existing_db_option, format_option, out, out_json, say
from overspill.cli.progress import Progress
from overspill.ports.store import Store
from overspill.records.build import Build
from overspill.records.journal import Record, records_of
from overspill.review.replay import MISSING_POLICY, Finding, Replay
from overspill.runtime.build import build
from overspill.runtime.ids import Ids
from overspill.runtime.policies import Published
from overspill.store.opened import opened
from overspill.words.codec import JsonFault, Struct
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, InstantError, instant_from_text

AT_ONCE = 64
"""So many segments are read in one go, so that a long replay keeps no file from being tidied up."""
PROGRESS_EVERY = 500
_EDITION = re.compile(r"([0-9]{4})([a-z])")
SHOWN_MAX = 160
"""Characters of a value that are shown as text."""


class Chosen(Struct, frozen=True):
    """Which records are run again: half open in time, closed in numbers."""

    since: int
    until: int
    first: int
    last: int
    sample: int

    def has(self, record: Record) -> bool:
        return (
            self.first <= record.seq <= self.last
            and self.since <= record.at < self.until
            and not record.seq % self.sample
        )


class Total(Struct):
    """What came of a replay."""

    records: int
    replayed: int
    missed: int
    findings: int
    other_builds: list[tuple[Build, int]]


def _instant(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else instant_from_text(text)
    except InstantError as error:
        raise click.BadParameter(str(error)) from None


def _numbers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int]:
    """`7`, `7-9`, `7-`, `-9`."""
    first, dash, last = (text or "-").partition("-")
    if not all(part == "" or (part.isascii() and part.isdecimal()) for part in (first, last)) or text == "":
        raise click.BadParameter(f"`{text}` is no range of records such as 7, 7-9, 7- or -9")
    begin, end = int(first or 1), int(last or NEVER) if dash else int(first)
    if begin > end:
        raise click.BadParameter(f"`{text}` is no range of records: it ends before it begins")
    return begin, end


@click.command()
@existing_db_option
@click.option("--since", callback=_instant, help="Only records from this instant on: RFC 3339 in UTC.")
@click.option("--until", callback=_instant, help="Only records before this instant.")
@click.option("--records", "numbers", callback=_numbers, metavar="FIRST-LAST", help="Only records of these numbers.")
@click.option("--sample", type=click.IntRange(1), default=1, help="Only each so manieth record.")
@format_option("text", "json")
def replay(db: str, since: int | None, until: int | None, numbers: tuple[int, int], sample: int, format_: str) -> int:
    """Run every command of the journal again, under the policy that it was decided by, and compare the answers and
    effects byte by byte. Exit 1 on any finding.

    The states before the chosen records come from the journal, so that it is read from its beginning in any case.

    \b
    overspill replay --db x.db --since 2026-10-05T00:00:00Z --sample 100
    """
    chosen = Chosen(since or 0, NEVER if until is None else until, *numbers, sample)
    found: list[Finding] = []
    with closing(opened(db)) as store:
        run = Run(store, chosen)
        for finding in run.findings():
            if format_ == "json":
                found.append(finding)
            else:
                out(_line(finding))
        total = run.total()
    if format_ == "json":
        out_json({"total": total, "findings": found})
    else:
        _say(total)
    return 1 if total.findings else 0


def _line(finding: Finding) -> str:
    named = f"record {finding.record} ({finding.command} {finding.id})"
    if finding.finding == MISSING_POLICY:
        return f"{named} and all others of its policy cannot be run again: {finding.now.strip(chr(34))}"
    return (
        f"{named}: {finding.place or 'it'} was {_shown(finding.was)}, and is {_shown(finding.now)} when it is run again"
    )


def _shown(json: str) -> str:
    if not json:
        return "nothing"
    return json if len(json) <= SHOWN_MAX else f"{json[:SHOWN_MAX]}…"


def _say(total: Total) -> None:
    for one, count in total.other_builds:
        named = f"overspill {one.overspill}, kernel {one.kernel[7:15]}, tzdata {one.tzdata}"
        say(f"build_differs: {count} of them were made by {named}")
        package = _package(one.tzdata)
        if total.findings and package and one.tzdata != build().tzdata:
            say(f"  = help: where zones had other rules then, `pip install {package}` and replay these records there")
    missed = f", {total.missed} could not be for want of a policy" if total.missed else ""
    say(f"{total.replayed} of {total.records} records replayed{missed}, {total.findings} findings")


def _package(edition: str) -> str:
    """The release of the package that has an edition of the zones: `2026f` → `tzdata==2026.6`; nothing where it has none."""
    match = _EDITION.fullmatch(edition)
    return "" if match is None else f"tzdata=={match[1]}.{ord(match[2]) - ord('a') + 1}"


class Run:
    """One replay of a store's journal, up to where it ends now."""

    def __init__(self, store: Store, chosen: Chosen) -> None:
        self._store, self._chosen = store, chosen
        self._end = store.head().seq
        self._indexed = store.snapshots_through()
        self._ids = Ids(store)
        self._replay = Replay(Published(store).of, lambda id: self._ids.find([id]).get(id))
        self._builds: Counter[Build] = Counter()
        self._count = self._found = 0

    def findings(self) -> Iterator[Finding]:
        with Progress("records replayed", shown=True, total=self._end) as progress:
            for record in self._records():
                chosen = self._chosen.has(record)
                finding = self._replay.again(record, chosen=chosen)
                if record.seq > self._indexed:
                    self._ids.note((record,))
                if chosen and record.build is not None:
                    self._builds[record.build] += 1
                self._count += 1
                if finding is not None:
                    progress.stop()  # whose line the terminal needs now
                    yield self._told(finding)
                elif not self._count % PROGRESS_EVERY:
                    progress.update(self._count)
        finding = self._replay.end()
        if finding is not None:
            yield self._told(finding)

    def _told(self, finding: Finding) -> Finding:
        self._found += 1
        return finding

    def _records(self) -> Iterator[Record]:
        after = 0
        while after < self._end:
            segments = list(islice(self._store.segments(after), AT_ONCE))
            if not segments:
                return
            try:
                yield from records_of(segments, self._store.form)
            except JsonFault:
                what = f"the journal cannot be read between the records {after + 1} and {segments[-1].last_seq}"
                raise Failure("unreadable_record", what, help="restore a backup") from None
            after = segments[-1].last_seq

    def total(self) -> Total:
        others = [(one, count) for one, count in self._builds.items() if one != build()]
        return Total(self._count, self._replay.compared, self._replay.missed, self._found, others)
