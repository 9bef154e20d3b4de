"""Rows beside records: where each record finds its own, and what is left over.

A store has a record's rows under its number. An export has them in four files, each in the journal's order: a row is found
by the id that it must have, at the place where it must stand or not far behind it. Rows are bytes here: those that are
exactly what they must be are never read.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import le
from typing import Protocol

from overspill.audit.findings import Findings
from overspill.audit.shapes import NO_ROWS, Rows, Transaction, id_from, stored_rows_from, transaction_from, worth_from
from overspill.audit.transactions import transaction_of
from overspill.audit.work import Work
from overspill.words.codec import JsonFault, json_bytes
from overspill.words.ids import derived_id

BEGINS = b'{"record":"%b"'
"""How a transaction begins, by its record's id."""
AHEAD_MAX = 4096
"""So far is a row looked for behind the place where it should stand."""
UNREADABLE = (JsonFault, UnicodeDecodeError)


class Source(Protocol):
    """Gives each record its rows, in the order of records."""

    def of(self, work: Work) -> Rows:
        """Of a record that is settled. Tells of rows that the record must not have."""

    def rest(self) -> Iterator[Transaction]:
        """When all records were asked for: tells of what is left over, and gives the transactions among it."""


class Stored:
    """The rows that a store has, by the numbers of records."""

    def __init__(self, postings: Iterable[tuple[int, bytes]], found: Findings) -> None:
        self._postings, self._found = iter(postings), found
        self._next = next(self._postings, None)
        self._orphans: list[Transaction] = []

    def of(self, work: Work) -> Rows:
        while self._next is not None and self._next[0] < work.record.seq:
            self._orphan(*self._next)
        if self._next is None or self._next[0] > work.record.seq:
            return NO_ROWS
        rows = self._read(*self._next)
        self._next = next(self._postings, None)
        return rows or NO_ROWS

    def rest(self) -> Iterator[Transaction]:
        while self._next is not None:
            self._orphan(*self._next)
        return iter(self._orphans)

    def _read(self, seq: int, body: bytes) -> Rows | None:
        try:
            told = stored_rows_from(body)
            return Rows(told.transaction, bytes(told.usage), bytes(told.monetization), tuple(map(bytes, told.updates)))
        except UNREADABLE as fault:
            self._found.add("malformed", "ROWS", f"posting {seq}", f"cannot be read: {str(fault)[:200]}", seq=seq)
            return None

    def _orphan(self, seq: int, body: bytes) -> None:
        rows = self._read(seq, body)
        if rows is not None:
            self._found.add("orphan", "LED5", f"posting {seq}", "belongs to no record that is settled", seq=seq)
            self._orphans += [] if rows.transaction is None else [rows.transaction]
        self._next = next(self._postings, None)


class Stream:
    """The lines of one file. `again` reads all of them once more; `begins` is how a row's line begins by its id, where that is
    known."""

    def __init__(
        self,
        name: str,
        lines: Iterable[bytes],
        again: Callable[[], Iterable[bytes]],
        found: Findings,
        begins: bytes = b"",
    ) -> None:
        self.name, self._lines, self._again, self._found = name, iter(lines), again, found
        self._begins = begins
        self._number = 0
        self._ahead: deque[tuple[str, bytes]] = deque()
        self._ids: dict[str, int] = {}
        """Those of `_ahead`, each with how often it is there."""
        self._aside: dict[str, list[bytes]] = {}

    def take(self, id: str, must_be: bytes = b"") -> bytes | None:
        """The line of the row that must come next, which is best as it must be."""
        if not self._ahead:
            line = next(self._lines, None)
            self._number += 1
            if line is None:
                return self._late(id)
            if line == must_be or (self._begins and line.startswith(self._begins % id.encode())):
                return line
            self._push(line)
            if self._ahead and self._ahead[0][0] == id:
                return self._reach(id)
        if id in self._aside:
            return self._late(id)
        while id not in self._ids and len(self._ahead) < AHEAD_MAX:
            line = next(self._lines, None)
            self._number += 1
            if line is None:
                return None
            self._push(line)
        return self._reach(id) if id in self._ids else None

    def _reach(self, id: str) -> bytes:
        while True:
            own, line = self._ahead.popleft()
            self._ids[own] -= 1
            if not self._ids[own]:
                del self._ids[own]
            if own == id:
                return line
            self._aside.setdefault(own, []).append(line)

    def _late(self, id: str) -> bytes | None:
        lines = self._aside.get(id)
        if lines is None:
            return None
        self._found.add("order", "ROWS", id, f"stands before rows of {self.name} that it must stand behind")
        line = lines.pop(0)
        if not lines:
            del self._aside[id]
        return line

    def _push(self, line: bytes) -> None:
        try:
            own = id_from(line).id
        except UNREADABLE as fault:
            self._found.add(
                "malformed", "ROWS", f"{self.name}:{self._number}", f"cannot be read: {str(fault)[:160]}", seq=0
            )
            return
        self._ahead.append((own, line))
        self._ids[own] = self._ids.get(own, 0) + 1

    def rest(self) -> Iterator[tuple[str, bytes, bool]]:
        """What is left over: id, line, and whether it is there more than once."""
        for line in self._lines:
            self._number += 1
            self._push(line)
        left = [*((id, line) for id, lines in self._aside.items() for line in lines), *self._ahead]
        if left:
            wanted = {id: 0 for id, _ in left}
            for line in self._again():
                try:
                    id = id_from(line).id
                except UNREADABLE:
                    continue
                if id in wanted:
                    wanted[id] += 1
            yield from ((id, line, wanted[id] > 1) for id, line in left)


