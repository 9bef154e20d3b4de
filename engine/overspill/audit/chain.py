"""The chain: segments → records, each with its answer (LED5, LED10).

Every byte of the journal is in a hash, every hash is its predecessor's; record numbers have no gap; every record's id is
derived from its key and is there once, so no key has two records.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import compress, groupby, islice

from overspill.audit.findings import Findings
from overspill.audit.forms import Forms
from overspill.audit.shapes import NOTHING, Decided
from overspill.records.journal import GENESIS, FormOf, Record, Segment, segment_hash, stored_records
from overspill.words.codec import JsonFault, Light, Raw
from overspill.words.ids import ids_of, key_text

PREFIXES = {
    "consume": "dec",
    "reserve": "dec",
    "capture": "cap",
    "extend": "ext",
    "release": "rel",
    "expire": "exp",
    "expire_lot": "exl",
    "grant": "grt",
    "set": "set",
    "void": "vod",
    "refund": "rfd",
    "transfer": "trf",
    "reset": "rst",
    "grant_reset": "grr",
    "redeem": "rdm",
    "reverse": "rvs",
    "set_top_up": "stu",
    "top_up": "top",
    "purchase": "paid",
    "unpaid": "unp",
}
"""Kind of command → how the ids of its records begin."""
USING = ("consume", "capture")
IDS = {kind: ids_of(prefix, "bal", *(("use", "mon") if kind in USING else ())) for kind, prefix in PREFIXES.items()}
"""Kind of command → what gives the ids of its records and of their rows."""
OWN, UPDATE, USAGE, MONETIZATION = range(4)
"""Places of the record's own among them, of its first balance update, and of its events."""
AT_ONCE = 32
"""Of so many records the ids are made together."""
DECISIONS = ("consume", "reserve")
NOT_OWN: Sequence[str] = []
"""The ids of a record that somebody else audits."""
PART = 1_000_000
"""So many ids are held beside each other at once."""


