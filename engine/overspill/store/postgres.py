"""A PostgreSQL database: one writer at a time, any number of processes on any number of machines.

The journal is one chain, so whoever writes holds its end: `begin` locks the row of `head`, waits a bounded time for
another writer, and the transaction of a batch ends with that lock. In it everything is read as of the last commit.

Who has written last, mostly writes next. `begin` told where the journal is known to end sends nothing: the batch is
decided, and the statement that appends is a transaction by itself, which takes the lock and commits, in one way to the
server and back. Has another process written meanwhile, it changes nothing, the store says `overtaken`, and for some
batches (`CROWDED`) the lock comes first.

Three things keep a writer from adding to a journal that it has not read to its end. The row's lock; the statement that
appends, which moves the head only from the very record and hash that the batch was decided on, and else changes
nothing; and the chain itself, a foreign key from each segment to the one before it.

Every opened store has an epoch, every connection of it a session, and the statement that appends asks for both. A
session is over as soon as the store has made another connection, so that a statement which comes late over the old one
(from a proxy, from a network that was down) finds itself fenced. An epoch is ended from outside: when a host is given
up that cannot be asked to stop, `UPDATE overspill.writers SET fenced = true WHERE epoch = …` makes sure that it appends
nothing more, however late it comes back; its store says `fenced` until it is opened again.

A connection that is lost before a commit was sent: the server rolls back, nothing has happened. After that, what became
of the commit is not known from here, and is found out: on a new connection the old one is ended, the row's lock is
taken (so that nothing of the old one is under way any more), and the segment's hash is read at its first record. Is it
there, then the commit has succeeded. Can nobody be asked, the failure is `commit_unknown`: the same id again gives the
answer that was stored, or decides anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from overspill.ports.store import Head, Snapshot, StoredPolicy
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Record, Segment, record_of
from overspill.records.written import Form
from overspill.store import postgres_schema
from overspill.store import postgres_sql as sql
from overspill.store.anchor import Anchor
from overspill.store.migrations import Migration
from overspill.store.postgres_ledger import PostgresLedger
from overspill.store.postgres_session import Session, Values
from overspill.store.postgres_writer import Writer
from overspill.store.restores import Restores
from overspill.store.rows import form_in, policy_in, row_of
from overspill.store.sealed import sealed, unsealed
from overspill.words.codec import json_bytes
from overspill.words.failures import StoreFailure
from overspill.words.instants import NEVER

T = TypeVar("T")

CROWDED = 64
"""Batches. Whoever was overtaken by another process takes the writer's place before deciding, so many times at least."""
ASKED_MAX, ASKED_EVERY = 10, 0.5
"""So often, and in such a distance (seconds), a lost commit is asked about before it is called unknown."""


