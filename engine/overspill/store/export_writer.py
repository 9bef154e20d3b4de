"""store, stretch of the journal → a folder with its export (`records/export.py`), whole or not at all.

Everything is written into a folder beside the one that is asked for, which takes its place when the manifest is in it and
all of it is on the disk. What may change meanwhile (balances, what is parked) is read first, as of one moment; journal and
postings only ever grow behind it. Memory is bounded by a page of segments or postings, whatever the store holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from errno import EEXIST, ENOTEMPTY
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Literal, NamedTuple, TypeVar, assert_never

from overspill.ports.ledger import Balance, Ledger, ParkedRecord
from overspill.ports.store import Store, StoredPolicy
from overspill.records.build import Build
from overspill.records.export import (
    BALANCE_UPDATES,
    BALANCES,
    FORMS,
    JOURNAL,
    MANIFEST,
    MONETIZATION_EVENTS,
    PARKED,
    POLICIES,
    SEGMENTS,
    TRANSACTIONS,
    USAGE_EVENTS,
    VERSION,
    BalanceLine,
    FileFacts,
    Manifest,
    ParkedLine,
    PolicyLine,
    SegmentLine,
)
from overspill.records.journal import Segment, intact
from overspill.store.moments import first_at
from overspill.words.amounts import SCALE_MAX
from overspill.words.codec import JsonFault, Raw, Struct, json_decoder, json_lines, sorted_json_bytes
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_text
from overspill.words.texts import amount_text_of

T = TypeVar("T")
SEGMENTS_PAGE, POSTINGS_PAGE = 32, 4096
BUFFER, LINES = 1 << 20, 512
"""Bytes, and single lines, that are written at once."""

Format = Literal["csv", "parquet"]
"""What the datasets and the legs are written in beside JSONL."""
Progress = Callable[[str, int, int], None]
"""(what is written, how many records of how many)."""


class At(NamedTuple):
    """A bound by time: the first record at or behind the instant."""

    instant: int


Bound = int | At
"""Of a stretch: a record's number, or an instant."""


class _Posted(Struct):
    """`records.postings.Posted`, its rows unread: what is exported is what is stored, byte for byte."""

    transaction: Raw = Raw()
    usage: Raw = Raw()
    monetization: Raw = Raw()
    updates: tuple[Raw, ...] = ()


class _Formed(Struct):
    form: str = ""


_decimal_text = amount_text_of(SCALE_MAX)
_posted_from = json_decoder(_Posted).decode
_forms_in = json_decoder(_Formed).decode_lines


def export(
    store: Store,
    target: str | os.PathLike[str],
    build: Build,
    *,
    since: Bound = 1,
    until: Bound | None = None,
    formats: Collection[Format] = (),
    progress: Progress = lambda *_: None,
) -> Manifest:
    """Writes the records from `since` to `until` (a number included, an instant not), rounded outward to whole segments.

    Raises Failure `exists` for a folder that is there, `nothing_to_export` for a stretch without records, `missing_extra`.
    """
    path, ledger = Path(target), store.ledger
    makers = [_maker(one) for one in formats]
    with _new_folder(path) as folder:
        files = _Files(folder)
        with store.reading():
            settled = ledger.settled().through
            files.put(BALANCES, map(_balance_line, ledger.balances()))
            files.put(PARKED, map(_parked_line, ledger.parked()))
        first, last = _stretch(store, since, until)
        journal = _Journal(store, files, progress)
        journal.write(first, last)
        _put_postings(ledger, files, journal.first, min(journal.last, settled), progress)
        files.put(POLICIES, map(_policy_line, store.policies()))
        for make in makers:
            for name, rows in make(folder).items():
                files.add(name, rows)
        manifest = Manifest(
            version=VERSION,
            from_=journal.first,
            to=journal.last,
            settled_through=settled,
            previous_hash=journal.previous_hash.hex(),
            hash=journal.hash.hex(),
            made_by=build,
            files=files.facts,
        )
        _put_durably(folder / MANIFEST, sorted_json_bytes(manifest) + b"\n")
    return manifest


