"""Which records ids lead to: those since the last snapshot from memory, all earlier ones from the store's index.

Ids are random, so indexing each in its own commit would write a page for every one of them: the record that holds an id
is its durable form, and the index follows with the snapshots. Almost every id asked about is new, and to learn that from
the index costs a walk down its tree, and the way to a server. A filter says so sooner: a table of bits with a mark at the
place of every known id. No mark is proof; at a mark the index is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from overspill.ports.store import Store
from overspill.records.journal import Record
from overspill.words.ids import id_number

PLACES = (2**22 - 1, 2**26 - 1)
"""Sizes of the filter's table, in bytes: 2^k - 1, so that all of a number tells in its remainder."""
SPARSE = 16
"""With fewer bytes an id the next larger table is taken, so that of 128 ids that are new one is asked about; beyond the
largest the filter only tells less and less."""
FILLED_AT_ONCE = 1024
"""So many of the index's ids are marked at each call, until all are: nobody waits for a large index to be read."""


class Named(Protocol):
    """What of a record says which ids lead to it."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def ids(self) -> tuple[str, ...]: ...


class Ids:
    """The ids of all records. Two ids may have one number (`words.ids.id_number`): the records decide."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: dict[int, int] = {}
        self._doubles: list[tuple[int, int]] = []
        """Recent ids whose number is another recent one's: (number, record's number)."""
        self._leaving: dict[int, int] = {}
        self._leaving_doubles: list[tuple[int, int]] = []
        """The same of those that a snapshot under way puts into the index."""
        self._size = 0
        self._start(0)

    def _start(self, size: int) -> None:
        """A new table, of the size at this place of `PLACES`, to be filled from the index, which has every id now but the recent
        ones."""
        self._table = bytearray(PLACES[size])
        self._size = size
        self._marks = 0
        self._mark(self._recent)
        self._filled_to: int | None = -1
        """The index's numbers up to this one are marked; None: all are."""

    def _mark(self, numbers: Collection[int]) -> None:
        table, places = self._table, len(self._table)
        for number in numbers:
            table[number % places] |= 1 << (number >> 8 & 7)
        self._marks += len(numbers)

    def __len__(self) -> int:
        """How many are recent: the index does not have them yet."""
        return sum(map(len, (self._recent, self._doubles, self._leaving, self._leaving_doubles)))

    def note(self, records: Iterable[Named]) -> None:
        """Remembers what leads to new records."""
        recent, table, places = self._recent, self._table, len(self._table)
        before = len(recent)
        for record in records:
            for id in (record.id, *record.ids) if record.ids else (record.id,):
                number = id_number(id)
                if number in recent:
                    self._doubles.append((number, record.seq))
                else:
                    recent[number] = record.seq
                    table[number % places] |= 1 << (number >> 8 & 7)
        self._marks += len(recent) - before

    def leave(self) -> list[int]:
        """The numbers that a snapshot which begins has to index, in their order as floats, which sorts ten times as quickly and
        leaves neighbours in the index neighbours. What is noted from now on is for the next one."""
        self._leaving, self._leaving_doubles = self._recent, self._doubles
        self._recent, self._doubles = {}, []
        return sorted(self._leaving, key=float)

    def leaving(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """(number, record's number) of those that leave with these numbers."""
        leaving = self._leaving
        rows = [(number, leaving[number]) for number in numbers]
        if self._leaving_doubles:
            asked = set(numbers)
            rows += [double for double in self._leaving_doubles if double[0] in asked]
        return rows

    def indexed(self) -> None:
        """The index has what was to leave."""
        self._leaving, self._leaving_doubles = {}, []
        if self._marks * SPARSE > len(self._table) and self._size + 1 < len(PLACES):
            self._start(self._size + 1)

    def find(self, ids: Collection[str]) -> dict[str, Record]:
        """The records that those of the ids lead to which are known."""
        numbers = [id_number(id) for id in ids]
        table, places = self._table, len(self._table)
        if self._filled_to is None:
            numbers = [number for number in numbers if table[number % places] >> (number >> 8 & 7) & 1]
        else:
            self._fill(self._filled_to)
        return self._records(numbers, ids) if numbers else {}

    def _fill(self, after: int) -> None:
        found = self._store.numbers(after, FILLED_AT_ONCE)
        self._mark(found)
        self._filled_to = found[-1] if len(found) == FILLED_AT_ONCE else None

    def _records(self, numbers: list[int], ids: Collection[str]) -> dict[str, Record]:
        asked, wanted = set(numbers), set(ids)
        seqs: list[int] = []
        for recent, doubles in ((self._recent, self._doubles), (self._leaving, self._leaving_doubles)):
            seqs += [recent[number] for number in asked if number in recent]
            seqs += [seq for number, seq in doubles if number in asked]
        seqs += [seq for _, seq in self._store.find(numbers)]
        found: dict[str, Record] = {}
        for seq in seqs:
            record = self._store.record(seq)
            found.update((id, record) for id in wanted.intersection((record.id, *record.ids)))
        return found
