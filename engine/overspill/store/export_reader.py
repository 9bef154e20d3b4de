"""folder → what an export holds, read file by file; memory is bounded by a block of each.

Whatever the folder turns out to be (no export, a newer one, cut off, changed) is one Failure that names the file and, where
there is one, the line. The end of a file is reached only when its rows, bytes and hash are those of the manifest; what
the rows say of each other is for those who audit them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from overspill.records.balances import BalanceUpdate
from overspill.records.export import (
    BALANCE_UPDATES,
    BALANCES,
    FILE_NAME,
    FILES,
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
    Manifest,
    ParkedLine,
    PolicyLine,
    SegmentLine,
)
from overspill.records.journal import Record, Segment, answered
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import Transaction
from overspill.records.usage_events import UsageEvent
from overspill.records.written import Form, form_of
from overspill.words.codec import JsonFault, convert, json_decoder
from overspill.words.failures import Failure
from overspill.words.strict_json import json_from_text

T = TypeVar("T")
BLOCK = 1 << 20
"""Bytes that are read at once."""
_AGAIN = "export again, or restore the folder from where it was kept"


def opened_export(folder: str | os.PathLike[str]) -> Export:
    """The export, with all its files in their lengths. Raises Failure `no_export`, `newer_export`, `damaged_export`."""
    path = Path(folder)
    manifest = _manifest(path)
    for name in FILES:
        if name not in manifest.files:
            raise _damaged(path / MANIFEST, f"names no {name}")
    for name, facts in manifest.files.items():
        if FILE_NAME.fullmatch(name) is None:
            raise _damaged(path / MANIFEST, f"names a file `{name[:80]}`, which no export has")
        try:
            there = (path / name).stat().st_size
        except OSError as error:
            raise _damaged(path / name, f"cannot be read: {error.strerror}") from None
        if there != facts.bytes:
            raise _damaged(path / name, f"has {there} bytes, and had {facts.bytes} when it was exported")
    return Export(path, manifest)


class Export:
    """The files of an export. Each method reads its file from the beginning; where it ends without a Failure
    (`damaged_export`), the file is what was exported."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._forms: dict[str, Form] | None = None

    # ---- the journal

    def segments(self) -> Iterator[Segment]:
        """The segments as they are stored; their hashes are not looked at."""
        with _opened(self.folder / JOURNAL) as journal:
            file = _File(self, JOURNAL)
            for line in _rows(self, SEGMENTS, _SEGMENT):
                body = journal.read(max(line.bytes, 0))
                file.read(body)
                if len(body) != line.bytes or not body.endswith(b"\n"):
                    what = f"ends within the segment of records {line.first_seq} to {line.last_seq}"
                    raise _damaged(file.path, what, file.lines + 1)
                previous, hash = (_hash(text, self.folder / SEGMENTS) for text in (line.previous_hash, line.hash))
                yield Segment(line.first_seq, line.last_seq, previous, hash, body, line.build)
            file.ended(journal)

    def form(self, id: str) -> Form:
        """A form that answers are written in."""
        if self._forms is None:
            self._forms = {form.id: form for form in self._sound_forms()}
        if id not in self._forms:
            raise _damaged(self.folder / FORMS, f"lacks the form `{id[:80]}`, in which answers are written")
        return self._forms[id]

    def _sound_forms(self) -> Iterator[Form]:
        for number, form in enumerate(_rows(self, FORMS, _FORM), 1):
            if form_of(form.pieces, form.holes).id != form.id:
                raise _damaged(
                    self.folder / FORMS, f"has a form `{form.id[:80]}` that is not what it is called", number
                )
            yield form

    def records(self) -> Iterator[Record]:
        """The records in order, each with the exact bytes of its answer."""
        line = 1
        for segment in self.segments():
            for record in _RECORD.of(segment.body, self.folder / JOURNAL, line):
                yield answered(record, self.form, segment.build)
            line += segment.body.count(b"\n")

    # ---- what settlement made of it

    def transactions(self) -> Iterator[Transaction]:
        return _rows(self, TRANSACTIONS, _TRANSACTION)

    def usage_events(self) -> Iterator[UsageEvent]:
        return _rows(self, USAGE_EVENTS, _USAGE)

    def monetization_events(self) -> Iterator[MonetizationEvent]:
        return _rows(self, MONETIZATION_EVENTS, _MONETIZATION)

    def balance_updates(self) -> Iterator[BalanceUpdate]:
        return _rows(self, BALANCE_UPDATES, _BALANCE_UPDATE)

    def balances(self) -> Iterator[BalanceLine]:
        return _rows(self, BALANCES, _BALANCE)

    def parked(self) -> Iterator[ParkedLine]:
        return _rows(self, PARKED, _PARKED)

    def policies(self) -> Iterator[PolicyLine]:
        return _rows(self, POLICIES, _POLICY)