def _maker(format: Format) -> Callable[[Path], Mapping[str, int]]:
    """Folder → names of the files that were made in it, with their rows."""
    match format:
        case "csv":
            from overspill.store.export_csv import write_csv

            return write_csv
        case "parquet":
            from overspill.store.export_parquet import check_parquet, write_parquet

            check_parquet()
            return write_parquet
        case _:
            assert_never(format)


# ---- the stretch


def _stretch(store: Store, since: Bound, until: Bound | None) -> tuple[int, int]:
    """(first, last) record that is asked for and there."""
    head = store.head().seq
    first = since if isinstance(since, int) else first_at(store, since.instant, head)
    last = head if until is None else until if isinstance(until, int) else first_at(store, until.instant, head) - 1
    first, last = max(first, 1), min(last, head)
    if first > last:
        what = f"the journal has no records {_told('from', since)}{'' if until is None else ' ' + _told('to', until)}"
        raise Failure("nothing_to_export", what, help=f"it has the records 1 to {head}" if head else "it is empty")
    return first, last


def _told(word: str, bound: Bound) -> str:
    return f"{word} {bound if isinstance(bound, int) else instant_text(bound.instant)}"


# ---- what is written


class _Journal:
    """The chain, the bodies, and the forms that their answers need."""

    def __init__(self, store: Store, files: _Files, progress: Progress) -> None:
        self._store, self._files, self._progress = store, files, progress
        self._forms: dict[str, None] = {}
        self.first = self.last = 0
        self.previous_hash = self.hash = b""

    def write(self, first: int, last: int) -> None:
        with self._files.open(SEGMENTS) as lines, self._files.open(JOURNAL) as bodies:
            for segment in self._segments(first, last):
                self._add(segment)
                lines.rows([_segment_line(segment)])
                bodies.lines(segment.body)
                self._progress("journal", segment.last_seq - first, last - first)
        self._files.put(FORMS, map(self._store.form, self._forms))

    def _segments(self, first: int, last: int) -> Iterator[Segment]:
        for segment in _paged(self._store.segments, lambda one: one.last_seq, first - 1, SEGMENTS_PAGE):
            if segment.first_seq > last:
                return
            yield segment

    def _add(self, segment: Segment) -> None:
        if not self.first:
            self.first, self.previous_hash = segment.first_seq, segment.previous_hash
        self.last, self.hash = segment.last_seq, segment.hash
        try:
            found = _forms_in(segment.body)
        except (JsonFault, UnicodeDecodeError):
            raise _unreadable(f"the records {segment.first_seq} to {segment.last_seq}") from None
        intact(segment)
        self._forms.update({one.form: None for one in found if one.form})


def _put_postings(ledger: Ledger, files: _Files, first: int, last: int, progress: Progress) -> None:
    with (
        files.open(TRANSACTIONS) as transactions,
        files.open(USAGE_EVENTS) as usage,
        files.open(MONETIZATION_EVENTS) as monetization,
        files.open(BALANCE_UPDATES) as updates,
    ):
        for seq, body in _paged(ledger.postings, lambda one: one[0], first - 1, POSTINGS_PAGE):
            if seq > last:
                return
            try:
                posted = _posted_from(body)
            except (JsonFault, UnicodeDecodeError):
                raise _unreadable(f"the posting of record {seq}") from None
            transactions.line(posted.transaction)
            usage.line(posted.usage)
            monetization.line(posted.monetization)
            for update in posted.updates:
                updates.line(update)
            progress("postings", seq - first, last - first)


def _unreadable(what: str) -> StoreFailure:
    return StoreFailure("corrupt", f"{what} cannot be read: the store is damaged", help="restore it from a backup")