class PostgresStore:
    """The store in one database, in its schema `overspill`. Used by one thread at a time.

    `anchor` names a file that knows the journal's end beside it. `durable=False` lets a server serve that could lose what
    it acknowledged, for tests of what needs no such promise. `migrate=False` is for looking only, whatever the schema is.
    """

    is_at_hand = False

    def __init__(
        self, url: str, *, anchor: str | os.PathLike[str] | None = None, durable: bool = True, migrate: bool = True
    ) -> None:
        self._forms: dict[str, Form] = {}
        self._build: Build | None = None
        self._build_number: int | None = None
        """The number of `_build`, once it is known; as long as its row is not committed, `_build_is_new`."""
        self._build_is_new = False
        self._builds: dict[int | None, Build | None] = {None: None}
        self._seen = Head(0, GENESIS)
        """The latest end of the journal that was ever seen here under its lock, or committed."""
        self._head: Head | None = None
        """The journal's end inside a transaction."""
        self._appended: Segment | None = None
        """What the transaction appends."""
        self._at: Head | None = None
        """Where the journal was taken to end, inside a transaction whose place is taken with the commit only."""
        self._waiting: Values = None
        """What its statement appends."""
        self._crowded = 0
        """So many batches more take the place before they decide."""
        self._anchor = None if anchor is None else Anchor(os.fspath(anchor))
        self._writer = Writer(url, durable=durable)
        self.ledger = PostgresLedger(self._begin_settling, self._read, self._write)
        self.restores = Restores(lambda query, values: self._read(query, *values), "overspill.", "%s")
        if not migrate:
            return
        try:
            postgres_schema.migrate(self._session)
            self._writer.enrol()
        except BaseException:
            self._writer.close()
            raise

    @property
    def epoch(self) -> int:
        return self._writer.epoch

    @property
    def _session(self) -> Session:
        return self._writer.session

    @property
    def name(self) -> str:
        """The database for people, without its password."""
        return self._session.name

    # ---- statements

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows; outside a transaction a connection that turns out to be lost is made once more."""
        if self._head is not None:
            return self._session.execute(query, values)
        return self._writer.once_more(lambda session: session.execute(query, values))

    def _write(self, statement: str, values: Values) -> list[tuple[Any, ...]]:
        """Rows of a statement that changes something, in a transaction that has its place."""
        if self._at is not None:
            self._take_place()
        return self._session.execute(statement, values)

    # ---- transactions

    def begin(self, at: Head | None = None) -> None:
        if at is not None and at.hash and not self._crowded and self._session.is_there():
            self._head = self._at = at
            return
        [(seq, hash)] = self._writer.once_more(_begun)
        self._head = Head(seq, hash)
        if at is not None:
            self._crowded = CROWDED if at.hash and self._head != at else max(self._crowded - 1, 0)
        if seq < self._seen.seq:
            self.rollback()
            what = f"the journal of {self.name} ends at record {seq}, and record {self._seen.seq} was there before"
            raise StoreFailure(
                "journal_behind", what, help="it was restored or replaced: compare it, then open it again"
            )
        self._seen = self._head

    def begin_at_once(self) -> bool:
        return False

    def _begin_settling(self) -> int:
        """The settler's place, which leaves the writer's to others; the number of the last record that is settled."""
        [(through,)] = self._writer.once_more(_begun_settling)
        [(seq, hash, is_writer)] = self._session.execute(sql.HEAD, (self.epoch, self._writer.number))
        if not is_writer:
            self._session.roll_back()
            raise self._writer.fenced()
        self._head = Head(seq, hash)
        return int(through)

    def _take_place(self) -> None:
        """The place that was assumed so far, for what has more to write than one segment. Raises StoreFailure `overtaken`."""
        appended, waiting, assumed = self._appended, self._waiting, self._at
        self._at = None
        [(seq, hash)] = _begun(self._session)
        if Head(seq, hash) != assumed:
            raise self._overtaken()
        if appended is not None:
            self._add(appended, waiting)

    def _overtaken(self) -> StoreFailure:
        self._crowded = CROWDED
        what = f"another process has written to {self.name} meanwhile"
        return StoreFailure("overtaken", what, help="ask again with the same id")

    def commit(self) -> None:
        appended = self._appended
        try:
            if self._at is None:
                self._session.commit()
            elif appended is not None:
                self._add(appended, self._waiting)  # by itself a transaction, that takes the place and commits
        except StoreFailure as failure:
            if appended is None or not self._session.is_lost:
                raise
            self._ended()
            self._find_out(appended, failure)
        self._ended()
        self._build_is_new = False
        if appended is not None:
            self._seen = Head(appended.last_seq, appended.hash)
            if self._anchor is not None:
                self._anchor.note(self._seen)

    def rollback(self) -> None:
        self._ended()
        if self._build_is_new:
            self._build_number, self._build_is_new = None, False
        self._session.roll_back()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """On one connection: who loses it begins again."""
        self._head = Head(*self._writer.once_more(_begun_reading)[0])
        try:
            yield
        finally:
            self.rollback()

    def _ended(self) -> None:
        self._head = self._appended = self._at = self._waiting = None

    def _find_out(self, segment: Segment, failure: StoreFailure) -> None:
        """Whether the commit of a segment has succeeded, of which no answer came. Raises StoreFailure where it has not, or
        where nobody can be asked."""
        for attempt in range(ASKED_MAX):
            if attempt:
                time.sleep(ASKED_EVERY)
            try:
                stored = self._hash_at(segment.first_seq)
            except StoreFailure as again:
                if again.code not in ("unreachable", "busy"):
                    raise
                continue
            if stored == segment.hash:
                return
            raise failure
        what = f"{self.name} was lost while it committed, and whether it did is not known"
        raise StoreFailure("commit_unknown", what, help="ask again with the same id: it is answered once and for all")

    def _hash_at(self, first_seq: int) -> bytes | None:
        """Under the writer's lock, when whatever was under way is decided."""
        session = self._writer.connected()
        try:
            _begun(session)
            rows = session.execute("SELECT hash FROM overspill.segments WHERE first_seq = %s", (first_seq,))
        finally:
            session.roll_back()
        return rows[0][0] if rows else None

    # ---- the journal

    def head(self) -> Head:
        return self._head or Head(*self._read("SELECT seq, hash FROM overspill.head")[0])

    def hash_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return GENESIS
        rows = self._read("SELECT hash FROM overspill.segments WHERE last_seq = %s", seq)
        return rows[0][0] if rows else None

    def segments(self, after: int) -> Iterator[Segment]:
        while rows := self._read(sql.SEGMENTS, after):
            yield from map(self._segment, rows)
            if len(rows) < sql.PAGE:
                return
            after = rows[-1][1]

    def append(self, segment: Segment, *, has_events: bool) -> None:
        if self._at is not None and self._appended is not None:
            self._take_place()
        values = {
            "first": segment.first_seq,
            "last": segment.last_seq,
            "previous": segment.previous_hash,
            "hash": segment.hash,
            "body": segment.body,
            "build": self._number(),
            "epoch": self.epoch,
            "session": self._writer.number,
            "has_events": has_events,
        }
        if self._at is not None:
            self._waiting = values
        else:
            self._add(segment, values)
        self._appended = segment
        self._head = Head(segment.last_seq, segment.hash)

    def _add(self, segment: Segment, values: Values) -> None:
        if self._session.execute(sql.APPEND, values) != [(1,)]:
            raise self._refused(segment)

    def _refused(self, segment: Segment) -> StoreFailure:
        """Why the head did not move."""
        [(seq, hash)] = self._session.execute("SELECT seq, hash FROM overspill.head")
        if (seq, hash) == (segment.first_seq - 1, segment.previous_hash):
            durable = self._session.commits_durably()
            return self._writer.fenced() if durable else self._session.not_durable("synchronous_commit")
        if self._at is not None:
            return self._overtaken()
        what = f"the journal of {self.name} ends at record {seq}, and not where the batch was decided on"
        return StoreFailure("head_moved", what, help="open the engine again")

    def find(self, numbers: Sequence[int]) -> Sequence[tuple[int, int]]:
        query = "SELECT number, seq FROM overspill.ids WHERE number = ANY(%b::bigint[])"
        return [(number, seq) for number, seq in self._read(query, list(numbers))] if numbers else []

    def numbers(self, after: int, most: int) -> Sequence[int]:
        query = "SELECT DISTINCT number FROM overspill.ids WHERE number > %s ORDER BY number LIMIT %s"
        return [number for (number,) in self._read(query, after, most)]

    def record(self, seq: int) -> Record:
        [row] = self._read(sql.SEGMENT_AT, seq)
        return record_of(self._segment(row), seq, self.form)

    def _segment(self, row: tuple[Any, ...]) -> Segment:
        first, last, previous_hash, hash, body, build = row
        return Segment(first, last, previous_hash, hash, body, self._build_of(build))

    def put_form(self, form: Form) -> None:
        put = "INSERT INTO overspill.forms VALUES (%s, %b) ON CONFLICT DO NOTHING"
        self._write(put, (form.id, json_bytes(form)))

    def form(self, id: str) -> Form:
        form = self._forms.get(id)
        if form is None:
            rows = self._read("SELECT body FROM overspill.forms WHERE id = %s", id)
            form = form_in(rows[0][0], id) if rows else None
            if form is None:
                what = f"{self.name} has lost the form {id} of its answers, or it was changed"
                raise StoreFailure("missing_form", what, help="restore the database from a backup")
            self._forms[id] = form
        return form

    def outbox(self, after: int) -> Iterator[tuple[int, int]]:
        """Up to the first row that is not below the oldest transaction which is still open: no row is given while one with a
        smaller number may still come, so that who remembers how far they came passes nothing over. Transactions take their
        numbers in another order than the writer's place."""
        while rows := self._read(sql.OUTBOX, after):
            for first, last, is_below in rows:
                if not is_below:
                    return
                yield first, last
            if len(rows) < sql.ROWS:
                return
            after = rows[-1][1]

    def drop_outbox(self, through: int, most: int) -> int:
        return int(self._session.execute(sql.DROP_OUTBOX, (through, most))[0][0])

    # ---- builds

    def use_build(self, build: Build) -> None:
        self._build, self._build_number = build, None

    def _number(self) -> int | None:
        """The number of the build that appends, whose row is put with its first segment."""
        if self._build_number is None and self._build is not None:
            values = {"overspill": self._build.overspill, "kernel": self._build.kernel, "tzdata": self._build.tzdata}
            self._build_number, self._build_is_new = self._write(sql.BUILD, values)[0][0], True
        return self._build_number

    def _build_of(self, number: int | None) -> Build | None:
        if number not in self._builds:
            query = "SELECT overspill, kernel, tzdata FROM overspill.builds WHERE number = %s"
            [(overspill, kernel, tzdata)] = self._read(query, number)
            self._builds[number] = Build(overspill=overspill, kernel=kernel, tzdata=tzdata)
        return self._builds[number]

    # ---- snapshots

    def snapshot(self, key: str) -> Snapshot | None:
        rows = self._read("SELECT key, seq, state, due_at FROM overspill.accounts WHERE key = %s", key)
        return unsealed(self.name, rows[0]) if rows else None

    def snapshots(self, keys: Sequence[str]) -> Iterable[Snapshot]:
        rows = self._read("SELECT key, seq, state, due_at FROM overspill.accounts WHERE key = ANY(%s)", list(keys))
        return [unsealed(self.name, row) for row in rows]

    def due(self, now: int, most: int) -> Sequence[str]:
        query = "SELECT key FROM overspill.accounts WHERE due_at <= %s AND due_at < %s ORDER BY due_at, key LIMIT %s"
        return [key for (key,) in self._read(query, now, NEVER, most)]

    def topped_up(self) -> Sequence[str]:
        return [key for (key,) in self._read("SELECT key FROM overspill.topped_up ORDER BY key")]

    def write_snapshots(
        self,
        snapshots: Iterable[Snapshot],
        ids: Sequence[tuple[int, int]],
        topped_up: Iterable[str],
        through: int | None,
    ) -> None:
        rows = sorted(map(sealed, snapshots))
        numbers, keys = sorted(set(ids)), sorted(topped_up)
        if rows:
            self._write(sql.SNAPSHOTS, [list(column) for column in zip(*rows, strict=True)])
        if numbers:  # many: as text they are made, sent and read in a tenth of the time
            self._write(sql.IDS, [f"{{{','.join(map(str, column))}}}" for column in zip(*numbers, strict=True)])
        if keys:
            self._write(sql.TOPPED_UP, [keys])
        if through is not None:
            self._write("UPDATE overspill.head SET snapshots_through = greatest(snapshots_through, %s)", (through,))

    def snapshots_through(self) -> int:
        return int(self._read("SELECT snapshots_through FROM overspill.head")[0][0])

    # ---- policies

    def put_policy(self, policy: StoredPolicy) -> None:
        put = "INSERT INTO overspill.policies VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        self._write(put, row_of(policy))

    def policy(self, digest: str) -> StoredPolicy | None:
        rows = self._read(f"{sql.POLICIES} WHERE digest = %s", digest)
        return policy_in(rows[0]) if rows else None

    def policies(self) -> Iterable[StoredPolicy]:
        return map(policy_in, self._read(f"{sql.POLICIES} ORDER BY digest"))

    def fix(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        put = "INSERT INTO overspill.facts SELECT * FROM unnest(%b::text[], %b::text[]) ON CONFLICT DO NOTHING"
        self._write(put, (list(facts), list(facts.values())))
        query = "SELECT name, value FROM overspill.facts WHERE name = ANY(%b::text[])"
        return {name: value for name, value in self._session.execute(query, (list(facts),)) if facts[name] != value}

    def clock(self) -> int:
        return int(self._read("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0][0])

    # ---- what is known of the journal elsewhere

    def anchored(self) -> Head | None:
        return None if self._anchor is None else self._anchor.known()

    def anchor(self) -> None:
        if self._anchor is not None:
            self._anchor.note(self.head())

    # ---- for who looks after it

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._read(query, *values)

    def lacks(self) -> tuple[Migration, ...]:
        """The migrations that it lacks."""
        return postgres_schema.lacks(self._session)

    def close(self) -> None:
        self._writer.close()
        if self._anchor is not None:
            self._anchor.close()


def _begun(session: Session) -> list[tuple[Any, ...]]:
    """The writer's place: the journal's end, locked."""
    return _locked(session, sql.BEGIN)


def _begun_reading(session: Session) -> list[tuple[Any, ...]]:
    return _locked(session, sql.BEGIN_READING)


def _begun_settling(session: Session) -> list[tuple[Any, ...]]:
    return _locked(session, sql.BEGIN_SETTLING)


def _locked(session: Session, begin: str) -> list[tuple[Any, ...]]:
    try:
        return session.execute(begin)
    except StoreFailure:
        session.roll_back()
        raise