class _Shape(Generic[T]):
    """Lines of one shape: read together, since that is several times as fast; one by one to find the line of a fault."""

    def __init__(self, shape: type[T]) -> None:
        decoder = json_decoder(shape)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines

    def of(self, body: bytes, path: Path, line: int) -> list[T]:
        """The rows of whole lines, of which the first has that number in the file."""
        try:
            rows = self._decode_lines(body)
        except (JsonFault, UnicodeDecodeError):
            rows = []
        if len(rows) == body.count(b"\n"):
            return rows
        return [self._one(text, path, number) for number, text in enumerate(body.split(b"\n")[:-1], line)]

    def _one(self, text: bytes, path: Path, line: int) -> T:
        try:
            return self._decode(text)
        except (JsonFault, UnicodeDecodeError) as error:
            raise _damaged(path, f"is no row of its kind: {error}", line) from None


_SEGMENT = _Shape(SegmentLine)
_FORM = _Shape(Form)
_RECORD = _Shape(Record)
_TRANSACTION = _Shape(Transaction)
_USAGE = _Shape(UsageEvent)
_MONETIZATION = _Shape(MonetizationEvent)
_BALANCE_UPDATE = _Shape(BalanceUpdate)
_BALANCE = _Shape(BalanceLine)
_PARKED = _Shape(ParkedLine)
_POLICY = _Shape(PolicyLine)


class _Block(NamedTuple):
    """Whole lines, of which the first has the number `line`."""

    body: bytes
    line: int


class _File:
    """What was read of a file so far, to be compared with its manifest."""

    def __init__(self, export: Export, name: str) -> None:
        self.path = export.folder / name
        self.lines = 0
        self._facts = export.manifest.files[name]
        self._hash = sha256()

    def read(self, body: bytes) -> None:
        self.lines += body.count(b"\n")
        self._hash.update(body)

    def ended(self, file: BinaryIO) -> None:
        """Raises Failure unless the file ends here and is what the manifest says."""
        if file.read(1):
            raise _damaged(self.path, "goes on behind what belongs to it", self.lines + 1)
        if self.lines != self._facts.rows:
            raise _damaged(self.path, f"has {self.lines} rows, and had {self._facts.rows} when it was exported")
        if self._hash.hexdigest() != self._facts.sha256:
            raise _damaged(self.path, "was changed: it is not what the manifest's hash says")


def _rows(export: Export, name: str, shape: _Shape[T]) -> Iterator[T]:
    for block in _blocks(export, name):
        yield from shape.of(block.body, export.folder / name, block.line)


def _blocks(export: Export, name: str) -> Iterator[_Block]:
    found = _File(export, name)
    with _opened(found.path) as file:
        rest = b""
        for block in _read(file):
            whole, feed, after = block.rpartition(b"\n")
            if not feed:
                rest += block
                continue
            body, rest, line = rest + whole + feed, after, found.lines + 1
            found.read(body)
            yield _Block(body, line)
        if rest:
            raise _damaged(found.path, "ends within a line", found.lines + 1)
        found.ended(file)


def _read(file: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: file.read(BLOCK), b"")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror}") from None


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except OSError:
        what = f"{folder} is no export: it has no {MANIFEST}" if folder.is_dir() else f"there is no folder {folder}"
        raise Failure("no_export", what, help="name a folder that `overspill export` has made") from None
    try:
        found = json_from_text(text, name=str(path))
        if isinstance(found, dict) and isinstance(found.get("export"), int) and found["export"] > VERSION:
            what = f"{folder} was exported by a newer version (export {found['export']}, this one reads {VERSION})"
            raise Failure("newer_export", what, help="upgrade Overspill")
        return convert(found, Manifest)
    except JsonFault as error:
        raise _damaged(path, f"is no manifest: {error}") from None
    except Failure as failure:
        if failure.code != "invalid_json":
            raise
        raise Failure("damaged_export", failure.message, help=_AGAIN) from None


def _hash(text: str, path: Path) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _damaged(path, f"has `{text[:80]}` for a hash") from None


def _damaged(path: Path, what: str, line: int | None = None) -> Failure:
    place = str(path) if line is None else f"{path}:{line}"
    return Failure("damaged_export", f"{place} {what}", help=_AGAIN)