def _paged(read: Callable[[int], Iterator[T]], number: Callable[[T], int], after: int, page: int) -> Iterator[T]:
    """What `read` gives from `after` on, a page at a time: nothing is kept open in the store while it is written."""
    while found := list(islice(read(after), page)):
        yield from found
        after = number(found[-1])


def _segment_line(segment: Segment) -> SegmentLine:
    return SegmentLine(
        first_seq=segment.first_seq,
        last_seq=segment.last_seq,
        previous_hash=segment.previous_hash.hex(),
        hash=segment.hash.hex(),
        bytes=len(segment.body),
        build=segment.build,
    )


def _balance_line(one: Balance) -> BalanceLine:
    return BalanceLine(owner=one.owner, account=one.account, asset=one.asset, amount=_decimal_text(one.amount))


def _parked_line(one: ParkedRecord) -> ParkedLine:
    return ParkedLine(
        record=one.parked.record,
        seq=one.seq,
        at=one.at,
        reason=one.parked.reason,
        of=one.parked.of,
        delivered=one.body.decode("utf-8", "backslashreplace") if one.body else None,
    )


def _policy_line(one: StoredPolicy) -> PolicyLine:
    texts = {name: body.decode() for name, body in one.sources.items()}
    return PolicyLine(digest=one.digest, name=one.name, version=one.version, sources=texts)


# ---- files


class _File:
    """A file that is counted and hashed while it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=BUFFER)
        self._hash = sha256()
        self._count = self._bytes = 0
        self._waiting: list[bytes] = []

    def line(self, row: Raw) -> None:
        """One row as it is stored; nothing for none."""
        if body := bytes(row):
            self._waiting.append(body)
            if len(self._waiting) == LINES:
                self._put_waiting()

    def _put_waiting(self) -> None:
        if self._waiting:
            self.lines(b"\n".join([*self._waiting, b""]))
            self._waiting.clear()

    def rows(self, rows: Sequence[object]) -> None:
        self.lines(json_lines(rows))

    def lines(self, body: bytes) -> None:
        self._file.write(body)
        self._hash.update(body)
        self._count += body.count(b"\n")
        self._bytes += len(body)

    def written(self) -> FileFacts:
        """All of it is on the disk."""
        self._put_waiting()
        self._file.flush()
        os.fsync(self._file.fileno())
        return FileFacts(rows=self._count, bytes=self._bytes, sha256=self._hash.hexdigest())

    def close(self) -> None:
        self._file.close()


class _Files:
    """The files of the folder, with what the manifest says of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.facts: dict[str, FileFacts] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[_File]:
        with closing(_File(self._folder / name)) as file:
            yield file
            self.facts[name] = file.written()

    def put(self, name: str, rows: Iterable[object]) -> None:
        with self.open(name) as file:
            rest = iter(rows)
            while page := list(islice(rest, POSTINGS_PAGE)):
                file.rows(page)

    def add(self, name: str, rows: int) -> None:
        """A file that somebody else has written."""
        with (self._folder / name).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            self.facts[name] = FileFacts(rows=rows, bytes=file.tell(), sha256=digest)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place at the end, or is gone where that is not reached."""
    if os.path.lexists(target):
        raise _exists(target)
    if not target.parent.is_dir():
        raise Failure("no_such_folder", f"there is no folder {target.parent}", help="create it first")
    folder = target.parent / f".{target.name}.{os.getpid()}.tmp"
    try:
        folder.mkdir()
        yield folder
        _sync(folder)
        folder.rename(target)
        _sync(target.parent)
    except OSError as error:
        if error.errno in (EEXIST, ENOTEMPTY) and error.filename2 is not None:
            raise _exists(target) from None
        raise
    finally:
        rmtree(folder, ignore_errors=True)


def _exists(target: Path) -> Failure:
    return Failure("exists", f"{target} is there already", help="name a new folder, or move that one away")


def _put_durably(path: Path, body: bytes) -> None:
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