class Part:
    """The lines of one file of which only some are a share's (`audit/shares.py`): each is looked for behind the one before.
    `numbers` are those of the lines that were found, from 0, `records` those that they are of."""

    def __init__(self, name: str, lines: Iterable[bytes], found: Findings, begins: bytes = b"") -> None:
        self.name, self._lines, self._found, self._begins = name, iter(lines), found, begins
        self.numbers, self.records = array("q"), array("q")
        self._count = 0

    def take(self, id: str, must_be: bytes = b"") -> bytes | None:
        begins = self._begins and self._begins % id.encode()
        for line in self._lines:
            self._count += 1
            if line == must_be or (begins and line.startswith(begins)):
                self.numbers.append(self._count - 1)
                self.records.append(self._found.about[0])
                return line
        return None

    def rest(self) -> Iterator[tuple[str, bytes, bool]]:
        """Nothing, when each line is one record's, in the order of the records; else it is found."""
        count = self._count + sum(1 for _ in self._lines)
        of = array("q", bytes(8 * count))
        for number, record in zip(self.numbers, self.records, strict=True):
            if number < count:
                of[number] = record
        in_order = all(map(le, of, islice(of, 1, None)))
        if len(self.numbers) != count or 0 in of or not in_order:
            self._found.add(
                "order", "ROWS", self.name, "has other lines than those of its records, or in another order"
            )
        return iter(())


class Exported:
    """The rows of an export's four files."""

    def __init__(self, streams: Sequence[Stream | Part], found: Findings) -> None:
        self.streams = streams
        self._transactions, self._usage, self._monetization, self._updates = streams
        self._found = found

    def of(self, work: Work) -> Rows:
        if not work.is_told:
            return self._whatever(work)
        usage = monetization = b""
        if work.usage is not None and work.monetization is not None:
            usage = self._usage.take(work.usage.event, work.usage_line) or b""
            monetization = self._monetization.take(work.monetization.event, work.monetization_line) or b""
        updates: list[bytes] = []
        for number, must_be in enumerate(work.update_lines):
            line = self._updates.take(work.updates[number].update, must_be)
            if line is not None:
                updates.append(line)
        return Rows(self._transaction(work) if work.moves else None, usage, monetization, tuple(updates))

    def _transaction(self, work: Work) -> Transaction | None:
        told = transaction_of(work)
        must_be = json_bytes(told[0]) if told else b""
        line = self._transactions.take(work.record.id, must_be)
        if told and line == must_be:
            work.transaction, work.moves = told
            return work.transaction
        return None if line is None else self._read(line, work.record.id)

    def _read(self, line: bytes, id: str) -> Transaction | None:
        try:
            return transaction_from(line)
        except UNREADABLE as fault:
            self._found.add("malformed", "ROWS", id, f"has a transaction that cannot be read: {str(fault)[:160]}")
            return None

    def _whatever(self, work: Work) -> Rows:
        """All rows that a record can have, of one of which it cannot be told which it must."""
        updates: list[bytes] = []
        while (line := self._updates.take(derived_id(work.key, "bal", len(updates)))) is not None:
            updates.append(line)
        return Rows(
            self._transaction(work),
            self._usage.take(derived_id(work.key, "use")) or b"",
            self._monetization.take(derived_id(work.key, "mon")) or b"",
            tuple(updates),
        )

    def rest(self) -> Iterator[Transaction]:
        for stream in (self._usage, self._monetization, self._updates):
            for id, line, is_twice in stream.rest():
                told = worth_from(line)
                if is_twice:
                    self._found.add("duplicate", "LED5", id, f"is there twice, in {stream.name}", told, seq=0)
                else:
                    what = f"belongs to no record that is settled, in {stream.name}"
                    self._found.add("orphan", "LED6", id, what, told, seq=0)
        for id, line, is_twice in self._transactions.rest():
            transaction = self._read(line, id)
            if is_twice:
                self._found.add("duplicate", "LED5", id, "is posted twice", seq=0)
            elif transaction is not None:
                yield transaction