class Ids:
    """Which ids were there, eight bytes each: those that may be there twice are looked for again in the end."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def add(self, record: Record) -> None:
        self._numbers.append(hash(record.id))
        for id in record.ids:
            self._numbers.append(hash(id))

    def again(self) -> set[int]:
        """The hashes of those that seem to be there more than once, found a part at a time."""
        found: set[int] = set()
        parts = -(-len(self._numbers) // PART)
        for part in range(parts):
            seen: set[int] = set()
            for number in self._numbers:
                if number % parts == part:
                    if number in seen:
                        found.add(number)
                    seen.add(number)
        return found


class Told(Light, frozen=True):
    """A record with its key as one text, and its answer: what it decided, read by its form (`audit/forms.py`), or text.
    `ids` are its own and those of its rows, as far as it may have them; one that somebody else audits has none."""

    record: Record
    key: str
    ids: Sequence[str]
    decided: Decided | None
    answer: Raw | bytes


class Chain:
    """Reads the journal once; `hash` and `seq` are those behind what was read, `hashes` those at the numbers in `wanted` where
    a segment ends."""

    def __init__(
        self,
        segments: Callable[[], Iterable[Segment]],
        form_of: FormOf,
        found: Findings,
        wanted: Collection[int] = (),
        is_own: Callable[[Record], bool] | None = None,
    ) -> None:
        self._segments, self._forms, self._found = segments, Forms(form_of), found
        self.seq, self.at, self.hash = 0, 0, GENESIS
        self.hashes, self._wanted = {0: GENESIS}, wanted
        self._ids = Ids()
        self._is_own = is_own

    def records(self) -> Iterator[Told]:
        """The records that can be read, in order."""
        found = self._found
        for segment in self._segments():
            found.about = (segment.first_seq, ())
            if segment.previous_hash != self.hash:
                found.add("chain", "LED10", f"segment {segment.first_seq}", "does not continue the one before it")
            self.hash = segment_hash(segment.previous_hash, segment.body)
            if self.hash != segment.hash:
                found.add("chain", "LED10", f"segment {segment.first_seq}", "has another hash than its bytes")
                self.hash = segment.hash
            if segment.last_seq in self._wanted:
                self.hashes[segment.last_seq] = self.hash
            try:
                records = stored_records(segment)
            except (JsonFault, UnicodeDecodeError) as fault:
                self._unread(segment, fault)
                continue
            numbers = [record.seq for record in records]
            if numbers != list(range(segment.first_seq, segment.last_seq + 1)) or segment.first_seq != self.seq + 1:
                what = (
                    f"has records {numbers[:1]} to {numbers[-1:]} behind record {self.seq}, each must follow the last"
                )
                found.add("chain", "LED10", f"segment {segment.first_seq}", what)
            self.seq = segment.last_seq
            for record, key, ids in _with_ids(records) if self._is_own is None else _shared(records, self._is_own):
                found.about = (record.seq, record.key)
                told = self._checked(record, key, ids)
                if told is not None:
                    yield told
        found.about = (0, ())
        self._twice()

    def _unread(self, segment: Segment, fault: Exception) -> None:
        what = f"cannot be read: {str(fault)[:200]}"
        entries = max(segment.last_seq - segment.first_seq + 1, 1)
        self._found.add("malformed", "LED10", f"segment {segment.first_seq}", what, entries=entries)
        self.seq = segment.last_seq

    def _checked(self, record: Record, key: str, ids: Sequence[str]) -> Told | None:
        found, kind = self._found, record.key[2]
        if ids is NOT_OWN:
            self._follows(record)
            return Told(record, key, ids, None, NOTHING)
        if not ids:
            found.add("malformed", "LED10", record.id, f"is a `{kind[:40]}`, which nobody can ask for")
            return None
        if record.id != ids[OWN]:
            found.add("chain", "LED5", record.id, "is not the id that its key gives")
        self._follows(record)
        try:
            decided = self._forms.decided(record) if record.form and kind in DECISIONS else None
            return Told(record, key, ids, decided, NOTHING if decided else self._forms.answer(record))
        except (KeyError, ValueError, TypeError, IndexError, OverflowError) as fault:
            what = f"is written in the form {record.form[:40]}, which does not give its answer: {str(fault)[:80]}"
            found.add("missing", "LED10", record.id, what)
            return None

    def _follows(self, record: Record) -> None:
        """What holds of it beside all others."""
        self._ids.add(record)
        if record.at >= self.at:
            self.at = record.at
        elif record.away is None:
            self._found.add("chain", "LED10", record.id, "is earlier than the record before it")

    def _twice(self) -> None:
        again = self._ids.again()
        if not again:
            return
        counts: dict[str, list[int]] = {}
        for segment in self._segments():
            try:
                records = stored_records(segment)
            except (JsonFault, UnicodeDecodeError):
                continue
            for record in records:
                for id in (record.id, *record.ids):
                    if hash(id) in again:
                        counts.setdefault(id, []).append(record.seq)
        for id, numbers in counts.items():
            if len(numbers) > 1:
                what = f"is there {len(numbers)} times, in records {', '.join(map(str, numbers[:5]))}"
                self._found.add("duplicate", "LED5", id, what, seq=numbers[-1])


def _shared(records: Sequence[Record], is_own: Callable[[Record], bool]) -> Iterator[tuple[Record, str, Sequence[str]]]:
    """As `_with_ids`, where somebody else audits some of them."""
    own = [*map(is_own, records)]
    made = _with_ids(compress(records, own))
    for record, is_mine in zip(records, own, strict=True):
        yield next(made) if is_mine else (record, "", NOT_OWN)


def _with_ids(records: Iterable[Record]) -> Iterator[tuple[Record, str, Sequence[str]]]:
    """Each with its key as one text and the ids that this gives, none where nobody can ask for its kind."""
    for kind, some in groupby(records, lambda record: record.key[2]):
        while same := [*islice(some, AT_ONCE)]:
            keys = [key_text(*record.key) for record in same]
            yield from zip(same, keys, IDS[kind](keys) if kind in IDS else [()] * len(same), strict=True)
